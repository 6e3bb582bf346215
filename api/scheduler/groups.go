package scheduler

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
)

// defaultPage is the size of a page when the client names none; it is also the
// largest (architecture.md, "ListSchedules").
const defaultPage = 100

func pageSize(n *int) int { return or(n, defaultPage) }

// CreateScheduleGroup creates a group.
func (a *API) CreateScheduleGroup(ctx context.Context, in *schedulerapi.CreateScheduleGroupInput) (*schedulerapi.CreateScheduleGroupOutput, error) {
	g := belfry.Group{Scope: scopeOf(ctx), Name: *in.Name, Tags: tagsOf(in.Tags)}
	made, err := a.engine.CreateGroup(ctx, g)
	if err != nil {
		return nil, err
	}
	arn := made.ARN()
	return &schedulerapi.CreateScheduleGroupOutput{ScheduleGroupArn: &arn}, nil
}

// GetScheduleGroup returns a group.
func (a *API) GetScheduleGroup(ctx context.Context, in *schedulerapi.GetScheduleGroupInput) (*schedulerapi.GetScheduleGroupOutput, error) {
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
	return nil, a.engine.DeleteGroup(ctx, scopeOf(ctx), *in.Name)
}

// ListScheduleGroups returns a page of groups in the order of their names.
func (a *API) ListScheduleGroups(ctx context.Context, in *schedulerapi.ListScheduleGroupsInput) (*schedulerapi.ListScheduleGroupsOutput, error) {
	limit, after := pageSize(in.MaxResults), ""
	if in.NextToken != nil {
		at, err := parseToken(*in.NextToken, 1)
		if err != nil {
			return nil, err
		}
		after = at[0]
	}
	page, err := a.engine.Groups(ctx, scopeOf(ctx), or(in.NamePrefix, ""), after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &schedulerapi.ListScheduleGroupsOutput{ScheduleGroups: []schedulerapi.ScheduleGroupSummary{}}
	if len(page) > limit {
		page = page[:limit]
		out.NextToken = token(page[limit-1].Name)
	}
	for _, g := range page {
		out.ScheduleGroups = append(out.ScheduleGroups, summary(g))
	}
	return out, nil
}

// TagResource sets tags on a group.
func (a *API) TagResource(ctx context.Context, in *schedulerapi.TagResourceInput) (*schedulerapi.TagResourceOutput, error) {
	name, err := groupOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagGroup(ctx, scopeOf(ctx), name, tagsOf(in.Tags), nil)
}

// UntagResource removes tags from a group.
func (a *API) UntagResource(ctx context.Context, in *schedulerapi.UntagResourceInput) (*schedulerapi.UntagResourceOutput, error) {
	name, err := groupOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.TagGroup(ctx, scopeOf(ctx), name, nil, in.TagKeys)
}

// ListTagsForResource returns the tags of a group in the order of their keys.
func (a *API) ListTagsForResource(ctx context.Context, in *schedulerapi.ListTagsForResourceInput) (*schedulerapi.ListTagsForResourceOutput, error) {
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
	if !ok || !isGroup || a.Service != "scheduler" || a.Scope() != scopeOf(ctx) {
		return "", belfry.Errorf(belfry.NotFound, "ResourceArn", "Schedule group %s does not exist.", arn)
	}
	return name, nil
}

// token makes the opaque position of a page's last item.
func token(at ...string) *string {
	b, _ := json.Marshal(at) // texts always marshal
	s := base64.RawURLEncoding.EncodeToString(b)
	return &s
}

// parseToken reads a token of n parts.
func parseToken(s string, n int) ([]string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	var at []string
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	if err != nil || len(at) != n {
		return nil, belfry.Errorf(belfry.Invalid, "NextToken", "Invalid NextToken.")
	}
	return at, nil
}
