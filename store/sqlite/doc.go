// Package sqlite is the embedded store.
//
// What it keeps true: a call that returned nil is on the disk (WAL with
// synchronous=FULL); a call that returned an error has written nothing; there
// is one writer, and everything that is waiting for it shares one transaction
// and one fsync. Errors of the driver never leave the package: callers see
// [belfry.Error] or a wrapped internal error.
//
// Files in the data directory: belfry.db holds schedules, the due queue,
// recent runs and everything else that changes; history/YYYY-MM-DD.db holds the closed
// runs of one UTC day; logs.db holds the streams and events of log groups; mark says
// how far belfry.db had come, so that a store that has lost something is not opened.
package sqlite
