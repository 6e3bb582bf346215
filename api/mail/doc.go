// Package mail receives pings by mail, for jobs that can send nothing else.
//
// A mail to UUID@host, or to KEY+SLUG@host with a project's ping key, is a ping;
// what host is does not matter. Addresses are as hard to guess as ping URLs, and
// who knows one may ping and nothing else. Nothing is passed on to anybody.
//
// What it keeps true: a mail that was answered with 250 has been recorded, for
// every recipient; one that was not is for the sender to keep and to send again,
// so that none is lost and one may count twice. Connections, recipients, the size
// of a message and the time that it may take are bounded.
//
// Source: section 8.1 of the semantics.
package mail
