package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

const runColumns = "scheduled_at, schedule, revision, outcome, started_at, ended_at, reason, attempts"

func scanRun(st *sqlite.Stmt) (belfry.Run, error) {
	r := belfry.Run{
		Occurrence: belfry.Occurrence{Time: time.Unix(st.ColumnInt64(0), 0).UTC(), Schedule: belfry.ID(st.ColumnInt64(1))},
		Revision:   st.ColumnInt64(2),
		Outcome:    belfry.Outcome(st.ColumnInt64(3)),
		Started:    fromMillis(st.ColumnInt64(4)),
		Ended:      fromMillis(st.ColumnInt64(5)),
		Reason:     st.ColumnText(6),
	}
	if blob := columnBlob(st, 7); blob != nil {
		if err := json.Unmarshal(blob, &r.Attempts); err != nil {
			r.Attempts = []belfry.Attempt{{Number: 1, Result: belfry.Result{
				ErrorCode: "Belfry.Damaged", ErrorMessage: "What is stored of this run's attempts cannot be read.",
			}}}
			return r, fmt.Errorf("attempts of run %s: %w", r.OccurrenceID(), err)
		}
	} else if r.Outcome == belfry.Succeeded {
		r.Attempts = []belfry.Attempt{{
			Number: 1, ExecutionID: r.ExecutionID(1), Started: r.Started, Ended: r.Ended,
			Result: belfry.Result{Status: belfry.AttemptSucceeded},
		}}
	}
	return r, nil
}

// runOf returns the run of an occurrence, nil when there is none among the
// recent ones.
func runOf(c *sqlite.Conn, o belfry.Occurrence) (*belfry.Run, error) {
	var found *belfry.Run
	err := query(c, "SELECT "+runColumns+" FROM runs WHERE scheduled_at=? AND schedule=?", func(st *sqlite.Stmt) error {
		r, err := scanRun(st)
		found = &r
		return err
	}, o.Time.Unix(), o.Schedule)
	return found, err
}

// Runs returns up to q.Limit runs that q selects, newest first, without those of day
// files that cannot be read: see [Store.Unreadable].
func (s *Store) Runs(ctx context.Context, q belfry.RunQuery) ([]belfry.Run, error) {
	if q.Limit <= 0 {
		return nil, nil
	}
	ids, err := json.Marshal(q.Schedules)
	if err != nil {
		return nil, err
	}
	from, to := bounds(q.From, q.To)
	var found []belfry.Run
	scan := func(c *sqlite.Conn, order string) error {
		return query(c, "SELECT "+runColumns+` FROM runs
 WHERE schedule IN (SELECT value FROM json_each(?)) AND scheduled_at BETWEEN ? AND ?
 ORDER BY `+order+" LIMIT ?", func(st *sqlite.Stmt) error {
			r, _ := scanRun(st) // it says of itself what of it cannot be read
			found = append(found, r)
			return nil
		}, string(ids), from, to, q.Limit)
	}
	// Recent runs lie in the order of time, so this reads back from the newest
	// until it has enough. They are read before the history: a run that moves
	// meanwhile is then seen twice, not missed.
	if err := s.read(ctx, func(c *sqlite.Conn) error { return scan(c, "scheduled_at DESC, schedule DESC") }); err != nil {
		return nil, err
	}
	days, err := s.history.days()
	if err != nil {
		return nil, err
	}
	recent := len(found) // the history may have some of them too: neither part has one twice
	for _, day := range slices.Backward(days) {
		start := day.start.Unix()
		if max(recent, len(found)-recent) >= q.Limit && oldest(found) >= start+secondsADay {
			break
		}
		if start > to || start+secondsADay <= from {
			continue
		}
		err := s.history.readDay(ctx, day, func(c *sqlite.Conn) error { return scan(c, "scheduled_at DESC") })
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b belfry.Run) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Schedule, a.Schedule))
	})
	found = slices.CompactFunc(found, func(a, b belfry.Run) bool { return a.Schedule == b.Schedule && a.Time.Equal(b.Time) })
	return found[:min(len(found), q.Limit)], nil
}

func oldest(runs []belfry.Run) int64 {
	at := runs[0].Time.Unix()
	for _, r := range runs {
		at = min(at, r.Time.Unix())
	}
	return at
}

// bounds turns an open interval into seconds.
func bounds(from, to time.Time) (int64, int64) {
	lo, hi := int64(0), int64(1)<<40
	if !from.IsZero() {
		lo = from.Unix()
	}
	if !to.IsZero() {
		hi = to.Unix()
	}
	return lo, hi
}

// Gaps returns the schedules' gaps that touch the interval, oldest first; a
// zero bound is open.
func (s *Store) Gaps(ctx context.Context, ids []belfry.ID, from, to time.Time) ([]belfry.Gap, error) {
	lo, hi := bounds(from, to)
	var found []belfry.Gap
	err := s.read(ctx, func(c *sqlite.Conn) error {
		for _, id := range ids {
			err := query(c, "SELECT "+gapColumns+" FROM gaps WHERE schedule=? AND from_at<=? AND (to_at=0 OR to_at>=?) ORDER BY from_at",
				func(st *sqlite.Stmt) error { found = append(found, scanGap(st)); return nil }, id, hi, lo)
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b belfry.Gap) int { return a.From.Compare(b.From) })
	return found, err
}
