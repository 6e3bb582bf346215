//go:build race

package function_test

func init() { underRace = true }
