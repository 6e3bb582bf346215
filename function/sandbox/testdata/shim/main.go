// Command shim is what sandboxes begin with in tests under the race detector,
// whose own programs take hundreds of milliseconds to start.
package main

import "github.com/belfry-run/belfry/function/sandbox"

func main() { sandbox.Main() }
