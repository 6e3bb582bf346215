package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// lookahead tells Config.Ahead of what will be due, so that a target may get
// ready. It is for speed alone: what it does not tell is started all the same.
type lookahead struct {
	told  belfry.Due  // entries up to here have been told; only the loop's goroutine touches it
	notes chan []note // on their way to Config.Ahead
}

// A note is one entry that will be due.
type note struct {
	spec *belfry.Schedule
	due  time.Time
}

// notesMax bounds the readings of the due queue that Config.Ahead may be behind.
const notesMax = 16

// read tells of entries that have been read from the store, in order, up to the
// position through.
func (a *lookahead) read(items []belfry.DueItem, through *belfry.Due, now time.Time) {
	if a.notes == nil {
		return
	}
	if a.told.At.After(through.At.Add(horizon)) {
		a.told = belfry.Due{} // the clock was set back
	}
	first := 0
	for first < len(items) && !a.told.Before(&items[first].Due) {
		first++
	}
	a.tell(items[first:], now)
	if a.told.Before(through) {
		a.told = *through
	}
}

// arrived tells of entries that lie where has been read already; the others are
// told when they are read. One that is stored while the store is read may be told
// twice.
func (a *lookahead) arrived(items []belfry.DueItem, now time.Time) {
	if a.notes == nil {
		return
	}
	var behind []belfry.DueItem
	for i := range items {
		if !a.told.Before(&items[i].Due) {
			behind = append(behind, items[i])
		}
	}
	a.tell(behind, now)
}

func (a *lookahead) tell(items []belfry.DueItem, now time.Time) {
	var notes []note
	for i := range items {
		if it := &items[i]; it.Spec != nil && it.At.After(now) {
			notes = append(notes, note{it.Spec, it.At})
		}
	}
	if notes == nil {
		return
	}
	select {
	case a.notes <- notes:
	default: // whoever is told has enough to do
	}
}

// tellAhead hands the notes on until ctx ends.
func (e *Engine) tellAhead(ctx context.Context) {
	for {
		select {
		case notes := <-e.ahead.notes:
			for _, n := range notes {
				e.c.Ahead(ctx, n.spec, n.due)
			}
		case <-ctx.Done():
			return
		}
	}
}
