package sqlite

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

const (
	unqueuedEntries = 5000 // of the due queue that one step of Unqueued reads
	unqueuedRows    = 500  // schedules that one does
	// unqueuedRest times as long as a step took is the pause after it.
	unqueuedRest = 4
)

// Unqueued returns up to limit enabled schedules that have no first attempt of an
// occurrence in the due queue, may have an occurrence to come, and that want accepts.
// It is called with those that seem to have none, and must not call the store. The time
// of a one-time schedule is in a zone of its own, so it is past for sure a day later.
//
// It goes over all entries and all schedules, which may take minutes, in short reads
// that take a fifth of one processor at most. An entry that moves meanwhile from where
// it has not read yet to where it has may be overlooked; so what seems to have none is
// looked for once more, in one read.
func (s *Store) Unqueued(ctx context.Context, now time.Time, limit int, want func(*belfry.Schedule) bool) ([]*belfry.Schedule, error) {
	queued, err := s.queued(ctx)
	if err != nil {
		return nil, err
	}
	var seem []*belfry.Schedule
	last := belfry.ID(math.MinInt64)
	err = s.inSteps(ctx, func(c *sqlite.Conn) (more bool, err error) {
		n := 0
		err = query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE id>? ORDER BY id LIMIT ?", func(st *sqlite.Stmt) error {
			n++
			if last = belfry.ID(st.ColumnInt64(0)); queued.has(last) {
				return nil
			}
			if sch := scanSchedule(st, 0); mayCome(sch, now) && want(sch) && len(seem) < limit {
				seem = append(seem, sch)
			}
			return nil
		}, last, unqueuedRows)
		return n == unqueuedRows && len(seem) < limit, err
	})
	if err != nil || len(seem) == 0 {
		return nil, err
	}
	return s.stillUnqueued(ctx, seem)
}

// mayCome reports whether an enabled schedule may have an occurrence after now.
func mayCome(s *belfry.Schedule, now time.Time) bool {
	if s.State != belfry.Enabled || !s.End.IsZero() && s.End.Before(now) {
		return false
	}
	const at = "at("
	if e := s.Expression; len(e) > len(at)+len(dayLayout) && e[:len(at)] == at {
		return e[len(at):len(at)+len(dayLayout)] >= now.UTC().AddDate(0, 0, -1).Format(dayLayout)
	}
	return true
}

// queued returns the schedules that have a first attempt of an occurrence in the due queue.
func (s *Store) queued(ctx context.Context) (*sieve, error) {
	found := newSieve()
	at, kind, id, seconds := int64(math.MinInt64), int64(0), int64(0), int64(0)
	err := s.inSteps(ctx, func(c *sqlite.Conn) (more bool, err error) {
		n := 0
		err = query(c, "SELECT at, kind, schedule, scheduled_at FROM due WHERE (at, kind, schedule, scheduled_at)>(?,?,?,?) ORDER BY at, kind, schedule, scheduled_at LIMIT ?",
			func(st *sqlite.Stmt) error {
				n++
				at, kind, id, seconds = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnInt64(3)
				if kind == 0 {
					found.add(belfry.ID(id))
				}
				return nil
			}, at, kind, id, seconds, unqueuedEntries)
		return n == unqueuedEntries, err
	})
	return found, err
}

// stillUnqueued returns those of the schedules that are as they were, and are not in
// the due queue, at one moment.
func (s *Store) stillUnqueued(ctx context.Context, seem []*belfry.Schedule) ([]*belfry.Schedule, error) {
	ids := make([]belfry.ID, len(seem))
	for i, sch := range seem {
		ids[i] = sch.ID
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	queued, now := map[belfry.ID]bool{}, map[belfry.ID]int64{}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		err := query(c, "SELECT schedule FROM due WHERE kind=0 AND schedule IN (SELECT value FROM json_each(?))", func(st *sqlite.Stmt) error {
			queued[belfry.ID(st.ColumnInt64(0))] = true
			return nil
		}, string(list))
		if err != nil {
			return err
		}
		return query(c, "SELECT id, revision FROM schedules WHERE id IN (SELECT value FROM json_each(?))", func(st *sqlite.Stmt) error {
			now[belfry.ID(st.ColumnInt64(0))] = st.ColumnInt64(1)
			return nil
		}, string(list))
	})
	return slices.DeleteFunc(seem, func(sch *belfry.Schedule) bool {
		revision, there := now[sch.ID]
		return !there || revision != sch.Revision || queued[sch.ID]
	}), err
}

// inSteps reads as long as there is more, with pauses, so that nobody is held up and
// the log of the database can be emptied in between.
func (s *Store) inSteps(ctx context.Context, step func(*sqlite.Conn) (more bool, err error)) error {
	for {
		more, began := false, time.Now()
		err := s.read(ctx, func(c *sqlite.Conn) (err error) {
			more, err = step(c)
			return err
		})
		if err != nil || !more {
			return err
		}
		rest := time.NewTimer(unqueuedRest * time.Since(began))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return ctx.Err()
		}
	}
}

// A sieve tells ids that it was given from others: a Bloom filter, which grows. It says
// of about one other in a thousand that it was given, of another one each time, so that
// what is overlooked in one round is found in the next. Ten million ids take 20 MiB.
type sieve struct {
	seed  maphash.Seed
	parts [][]uint64 // of sieveBits each
	n     int        // ids in the last part
}

const (
	sieveBits   = 1 << 23
	sieveIDs    = sieveBits / 16 // in one part
	sieveHashes = 6
)

func newSieve() *sieve { return &sieve{seed: maphash.MakeSeed()} }

func (s *sieve) add(id belfry.ID) {
	if s.n == 0 || s.n == sieveIDs {
		s.parts, s.n = append(s.parts, make([]uint64, sieveBits/64)), 0
	}
	s.n++
	part := s.parts[len(s.parts)-1]
	for bit := range s.bits(id) {
		part[bit/64] |= 1 << (bit % 64)
	}
}

func (s *sieve) has(id belfry.ID) bool {
	return slices.ContainsFunc(s.parts, func(part []uint64) bool {
		for bit := range s.bits(id) {
			if part[bit/64]&(1<<(bit%64)) == 0 {
				return false
			}
		}
		return true
	})
}

// bits are the places of an id in a part.
func (s *sieve) bits(id belfry.ID) iter.Seq[uint32] {
	h := maphash.Comparable(s.seed, id)
	at, by := uint32(h), uint32(h>>32)|1
	return func(yield func(uint32) bool) {
		for range sieveHashes {
			if !yield(at % sieveBits) {
				return
			}
			at += by
		}
	}
}
