package sqlite

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

func scanGroup(st *sqlite.Stmt) (belfry.Group, error) {
	g := belfry.Group{
		Scope:    belfry.Scope{Account: st.ColumnText(0), Region: st.ColumnText(1)},
		Name:     st.ColumnText(2),
		Deleting: st.ColumnBool(3),
		Created:  fromMillis(st.ColumnInt64(5)),
		Modified: fromMillis(st.ColumnInt64(6)),
	}
	return g, json.Unmarshal([]byte(st.ColumnText(4)), &g.Tags)
}

func noGroup(name string) error {
	return belfry.Errorf(belfry.NotFound, "GroupName", "Schedule group %s does not exist.", name)
}

// openGroup answers nil when schedules may be created in the group. Groups that
// no client can name are not stored.
func openGroup(c *sqlite.Conn, scope belfry.Scope, name string) error {
	if name == belfry.DefaultGroup || strings.HasPrefix(name, belfry.Reserved) {
		return nil
	}
	err := noGroup(name)
	qerr := query(c, "SELECT deleting FROM groups WHERE account=? AND region=? AND name=?", func(st *sqlite.Stmt) error {
		err = nil
		if st.ColumnBool(0) {
			err = belfry.Errorf(belfry.Conflict, "GroupName", "Schedule group %s is being deleted.", name)
		}
		return nil
	}, scope.Account, scope.Region, name)
	if qerr != nil {
		return qerr
	}
	return err
}

// Created is when the store was made.
func (s *Store) Created(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT value FROM meta WHERE key='created'",
			func(st *sqlite.Stmt) error { at = fromMillis(st.ColumnInt64(0)); return nil })
	})
	return at, err
}

// Group returns the group of that name, or NotFound.
func (s *Store) Group(ctx context.Context, scope belfry.Scope, name string) (g belfry.Group, err error) {
	found := false
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT * FROM groups WHERE account=? AND region=? AND name=?", func(st *sqlite.Stmt) (err error) {
			found = true
			g, err = scanGroup(st)
			return err
		}, scope.Account, scope.Region, name)
	})
	if err == nil && !found {
		err = noGroup(name)
	}
	return g, err
}

// Groups returns up to limit groups whose names begin with prefix and come
// after the given one, in the order of their names.
func (s *Store) Groups(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) ([]belfry.Group, error) {
	var found []belfry.Group
	err := s.read(ctx, func(c *sqlite.Conn) error {
		var err error
		found, err = listOf(s, c, "groups", limit, `SELECT * FROM groups WHERE account=? AND region=? AND name>? AND name>=? AND name<? ORDER BY name`,
			scanGroup, scope.Account, scope.Region, after, prefix, prefix+"\x7f")
		return err
	})
	return found, err
}

// DeletingGroups returns the groups of every account that are being deleted.
func (s *Store) DeletingGroups(ctx context.Context) ([]belfry.Group, error) {
	var found []belfry.Group
	err := s.read(ctx, func(c *sqlite.Conn) error {
		var err error
		found, err = listOf(s, c, "groups", noLimit, "SELECT * FROM groups WHERE deleting", scanGroup)
		return err
	})
	return found, err
}

// ChangeGroup creates a group, or replaces tags, state and modification time
// of one. Of a creation, a taken name is Conflict and one group more than the
// limit Quota; of a change, a group that is not there is NotFound, and one that
// is no longer as the change expects is ErrStale.
func (s *Store) ChangeGroup(ctx context.Context, ch belfry.GroupChange) error {
	tags, err := json.Marshal(ch.New.Tags)
	if err != nil {
		return err
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := s.checkToken(c, ch.Token); err != nil {
			return err
		}
		var err error
		if ch.Old == nil {
			err = s.createGroup(c, &ch, string(tags))
		} else {
			err = changeGroup(c, &ch, string(tags))
		}
		if err != nil {
			return err
		}
		s.putToken(ch.Token)
		return nil
	})
}

func (s *Store) createGroup(c *sqlite.Conn, ch *belfry.GroupChange, tags string) error {
	g := &ch.New
	taken := false
	err := query(c, "SELECT 1 FROM groups WHERE account=? AND region=? AND name=?",
		func(*sqlite.Stmt) error { taken = true; return nil }, g.Account, g.Region, g.Name)
	if err != nil {
		return err
	}
	if taken {
		return belfry.Errorf(belfry.Conflict, "Name", "Schedule group %s already exists.", g.Name)
	}
	if err := s.counts.addGroup(c, g.Scope, ch.Limit); err != nil {
		return err
	}
	return exec(c, "INSERT INTO groups VALUES (?,?,?,?,?,?,?)",
		g.Account, g.Region, g.Name, g.Deleting, tags, g.Created, g.Modified)
}

func changeGroup(c *sqlite.Conn, ch *belfry.GroupChange, tags string) error {
	g := &ch.New
	var now *belfry.Group
	err := query(c, "SELECT * FROM groups WHERE account=? AND region=? AND name=?", func(st *sqlite.Stmt) error {
		found, err := scanGroup(st)
		now = &found
		return err
	}, g.Account, g.Region, g.Name)
	switch {
	case err != nil:
		return err
	case now == nil:
		return noGroup(g.Name)
	case now.Deleting != ch.Old.Deleting || !now.Created.Equal(ch.Old.Created) || !maps.Equal(now.Tags, ch.Old.Tags):
		return belfry.ErrStale
	}
	return exec(c, "UPDATE groups SET deleting=?, tags=?, modified_at=? WHERE account=? AND region=? AND name=?",
		g.Deleting, tags, g.Modified, g.Account, g.Region, g.Name)
}

// RemoveGroup removes a group whose schedules are gone; a group that is not
// there is no error.
func (s *Store) RemoveGroup(ctx context.Context, scope belfry.Scope, name string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, "DELETE FROM groups WHERE account=? AND region=? AND name=?", scope.Account, scope.Region, name)
		if err != nil || c.Changes() == 0 {
			return err
		}
		return s.counts.removed(c, scope, count{groups: 1})
	})
}
