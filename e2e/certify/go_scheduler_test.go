package certify

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

const schedulerRole = "arn:aws:iam::" + account + ":role/scheduler"

func goScheduler(t *testing.T, config aws.Config) {
	c, ctx := scheduler.NewFromConfig(config), t.Context()
	group := must[scheduler.CreateScheduleGroupOutput](t)(c.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{
		Name: aws.String("reports"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	same(t, "group ARN", *group.ScheduleGroupArn, "arn:aws:scheduler:"+config.Region+":"+account+":schedule-group/reports")
	got := must[scheduler.GetScheduleGroupOutput](t)(c.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: aws.String("reports")}))
	same(t, "state", got.State, types.ScheduleGroupStateActive)
	if got.CreationDate == nil || got.LastModificationDate == nil {
		t.Error("a group has no dates")
	}
	groups := scheduler.NewListScheduleGroupsPaginator(c, &scheduler.ListScheduleGroupsInput{MaxResults: aws.Int32(1)})
	names := ""
	for groups.HasMorePages() {
		for _, g := range must[scheduler.ListScheduleGroupsOutput](t)(groups.NextPage(ctx)).ScheduleGroups {
			names += *g.Name + " "
		}
	}
	same(t, "groups", names, "default reports ")
	goSchedulerTags(t, c, group.ScheduleGroupArn)
	goSchedules(t, c, config.Region)

	must[scheduler.DeleteScheduleGroupOutput](t)(c.DeleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{Name: aws.String("reports")}))
	eventually(t, "the group is gone", func() bool {
		_, err := c.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: aws.String("reports")})
		var gone *types.ResourceNotFoundException
		return errors.As(err, &gone)
	})
}

func goSchedulerTags(t *testing.T, c *scheduler.Client, arn *string) {
	tags := func() string {
		t.Helper()
		out := must[scheduler.ListTagsForResourceOutput](t)(c.ListTagsForResource(t.Context(), &scheduler.ListTagsForResourceInput{ResourceArn: arn}))
		text := ""
		for _, tag := range out.Tags {
			text += *tag.Key + "=" + *tag.Value + " "
		}
		return text
	}
	same(t, "tags", tags(), "team=a ")
	must[scheduler.TagResourceOutput](t)(c.TagResource(t.Context(), &scheduler.TagResourceInput{
		ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}, {Key: aws.String("x"), Value: aws.String("y")}},
	}))
	same(t, "tags", tags(), "team=b x=y ")
	must[scheduler.UntagResourceOutput](t)(c.UntagResource(t.Context(), &scheduler.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"x"}}))
	same(t, "tags", tags(), "team=b ")
}

func goSchedules(t *testing.T, c *scheduler.Client, region string) {
	ctx := t.Context()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	create := func(name string) *scheduler.CreateScheduleInput {
		return &scheduler.CreateScheduleInput{
			Name: &name, GroupName: aws.String("reports"), ScheduleExpression: aws.String("cron(0 8 * * ? *)"),
			ScheduleExpressionTimezone: aws.String("Europe/Moscow"), Description: aws.String("täglich"),
			StartDate: &start, EndDate: aws.Time(start.AddDate(1, 0, 0)), State: types.ScheduleStateDisabled,
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(15)},
			Target: &types.Target{
				Arn: aws.String("arn:aws:lambda:" + region + ":" + account + ":function:report"), RoleArn: aws.String(schedulerRole), Input: aws.String(`{"a": 1}`),
				RetryPolicy:      &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60), MaximumRetryAttempts: aws.Int32(0)},
				DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:" + region + ":" + account + ":dead")},
			},
		}
	}
	for i := range 3 {
		must[scheduler.CreateScheduleOutput](t)(c.CreateSchedule(ctx, create(fmt.Sprint("s", i))))
	}
	again := create("s0")
	again.Description = aws.String("another")
	out, err := c.CreateSchedule(ctx, again)
	is[*types.ConflictException](t, out, err)
	bad := create("bad")
	bad.ScheduleExpression = aws.String("cron(61 * * * ? *)")
	out, err = c.CreateSchedule(ctx, bad)
	is[*types.ValidationException](t, out, err)

	get := func() *scheduler.GetScheduleOutput {
		t.Helper()
		return must[scheduler.GetScheduleOutput](t)(c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String("s0"), GroupName: aws.String("reports")}))
	}
	s := get()
	same(t, "expression", *s.ScheduleExpression, "cron(0 8 * * ? *)")
	same(t, "zone", *s.ScheduleExpressionTimezone, "Europe/Moscow")
	same(t, "window", *s.FlexibleTimeWindow.MaximumWindowInMinutes, 15)
	same(t, "start", s.StartDate.UTC(), start)
	same(t, "retries", *s.Target.RetryPolicy.MaximumRetryAttempts, 0)
	same(t, "state", s.State, types.ScheduleStateDisabled)
	must[scheduler.UpdateScheduleOutput](t)(c.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: aws.String("s0"), GroupName: aws.String("reports"), ScheduleExpression: aws.String("rate(5 minutes)"), State: types.ScheduleStateDisabled,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}, Target: s.Target,
	}))
	if s = get(); s.Description != nil || s.StartDate != nil || *s.ScheduleExpressionTimezone != "UTC" {
		t.Errorf("an update keeps what it leaves out: %+v", s)
	}

	pages, names := 0, ""
	list := scheduler.NewListSchedulesPaginator(c, &scheduler.ListSchedulesInput{GroupName: aws.String("reports"), MaxResults: aws.Int32(2)})
	for list.HasMorePages() {
		pages++
		for _, s := range must[scheduler.ListSchedulesOutput](t)(list.NextPage(ctx)).Schedules {
			names += *s.Name + " "
		}
	}
	same(t, "schedules", names, "s0 s1 s2 ")
	same(t, "pages", pages, 2)
	must[scheduler.DeleteScheduleOutput](t)(c.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: aws.String("s0"), GroupName: aws.String("reports")}))
	gone, err := c.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String("s0"), GroupName: aws.String("reports")})
	is[*types.ResourceNotFoundException](t, gone, err)
}
