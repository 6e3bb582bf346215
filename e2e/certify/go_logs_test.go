package certify

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func goLogs(t *testing.T, config aws.Config) {
	c, ctx := logs.NewFromConfig(config), t.Context()
	group, stream := aws.String("reports"), aws.String("s")
	create := &logs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"team": "a"}}
	must[logs.CreateLogGroupOutput](t)(c.CreateLogGroup(ctx, create))
	again, err := c.CreateLogGroup(ctx, create)
	is[*types.ResourceAlreadyExistsException](t, again, err)
	must[logs.PutRetentionPolicyOutput](t)(c.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(7)}))
	bad, err := c.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(2)})
	is[*types.InvalidParameterException](t, bad, err)
	var groups []types.LogGroup
	for list := logs.NewDescribeLogGroupsPaginator(c, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: group}); list.HasMorePages(); {
		groups = append(groups, must[logs.DescribeLogGroupsOutput](t)(list.NextPage(ctx)).LogGroups...)
	}
	if len(groups) != 1 || aws.ToInt32(groups[0].RetentionInDays) != 7 || *groups[0].Arn != *groups[0].LogGroupArn+":*" {
		t.Fatalf("groups %+v", groups)
	}
	must[logs.DeleteRetentionPolicyOutput](t)(c.DeleteRetentionPolicy(ctx, &logs.DeleteRetentionPolicyInput{LogGroupName: group}))
	goLogTags(t, c, group, groups[0].LogGroupArn)

	absent, err := c.GetLogEvents(ctx, &logs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream})
	is[*types.ResourceNotFoundException](t, absent, err)
	must[logs.CreateLogStreamOutput](t)(c.CreateLogStream(ctx, &logs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	now := time.Now().UnixMilli()
	put := &logs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream}
	for i, message := range []string{"INFO a", "ERROR b", "ERROR c"} {
		put.LogEvents = append(put.LogEvents, types.InputLogEvent{Timestamp: aws.Int64(now + int64(i)), Message: aws.String(message)})
	}
	must[logs.PutLogEventsOutput](t)(c.PutLogEvents(ctx, put))
	streams := must[logs.DescribeLogStreamsOutput](t)(c.DescribeLogStreams(ctx, &logs.DescribeLogStreamsInput{LogGroupName: group})).LogStreams
	if len(streams) != 1 || *streams[0].LogStreamName != "s" || *streams[0].LastEventTimestamp != now+2 {
		t.Errorf("streams %+v", streams)
	}
	read := ""
	for list := logs.NewGetLogEventsPaginator(c, &logs.GetLogEventsInput{
		LogGroupName: group, LogStreamName: stream, StartFromHead: aws.Bool(true), Limit: aws.Int32(2),
	}, func(o *logs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true }); list.HasMorePages(); {
		for _, e := range must[logs.GetLogEventsOutput](t)(list.NextPage(ctx)).Events {
			read += *e.Message + " "
		}
	}
	same(t, "events", read, "INFO a ERROR b ERROR c ")
	found := ""
	for list := logs.NewFilterLogEventsPaginator(c, &logs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String("ERROR"), Limit: aws.Int32(1)}); list.HasMorePages(); {
		for _, e := range must[logs.FilterLogEventsOutput](t)(list.NextPage(ctx)).Events {
			found += *e.Message + " "
		}
	}
	same(t, "found", found, "ERROR b ERROR c ")
	must[logs.DeleteLogStreamOutput](t)(c.DeleteLogStream(ctx, &logs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	must[logs.DeleteLogGroupOutput](t)(c.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}))
	gone, err := c.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group})
	is[*types.ResourceNotFoundException](t, gone, err)
}

// goLogTags tags a group in both forms.
func goLogTags(t *testing.T, c *logs.Client, group, arn *string) {
	ctx := t.Context()
	must[logs.TagResourceOutput](t)(c.TagResource(ctx, &logs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"x": "y"}}))
	must[logs.UntagResourceOutput](t)(c.UntagResource(ctx, &logs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))
	same(t, "tags", fmt.Sprint(must[logs.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: arn})).Tags), "map[x:y]")
	must[logs.TagLogGroupOutput](t)(c.TagLogGroup(ctx, &logs.TagLogGroupInput{LogGroupName: group, Tags: map[string]string{"team": "b"}})) //nolint:staticcheck // old clients use it
	must[logs.UntagLogGroupOutput](t)(c.UntagLogGroup(ctx, &logs.UntagLogGroupInput{LogGroupName: group, Tags: []string{"x"}}))            //nolint:staticcheck // old clients use it
	listed := must[logs.ListTagsLogGroupOutput](t)(c.ListTagsLogGroup(ctx, &logs.ListTagsLogGroupInput{LogGroupName: group}))              //nolint:staticcheck // old clients use it
	same(t, "tags", fmt.Sprint(listed.Tags), "map[team:b]")
}
