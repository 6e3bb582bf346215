package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

func noLayer(ref function.LayerRef, version int) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no version %d of the layer %s.", version, ref.ARN())
}

func putLayer(c *sqlite.Conn, l *function.Layer) error {
	spec, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode layer %s: %w", l.ARN(), err)
	}
	return exec(c, `INSERT OR REPLACE INTO layers (account, region, name, version, change, spec) VALUES (?, ?, ?, ?, ?, ?)`,
		l.Account, l.Region, l.Name, l.Version, l.Change, spec)
}

func scanLayer(st *sqlite.Stmt) (*function.Layer, error) {
	l := &function.Layer{}
	if err := json.Unmarshal(columnBlob(st, 0), l); err != nil {
		return nil, fmt.Errorf("decode a layer: %w", err)
	}
	l.Change = st.ColumnText(1)
	return l, nil
}

// getLayer returns nil when there is no such version.
func getLayer(c *sqlite.Conn, ref function.LayerRef, version int) (l *function.Layer, err error) {
	err = query(c, `SELECT spec, change FROM layers WHERE account=? AND region=? AND name=? AND version=?`,
		func(st *sqlite.Stmt) (err error) { l, err = scanLayer(st); return err },
		ref.Account, ref.Region, ref.Name, version)
	return l, err
}

// PublishLayer implements [function.Store].
func (s *Store) PublishLayer(ctx context.Context, l *function.Layer) (number int, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		n, err := nextVersion(c, "layer", l.Scope, l.Name)
		if err != nil {
			return err
		}
		published := *l
		published.Version, number = n, n
		return putLayer(c, &published)
	})
	return number, err
}

// PutLayer implements [function.Store].
func (s *Store) PutLayer(ctx context.Context, l *function.Layer, replaces string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		old, err := getLayer(c, l.LayerRef, l.Version)
		switch {
		case err != nil:
			return err
		case old == nil:
			return noLayer(l.LayerRef, l.Version)
		case old.Change != replaces:
			return belfry.Errorf(belfry.Conflict, "", "Version %d of the layer %s has changed.", l.Version, l.ARN())
		}
		return putLayer(c, l)
	})
}

// Layer implements [function.Store].
func (s *Store) Layer(ctx context.Context, ref function.LayerRef, version int) (l *function.Layer, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) { l, err = getLayer(c, ref, version); return err })
	if err == nil && l == nil {
		err = noLayer(ref, version)
	}
	return l, err
}

// Layers implements [function.Store].
func (s *Store) Layers(ctx context.Context, q function.LayerQuery) (page []*function.Layer, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		list := func(where string, args ...any) error {
			page, err = listOf(s, c, "layers", q.Limit, `SELECT spec, change, account, region, name, version FROM layers WHERE `+where, scanLayer, args...)
			return err
		}
		const one = `account=? AND region=? AND `
		switch {
		case q.Name != "":
			return list(one+`name=? AND version>? ORDER BY version`, q.Account, q.Region, q.Name, q.AfterVersion)
		case q.Scope != (belfry.Scope{}):
			return list(one+`(name, version) > (?, ?) ORDER BY name, version`, q.Account, q.Region, q.After.Name, q.AfterVersion)
		}
		return list(`(account, region, name, version) > (?, ?, ?, ?) ORDER BY account, region, name, version`,
			q.After.Account, q.After.Region, q.After.Name, q.AfterVersion)
	})
	return page, err
}

// DeleteLayer implements [function.Store].
func (s *Store) DeleteLayer(ctx context.Context, ref function.LayerRef, version int) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		l, err := getLayer(c, ref, version)
		if err == nil && l == nil {
			err = noLayer(ref, version)
		}
		if err != nil {
			return err
		}
		return exec(c, `DELETE FROM layers WHERE account=? AND region=? AND name=? AND version=?`, ref.Account, ref.Region, ref.Name, version)
	})
}
