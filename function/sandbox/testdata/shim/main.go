// Command shim is what sandboxes begin with in tests under the race detector,
// whose own programs take hundreds of milliseconds to start: BELFRY_TEST_SHIM is its
// path.
package main

import "github.com/belfry-run/belfry/function/sandbox"

func main() { sandbox.Main() }
