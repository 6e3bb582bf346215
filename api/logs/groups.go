package logs

import (
	"context"
	"strings"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/logsapi"
	"github.com/belfry-run/belfry/logs"
)

// CreateLogGroup makes a group.
func (a *api) CreateLogGroup(ctx context.Context, in *logsapi.CreateLogGroupInput) (*logsapi.CreateLogGroupOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	switch {
	case err != nil:
		return nil, err
	case in.KmsKeyId != nil:
		return nil, invalid("kmsKeyId", "kmsKeyId is not supported: leave it out. Put the data directory on an encrypted disk.")
	case or(in.LogGroupClass, logsapi.LogGroupClassStandard) != logsapi.LogGroupClassStandard:
		return nil, invalid("logGroupClass", "logGroupClass must be STANDARD: there are no other classes here.")
	case or(in.DeletionProtectionEnabled, false):
		return nil, invalid("deletionProtectionEnabled", "deletionProtectionEnabled is not supported: leave it out.")
	}
	return nil, a.logs.CreateGroup(ctx, ref, in.Tags)
}

// DeleteLogGroup removes a group with all that is in it.
func (a *api) DeleteLogGroup(ctx context.Context, in *logsapi.DeleteLogGroupInput) (*logsapi.DeleteLogGroupOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.DeleteGroup(ctx, ref)
}

