package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

const (
	// indexFrom is how many tokens the journal holds before they move into the
	// index; in memory they take about 100 bytes each.
	indexFrom = 32_768
	// indexStep is how many move with one transaction, at least.
	indexStep = 64
	// forgetStep bounds the tokens that one transaction drops.
	forgetStep = 5000
	// tokenSize is a token's size in the journal, bytes.
	tokenSize = 40
)

// tokens is what the writer knows of the client tokens. A random key in a large
// table costs a page of its own, twice what the rest of a create costs. So the
// tokens of a transaction go into the journal, as one row, and into memory;
// from time to time they move on into the index, in the order of its key, so
// that many share a page. Everything here belongs to the writer.
type tokens struct {
	recent  map[[16]byte]belfry.Token // in the journal
	indexed filter                    // of the keys in the index
	fresh   []belfry.Token            // of the open transaction; in recent too
	last    int64                     // the journal's newest row

	moving []belfry.Token // on the way into the index, by key; empty when nothing moves
	upTo   int64          // the journal's rows that they come from
	moved  int            // how many of them the index has
	step   int            // how many more the open transaction has moved
}

// checkToken refuses a change whose token is known; nil is no token.
func (s *Store) checkToken(c *sqlite.Conn, t *belfry.Token) error {
	if t == nil {
		return nil
	}
	if known, ok := s.tokens.recent[t.Key]; ok {
		if err := answer(&known, t); err != nil {
			return err
		}
	}
	if !s.tokens.indexed.maybe(t.Key) {
		return nil
	}
	var found belfry.Token
	err := query(c, "SELECT at, request FROM tokens WHERE day=?1 AND key=?2 UNION ALL SELECT at, request FROM tokens WHERE day=?1-1 AND key=?2 LIMIT 1",
		func(st *sqlite.Stmt) error {
			found.At = fromMillis(st.ColumnInt64(0))
			st.ColumnBytes(1, found.Request[:])
			return nil
		}, dayOf(t.At), t.Key[:])
	if err != nil || found.At.IsZero() {
		return err
	}
	return answer(&found, t)
}

// answer says what a request with the token t is told, whose token is known.
func answer(known, t *belfry.Token) error {
	switch {
	case t.At.Sub(known.At) >= belfry.TokenLife:
		return nil
	case known.Request == t.Request:
		return belfry.ErrReplayed
	}
	return belfry.ErrTokenReused
}

// putToken remembers the token of a change that is made; nil is none.
func (s *Store) putToken(t *belfry.Token) {
	if t != nil {
		s.tokens.recent[t.Key] = *t
		s.tokens.fresh = append(s.tokens.fresh, *t)
	}
}

// commit ends the open transaction, with the tokens, counts and news of its changes.
func (s *Store) commit(c *sqlite.Conn) error {
	if err := s.counts.write(c); err != nil {
		return err
	}
	if err := s.news.write(c); err != nil {
		return err
	}
	t := &s.tokens
	if len(t.fresh) > 0 {
		rows := make([]byte, 0, tokenSize*len(t.fresh))
		newest := int64(0)
		for i := range t.fresh {
			rows = appendToken(rows, &t.fresh[i])
			newest = max(newest, millis(t.fresh[i].At))
		}
		if err := exec(c, "INSERT INTO token_journal VALUES (?,?,?)", t.last+1, newest, rows); err != nil {
			return err
		}
		if err := t.move(c); err != nil {
			return err
		}
	}
	commits, err := s.mark.count(c)
	if err != nil {
		return err
	}
	if err := exec(c, "COMMIT"); err != nil {
		return err
	}
	if err := s.mark.put(commits); err != nil {
		s.damaged("store", markName, err)
	}
	clear(s.counts.before)
	s.news.committed()
	if len(t.fresh) > 0 {
		t.last++
		t.fresh = t.fresh[:0]
		t.movedOn()
	}
	return nil
}

// undo forgets the tokens of a transaction that was rolled back.
func (t *tokens) undo() {
	for i := range t.fresh {
		delete(t.recent, t.fresh[i].Key)
	}
	t.fresh, t.step = t.fresh[:0], 0
}

// move moves some tokens into the index, twice as many as have come.
func (t *tokens) move(c *sqlite.Conn) error {
	if len(t.moving) == 0 {
		if len(t.recent) < indexFrom {
			return nil
		}
		t.begin()
	}
	t.step = min(max(indexStep, 2*len(t.fresh)), len(t.moving)-t.moved)
	for i := range t.step {
		m := &t.moving[t.moved+i]
		t.indexed.add(m.Key)
		if err := exec(c, "INSERT OR REPLACE INTO tokens VALUES (?,?,?,?)", dayOf(m.At), m.Key[:], m.At, m.Request[:]); err != nil {
			return err
		}
	}
	if t.moved+t.step < len(t.moving) {
		return nil
	}
	return exec(c, "DELETE FROM token_journal WHERE seq<=?", t.upTo)
}

