package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// emptyStep is how many schedules one step of a group's deletion reads.
const emptyStep = 200

func defaultIsFixed() error {
	return belfry.Errorf(belfry.Invalid, "Name", "This operation cannot be performed on schedule group default.")
}

func beingDeleted(name string) error {
	return belfry.Errorf(belfry.Conflict, "GroupName", "Schedule group %s is being deleted.", name)
}

// CreateGroup stores a new schedule group. A taken name is Conflict, one group
// more than Config.MaxGroups is Quota.
func (e *Engine) CreateGroup(ctx context.Context, g belfry.Group, once ...belfry.Token) (belfry.Group, error) {
	if g.Name == belfry.DefaultGroup {
		return g, defaultIsFixed()
	}
	g.Created = e.now()
	g.Modified = g.Created
	err := e.c.Store.ChangeGroup(ctx, belfry.GroupChange{New: g, Token: e.tokenOf(once), Limit: e.c.MaxGroups})
	return g, e.unlessReplayed(ctx, once, err)
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

// maxTags is the most tags that a group can have (semantics.md 1.2).
const maxTags = 200

// TagGroup sets tags on a group, and removes those named by remove. A group
// that is being deleted is Conflict.
func (e *Engine) TagGroup(ctx context.Context, scope belfry.Scope, name string, set map[string]string, remove []string) error {
	return e.changeGroup(ctx, scope, name, nil, func(g *belfry.Group) error {
		if g.Deleting {
			return beingDeleted(name)
		}
		tags := make(map[string]string, len(g.Tags)+len(set))
		maps.Copy(tags, g.Tags)
		maps.Copy(tags, set)
		for _, k := range remove {
			delete(tags, k)
		}
		if len(tags) > maxTags {
			return belfry.Errorf(belfry.Invalid, "Tags", "A schedule group can have up to %d tags; it would have %d.", maxTags, len(tags))
		}
		g.Tags = tags
		return nil
	})
}

// DeleteGroup marks the group and removes its schedules in the background; it
// is gone when they are. Its schedules start no run from now on.
func (e *Engine) DeleteGroup(ctx context.Context, scope belfry.Scope, name string, once ...belfry.Token) error {
	return e.unlessReplayed(ctx, once, e.markGroup(ctx, scope, name, e.tokenOf(once)))
}

func (e *Engine) markGroup(ctx context.Context, scope belfry.Scope, name string, token *belfry.Token) error {
	e.marking.Lock()
	defer e.marking.Unlock()
	err := e.changeGroup(ctx, scope, name, token, func(g *belfry.Group) error {
		g.Deleting = true
		return nil
	})
	if err == nil {
		e.doom(belfry.Group{Scope: scope, Name: name})
	}
	return err
}

// changeGroup reads the group, lets edit change it, and stores that; when
// somebody else changed it meanwhile, it starts over.
func (e *Engine) changeGroup(ctx context.Context, scope belfry.Scope, name string, token *belfry.Token, edit func(*belfry.Group) error) error {
	if name == belfry.DefaultGroup {
		return defaultIsFixed()
	}
	for {
		old, err := e.c.Store.Group(ctx, scope, name)
		if err != nil {
			return err
		}
		g := old
		g.Modified = e.now()
		if err := edit(&g); err != nil {
			return err
		}
		err = e.c.Store.ChangeGroup(ctx, belfry.GroupChange{Old: &old, New: g, Token: token})
		if !isStale(err) || ctx.Err() != nil {
			return err
		}
	}
}

// doom has the schedules of a group start no run, and has it emptied.
func (e *Engine) doom(g belfry.Group) {
	e.deleting.Store(groupKey{g.Scope, g.Name}, struct{}{})
	select {
	case e.doomed <- struct{}{}:
	default: // it will be looked for anyway
	}
}

// emptyGroups removes the groups that are marked in the store, one at a time.
func (e *Engine) emptyGroups(ctx context.Context) {
	for {
		select {
		case <-e.doomed:
		case <-ctx.Done():
			return
		}
		groups, err := e.c.Store.DeletingGroups(ctx)
		for i := 0; i < len(groups) && ctx.Err() == nil; i++ {
			err = errors.Join(err, e.emptyGroup(ctx, groups[i]))
		}
		if err != nil && ctx.Err() == nil {
			e.c.Logger.ErrorContext(ctx, "deleting a group failed; it is tried again", "err", err)
			if errors.Is(err, errApart) {
				e.sleep(ctx, time.Minute)
			} else {
				e.sleep(ctx, storeRetry)
			}
			select {
			case e.doomed <- struct{}{}:
			default:
			}
		}
	}
}

// emptyGroup removes the schedules of a group that is being deleted, then the
// group. One that cannot be removed keeps the group, but none of its neighbours.
// When it is interrupted, the next Start goes on with it.
func (e *Engine) emptyGroup(ctx context.Context, g belfry.Group) error {
	q := belfry.ScheduleQuery{Scope: g.Scope, Group: g.Name, AfterGroup: g.Name, Limit: emptyStep}
	var failed error
	for {
		page, err := e.c.Store.Schedules(ctx, q)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		q.AfterName = page[len(page)-1].Name
		errs := make([]error, len(page))
		var all sync.WaitGroup // together, so that they share transactions
		for i, s := range page {
			all.Go(func() { errs[i] = e.emptyOf(ctx, s) })
		}
		all.Wait()
		if failed == nil { // one tells enough
			failed = errors.Join(errs...)
		}
	}
	if failed != nil {
		return fmt.Errorf("delete the schedules of %s: %w", g.ARN(), failed)
	}
	return e.removeGroup(ctx, g)
}

// errApart says that a schedule could not be deleted, and will not be soon.
var errApart = errors.New("it is set apart")

// emptyOf removes one schedule of a group that is being deleted.
func (e *Engine) emptyOf(ctx context.Context, s *belfry.Schedule) error {
	err := errApart
	e.c.Barrier.Do(ctx, "delete schedule", s.ARN(), func() error {
		err = e.DeleteSchedule(ctx, s.Ref())
		return nil
	})
	if belfry.KindOf(err) == belfry.NotFound {
		return nil // a client was faster
	}
	return err
}

// removeGroup removes a group that is empty. Nothing can be created in it, so
// nothing has to be held back any more; a group of its name may follow at once.
func (e *Engine) removeGroup(ctx context.Context, g belfry.Group) error {
	e.marking.Lock()
	defer e.marking.Unlock()
	e.deleting.Delete(groupKey{g.Scope, g.Name})
	err := e.c.Store.RemoveGroup(ctx, g.Scope, g.Name)
	if err != nil {
		e.deleting.Store(groupKey{g.Scope, g.Name}, struct{}{})
	}
	return err
}