// DescribeLogGroups lists groups by name.
func (a *api) DescribeLogGroups(ctx context.Context, in *logsapi.DescribeLogGroupsInput) (*logsapi.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("logGroupNamePattern", "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if len(in.LogGroupIdentifiers) > 0 {
		return nil, invalid("logGroupIdentifiers", "logGroupIdentifiers is not supported: use logGroupNamePrefix.")
	}
	limit := or(in.Limit, maxList)
	q := logs.GroupQuery{
		Scope: awswire.CallerFrom(ctx).Scope, Prefix: or(in.LogGroupNamePrefix, ""), Contains: or(in.LogGroupNamePattern, ""), Limit: limit + 1,
	}
	if err := parseToken(in.NextToken, &q.After.Name); err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogGroupsOutput{LogGroups: []logsapi.LogGroup{}}
	if or(in.LogGroupClass, logsapi.LogGroupClassStandard) != logsapi.LogGroupClassStandard {
		return out, nil
	}
	page, err := a.logs.Groups(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(page) > limit {
		page = page[:limit]
		out.NextToken = token(page[limit-1].Name)
	}
	for i := range page {
		g := &page[i]
		shown := logsapi.LogGroup{
			LogGroupName: &g.Name, CreationTime: new(g.Created.UnixMilli()), MetricFilterCount: new(0), Arn: new(g.ARN() + ":*"),
			LogGroupArn: new(g.ARN()), StoredBytes: new(a.logs.Size(g)), LogGroupClass: new(logsapi.LogGroupClassStandard),
		}
		if g.Retention > 0 {
			shown.RetentionInDays = &g.Retention
		}
		out.LogGroups = append(out.LogGroups, shown)
	}
	return out, nil
}

// PutRetentionPolicy says how long events of a group are kept.
func (a *api) PutRetentionPolicy(ctx context.Context, in *logsapi.PutRetentionPolicyInput) (*logsapi.PutRetentionPolicyOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	if *in.RetentionInDays == 0 { // which is no number of days, but what the service takes for none
		return nil, invalid("retentionInDays", "1 validation error detected: Value '0' at 'retentionInDays' failed to satisfy constraint: Member must be one of the days that AWS allows; DeleteRetentionPolicy removes the policy.")
	}
	return nil, a.logs.SetRetention(ctx, ref, *in.RetentionInDays)
}

// DeleteRetentionPolicy leaves a group to the server's own retention.
func (a *api) DeleteRetentionPolicy(ctx context.Context, in *logsapi.DeleteRetentionPolicyInput) (*logsapi.DeleteRetentionPolicyOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.SetRetention(ctx, ref, 0)
}

// TagResource sets tags on a group.
func (a *api) TagResource(ctx context.Context, in *logsapi.TagResourceInput) (*logsapi.TagResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.Tag(ctx, ref, in.Tags, nil)
}

// UntagResource removes tags from a group.
func (a *api) UntagResource(ctx context.Context, in *logsapi.UntagResourceInput) (*logsapi.UntagResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.Tag(ctx, ref, nil, in.TagKeys)
}

// ListTagsForResource returns a group's tags.
func (a *api) ListTagsForResource(ctx context.Context, in *logsapi.ListTagsForResourceInput) (*logsapi.ListTagsForResourceOutput, error) {
	ref, err := tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := a.tags(ctx, ref)
	return &logsapi.ListTagsForResourceOutput{Tags: tags}, err
}

// TagLogGroup is TagResource as older clients know it.
func (a *api) TagLogGroup(ctx context.Context, in *logsapi.TagLogGroupInput) (*logsapi.TagLogGroupOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.Tag(ctx, ref, in.Tags, nil)
}

// UntagLogGroup is UntagResource as older clients know it.
func (a *api) UntagLogGroup(ctx context.Context, in *logsapi.UntagLogGroupInput) (*logsapi.UntagLogGroupOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.Tag(ctx, ref, nil, in.Tags)
}

// ListTagsLogGroup is ListTagsForResource as older clients know it.
func (a *api) ListTagsLogGroup(ctx context.Context, in *logsapi.ListTagsLogGroupInput) (*logsapi.ListTagsLogGroupOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	tags, err := a.tags(ctx, ref)
	return &logsapi.ListTagsLogGroupOutput{Tags: tags}, err
}

func (a *api) tags(ctx context.Context, ref logs.Ref) (map[string]string, error) {
	g, err := a.logs.Group(ctx, ref)
	if err != nil {
		return nil, err
	}
	if g.Tags == nil {
		return map[string]string{}, nil
	}
	return g.Tags, nil
}

// CreateLogStream makes a stream.
func (a *api) CreateLogStream(ctx context.Context, in *logsapi.CreateLogStreamInput) (*logsapi.CreateLogStreamOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.CreateStream(ctx, ref, *in.LogStreamName)
}

// DeleteLogStream removes a stream with its events.
func (a *api) DeleteLogStream(ctx context.Context, in *logsapi.DeleteLogStreamInput) (*logsapi.DeleteLogStreamOutput, error) {
	ref, err := group(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return nil, a.logs.DeleteStream(ctx, ref, *in.LogStreamName)
}

// DescribeLogStreams lists streams by name or by their last event.
func (a *api) DescribeLogStreams(ctx context.Context, in *logsapi.DescribeLogStreamsInput) (*logsapi.DescribeLogStreamsOutput, error) {
	ref, err := group(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit := or(in.Limit, maxList)
	q := logs.StreamQuery{
		Prefix: or(in.LogStreamNamePrefix, ""), ByTime: or(in.OrderBy, "") == logsapi.OrderByLastEventTime,
		Descending: or(in.Descending, false), Limit: limit + 1,
	}
	if q.ByTime && q.Prefix != "" {
		return nil, invalid("logStreamNamePrefix", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if in.NextToken != nil {
		q.After = &logs.Stream{}
		if err := parseToken(in.NextToken, q.After); err != nil {
			return nil, err
		}
	}
	page, err := a.logs.Streams(ctx, ref, q)
	if err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogStreamsOutput{LogStreams: []logsapi.LogStream{}}
	if len(page) > limit {
		page = page[:limit]
		out.NextToken = token(logs.Stream{Name: page[limit-1].Name, Last: page[limit-1].Last})
	}
	for i := range page {
		s := &page[i]
		out.LogStreams = append(out.LogStreams, logsapi.LogStream{
			LogStreamName: &s.Name, CreationTime: new(s.Created.UnixMilli()), FirstEventTimestamp: optional(s.First), LastEventTimestamp: optional(s.Last),
			LastIngestionTime: optional(s.LastIngested), UploadSequenceToken: new(strings.Repeat("0", 56)),
			Arn: new(ref.ARN() + ":log-stream:" + s.Name), StoredBytes: new(int64(0)), // as AWS has answered since 2019
		})
	}
	return out, nil
}
