// Package certify holds a running Belfry against clients that nobody here
// wrote: the AWS CLI, boto3, the AWS SDKs for Go and JavaScript, and the calls
// that Terraform's AWS provider makes. It has only tests.
//
// What it keeps true: every operation that Belfry serves is answered to each of
// these clients, and their own typed errors come out of what Belfry refuses.
// docs/compatibility.md is written from what was seen on the way; a test holds
// the file against it.
//
// It is a module of its own, so that the SDKs are neither in the product's
// go.mod nor compiled by "go test ./...". "make certify" runs it, and "make
// test" with the rest.
package certify
