package queue

import (
	"context"

	"github.com/belfry-run/belfry"
)

// Send puts a message into a queue. When it has returned nil, the message is
// durable.
func (s *Service) Send(ctx context.Context, scope belfry.Scope, name string, m Message) (SendResult, error) {
	var result SendResult
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		now := s.now()
		stored, err := q.accept(&m, s.ids.next(now), now)
		if err != nil {
			return err
		}
		if err := s.store.Send(ctx, q.Contents, []Stored{stored}); err != nil {
			return err
		}
		result = SendResult{stored.ID, stored}
		s.waiters.wake(q.ID, 1)
		return nil
	})
	return result, err
}

// A SendEntry is one message of a batch.
type SendEntry struct {
	ID      string // the client's name for the entry
	Message Message
	Err     error // why the entry is wrong, if the caller has found that already
}

// An EntryResult is what became of one entry of a batch.
type EntryResult[T any] struct {
	ID    string
	Value T
	Err   error // a belfry.Error when the entry is at fault; nil: done
}

const (
	maxBatch = 10
	// maxBatchSize is the limit on all messages of a batch together, bytes.
	maxBatchSize = 1 << 20
)

// SendBatch puts up to ten messages into a queue in one step. Entries that are
// wrong fail by themselves; the error is for the batch as a whole. The results
// are in the order of the entries.
func (s *Service) SendBatch(ctx context.Context, scope belfry.Scope, name string, entries []SendEntry) ([]EntryResult[SendResult], error) {
	var results []EntryResult[SendResult]
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		if err := checkBatch("SendMessageBatchRequestEntry", entries, func(e SendEntry) string { return e.ID }); err != nil {
			return err
		}
		size := 0
		for i := range entries {
			size += entries[i].Message.size()
		}
		if size > maxBatchSize {
			return fail(codeBatchLong, belfry.Invalid, "Entries",
				"Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxBatchSize, size)
		}
		now := s.now()
		results = make([]EntryResult[SendResult], len(entries))
		var accepted []Stored
		for i := range entries {
			results[i].ID = entries[i].ID
			m, err := q.accept(&entries[i].Message, s.ids.next(now), now)
			if entries[i].Err != nil {
				err = entries[i].Err
			}
			if err != nil {
				results[i].Err = err
				continue
			}
			accepted = append(accepted, m)
			results[i].Value = SendResult{m.ID, m}
		}
		if len(accepted) == 0 {
			return nil
		}
		if err := s.store.Send(ctx, q.Contents, accepted); err != nil {
			return err
		}
		s.waiters.wake(q.ID, len(accepted))
		return nil
	})
	return results, err
}

// checkBatch checks what all batches have in common; shape is AWS's name for
// an entry.
func checkBatch[T any](shape string, entries []T, id func(T) string) error {
	const maxIDLen = 80
	if len(entries) == 0 {
		return fail(codeEmptyBatch, belfry.Invalid, "Entries", "There should be at least one %s in the request.", shape)
	}
	if len(entries) > maxBatch {
		return fail(codeTooMany, belfry.Invalid, "Entries",
			"Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries))
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !validID(id(e), maxIDLen) {
			return fail(codeBatchID, belfry.Invalid, "Id",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most %d letters long.", maxIDLen)
		}
		if seen[id(e)] {
			return fail(codeBatchDistinct, belfry.Invalid, "Id", "Id %s repeated.", id(e))
		}
		seen[id(e)] = true
	}
	return nil
}
