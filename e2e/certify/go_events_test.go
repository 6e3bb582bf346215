package certify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
)

func goEvents(t *testing.T, config aws.Config) {
	c, ctx := eventbridge.NewFromConfig(config), t.Context()
	hourly := aws.String("hourly")
	put := must[eventbridge.PutRuleOutput](t)(c.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: hourly, ScheduleExpression: aws.String("rate(1 hour)"), State: types.RuleStateDisabled,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	same(t, "ARN", *put.RuleArn, "arn:aws:events:"+config.Region+":"+account+":rule/hourly")
	must[eventbridge.PutRuleOutput](t)(c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("daily"), ScheduleExpression: aws.String("cron(0 8 * * ? *)")}))
	describe := func() *eventbridge.DescribeRuleOutput {
		t.Helper()
		return must[eventbridge.DescribeRuleOutput](t)(c.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: hourly}))
	}
	must[eventbridge.EnableRuleOutput](t)(c.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: hourly}))
	same(t, "state", describe().State, types.RuleStateEnabled)
	must[eventbridge.DisableRuleOutput](t)(c.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: hourly}))
	same(t, "state", describe().State, types.RuleStateDisabled)
	pages := follow(func(token *string) *string { // the SDK has no paginators for rules
		out := must[eventbridge.ListRulesOutput](t)(c.ListRules(ctx, &eventbridge.ListRulesInput{Limit: aws.Int32(1), NextToken: token}))
		return out.NextToken
	})
	same(t, "pages", pages, 2)

	must[eventbridge.TagResourceOutput](t)(c.TagResource(ctx, &eventbridge.TagResourceInput{ResourceARN: put.RuleArn, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}))
	must[eventbridge.UntagResourceOutput](t)(c.UntagResource(ctx, &eventbridge.UntagResourceInput{ResourceARN: put.RuleArn, TagKeys: []string{"team"}}))
	tags := must[eventbridge.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: put.RuleArn})).Tags
	if len(tags) != 1 || *tags[0].Key != "x" {
		t.Errorf("tags %v", tags)
	}
	goTargets(t, c, config.Region)
	same(t, "bus", *must[eventbridge.DescribeEventBusOutput](t)(c.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{})).Name, "default")
	same(t, "buses", len(must[eventbridge.ListEventBusesOutput](t)(c.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{})).EventBuses), 1)

	bad, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("bad"), ScheduleExpression: aws.String("rate(1 hours)")})
	same(t, "code", is[smithy.APIError](t, bad, err).ErrorCode(), "ValidationException") // not modelled: there is no type
	for _, name := range []string{"hourly", "daily"} {
		must[eventbridge.DeleteRuleOutput](t)(c.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &name}))
	}
	gone, err := c.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: hourly})
	is[*types.ResourceNotFoundException](t, gone, err)
}

// follow reads a list to its last page and returns how many there were.
func follow(page func(token *string) (next *string)) (pages int) {
	for token := page(nil); ; token = page(token) {
		pages++
		if token == nil {
			return pages
		}
	}
}

func goTargets(t *testing.T, c *eventbridge.Client, region string) {
	ctx, rule := t.Context(), aws.String("hourly")
	arn := aws.String("arn:aws:sqs:" + region + ":" + account + ":jobs")
	var targets []types.Target
	for i := range 6 {
		targets = append(targets, types.Target{Id: aws.String(fmt.Sprint("t", i)), Arn: arn, Input: aws.String(`{"a": 1}`)})
	}
	put := must[eventbridge.PutTargetsOutput](t)(c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: rule, Targets: targets[:2]}))
	same(t, "failed", put.FailedEntryCount, 0)
	many, err := c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: rule, Targets: targets})
	is[*types.LimitExceededException](t, many, err)
	ids := ""
	follow(func(token *string) *string {
		out := must[eventbridge.ListTargetsByRuleOutput](t)(c.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: rule, Limit: aws.Int32(1), NextToken: token}))
		for _, target := range out.Targets {
			ids += *target.Id + *target.Input + " "
		}
		return out.NextToken
	})
	same(t, "targets", ids, `t0{"a": 1} t1{"a": 1} `)
	names := must[eventbridge.ListRuleNamesByTargetOutput](t)(c.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: arn})).RuleNames
	same(t, "rules", strings.Join(names, " "), "hourly")
	deleted, err := c.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: rule})
	same(t, "message", is[smithy.APIError](t, deleted, err).ErrorMessage(), "Rule can't be deleted since it has targets.")
	removed := must[eventbridge.RemoveTargetsOutput](t)(c.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: rule, Ids: []string{"t0", "t1"}}))
	same(t, "failed", removed.FailedEntryCount, 0)
}
