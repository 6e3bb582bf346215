package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

// recover takes care of what the last owner of the shards had started and not
// finished. Whether its target was reached nobody knows, so it is reached again,
// under the same identity:
//
//	running ──▶ attempt n is stored as interrupted, n+1 waits in the queue ──▶ as any retry
//
// The interrupted attempt is stored before anything is delivered: what the ledger
// shows is then what was delivered, over any number of crashes, and each attempt
// has a number and an execution id of its own. Being in the queue, the next one is
// bound by the retry policy and by what may be under way at once.
func (e *Engine) recover(ctx context.Context, left []belfry.Occurrence, claim belfry.Claim) error {
	for len(left) > 0 {
		items, read, err := e.c.Store.Running(ctx, left[:min(len(left), finishBatch)], readBytes)
		if err != nil {
			return fmt.Errorf("read interrupted runs: %w", err)
		}
		now := e.now()
		var ends []belfry.Finish
		for i := range items {
			it := &items[i]
			e.c.Barrier.Do(ctx, "recover", it.OccurrenceID(), func() error {
				if it.Err != nil {
					return it.Err
				}
				ends = append(ends, interrupted(it, claim, now))
				return nil
			})
		}
		if err := e.c.Store.Finish(ctx, ends); err != nil {
			return fmt.Errorf("record interrupted attempts: %w", err)
		}
		left = left[read:]
	}
	return nil
}

// interrupted is what becomes of a run whose attempt a stop of the server cut
// off. The first is made again at once. When it happens again, the attempt may be
// what stops the server, which is given time until the next one.
func interrupted(it *belfry.DueItem, claim belfry.Claim, now time.Time) belfry.Finish {
	attempts := it.Run.Attempts
	began, before := it.Run.Started, 0
	for i := range attempts {
		began = attempts[i].Ended
		if attempts[i].Status == belfry.AttemptInterrupted {
			before++
		}
	}
	number := len(attempts) + 1
	at := now
	if before > 0 {
		at = now.Add(backOff(before, randomBelow)).Truncate(time.Millisecond)
	}
	return belfry.Finish{
		Occurrence: it.Occurrence, Claim: claim, Outcome: belfry.Pending, Started: it.Run.Started, Ended: now,
		Attempts: append(attempts[:len(attempts):len(attempts)], belfry.Attempt{
			Number: number, ExecutionID: it.ExecutionID(number), Started: earlierOf(began, now), Ended: now,
			Result: belfry.Result{
				Status: belfry.AttemptInterrupted, ErrorCode: "Belfry.Interrupted",
				ErrorMessage: "The server stopped during this attempt; whether the target was reached is not known.",
			},
		}),
		Retry: &belfry.Due{At: at, Retry: true, Occurrence: it.Occurrence, Revision: it.Run.Revision, Attempt: number + 1},
	}
}