// begin takes what the journal holds, without the open transaction's.
func (t *tokens) begin() {
	t.upTo, t.moved = t.last, 0
	fresh := make(map[[16]byte]bool, len(t.fresh))
	for i := range t.fresh {
		fresh[t.fresh[i].Key] = true
	}
	for key, tok := range t.recent {
		if !fresh[key] {
			t.moving = append(t.moving, tok)
		}
	}
	slices.SortFunc(t.moving, func(a, b belfry.Token) int {
		if d := dayOf(a.At) - dayOf(b.At); d != 0 {
			return int(d)
		}
		return slices.Compare(a.Key[:], b.Key[:])
	})
}

// movedOn takes note that the step is on the disk.
func (t *tokens) movedOn() {
	t.moved, t.step = t.moved+t.step, 0
	if len(t.moving) == 0 || t.moved < len(t.moving) {
		return
	}
	for i := range t.moving {
		if m := &t.moving[i]; t.recent[m.Key].At.Equal(m.At) {
			delete(t.recent, m.Key)
		}
	}
	t.moving, t.moved = nil, 0
}

// dayOf is the part of the index that a time's tokens are in. Parts make it
// cheap to forget: a whole one goes in the order of its key.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func appendToken(b []byte, t *belfry.Token) []byte {
	b = append(append(b, t.Key[:]...), t.Request[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(millis(t.At)))
}

// loadTokens reads the journal.
func (s *Store) loadTokens(ctx context.Context) error {
	s.tokens.recent = map[[16]byte]belfry.Token{}
	return s.read(ctx, func(c *sqlite.Conn) error {
		if err := s.tokens.refilter(c); err != nil {
			return err
		}
		return query(c, "SELECT seq, tokens FROM token_journal ORDER BY seq", func(st *sqlite.Stmt) error {
			s.tokens.last = st.ColumnInt64(0)
			for b := columnBlob(st, 1); len(b) >= tokenSize; b = b[tokenSize:] {
				t := belfry.Token{Key: [16]byte(b[:16]), Request: [16]byte(b[16:32])}
				t.At = fromMillis(int64(binary.BigEndian.Uint64(b[32:tokenSize])))
				s.tokens.recent[t.Key] = t
			}
			if st.ColumnLen(1)%tokenSize != 0 {
				s.damaged("token_journal", rowName(st), errors.New("its end is cut off"))
			}
			return nil
		})
	})
}

// refilter makes a new filter if the index is empty. Reading a large one would
// hold everything up: until it has become empty once it is asked each time.
func (t *tokens) refilter(c *sqlite.Conn) error {
	empty := true
	err := query(c, "SELECT 1 FROM tokens LIMIT 1", func(*sqlite.Stmt) error { empty = false; return nil })
	if empty && err == nil && (t.indexed.bits == nil || t.indexed.used) {
		t.indexed = filter{bits: make([]uint64, filterBits/64)}
	}
	return err
}

// CheckToken answers ErrReplayed or ErrTokenReused when the token is known.
func (s *Store) CheckToken(ctx context.Context, t belfry.Token) error {
	// Through the writer, so that it never tells of a change that is not on
	// the disk yet.
	return s.write(ctx, func(c *sqlite.Conn) error { return s.checkToken(c, &t) })
}

// ForgetTokens drops tokens of before the given time: those in the journal, and
// the index's days that lie wholly before it, a step at a time, so that other
// writers need not wait.
func (s *Store) ForgetTokens(ctx context.Context, before time.Time) (dropped int, err error) {
	for ctx.Err() == nil {
		n := 0
		err := s.write(ctx, func(c *sqlite.Conn) error {
			// A row of the journal is in memory until it is in the index, so
			// it can go as soon as its newest token has expired.
			if err := exec(c, "DELETE FROM token_journal WHERE newest_at<?", before); err != nil {
				return err
			}
			for key, t := range s.tokens.recent {
				if t.At.Before(before) {
					delete(s.tokens.recent, key) // it counts for nothing, whether or not the transaction ends well
				}
			}
			err := exec(c, `DELETE FROM tokens WHERE (day, key) IN
 (SELECT day, key FROM tokens WHERE day<? ORDER BY day, key LIMIT ?)`, dayOf(before), forgetStep)
			n = c.Changes()
			if err != nil || n == forgetStep {
				return err
			}
			return s.tokens.refilter(c)
		})
		if err != nil || n == 0 {
			return dropped, err
		}
		dropped += n
	}
	return dropped, ctx.Err()
}

// Secret returns the 32 bytes, made with the store, that sign what clients are
// given and hand back.
func (s *Store) Secret(ctx context.Context) (secret []byte, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT value FROM meta WHERE key='secret'",
			func(st *sqlite.Stmt) error { secret = columnBlob(st, 0); return nil })
	})
	return secret, err
}
