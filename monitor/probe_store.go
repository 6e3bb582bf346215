package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry/monitor/probe"
)

// A Probe is a check that Belfry pings itself, after a look at something. When
// to look is the check's own schedule.
type Probe struct {
	Check    Check
	Revision int64  // counts changes of the settings from 1, given by the store
	Sealed   []byte // the settings, encrypted: they may hold secrets
	// Next is when the next look is due.
	Next time.Time
	Last *ProbeRun // nil: there was none yet

	// Settings are what Sealed holds. Stores leave them alone.
	Settings probe.Settings
}

// A ProbeRun is what a look has seen, with its retries.
type ProbeRun struct {
	At      time.Time // when it ended
	OK      bool
	Detail  string        // a sentence for people
	Took    time.Duration // of the last try, in milliseconds
	Expires time.Time     // of the certificate that was met; zero: none was
}

// A ProbeStore makes probes durable, as [Store] does checks. Two things follow
// for a [Store] that has probes: DeleteCheck removes the check's probe too, and a
// change of a check's Kind, Timeout, Schedule or Timezone makes its probe due at
// once, because the time at which it would have been due no longer fits.
type ProbeStore interface {
	// CreateProbe adds a check, with a Number, and a probe of Revision 1 on it.
	// Quota when the account has limit checks already.
	CreateProbe(ctx context.Context, p Probe, limit int64) (Probe, error)

	// Probe returns the probe on the check with that id, or [NoProbe].
	Probe(ctx context.Context, check string) (Probe, error)

	// ListProbes returns at most limit probes of the account whose checks have
	// Numbers above after, in the order of these.
	ListProbes(ctx context.Context, account string, after int64, limit int) ([]Probe, error)

	// ChangeProbe is ChangeCheck for a probe with its check: what decide makes of
	// both, and what it returns, is stored in one step. Revision counts on when the
	// change is Edited, and Sealed does not change otherwise. [NoProbe] when it is
	// not there.
	ChangeProbe(ctx context.Context, check string, decide func(p *Probe) (Change, error)) (Probe, error)

	// DueProbes returns at most limit probes whose Next is at or before now, the
	// earliest first.
	DueProbes(ctx context.Context, now time.Time, limit int) ([]Probe, error)
}
