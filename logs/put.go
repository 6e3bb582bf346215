package logs

import (
	"context"
	"time"
)

// Limits of a batch.
const (
	maxBatchBytes    = 1 << 20 // of messages, and putOverhead for each
	putOverhead      = 26
	maxBatchSpan     = 24 * time.Hour
	maxAge, maxAhead = 14 * day, 2 * time.Hour
)

// Rejected says which events of a batch were not stored; nil is none.
type Rejected struct {
	TooNewFrom          *int // index of the first that is too new
	TooOldTo, ExpiredTo *int // index behind the last that is too old, or past the group's retention
}

// Put stores a batch of events that a client made, in the order of time, in a
// stream that is there. When it returns, they are durable.
func (s *Service) Put(ctx context.Context, ref Ref, stream string, events []Event) (r Rejected, err error) {
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return r, err
	}
	if _, err := s.store.LogStream(ctx, g.ID, stream); err != nil {
		return r, err
	}
	if err := checkBatch(events); err != nil {
		return r, err
	}
	now, days := s.now(), g.Retention
	if days == 0 {
		days = s.cfg.Retention
	}
	var batch []Addition
	for i, e := range events {
		switch age := now.Sub(e.Time); {
		case age < -maxAhead:
			if r.TooNewFrom == nil {
				r.TooNewFrom = new(i)
			}
		case days > 0 && age > time.Duration(days)*day:
			r.ExpiredTo = new(i + 1)
		case age > maxAge:
			r.TooOldTo = new(i + 1)
		default:
			batch = append(batch, Addition{Group: g.ID, Event: Event{Stream: stream, Time: e.Time, Ingested: now, Message: clean(e.Message)}})
		}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return r, s.append(ctx, batch, true)
}

func checkBatch(events []Event) error {
	size := 0
	for i := range events {
		size += len(events[i].Message) + putOverhead
		if i > 0 && events[i].Time.Before(events[i-1].Time) {
			return invalid("logEvents", "Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatchBytes {
		return invalid("logEvents", "Upload too large: %d bytes exceeds limit of %d", size, maxBatchBytes)
	}
	if n := len(events); n > 0 && events[n-1].Time.Sub(events[0].Time) > maxBatchSpan {
		return invalid("logEvents", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}
