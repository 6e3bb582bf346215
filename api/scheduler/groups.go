package scheduler

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
)

// CreateScheduleGroup creates a group.
func (a *API) CreateScheduleGroup(ctx context.Context, in *schedulerapi.CreateScheduleGroupInput) (*schedulerapi.CreateScheduleGroupOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	once, err := onceOf(ctx, "CreateScheduleGroup", &in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	g := belfry.Group{Scope: scopeOf(ctx), Name: *in.Name, Tags: tagsOf(in.Tags)}
	made, err := a.engine.CreateGroup(ctx, g, once...)
	if err != nil {
		return nil, err
	}
	arn := made.ARN()
	return &schedulerapi.CreateScheduleGroupOutput{ScheduleGroupArn: &arn}, nil
}

// GetScheduleGroup returns a group.
func (a *API) GetScheduleGroup(ctx context.Context, in *schedulerapi.GetScheduleGroupInput) (*schedulerapi.GetScheduleGroupOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	g, err := a.engine.Group(ctx, scopeOf(ctx), *in.Name)
	if err != nil {
		return nil, err
	}
	s := summary(g)
	return &schedulerapi.GetScheduleGroupOutput{
		Arn: s.Arn, Name: s.Name, State: s.State, CreationDate: s.CreationDate, LastModificationDate: s.LastModificationDate,
	}, nil
}

func summary(g belfry.Group) schedulerapi.ScheduleGroupSummary {
	arn, state := g.ARN(), schedulerapi.ScheduleGroupStateActive
	if g.Deleting {
		state = schedulerapi.ScheduleGroupStateDeleting
	}
	return schedulerapi.ScheduleGroupSummary{
		Arn: &arn, Name: &g.Name, State: &state, CreationDate: &g.Created, LastModificationDate: &g.Modified,
	}
}

// DeleteScheduleGroup begins to delete a group with its schedules.
func (a *API) DeleteScheduleGroup(ctx context.Context, in *schedulerapi.DeleteScheduleGroupInput) (*schedulerapi.DeleteScheduleGroupOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	once, err := onceOf(ctx, "DeleteScheduleGroup", &in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteGroup(ctx, scopeOf(ctx), *in.Name, once...)
}

// ListScheduleGroups returns a page of groups in the order of their names.
func (a *API) ListScheduleGroups(ctx context.Context, in *schedulerapi.ListScheduleGroupsInput) (*schedulerapi.ListScheduleGroupsOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	limit, prefix := pageSize(in.MaxResults), or(in.NamePrefix, "")
	at := position{ctx, a.key, "ListScheduleGroups", []string{prefix}}
	after, err := at.parse(in.NextToken, 1)
	if err != nil {
		return nil, err
	}
	// One more, to know whether there is another page.
	page, err := a.engine.Groups(ctx, scopeOf(ctx), prefix, after[0], limit+1)
	if err != nil {
		return nil, err
	}
	out := &schedulerapi.ListScheduleGroupsOutput{ScheduleGroups: []schedulerapi.ScheduleGroupSummary{}}
	if len(page) > limit {
		page = page[:limit]
		out.NextToken = at.token(page[limit-1].Name)
	}
	for _, g := range page {
		out.ScheduleGroups = append(out.ScheduleGroups, summary(g))
	}
	return out, nil
}

// TagResource sets tags on a group.
func (a *API) TagResource(ctx context.Context, in *schedulerapi.TagResourceInput) (*schedulerapi.TagResourceOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	name, err := groupOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagGroup(ctx, scopeOf(ctx), name, tagsOf(in.Tags), nil)
}

// UntagResource removes tags from a group.
func (a *API) UntagResource(ctx context.Context, in *schedulerapi.UntagResourceInput) (*schedulerapi.UntagResourceOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	name, err := groupOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagGroup(ctx, scopeOf(ctx), name, nil, in.TagKeys)
}

// ListTagsForResource returns the tags of a group in the order of their keys.
func (a *API) ListTagsForResource(ctx context.Context, in *schedulerapi.ListTagsForResourceInput) (*schedulerapi.ListTagsForResourceOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	name, err := groupOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := a.engine.Group(ctx, scopeOf(ctx), name)
	if err != nil {
		return nil, err
	}
	out := &schedulerapi.ListTagsForResourceOutput{Tags: []schedulerapi.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
		v := g.Tags[k]
		out.Tags = append(out.Tags, schedulerapi.Tag{Key: &k, Value: &v})
	}
	return out, nil
}

func tagsOf(in []schedulerapi.Tag) map[string]string {
	tags := make(map[string]string, len(in))
	for _, t := range in {
		tags[*t.Key] = *t.Value
	}
	return tags
}

// groupOf returns the group that an ARN of the caller's names.
func groupOf(ctx context.Context, arn string) (string, error) {
	a, ok := belfry.ParseARN(arn)
	name, isGroup := strings.CutPrefix(a.Resource, "schedule-group/")
	if !ok || !isGroup || a.Scope() != scopeOf(ctx) {
		return "", belfry.Errorf(belfry.NotFound, "ResourceArn", "Schedule group %s does not exist.", name)
	}
	return name, nil
}
