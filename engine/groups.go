package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
)

// emptyStep is how many schedules one step of a group's deletion reads.
const emptyStep = 200

func defaultIsFixed() error {
	return belfry.Errorf(belfry.Invalid, "Name", "This operation cannot be performed on schedule group default.")
}

// CreateGroup stores a new schedule group.
func (e *Engine) CreateGroup(ctx context.Context, g belfry.Group) (belfry.Group, error) {
	if g.Name == belfry.DefaultGroup {
		return g, defaultIsFixed()
	}
	g.Created = e.now()
	g.Modified = g.Created
	return g, e.c.Store.CreateGroup(ctx, g)
}

// Group returns the group of that name, or NotFound. The default group is
// always there.
func (e *Engine) Group(ctx context.Context, scope belfry.Scope, name string) (belfry.Group, error) {
	if name != belfry.DefaultGroup {
		return e.c.Store.Group(ctx, scope, name)
	}
	made, err := e.c.Store.Created(ctx)
	return belfry.Group{Scope: scope, Name: name, Created: made, Modified: made}, err
}

// Groups returns up to limit groups with the prefix after the given name, in
// the order of their names.
func (e *Engine) Groups(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) ([]belfry.Group, error) {
	all, err := e.c.Store.Groups(ctx, scope, prefix, after, limit)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(belfry.DefaultGroup, prefix) && after < belfry.DefaultGroup {
		d, err := e.Group(ctx, scope, belfry.DefaultGroup)
		if err != nil {
			return nil, err
		}
		at, _ := slices.BinarySearchFunc(all, d, func(a, b belfry.Group) int { return cmp.Compare(a.Name, b.Name) })
		all = slices.Insert(all, at, d)
	}
	return all[:min(len(all), limit)], nil
}

// TagGroup sets tags on a group, and removes those named by remove.
func (e *Engine) TagGroup(ctx context.Context, scope belfry.Scope, name string, set map[string]string, remove []string) error {
	if name == belfry.DefaultGroup {
		return defaultIsFixed()
	}
	g, err := e.c.Store.Group(ctx, scope, name)
	if err != nil {
		return err
	}
	tags := maps.Clone(g.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, set)
	for _, k := range remove {
		delete(tags, k)
	}
	if len(tags) > maxTags {
		return belfry.Errorf(belfry.Quota, "Tags", "A schedule group can have up to %d tags.", maxTags)
	}
	g.Tags, g.Modified = tags, e.now()
	return e.c.Store.ChangeGroup(ctx, g)
}

// maxTags is the most tags that a group can have (semantics.md 1.2).
const maxTags = 200

// DeleteGroup marks the group and removes its schedules in the background; it
// is gone when they are. Its schedules start no run from now on.
func (e *Engine) DeleteGroup(ctx context.Context, scope belfry.Scope, name string) error {
	if name == belfry.DefaultGroup {
		return defaultIsFixed()
	}
	g, err := e.c.Store.Group(ctx, scope, name)
	if err != nil || g.Deleting {
		return err
	}
	g.Deleting, g.Modified = true, e.now()
	if err := e.c.Store.ChangeGroup(ctx, g); err != nil {
		return err
	}
	e.deleting.Store(groupKey{scope, name}, struct{}{})
	select {
	case e.doomed <- g:
		return nil
	case <-ctx.Done():
		return ctx.Err() // it is marked; the next Start goes on with it
	}
}

// emptyGroups removes what DeleteGroup has marked, one group at a time.
func (e *Engine) emptyGroups(ctx context.Context, left []belfry.Group) {
	for _, g := range left {
		e.emptyGroup(ctx, g)
	}
	for {
		select {
		case g := <-e.doomed:
			e.emptyGroup(ctx, g)
		case <-ctx.Done():
			return
		}
	}
}

// emptyGroup removes the schedules of a group that is being deleted, then the
// group. When it is interrupted, the next Start goes on with it.
func (e *Engine) emptyGroup(ctx context.Context, g belfry.Group) {
	for ctx.Err() == nil {
		page, err := e.c.Store.Schedules(ctx, belfry.ScheduleQuery{Scope: g.Scope, Group: g.Name, Limit: emptyStep})
		if err == nil && len(page) == 0 {
			err = e.c.Store.RemoveGroup(ctx, g.Scope, g.Name)
			if err == nil {
				e.deleting.Delete(groupKey{g.Scope, g.Name})
				return
			}
		}
		for _, s := range page {
			if err == nil {
				err = e.DeleteSchedule(ctx, s.Ref())
			}
			if belfry.KindOf(err) == belfry.NotFound {
				err = nil // a client was faster
			}
		}
		if err != nil {
			if ctx.Err() == nil {
				e.c.Logger.Error("deleting the schedules of a group failed; it is tried again", "group", g.ARN(), "err", err)
			}
			e.sleep(ctx, storeRetry)
		}
	}
}
