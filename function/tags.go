package function

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of AWS tags, the last two in characters.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Tags", "Number of tags exceeds function tag limit of 50.")
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		n := utf8.RuneCountInString(k)
		switch {
		case n < 1 || n > maxTagKey:
			return invalid("Tags", "A tag's key has 1 to 128 characters.")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tags", "A tag's key must not begin with aws:, which is AWS's own: "+k)
		case utf8.RuneCountInString(tags[k]) > maxTagValue:
			return invalid("Tags", "A tag's value has at most 256 characters; that of "+k+" is longer.")
		}
	}
	return nil
}

// Tag adds tags to a function; a key that is there gets the new value.
func (h *Host) Tag(ctx context.Context, ref Ref, tags map[string]string) error {
	_, err := h.amend(ctx, ref, "", func(f *Function) error {
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		maps.Copy(f.Tags, tags)
		return checkTags(f.Tags)
	})
	return err
}

// Untag removes tags; a key that is not there is no error.
func (h *Host) Untag(ctx context.Context, ref Ref, keys []string) error {
	_, err := h.amend(ctx, ref, "", func(f *Function) error {
		for _, k := range keys {
			delete(f.Tags, k)
		}
		return nil
	})
	return err
}
