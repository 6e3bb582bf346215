package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
)

// ReceiveOptions say what a receive wants. The numbers are seconds; nil is the
// queue's own.
type ReceiveOptions struct {
	Max               *int // messages, 1 to 10; nil: 1
	VisibilityTimeout *int
	WaitTime          *int
	Attributes        []string // names and patterns of message attributes
	System            []string // names of system attributes
	// Room is called before more than SmallReceive bytes of messages are read, with
	// how many there are; its error ends the receive, and nothing has been handed
	// out. nil: there is room for any number.
	Room func(ctx context.Context, bytes int) error
}

// SmallReceive is how many bytes of messages a receive reads without asking whether
// there is room for them.
const SmallReceive = 64 << 10

func (o *ReceiveOptions) check() error {
	if m := o.Max; m != nil && (*m < 1 || *m > maxBatch) {
		return badValue(*m, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if v := o.VisibilityTimeout; v != nil && (*v < 0 || *v > maxVisibilitySeconds) {
		return badValue(*v, "VisibilityTimeout", "Must be >= 0 and <= "+strconv.Itoa(maxVisibilitySeconds)+", if provided.")
	}
	if w := o.WaitTime; w != nil && (*w < 0 || *w > maxWaitSeconds) {
		return badValue(*w, "WaitTimeSeconds", "Must be >= 0 and <= "+strconv.Itoa(maxWaitSeconds)+", if provided.")
	}
	if err := checkAttributePatterns(o.Attributes); err != nil {
		return err
	}
	return checkSystemNames(o.System)
}

// Receive hands out up to o.Max messages. When there is none it waits for one,
// as long as the call or the queue says, and answers as soon as there is.
func (s *Service) Receive(ctx context.Context, scope belfry.Scope, name string, o ReceiveOptions) ([]Received, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	began := s.clock.Now()
	var out []Received
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		wait := seconds(o.WaitTime, q.settings.wait)
		if wait == 0 {
			claimed, _, err := s.claim(ctx, q, &o)
			out = claimed
			return err
		}
		// The waiter is there before the store is asked, so that no message
		// comes in between unnoticed.
		w := s.waiters.join(q.ID)
		defer s.waiters.leave(w)
		for {
			claimed, next, err := s.claim(ctx, q, &o)
			if err != nil || len(claimed) > 0 {
				out = claimed
				return err
			}
			end := began.Add(wait)
			last := next.IsZero() || next.After(end)
			if last {
				next = end
			}
			switch why, err := s.pause(ctx, w, next); {
			case err != nil:
				return err
			case why == closed, why == elapsed && last:
				return nil
			}
			// The queue may have been changed, or be another one, by now.
			id := q.ID
			if q, err = s.Queue(ctx, scope, name); err != nil {
				return err
			}
			if q.ID != id {
				return NotExist() // onQueue starts again with this one
			}
		}
	})
	return out, err
}

// pause waits for a wake, the time or the end of the service.
func (s *Service) pause(ctx context.Context, w *waiter, until time.Time) (why wakeup, err error) {
	timer, stop := s.clock.NewTimer(until.Sub(s.clock.Now()))
	defer stop()
	select {
	case <-w.woken:
		s.waiters.rejoin(w)
		return woken, nil
	case <-timer:
		return elapsed, nil
	case <-s.closing:
		return closed, nil
	case <-ctx.Done():
		return elapsed, ctx.Err()
	}
}

// wakeup is why a pause ended.
type wakeup int

const (
	woken wakeup = iota
	elapsed
	closed
)

// claim takes what there is now. Without messages, next is when to ask again;
// zero: when woken.
func (s *Service) claim(ctx context.Context, q *Queue, o *ReceiveOptions) (out []Received, next time.Time, err error) {
	limit := 1
	if o.Max != nil {
		limit = *o.Max
	}
	c := Claim{Contents: q.Contents, Max: limit}
	if o.Room != nil {
		c.Bytes = SmallReceive
	}
	at := func(now time.Time) {
		c.Now, c.Until, c.Cutoff = now, now.Add(seconds(o.VisibilityTimeout, q.settings.visibility)), q.cutoff(now)
	}
	at(s.now())
	var dlq *Queue
	if r := q.settings.redrive; r.set() {
		// A target that is gone, or damaged, leaves the messages where they are.
		s.apart.Do(ctx, "find dead-letter queue", r.target.String(), func() error {
			dlq, err = s.Queue(ctx, r.target.Scope(), r.target.Resource)
			if belfry.KindOf(err) == belfry.NotFound {
				return nil
			}
			return err
		})
		if dlq != nil && dlq.ID != q.ID {
			c.MaxReceives, c.DeadLetter, c.Source = r.maxReceives, dlq.Contents, q.ARN()
		}
	}
	for {
		got, err := s.store.Receive(ctx, c)
		if err != nil {
			return nil, time.Time{}, err
		}
		if got.DeadLettered > 0 {
			s.waiters.wake(dlq.ID, got.DeadLettered)
		}
		if got.Needs > 0 {
			if err := o.Room(ctx, got.Needs); err != nil {
				return nil, time.Time{}, err
			}
			c.Bytes, c.Part = got.Needs, true
			at(s.now()) // that may have taken a while
			continue
		}
		if len(got.Messages) == 0 && got.More {
			continue
		}
		for i := range got.Messages {
			m, err := q.handOut(&got.Messages[i], c.Now, o)
			if err != nil { // it must not keep the others from being handed out; it comes again, and ends where a redrive policy says
				s.apart.Report(ctx, "read message", fmt.Sprintf("%s %x", q.ARN(), got.Messages[i].ID), err)
				continue
			}
			out = append(out, m)
		}
		if len(out) == 0 && len(got.Messages) > 0 && c.Until.After(c.Now) {
			continue
		}
		return out, got.Next, nil
	}
}

// handOut is the message as the receiver that asked with o gets it.
func (q *Queue) handOut(m *Stored, now time.Time, o *ReceiveOptions) (Received, error) {
	attrs, err := decodeAttributes(m.Attributes)
	if err != nil {
		return Received{}, err
	}
	attrs = selectAttributes(attrs, o.Attributes)
	return Received{
		ID: m.ID, Handle: q.handle(receipt{m.ID, m.Receives, now}),
		Body: m.Body, BodyMD5: bodyMD5(m.Body),
		Attributes: attrs, AttributesMD5: attributesMD5(encodeAttributes(attrs)),
		System: m.systemAttributes(o.System),
	}, nil
}

func seconds(n *int, otherwise time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	return time.Duration(*n) * time.Second
}
