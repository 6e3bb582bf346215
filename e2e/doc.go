// Package e2e holds the end-to-end tests: the built binary as a process, driven by
// the real AWS CLI and boto3, on loopback. It keeps true what the README
// promises a user. A missing tool is a failure with the command to run.
package e2e
