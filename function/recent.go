package function

import (
	"slices"
	"time"
)

// recent remembers the last durations of something.
type recent struct {
	took [20]time.Duration
	n    int // that there have been
}

func (r *recent) add(d time.Duration) {
	r.took[r.n%len(r.took)] = d
	r.n++
}

// p95 is what 95 of 100 of them did not exceed; 0 when there is none.
func (r *recent) p95() time.Duration {
	n := min(r.n, len(r.took))
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.took[:n]))
	return sorted[(n*95+99)/100-1]
}
