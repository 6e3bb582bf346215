package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// SetSettings replaces what only Belfry knows of a schedule, and returns the
// schedule as stored; everything else stays. It is a change like an update: a
// run of before it keeps to what held then.
func (e *Engine) SetSettings(ctx context.Context, ref belfry.ScheduleRef, settings belfry.Settings) (*belfry.Schedule, error) {
	if o := settings.OncePer; o != nil {
		if err := o.Check(); err != nil {
			return nil, err
		}
	}
	var updated *belfry.Schedule
	err := e.change(ctx, ref, nil, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		if _, yes := e.deleting.Load(groupKey{ref.Scope, ref.Group}); yes {
			return belfry.ScheduleChange{}, beingDeleted(ref.Group)
		}
		ch, err := e.replaced(ctx, *old, old, pending, was, now)
		if err == nil {
			ch.New.Settings = settings
		}
		updated = ch.New
		return ch, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// onceClaims returns what the run needs to be delivered: the claim of its
// schedule, and that of its target. Most need none. The error is that the
// payload has no key.
func (e *Engine) onceClaims(s *belfry.Schedule, o belfry.Occurrence) ([]belfry.OnceClaim, error) {
	own := s.Settings.OncePer
	var target string
	var targets *belfry.OncePer
	if e.c.TargetOncePer != nil {
		target, targets = e.c.TargetOncePer(s)
	}
	if own == nil && targets == nil {
		return nil, nil
	}
	in := invocation(s, o, 1)
	payload := s.Target.Input
	if e.c.Delivered != nil {
		payload = e.c.Delivered(&in)
	}
	var claims []belfry.OnceClaim
	for _, of := range []struct {
		subject string
		once    *belfry.OncePer
	}{{in.ScheduleARN, own}, {target, targets}} {
		if of.once == nil {
			continue
		}
		c, err := of.once.Claim(of.subject, o.Time, payload)
		if err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// keyless is the result of an attempt whose payload lacks the key of its
// once_per: without it nobody could tell whether the work was done.
func (e *Engine) keyless(d *delivery) (belfry.Result, bool) {
	_, err := e.onceClaims(d.spec, d.run)
	if err == nil {
		return belfry.Result{}, false
	}
	return belfry.Result{
		Status: belfry.AttemptPermanent, ErrorCode: "Belfry.NoOncePerKey", ErrorMessage: err.Error(),
	}, true
}
