package queue

import (
	"context"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
)

// Delete removes a received message; one that is gone already is no error.
func (s *Service) Delete(ctx context.Context, scope belfry.Scope, name, handle string) error {
	return s.onQueue(ctx, scope, name, func(q *Queue) error {
		r, err := q.parseHandle(handle)
		if err != nil {
			return err
		}
		return s.store.Delete(ctx, q.Contents, []ID{r.id})
	})
}

// A DeleteEntry is one message of a batch.
type DeleteEntry struct{ ID, Handle string }

// DeleteBatch is Delete for up to ten messages in one step.
func (s *Service) DeleteBatch(ctx context.Context, scope belfry.Scope, name string, entries []DeleteEntry) ([]EntryResult[struct{}], error) {
	var results []EntryResult[struct{}]
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		if err := checkBatch("DeleteMessageBatchRequestEntry", entries, func(e DeleteEntry) string { return e.ID }); err != nil {
			return err
		}
		results = make([]EntryResult[struct{}], len(entries))
		var gone []ID
		for i, e := range entries {
			r, err := q.parseHandle(e.Handle)
			results[i] = EntryResult[struct{}]{ID: e.ID, Err: err}
			if err == nil {
				gone = append(gone, r.id)
			}
		}
		if len(gone) == 0 {
			return nil
		}
		return s.store.Delete(ctx, q.Contents, gone)
	})
	return results, err
}

// ChangeVisibility makes a received message visible again after timeout
// seconds from now; 0 releases it at once.
func (s *Service) ChangeVisibility(ctx context.Context, scope belfry.Scope, name, handle string, timeout int) error {
	return s.onQueue(ctx, scope, name, func(q *Queue) error {
		change, err := q.visibilityChange(handle, timeout, s.now())
		if err != nil {
			return err
		}
		changed, err := s.changeVisibility(ctx, q, []VisibilityChange{change})
		if err == nil && !changed[0] {
			return notAvailable(handle)
		}
		return err
	})
}

// A VisibilityEntry is one message of a batch.
type VisibilityEntry struct {
	ID, Handle string
	Timeout    int // seconds
}

// ChangeVisibilityBatch is ChangeVisibility for up to ten messages in one step.
func (s *Service) ChangeVisibilityBatch(ctx context.Context, scope belfry.Scope, name string, entries []VisibilityEntry) ([]EntryResult[struct{}], error) {
	var results []EntryResult[struct{}]
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		if err := checkBatch("ChangeMessageVisibilityBatchRequestEntry", entries, func(e VisibilityEntry) string { return e.ID }); err != nil {
			return err
		}
		now := s.now()
		results = make([]EntryResult[struct{}], len(entries))
		var changes []VisibilityChange
		var of []int // the entry of each change
		for i, e := range entries {
			c, err := q.visibilityChange(e.Handle, e.Timeout, now)
			results[i] = EntryResult[struct{}]{ID: e.ID, Err: err}
			if err == nil {
				changes, of = append(changes, c), append(of, i)
			}
		}
		if len(changes) == 0 {
			return nil
		}
		changed, err := s.changeVisibility(ctx, q, changes)
		if err != nil {
			return err
		}
		for i, ok := range changed {
			if !ok {
				results[of[i]].Err = notAvailable(entries[of[i]].Handle)
			}
		}
		return nil
	})
	return results, err
}

func (s *Service) changeVisibility(ctx context.Context, q *Queue, changes []VisibilityChange) ([]bool, error) {
	changed, err := s.store.ChangeVisibility(ctx, q.Contents, changes)
	if err != nil {
		return nil, err
	}
	// Those who wait know the old times only.
	s.waiters.wake(q.ID, len(changes))
	return changed, nil
}

// visibilityChange is the rules of ChangeMessageVisibility: a message stays
// hidden for at most 12 hours from its receive.
func (q *Queue) visibilityChange(handle string, timeout int, now time.Time) (VisibilityChange, error) {
	r, err := q.parseHandle(handle)
	if err != nil {
		return VisibilityChange{}, err
	}
	limit := strconv.Itoa(maxVisibilitySeconds)
	if timeout < 0 || timeout > maxVisibilitySeconds {
		return VisibilityChange{}, badValue(timeout, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and "+limit+".")
	}
	if held := int(now.Sub(r.received) / time.Second); held > 0 && timeout > 0 && held+timeout > maxVisibilitySeconds {
		return VisibilityChange{}, badValue(timeout, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit ["+limit+" seconds].")
	}
	return VisibilityChange{ID: r.id, Receives: r.receives, Until: now.Add(time.Duration(timeout) * time.Second)}, nil
}

func notAvailable(handle string) error {
	return badValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
}
