package logs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// Limits of AWS, and of ours where AWS has none.
const (
	MaxTags    = 50
	MaxGroups  = 10_000  // in a region of an account
	MaxStreams = 100_000 // of a group, made by clients
)

// Retentions are the days that a group's events can be kept.
var Retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// CreateGroup makes a group; Conflict when it is there already.
func (s *Service) CreateGroup(ctx context.Context, ref Ref, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	n, err := s.store.CountLogGroups(ctx, ref.Scope)
	if err != nil {
		return err
	}
	if n >= MaxGroups {
		return belfry.Errorf(belfry.Quota, "logGroupName", "Resource limit exceeded: there can be %d log groups in a region of an account.", MaxGroups)
	}
	return s.store.CreateLogGroup(ctx, &Group{Ref: ref, Created: s.now(), Tags: tags})
}

// DeleteGroup removes a group with its streams and events.
func (s *Service) DeleteGroup(ctx context.Context, ref Ref) error {
	s.Flush(ctx)
	if err := s.store.DeleteLogGroup(ctx, ref); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, ref)
	signal(s.sweep)
	return nil
}

// Group returns a group, or NotFound.
func (s *Service) Group(ctx context.Context, ref Ref) (*Group, error) {
	return s.store.LogGroup(ctx, ref)
}

// Groups returns groups in the order of their names.
func (s *Service) Groups(ctx context.Context, q GroupQuery) ([]Group, error) {
	s.Flush(ctx)
	return s.store.LogGroups(ctx, q)
}

// Size returns how much a group has stored, in bytes.
func (s *Service) Size(g *Group) int64 { return s.size(g.ID) }

// SetRetention lets a group's events be kept for so many days; 0: as the server
// keeps those of groups that say nothing.
func (s *Service) SetRetention(ctx context.Context, ref Ref, days int) error {
	if days != 0 && !slices.Contains(Retentions, days) {
		return invalid("retentionInDays", "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]", days)
	}
	err := s.store.ChangeLogGroup(ctx, ref, func(g *Group) error { g.Retention = days; return nil })
	signal(s.sweep)
	return err
}

// Tag adds and removes tags of a group.
func (s *Service) Tag(ctx context.Context, ref Ref, add map[string]string, remove []string) error {
	return s.store.ChangeLogGroup(ctx, ref, func(g *Group) error {
		tags := maps.Clone(g.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, add)
		for _, k := range remove {
			delete(tags, k)
		}
		g.Tags = tags
		return checkTags(tags)
	})
}

func checkTags(tags map[string]string) error {
	if len(tags) > MaxTags {
		return belfry.Errorf(belfry.Invalid, "tags", "A log group can have %d tags.", MaxTags)
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		switch n := utf8.RuneCountInString(k); {
		case n < 1 || n > 128:
			return invalid("tags", "A tag's key has 1 to 128 characters.")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("tags", "A tag's key must not begin with aws:, which is AWS's own: %s", k)
		case utf8.RuneCountInString(tags[k]) > 256:
			return invalid("tags", "A tag's value has at most 256 characters; that of %s is longer.", k)
		}
	}
	return nil
}

// CreateStream makes a stream of a group.
func (s *Service) CreateStream(ctx context.Context, ref Ref, name string) error {
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return err
	}
	return s.store.CreateLogStream(ctx, g.ID, name, s.now(), MaxStreams)
}

// DeleteStream removes a stream with its events.
func (s *Service) DeleteStream(ctx context.Context, ref Ref, name string) error {
	s.Flush(ctx)
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return err
	}
	if err := s.store.DeleteLogStream(ctx, g.ID, name); err != nil {
		return err
	}
	return s.recount(ctx)
}

// recount learns the sizes anew.
func (s *Service) recount(ctx context.Context) error {
	s.writing.Lock() // nothing is added meanwhile
	defer s.writing.Unlock()
	sizes, err := s.store.LogSizes(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes, s.stats.Bytes = sizes, 0
	for _, n := range sizes {
		s.stats.Bytes += n
	}
	return nil
}

// Streams returns streams of a group; q.Group is set here.
func (s *Service) Streams(ctx context.Context, ref Ref, q StreamQuery) ([]Stream, error) {
	s.Flush(ctx)
	g, err := s.store.LogGroup(ctx, ref)
	if err != nil {
		return nil, err
	}
	q.Group = g.ID
	return s.store.LogStreams(ctx, q)
}
