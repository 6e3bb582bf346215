package function_test

import (
	"testing"

	"github.com/belfry-run/belfry/function"
)

// BenchmarkStart measures what isolation costs an invocation that starts an
// instance, and one that finds it warm.
func BenchmarkStart(b *testing.B) {
	for _, level := range levels() {
		h := newBenchAt(b, level)
		f := python("f", "def handler(event, context): return event")
		h.deploy(f)
		b.Run("cold/"+level.String(), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if _, err := h.UpdateSettings(b.Context(), ref("f"), "", func(*function.Settings) error { return nil }); err != nil {
					b.Fatal(err)
				}
				eventually(b, "the old instance is gone", func() bool { return h.Stats().Instances == 0 })
				b.StartTimer()
				h.result("f", "")
			}
		})
		b.Run("warm/"+level.String(), func(b *testing.B) {
			for b.Loop() {
				h.result("f", "")
			}
		})
	}
}
