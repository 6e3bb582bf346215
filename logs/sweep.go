package logs

import (
	"context"
	"fmt"
	"time"
)

// maxRetention is the longest that there is, in days: what is more is damaged, and
// would be a time that has passed.
const maxRetention = 3653

func (s *Service) runSweeps(ctx context.Context) {
	for {
		err := s.cfg.Apart.Round(ctx, "sweep logs", func() error { return s.Sweep(ctx) })
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "old logs could not be removed", "err", err)
		}
		select {
		case <-s.sweep:
		case <-s.cfg.Clock.After(sweepEvery):
		case <-ctx.Done():
			return
		}
	}
}

// Sweep removes what is too old, what is too much, and what is left of groups
// that were deleted.
func (s *Service) Sweep(ctx context.Context) error {
	there, now := map[int64]bool{}, s.now()
	q := GroupQuery{Limit: 500}
	for {
		page, err := s.store.LogGroups(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			g := &page[i]
			there[g.ID] = true
			q.After = g.Ref
			var err error
			s.cfg.Apart.Do(ctx, "sweep log group", fmt.Sprintf("%s %s %s", g.Account, g.Region, g.Name), func() error {
				err = s.sweepGroup(ctx, g, now)
				return nil
			})
			if err != nil {
				return err
			}
		}
		if len(page) < q.Limit {
			break
		}
	}
	if err := s.sweepDeleted(ctx, there); err != nil {
		return err
	}
	return s.trim(ctx, Trim{}, s.excess(s.total(), s.cfg.TotalSize))
}

func (s *Service) sweepGroup(ctx context.Context, g *Group, now time.Time) error {
	days := g.Retention
	if days == 0 {
		days = s.cfg.Retention
	}
	if days > 0 {
		before := now.Add(-time.Duration(min(days, maxRetention)) * day)
		if err := s.trim(ctx, Trim{Group: g.ID, Before: before}, -1); err != nil {
			return err
		}
		if err := s.store.TrimLogStreams(ctx, g.ID, before); err != nil {
			return err
		}
	}
	return s.trim(ctx, Trim{Group: g.ID}, s.excess(s.size(g.ID), s.cfg.GroupSize))
}

func (s *Service) sweepDeleted(ctx context.Context, there map[int64]bool) error {
	have, err := s.store.LogStreamGroups(ctx)
	if err != nil {
		return err
	}
	for _, id := range have {
		if there[id] || s.known(id) { // known: made while the groups were listed
			continue
		}
		if err := s.trim(ctx, Trim{Group: id}, -1); err != nil {
			return err
		}
		if err := s.store.TrimLogStreams(ctx, id, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// excess is how much has to go: so much that it is not the same again at once.
func (s *Service) excess(have, limit int64) int64 {
	if have <= limit {
		return 0
	}
	return have - limit/10*trimTo
}

// trim removes so many bytes of events, or all that t selects when want is
// negative.
func (s *Service) trim(ctx context.Context, t Trim, want int64) error {
	t.Limit = trimStep
	for gone := int64(0); want < 0 || gone < want; {
		if err := ctx.Err(); err != nil {
			return err
		}
		freed, err := s.store.TrimLogs(ctx, t)
		if err != nil || len(freed) == 0 {
			return err
		}
		s.mu.Lock()
		for group, n := range freed {
			gone += n
			s.stats.Bytes -= n
			if s.sizes[group] -= n; s.sizes[group] <= 0 {
				delete(s.sizes, group)
			}
			if want >= 0 {
				s.stats.Trimmed += uint64(n)
			}
		}
		s.mu.Unlock()
	}
	return nil
}

func (s *Service) size(group int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sizes[group]
}

func (s *Service) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Bytes
}

func (s *Service) known(group int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.groups {
		if id == group {
			return true
		}
	}
	return false
}
