package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// maxJump is by how much the clock may move beside the time that passes, and
	// jumpFor how long a larger jump is told of.
	maxJump = 10 * time.Second
	jumpFor = 5 * time.Minute
	// maxSkew is how far the clock may be from that of the heartbeat's receiver.
	// It gives whole seconds, and the answer takes its time.
	maxSkew = 5 * time.Second
	// maxLag is how long what is due may wait for its start.
	maxLag = 30 * time.Second
	// canaryTime is how long a canary's run may take, and canaryEvery how often
	// it runs, at whole minutes.
	canaryTime  = 30 * time.Second
	canaryEvery = time.Minute
	// probeEvery is how often the store is written to, to see whether it can be.
	probeEvery = time.Minute
)

// ClockCheck finds out when the clock jumps, and how far it is from another's.
type ClockCheck struct {
	// Elapsed is the time since some moment by a clock that nobody sets and that
	// stands still while the machine sleeps.
	Elapsed func() time.Duration
	// Skew is by how much this clock is ahead of that of the heartbeat's
	// receiver; known is false while nobody has told. nil: nobody does.
	Skew func() (ahead time.Duration, known bool)

	wall     time.Time     // of the last look
	elapsed  time.Duration // of the last look
	jump     time.Duration
	jumpedAt time.Duration // by Elapsed
}

// Name is clock.
func (*ClockCheck) Name() string { return "clock" }

// Look compares the clock with the time that has passed, and with the receiver's.
// Value is the skew in seconds, or the jump.
func (c *ClockCheck) Look(_ context.Context, now time.Time) Finding {
	now, elapsed := now.Round(0), c.Elapsed() // without the monotonic reading
	if !c.wall.IsZero() {
		if jump := now.Sub(c.wall) - (elapsed - c.elapsed); jump.Abs() > maxJump {
			c.jump, c.jumpedAt = jump, elapsed
		}
	}
	c.wall, c.elapsed = now, elapsed
	if c.Skew != nil {
		if ahead, known := c.Skew(); known && ahead.Abs() > maxSkew {
			return Finding{
				Value:  ahead.Seconds(),
				Detail: fmt.Sprintf("The clock is %s of the clock of the heartbeat's receiver.", aheadOf(ahead)),
				Advice: "Let the machine's clock be kept by NTP or chrony: schedules go by it.",
			}
		} else if known && c.jump == 0 {
			return Finding{OK: true, Value: ahead.Seconds(), Detail: fmt.Sprintf("The clock is %s of the clock of the heartbeat's receiver, and has not jumped.", aheadOf(ahead))}
		}
	}
	if c.jump != 0 && elapsed-c.jumpedAt < jumpFor {
		return Finding{
			Value:  c.jump.Seconds(),
			Detail: fmt.Sprintf("The clock jumped by %s, %s ago: it was set, or the machine slept.", length(c.jump), length(elapsed-c.jumpedAt)),
			Advice: "What was due in the stretch that was jumped over is in the ledger, as missed or late. Let NTP or chrony keep the clock, and the machine not sleep.",
		}
	}
	c.jump = 0
	return Finding{OK: true, Detail: "The clock has not jumped."}
}

func aheadOf(d time.Duration) string {
	if d < 0 {
		return length(-d) + " behind"
	}
	return length(d) + " ahead"
}

// BacklogCheck finds out whether what is due is started.
type BacklogCheck struct{ Store SelfStore }

// Name is backlog.
func (BacklogCheck) Name() string { return "backlog" }

// Look asks how long the oldest entry of the due queue has been due. Value is
// that in seconds.
func (c BacklogCheck) Look(ctx context.Context, now time.Time) Finding {
	oldest, err := c.Store.OldestDue(ctx)
	lag := now.Sub(oldest)
	switch {
	case err != nil:
		return Finding{Detail: fmt.Sprintf("The due queue cannot be read: %v.", err), Advice: "The check of the store says more."}
	case oldest.IsZero() || lag <= 0:
		return Finding{OK: true, Detail: "Nothing is due that has not been started."}
	case lag <= maxLag:
		return Finding{OK: true, Value: lag.Seconds(), Detail: fmt.Sprintf("The oldest run that is due has been due for %s.", length(lag))}
	}
	return Finding{
		Value:  lag.Seconds(),
		Detail: fmt.Sprintf("The oldest run that is due has been due for %s and has not been started.", length(lag)),
		Advice: "See in the log whether the store fails or a stored schedule cannot be read, and in belfry_attempts_in_flight whether targets hold all places; a machine that is too slow needs fewer schedules at the same second.",
	}
}

