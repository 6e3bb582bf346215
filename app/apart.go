package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/monitor"
)

// apartShown is how many of the objects that are set apart are named in a finding.
const apartShown = 5

// apartCheck finds out whether anything that is stored could not be worked on.
type apartCheck struct{ set *barrier.Set }

func (apartCheck) Name() string { return "apart" }

// Look names what is set apart. Value is how much that is.
func (c apartCheck) Look(context.Context, time.Time) monitor.Finding {
	all := c.set.List()
	if len(all) == 0 {
		return monitor.Finding{OK: true, Detail: "Nothing that is stored is set apart."}
	}
	n := len(all)
	var b strings.Builder
	fmt.Fprintf(&b, "What is stored of %d objects cannot be worked on; they are set apart, and the rest goes on:", n)
	for i, e := range all[:min(n, apartShown)] {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s %q, since %s: %s", e.Step, e.Object, e.Since.Format(time.RFC3339), e.Reason)
	}
	if n > apartShown {
		fmt.Fprintf(&b, "; and %d more", n-apartShown)
	}
	return monitor.Finding{
		Value: float64(n), Detail: b.String() + ".",
		Advice: "See the log for each of them. Keep a copy of the data directory, then write the object anew or delete it, or bring it back from a backup. What is tried again, and works, leaves this list by itself.",
	}
}
