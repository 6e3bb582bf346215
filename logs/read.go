package logs

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

// Bounds of one page of events.
const (
	MaxPage  = 10_000 // events
	maxScan  = 50_000 // events that are looked at for one page
	maxSteps = 64     // readings of a page: many, when events are large
	scanStep = 1000
	// followPart is the part of a page that each of those who follow is sent at
	// once: there may be many.
	followPart = 8
)

// Events returns events of a group in the order of time; q.Group is set here.
func (s *Service) Events(ctx context.Context, ref Ref, q EventQuery) ([]Event, error) {
	s.Flush(ctx)
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return nil, err
	}
	q.Group = g.ID
	if len(q.Streams) == 1 {
		if _, err := s.store.LogStream(ctx, g.ID, q.Streams[0]); err != nil {
			return nil, err
		}
	}
	q.Bytes = s.cfg.Page
	return s.store.LogEvents(ctx, q)
}

// Filter returns the events of a group that q selects and match lets pass, in the
// order of time, and where the next page begins; nil is the end. A page may be
// empty and not the last: so much is looked at for each, and no more.
func (s *Service) Filter(ctx context.Context, ref Ref, q EventQuery, match func(*Event) bool) (found []Event, next *Position, err error) {
	s.Flush(ctx)
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	q.Group = g.ID
	limit, size := q.Limit, 0
	q.Limit, q.Bytes = scanStep, s.cfg.Page
	for scanned, steps := 0, 0; scanned < maxScan && steps < maxSteps; steps++ {
		list, err := s.store.LogEvents(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		for i := range list {
			e := &list[i]
			if match(e) {
				if len(found) == limit || len(found) > 0 && size+len(e.Message) > s.cfg.Page {
					return found, q.After, nil
				}
				found, size = append(found, *e), size+len(e.Message)
			}
			q.After = new(e.Position())
		}
		if len(list) == 0 { // a short one may have been cut by its bytes
			return found, nil, nil
		}
		scanned += len(list)
	}
	return found, q.After, nil
}

// RequestLog returns up to limit events of an invocation, in the order of time,
// with the group that they are in, and where the next page begins; nil is the end.
// account is whose it must be, empty: whoever's. NotFound when there are none.
func (s *Service) RequestLog(ctx context.Context, account, request string, after *Position, limit int) (*Ref, []Event, *Position, error) {
	s.Flush(ctx)
	list, err := s.store.RequestLog(ctx, request, after, limit, s.cfg.Page)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(list) == 0 {
		if after != nil {
			return nil, nil, nil, nil
		}
		return nil, nil, nil, noLog()
	}
	ref, err := s.refOf(ctx, list[0].Group)
	if err != nil {
		return nil, nil, nil, err
	}
	if ref == nil || account != "" && ref.Account != account {
		return nil, nil, nil, noLog()
	}
	next := new(list[len(list)-1].Position())
	if more, err := s.store.RequestLog(ctx, request, next, 1, s.cfg.Page); err != nil {
		return nil, nil, nil, err
	} else if len(more) == 0 {
		next = nil
	}
	events := make([]Event, 0, len(list))
	for i := range list {
		if list[i].Group == list[0].Group {
			events = append(events, list[i].Event)
		}
	}
	return ref, events, next, nil
}

func noLog() error {
	return belfry.Errorf(belfry.NotFound, "id", "There is no log of it: its target is not a function, it has printed nothing, or its log has been removed.")
}

// refOf finds the group that has the id; nil: it is gone.
func (s *Service) refOf(ctx context.Context, id int64) (*Ref, error) {
	s.mu.Lock()
	for ref, known := range s.groups {
		if known == id {
			s.mu.Unlock()
			return &ref, nil
		}
	}
	s.mu.Unlock()
	q := GroupQuery{Limit: 1000}
	for {
		page, err := s.store.LogGroups(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].ID == id {
				return &page[i].Ref, nil
			}
			q.After = page[i].Ref
		}
		if len(page) < q.Limit {
			return nil, nil
		}
	}
}

// Follow calls page with the events of a group that are stored after the one with
// the ID after, negative: from now on, in the order in which they are stored, as
// they come, and with none when it begins and after each beat in which none came;
// until ctx ends, the service stops, or
// page fails, whose error it returns. last goes into after to go on.
func (s *Service) Follow(ctx context.Context, ref Ref, after int64, beat time.Duration, page func(events []Event, last int64) error) error {
	s.mu.Lock()
	if s.follows >= maxFollowers {
		s.mu.Unlock()
		return belfry.Errorf(belfry.Throttled, "follow", "%d readers follow logs already; end one of them, or read without following.", maxFollowers)
	}
	s.follows++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.follows--
		s.mu.Unlock()
	}()
	s.Flush(ctx)
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return err
	}
	if after < 0 {
		if after, err = s.store.LastLogEvent(ctx); err != nil {
			return err
		}
	}
	if err := page(nil, after); err != nil {
		return err
	}
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		events, last, err := s.store.NewLogEvents(ctx, g.ID, after, scanStep, s.cfg.Page/followPart)
		if err != nil {
			return fmt.Errorf("follow %s: %w", ref.ARN(), err)
		}
		if len(events) > 0 {
			if err := page(events, last); err != nil {
				return err
			}
		}
		if last > after {
			after = last
			continue
		}
		select {
		case <-changed:
		case <-s.cfg.Clock.After(beat):
			if err := page(nil, after); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-s.stopped:
			return nil
		}
	}
}
