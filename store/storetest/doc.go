// Package storetest holds a store to what the packages that use it were
// promised. Every store passes the same suites.
package storetest
