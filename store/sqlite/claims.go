package sqlite

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

// claims counts, for each row of the claims table that this process wrote, the
// runs under way.
type claims struct {
	mu    sync.Mutex
	left  map[int64]int
	last  int64   // the writer's own
	spent []int64 // rows to delete with the next write
}

// end takes the claim of each run that has ended, or waits for a retry now.
func (c *claims) end(ended []belfry.Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range ended {
		claim := int64(e)
		if claim == 0 {
			continue
		}
		if n := c.left[claim] - 1; n > 0 {
			c.left[claim] = n
		} else {
			delete(c.left, claim)
			c.spent = append(c.spent, claim)
		}
	}
}

// dropSpent deletes the claims whose runs have all ended. A row that is
// forgotten after a failed commit costs nothing: Interrupted looks at the runs.
func (s *Store) dropSpent(c *sqlite.Conn) error {
	s.claims.mu.Lock()
	spent := s.claims.spent
	s.claims.spent = nil
	s.claims.mu.Unlock()
	for _, seq := range spent {
		if err := exec(c, "DELETE FROM claims WHERE seq=?", seq); err != nil {
			return err
		}
	}
	return nil
}

// loadClaims continues the numbering of an earlier process.
func (s *Store) loadClaims(ctx context.Context) error {
	s.claims.left = map[int64]int{}
	return s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT ifnull(max(seq), 0) FROM claims",
			func(st *sqlite.Stmt) error { s.claims.last = st.ColumnInt64(0); return nil })
	})
}

// Interrupted returns the runs that an earlier owner of the shards had started
// and not finished, each once and in no particular order, with a claim for their
// Finish. A run can be in two rows: that of an earlier attempt stays while its
// neighbours are under way. To be called once after Acquire, before the first
// Start.
func (s *Store) Interrupted(ctx context.Context) (left []belfry.Occurrence, claim belfry.Claim, err error) {
	err = s.writeOwned(ctx, func(c *sqlite.Conn) error {
		left = nil
		seen := map[belfry.Occurrence]bool{}
		var old, keys []byte
		err := query(c, "SELECT runs FROM claims", func(st *sqlite.Stmt) error {
			row := columnBlob(st, 0)
			old = append(old, row[:len(row)/16*16]...)
			return nil
		})
		if err != nil {
			return err
		}
		for ; len(old) >= 16; old = old[16:] {
			o := belfry.Occurrence{
				Time:     time.Unix(int64(binary.BigEndian.Uint64(old)), 0).UTC(),
				Schedule: belfry.ID(binary.BigEndian.Uint64(old[8:])),
			}
			running := false
			err := query(c, "SELECT 1 FROM runs WHERE scheduled_at=? AND schedule=? AND outcome=1",
				func(*sqlite.Stmt) error { running = true; return nil }, o.Time.Unix(), o.Schedule)
			if err != nil {
				return err
			}
			if !running || seen[o] {
				continue
			}
			seen[o] = true
			left = append(left, o)
			keys = append(keys, old[:16]...)
		}
		if err := exec(c, "DELETE FROM claims"); err != nil || len(left) == 0 {
			return err
		}
		s.claims.last++
		claim = belfry.Claim(s.claims.last)
		return exec(c, "INSERT INTO claims VALUES (?,?)", int64(claim), keys)
	})
	if err == nil && len(left) > 0 {
		s.claims.mu.Lock()
		s.claims.left[int64(claim)] = len(left)
		s.claims.mu.Unlock()
	}
	return left, claim, err
}

// Running returns the runs of the occurrences as they are stored, with what their
// schedules say by now, as far as they take no more than so many bytes, but always
// one; read is how many of the given ones it has looked at.
func (s *Store) Running(ctx context.Context, of []belfry.Occurrence, bytes int) (items []belfry.DueItem, read int, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		size := 0
		for i, o := range of {
			it := belfry.DueItem{Due: belfry.Due{Retry: true, Occurrence: o}}
			if it.Run, it.Err = runOf(c, o); it.Run == nil {
				it.Run = &belfry.Run{Occurrence: o, Outcome: belfry.Running}
			}
			it.Revision = it.Run.Revision
			err := query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE id=?",
				func(st *sqlite.Stmt) error { it.Spec = scanSchedule(st, 0); return nil }, o.Schedule)
			if err != nil {
				return err
			}
			if size += it.Size(); size > bytes && len(items) > 0 {
				return nil
			}
			items, read = append(items, it), i+1
		}
		return nil
	})
	return items, read, err
}
