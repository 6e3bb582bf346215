package sqlite

import (
	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

// knownCounts bounds the scopes whose counts are kept in memory.
const knownCounts = 10_000

// count is how much a scope has.
type count struct{ schedules, groups int64 }

// counts are kept so that a creation does not have to count: in memory, and in
// the store as of the last transaction. They belong to the writer.
type counts struct {
	known  map[belfry.Scope]*count
	before map[belfry.Scope]count // of the scopes that the open transaction has changed
}

// of returns what the scope has; the caller may change it.
func (n *counts) of(c *sqlite.Conn, s belfry.Scope) (*count, error) {
	if n.known == nil {
		n.known, n.before = map[belfry.Scope]*count{}, map[belfry.Scope]count{}
	}
	k := n.known[s]
	if k == nil {
		k = &count{}
		err := query(c, "SELECT schedules, schedule_groups FROM counts WHERE account=? AND region=?", func(st *sqlite.Stmt) error {
			k.schedules, k.groups = st.ColumnInt64(0), st.ColumnInt64(1)
			return nil
		}, s.Account, s.Region)
		if err != nil {
			return nil, err
		}
		if len(n.known) >= knownCounts && len(n.before) == 0 {
			clear(n.known)
		}
		n.known[s] = k
	}
	return k, nil
}

func (n *counts) changes(s belfry.Scope, k *count) {
	if _, ok := n.before[s]; !ok {
		n.before[s] = *k
	}
}

// addSchedule counts one more, or refuses with Quota and changes nothing.
func (n *counts) addSchedule(c *sqlite.Conn, s belfry.Scope, limit int64) error {
	k, err := n.of(c, s)
	if err != nil {
		return err
	}
	if k.schedules >= limit {
		return belfry.Errorf(belfry.Quota, "", "The account has reached its quota of %d schedules in this region.", limit)
	}
	n.changes(s, k)
	k.schedules++
	return nil
}

// addGroup counts one more, or refuses with Quota and changes nothing.
func (n *counts) addGroup(c *sqlite.Conn, s belfry.Scope, limit int64) error {
	k, err := n.of(c, s)
	if err != nil {
		return err
	}
	if k.groups >= limit {
		return belfry.Errorf(belfry.Quota, "", "The account has reached its quota of %d schedule groups in this region.", limit)
	}
	n.changes(s, k)
	k.groups++
	return nil
}

// removed counts those that are gone.
func (n *counts) removed(c *sqlite.Conn, s belfry.Scope, gone count) error {
	k, err := n.of(c, s)
	if err != nil {
		return err
	}
	n.changes(s, k)
	k.schedules -= gone.schedules
	k.groups -= gone.groups
	return nil
}

// write puts what has changed into the open transaction.
func (n *counts) write(c *sqlite.Conn) error {
	for s := range n.before {
		k := n.known[s]
		if err := exec(c, "INSERT OR REPLACE INTO counts VALUES (?,?,?,?)", s.Account, s.Region, k.schedules, k.groups); err != nil {
			return err
		}
	}
	return nil
}

// undo goes back to what was before the transaction.
func (n *counts) undo() {
	for s, k := range n.before {
		*n.known[s] = k
	}
	clear(n.before)
}
