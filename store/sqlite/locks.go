package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/lock"
)

var _ lock.Store = (*Store)(nil)

// expiredLocks is how many locks whose time is over go with each one that is
// given: more than one, so that they do not pile up.
const expiredLocks = 4

const lockColumns = `account, key, owner, token, acquired_at, expires_at`

func scanLock(st *sqlite.Stmt) lock.Lock {
	return lock.Lock{
		Account: st.ColumnText(0), Key: st.ColumnText(1), Owner: st.ColumnText(2), Token: st.ColumnInt64(3),
		Acquired: fromMillis(st.ColumnInt64(4)), Expires: fromMillis(st.ColumnInt64(5)),
	}
}

func heldLock(c *sqlite.Conn, account, key string, now time.Time) (held *lock.Lock, err error) {
	err = query(c, `SELECT `+lockColumns+` FROM locks WHERE account=? AND key=? AND expires_at>?`, func(st *sqlite.Stmt) error {
		l := scanLock(st)
		held = &l
		return nil
	}, account, key, now)
	return held, err
}

// Lock implements [lock.Store].
func (s *Store) Lock(ctx context.Context, account, key string, now time.Time) (held *lock.Lock, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		held, err = heldLock(c, account, key, now)
		return err
	})
	return held, err
}

// Locks implements [lock.Store].
func (s *Store) Locks(ctx context.Context, account, after string, now time.Time, limit int) (page []lock.Lock, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT `+lockColumns+` FROM locks WHERE account=? AND key>? AND expires_at>? ORDER BY key LIMIT ?`,
			func(st *sqlite.Stmt) error { page = append(page, scanLock(st)); return nil }, account, after, now, limit)
	})
	return page, err
}

// ChangeLock implements [lock.Store].
func (s *Store) ChangeLock(ctx context.Context, account, key string, now time.Time, decide func(*lock.Lock) (*lock.Lock, error)) (stored *lock.Lock, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		stored = nil
		held, err := heldLock(c, account, key, now)
		if err != nil {
			return err
		}
		next, err := decide(held)
		if err != nil {
			return err
		}
		if next == nil {
			return exec(c, `DELETE FROM locks WHERE account=? AND key=?`, account, key)
		}
		if next.Token == 0 {
			if next.Token, err = nextLockToken(c); err != nil {
				return err
			}
			err := exec(c, `DELETE FROM locks WHERE (account, key) IN
 (SELECT account, key FROM locks WHERE expires_at<=? ORDER BY expires_at LIMIT ?)`, now, expiredLocks)
			if err != nil {
				return err
			}
		}
		stored = next
		return exec(c, `INSERT OR REPLACE INTO locks (`+lockColumns+`) VALUES (?,?,?,?,?,?)`,
			account, key, next.Owner, next.Token, next.Acquired, next.Expires)
	})
	return stored, err
}

func nextLockToken(c *sqlite.Conn) (token int64, err error) {
	err = query(c, `UPDATE meta SET value=value+1 WHERE key='lock_token' RETURNING value`,
		func(st *sqlite.Stmt) error { token = st.ColumnInt64(0); return nil })
	return token, err
}
