package events

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
)

func tagsOf(tags []eventsapi.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

// tagged finds the rule that an ARN names.
func tagged(ctx context.Context, arn string) (belfry.RuleRef, error) {
	p, ok := belfry.ParseARN(arn)
	name, isRule := strings.CutPrefix(p.Resource, "rule/")
	if !ok || p.Service != "events" || !isRule || name == "" {
		return belfry.RuleRef{}, invalid("ResourceARN", "Parameter "+arn+" is not valid. Reason: Provided Arn is not in correct format.")
	}
	if p.Scope() != scopeOf(ctx) {
		return belfry.RuleRef{}, belfry.Errorf(belfry.NotFound, "ResourceARN", "Rule %s does not exist on EventBus default.", name)
	}
	return belfry.RuleRef{Scope: p.Scope(), Name: name}, nil
}

// TagResource sets tags on a rule.
func (a *API) TagResource(ctx context.Context, in *eventsapi.TagResourceInput) (*eventsapi.TagResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagRule(ctx, ref, tagsOf(in.Tags), nil)
}

// UntagResource removes tags from a rule; those that it does not have are no
// error.
func (a *API) UntagResource(ctx context.Context, in *eventsapi.UntagResourceInput) (*eventsapi.UntagResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagRule(ctx, ref, nil, in.TagKeys)
}

// ListTagsForResource returns the tags of a rule in the order of their keys.
func (a *API) ListTagsForResource(ctx context.Context, in *eventsapi.ListTagsForResourceInput) (*eventsapi.ListTagsForResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	r, err := a.engine.Rule(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &eventsapi.ListTagsForResourceOutput{Tags: []eventsapi.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
		v := r.Tags[k]
		out.Tags = append(out.Tags, eventsapi.Tag{Key: &k, Value: &v})
	}
	return out, nil
}
