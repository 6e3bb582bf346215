// Package sandbox starts programs that cannot reach this machine.
//
// The first process of a sandbox is a shim, in namespaces of its own: an executable
// of one page, which the server keeps in memory. It builds a root of read-only
// binds, and starts the program from a child that has given up every privilege;
// then it waits, and ends with it. A few shims are started ahead, and have all but
// what is the program's own. What a sandbox keeps from a program is tried first,
// by this program itself: [Main] must be the first thing in its main.
//
// What it keeps true:
//
//   - What [New] reports is what a real program, started on this machine in the
//     way that is reported, could not do. Nothing is assumed, and nothing is
//     left out of [Report.Missing].
//   - A sandbox that cannot be built completely does not start its program.
//   - No program has a privilege, a way to gain one, or a descriptor that it
//     was not given. Programs at once have users of their own where the server
//     may choose users.
//   - When a program has ended, so has all that it started. Both end with the
//     server; at [UID] what a program of a killed server has started ends when
//     the server starts again.
//
// It works on Linux, on amd64 and arm64.
package sandbox
