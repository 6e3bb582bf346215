// Package shim is the first process of a sandbox: a machine of a few dozen
// instructions that carries out lists of system calls.
//
// The server says what to do, as programs for that machine: the first builds a
// root of read-only binds and gives up what it can; the second, when it is known
// what to start, adds what is the program's own, leaves the host's files, and
// starts the program from a child without privileges. Then the machine waits, and
// ends with the program.
//
// What it keeps true:
//
//   - A shim is an executable of one page that the server makes in memory, of its
//     own text: it starts in less time than any program that a compiler makes, and
//     takes next to no memory. That is paid for each instance of a function.
//   - It has nothing of the server's in it, and does what the server says alone.
//   - Where something of the sandbox cannot be made, no program starts.
//   - A program has no privilege, no way to gain one, and no descriptor that it
//     was not given.
package shim
