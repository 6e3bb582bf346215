// Package shim is the first process of a sandbox: this very program, started
// once more under the name [Name].
//
// It builds a root of read-only binds and gives up every privilege on one thread.
// When its order comes it adds what is the program's own, leaves the host's files,
// and starts the program from that thread; then it waits, and ends with it.
//
// What it keeps true:
//
//   - A shim is done with its start before most of the program that it is: it
//     never gets out of this package's init. That is paid for each instance of a
//     function, so this package needs little that has to be initialised first,
//     and its import path puts it before what does not depend on it.
//   - Where something of the sandbox cannot be made, no program starts.
//   - A program has no privilege, no way to gain one, and no descriptor that it
//     was not given.
package shim
