// Command trial is what sandboxes are tried with in tests under the race detector,
// whose own programs take hundreds of milliseconds to start: BELFRY_TEST_TRIAL is
// its path.
package main

import "github.com/belfry-run/belfry/function/sandbox"

func main() { sandbox.Main() }
