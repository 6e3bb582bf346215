// Package probe looks from outside whether something is up: a web page, a TCP
// port, a TLS certificate that has not expired.
//
// What it keeps true for others:
//
//   - A look ends within its time-out and reads a bounded part of what it meets.
//   - Every connection is made by the dialer that it is given, those of a redirect
//     too, so that it reaches nothing that a client may not reach.
//   - A result says in one sentence what was seen and what was wanted, without
//     what may be a secret: headers, bodies, the query of a URL.
//
// When to look, and what follows from it, is decided elsewhere.
package probe
