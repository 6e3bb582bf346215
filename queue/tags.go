package queue

import (
	"context"
	"maps"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// The limits of AWS tags, in characters.
const (
	maxTags        = 50
	maxTagKeyLen   = 128
	maxTagValueLen = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Tags", "Too many tags added for queue. Maximum number of tags is %d.", maxTags)
	}
	for _, k := range sortedKeys(tags) {
		if n := utf8.RuneCountInString(k); n < 1 || n > maxTagKeyLen {
			return invalid("Tags", "Tag keys must be between 1 and %d characters in length.", maxTagKeyLen)
		}
		if utf8.RuneCountInString(tags[k]) > maxTagValueLen {
			return invalid("Tags", "Tag values must be between 0 and %d characters in length.", maxTagValueLen)
		}
	}
	return nil
}

// TagQueue adds tags to a queue; a key that is there gets the new value.
func (s *Service) TagQueue(ctx context.Context, scope belfry.Scope, name string, tags map[string]string) error {
	return s.retag(ctx, scope, name, func(have map[string]string) { maps.Copy(have, tags) })
}

// UntagQueue removes the tags with these keys; those that are not there are no error.
func (s *Service) UntagQueue(ctx context.Context, scope belfry.Scope, name string, keys []string) error {
	return s.retag(ctx, scope, name, func(have map[string]string) {
		for _, k := range keys {
			delete(have, k)
		}
	})
}

func (s *Service) retag(ctx context.Context, scope belfry.Scope, name string, change func(map[string]string)) error {
	return s.update(ctx, scope, name, func(q *Queue) (Queue, error) {
		next := *q
		next.Tags = maps.Clone(q.Tags)
		if next.Tags == nil {
			next.Tags = map[string]string{}
		}
		change(next.Tags)
		return next, checkTags(next.Tags)
	})
}
