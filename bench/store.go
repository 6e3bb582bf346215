package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

var scope = belfry.Scope{Account: "000000000000", Region: "us-east-1"}

// farAway is an expression whose next occurrence no measurement reaches.
const farAway = "cron(0 3 1 1 ? 2100-2199)"

// stored are n schedules for sqlite.Load, the i-th due at(i). What is due is no
// occurrence of farAway: to the check of the queue it is one that an edit of the times
// has kept, as it is of a schedule that was edited while it waited.
func stored(n int, expression string, target belfry.Target, window time.Duration, scheduled time.Time, at func(i int) time.Time) iter.Seq2[*belfry.Schedule, *belfry.Due] {
	target.RoleARN, target.Retry = "arn:aws:iam::000000000000:role/belfry", belfry.DefaultRetry()
	now := time.Now().UTC().Truncate(time.Millisecond)
	return func(yield func(*belfry.Schedule, *belfry.Due) bool) {
		for i := range n {
			s := belfry.Schedule{
				Revision: 1, Scope: scope, Group: belfry.DefaultGroup, Name: fmt.Sprintf("stored-%08d", i),
				Expression: expression, Timezone: "UTC", Window: window, Target: target,
				Created: now, Modified: now, Since: now,
			}
			s.ID = belfry.MakeID(int64(i+1), belfry.ShardOf(s.Ref()))
			d := belfry.Due{At: at(i), Occurrence: belfry.Occurrence{Schedule: s.ID, Time: scheduled}, Revision: 1, Attempt: 1}
			d.Kept, d.Own = expression == farAway, expression == farAway
			if !yield(&s, &d) {
				return
			}
		}
	}
}

// loadIdle makes a store of n schedules of which none is due for a year.
func (b *bench) loadIdle(n int) (data string, err error) {
	if data, err = b.newDir(); err != nil {
		return "", err
	}
	next := time.Now().UTC().Truncate(time.Second).AddDate(1, 0, 0)
	target := belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:bench", Input: `{"task":"bench"}`}
	once := next.Format("at(2006-01-02T15:04:05)")
	return data, sqlite.Load(data, stored(n, once, target, 0, next, func(int) time.Time { return next }))
}

// checkStore fails unless n schedules have exactly one run each, for the time
// due, and all succeeded.
func checkStore(ctx context.Context, data string, n int, due time.Time) (err error) {
	st, err := sqlite.Open(ctx, data, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	var ids []belfry.ID
	for q := (belfry.ScheduleQuery{Scope: scope, Limit: 10_000}); ; {
		page, err := st.Schedules(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range page {
			ids = append(ids, s.ID)
		}
		if len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.AfterGroup, q.AfterName = last.Group, last.Name
	}
	if len(ids) != n {
		return fmt.Errorf("%d schedules are stored, want %d", len(ids), n)
	}
	runs, err := st.Runs(ctx, belfry.RunQuery{Schedules: ids, Limit: 2*n + 1})
	if err != nil {
		return err
	}
	seen := make(map[belfry.ID]bool, n)
	for _, r := range runs {
		if r.Outcome != belfry.Succeeded || !r.Time.Equal(due) || len(r.Attempts) != 1 || seen[r.Schedule] {
			return fmt.Errorf("the store has a run of %s at %s with outcome %s and %d attempts", r.Schedule, r.Time, r.Outcome, len(r.Attempts))
		}
		seen[r.Schedule] = true
	}
	if len(runs) != n {
		return fmt.Errorf("the store has %d runs, want %d", len(runs), n)
	}
	return nil
}