// StoreCheck finds out whether the store takes writes.
type StoreCheck struct {
	Store SelfStore
	// Failures is how many calls of the store have failed since it was opened.
	Failures func() uint64

	before uint64    // failures at the last look
	probe  time.Time // when to write next
	err    error     // of the last write
}

// Name is store.
func (*StoreCheck) Name() string { return "store" }

// Look counts what has failed since the last look, and writes now and then.
// Value is the number of failures in all.
func (c *StoreCheck) Look(ctx context.Context, now time.Time) Finding {
	if c.err != nil || !now.Before(c.probe) {
		c.err = c.Store.KeepSelf(ctx, []SelfState{{Name: "probe", Status: Up, Since: now.UTC()}}, nil)
		c.probe = now.Add(probeEvery)
	}
	n := c.Failures()
	since := n - c.before
	c.before = n
	f := Finding{Value: float64(n), Advice: "See the log for the errors, and check the disk: its space, its health, and who may write to the data directory. Nothing that was acknowledged is lost."}
	switch {
	case c.err != nil:
		f.Detail = fmt.Sprintf("The store cannot be written to: %v.", c.err)
	case since > 0:
		f.Detail = fmt.Sprintf("%d calls of the store have failed since the last look.", since)
	default:
		return Finding{OK: true, Value: float64(n), Detail: "The store takes writes."}
	}
	return f
}

// CanaryCheck finds out whether a schedule of Belfry's own, which is due each
// minute, goes the whole way: due, recorded, delivered, and its outcome stored.
type CanaryCheck struct {
	Store    SelfStore
	Schedule belfry.ID
	since    time.Time // the first look
}

// Name is canary.
func (*CanaryCheck) Name() string { return "canary" }

// Look asks for the last two runs that should have ended. Value is how many
// seconds ago the newest of them that succeeded was due.
func (c *CanaryCheck) Look(ctx context.Context, now time.Time) Finding {
	if c.since.IsZero() {
		c.since = now
	}
	last := now.Add(-canaryTime).Truncate(canaryEvery)
	var found *belfry.Run
	for i := range 2 {
		at := last.Add(-time.Duration(i) * canaryEvery)
		run, err := c.Store.Outcome(ctx, belfry.Occurrence{Schedule: c.Schedule, Time: at})
		if err != nil {
			return Finding{Detail: fmt.Sprintf("The canary's runs cannot be read: %v.", err), Advice: "The check of the store says more."}
		}
		if run != nil && run.Outcome == belfry.Succeeded {
			return Finding{OK: true, Value: now.Sub(at).Seconds(), Detail: fmt.Sprintf("The canary's run of %s went the whole way, in %s.", clock(at), length(run.Ended.Sub(run.Time)))}
		}
		if found == nil {
			found = run
		}
	}
	if now.Sub(c.since) < 2*canaryEvery+canaryTime {
		return Finding{OK: true, Detail: "Belfry has just started; the canary's first run is to come."}
	}
	f := Finding{Value: now.Sub(last.Add(-canaryEvery)).Seconds(), Advice: "The engine does not do its work: see the log, and the checks of the store and the backlog. Restart the server if they show nothing."}
	if found == nil {
		f.Detail = fmt.Sprintf("The canary, a schedule of Belfry's own, has not been started since before %s, though it is due each minute.", clock(last.Add(-canaryEvery)))
	} else {
		f.Detail = fmt.Sprintf("The canary's run of %s is %s.", clock(found.Time), found.Outcome)
	}
	return f
}
