package scheduler_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry/api/scheduler"
	"github.com/belfry-run/belfry/engine"
)

// TestBlocksComeBackAsTheyWere holds every member of every parameter block
// against what GetSchedule answers.
func TestBlocksComeBackAsTheyWere(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	ecs := object{
		"TaskDefinitionArn": "arn:aws:ecs:eu-west-1:000000000000:task-definition/t:1", "TaskCount": 10.0, "LaunchType": "FARGATE",
		"NetworkConfiguration": object{"awsvpcConfiguration": object{
			"Subnets": []any{"subnet-1", "subnet-2"}, "SecurityGroups": []any{"sg-1"}, "AssignPublicIp": "ENABLED",
		}},
		"CapacityProviderStrategy": []any{object{"capacityProvider": "FARGATE_SPOT", "weight": 1000.0, "base": 0.0}},
		"PlacementConstraints":     []any{object{"type": "memberOf", "expression": "attribute:x == y"}, object{"type": "distinctInstance"}},
		"PlacementStrategy":        []any{object{"type": "spread", "field": "attribute:ecs.availability-zone"}},
		"PlatformVersion":          "LATEST", "Group": "g", "ReferenceId": "ref", "PropagateTags": "TASK_DEFINITION",
		"EnableECSManagedTags": false, "EnableExecuteCommand": true,
		"Tags": []any{object{"key": "k", "value": "v"}, object{"key": "k2", "value": "v2"}},
	}
	for i, block := range []object{
		{"EcsParameters": ecs},
		{"EcsParameters": object{"TaskDefinitionArn": "arn:t"}},
		{"EventBridgeParameters": object{"DetailType": "d t", "Source": "my.app"}},
		{"KinesisParameters": object{"PartitionKey": "p"}},
		{"SageMakerPipelineParameters": object{"PipelineParameterList": []any{object{"Name": "n", "Value": "<>&\u2028"}}}},
		{"SageMakerPipelineParameters": object{}},
		{"SqsParameters": object{"MessageGroupId": "g"}},
		{"Input": "ünïcode \\ \" <aws.scheduler.execution-id>", "DeadLetterConfig": object{"Arn": "arn:aws:sqs:eu-west-1:000000000000:dead"}},
		{"RetryPolicy": object{"MaximumEventAgeInSeconds": 60.0, "MaximumRetryAttempts": 0.0}},
		{},
	} {
		want := object{
			"Arn": "arn:aws:sqs:eu-west-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/r",
			"RetryPolicy": object{"MaximumEventAgeInSeconds": 86400.0, "MaximumRetryAttempts": 185.0},
		}
		sent := object{"Arn": want["Arn"], "RoleArn": want["RoleArn"]}
		for k, v := range block {
			sent[k], want[k] = v, v
		}
		path := fmt.Sprintf("/schedules/s%d", i)
		b.must("POST", path, good("Target", sent))
		if d := cmp.Diff(want, b.must("GET", path, nil)["Target"]); d != "" {
			t.Errorf("target (-want +got):\n%s", d)
		}
	}
}

// TestAnUpdateReplacesEverything shows that what it leaves out takes its default
// again.
func TestAnUpdateReplacesEverything(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	b.must("POST", "/schedules/plain", good())
	plain := b.must("GET", "/schedules/plain", nil)
	b.must("POST", "/schedules/s", good(
		"Description", "d", "State", "DISABLED", "ScheduleExpressionTimezone", "Europe/Paris", "StartDate", 4102444800.25, "EndDate", 4102444801,
		"ActionAfterCompletion", "DELETE", "KmsKeyArn", "arn:aws:kms:eu-west-1:000000000000:key/k",
		"FlexibleTimeWindow", object{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440},
		"Target", object{
			"Arn": "arn:aws:sqs:eu-west-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": "x",
			"RetryPolicy": object{"MaximumRetryAttempts": 1}, "DeadLetterConfig": object{"Arn": "arn:aws:sqs:eu-west-1:000000000000:dead"},
		}))
	full := b.must("GET", "/schedules/s", nil)
	wanted := object{
		"Description": "d", "State": "DISABLED", "ScheduleExpressionTimezone": "Europe/Paris", "StartDate": 4102444800.25, "EndDate": 4102444801.0,
		"ActionAfterCompletion": "DELETE", "KmsKeyArn": "arn:aws:kms:eu-west-1:000000000000:key/k",
		"FlexibleTimeWindow": object{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440.0},
	}
	for member, want := range wanted {
		if d := cmp.Diff(want, full[member]); d != "" {
			t.Errorf("%s (-want +got):\n%s", member, d)
		}
	}
	answer := b.must("PUT", "/schedules/s", good())
	if d := cmp.Diff(object{"ScheduleArn": "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s"}, answer); d != "" {
		t.Errorf("update (-want +got):\n%s", d)
	}
	updated := b.must("GET", "/schedules/s", nil)
	if updated["CreationDate"] != full["CreationDate"] {
		t.Errorf("created %v, then %v", full["CreationDate"], updated["CreationDate"])
	}
	for _, member := range []string{"Arn", "Name", "CreationDate", "LastModificationDate"} {
		plain[member] = updated[member]
	}
	if d := cmp.Diff(plain, updated); d != "" {
		t.Errorf("after the update (-a plain one +got):\n%s", d)
	}
	b.refused(404, "ResourceNotFoundException", "Schedule s does not exist.", "PUT", "/schedules/s", good("GroupName", "other"))
}

func TestClientTokens(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, nil)
	const reused = "The ClientToken was used for a different request within the last 24 hours; use a new one."
	first := b.must("POST", "/schedules/s", good("ClientToken", "t"))
	if d := cmp.Diff(first, b.must("POST", "/schedules/s", good("ClientToken", "t"))); d != "" {
		t.Errorf("the replay (-first +second):\n%s", d)
	}
	b.refused(409, "ConflictException", reused, "POST", "/schedules/other", good("ClientToken", "t"))
	b.refused(409, "ConflictException", reused, "POST", "/schedules/s", good("ClientToken", "t", "Description", "d"))
	b.refused(409, "ConflictException", "Schedule s already exists.", "POST", "/schedules/s", good("ClientToken", "u"))
	b.refused(409, "ConflictException", "Schedule s already exists.", "POST", "/schedules/s", good())
	b.must("PUT", "/schedules/s", good("ClientToken", "t", "Description", "d")) // another operation's tokens
	b.must("PUT", "/schedules/s", good("ClientToken", "t", "Description", "d"))
	b.refused(409, "ConflictException", reused, "PUT", "/schedules/s", good("ClientToken", "t"))
	for range 2 {
		b.must("DELETE", "/schedules/s?clientToken=t", nil)
	}
	b.refused(404, "ResourceNotFoundException", "Schedule s does not exist.", "DELETE", "/schedules/s?clientToken=u", nil)
	b.refused(404, "ResourceNotFoundException", "Schedule s does not exist.", "DELETE", "/schedules/s?ClientToken=t", nil)
	for range 2 {
		b.must("POST", "/schedule-groups/g", object{"ClientToken": "t", "Tags": []object{{"Key": "k", "Value": "v"}}})
	}
	b.refused(409, "ConflictException", reused, "POST", "/schedule-groups/g", object{"ClientToken": "t"})
	for range 2 {
		b.must("DELETE", "/schedule-groups/g?clientToken=t", nil)
	}
	b.key = "111111111111"
	b.must("POST", "/schedules/other", good("ClientToken", "t"))
}

func TestQuotas(t *testing.T) {
	b := newBench(t, scheduler.Rates{}, func(c *engine.Config) { c.MaxSchedules, c.MaxGroups = 1, 1 })
	b.must("POST", "/schedules/a", good())
	b.refused(402, "ServiceQuotaExceededException", "The account has reached its quota of 1 schedules in this region.", "POST", "/schedules/b", good())
	b.must("POST", "/schedule-groups/a", nil)
	b.refused(402, "ServiceQuotaExceededException", "The account has reached its quota of 1 schedule groups in this region.", "POST", "/schedule-groups/b", nil)
	b.must("DELETE", "/schedules/a", nil)
	b.must("POST", "/schedules/b", good())
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, scheduler.Rates{Create: 2, Schedules: 3, Others: 0.5}, nil)
		throttled := func(method, path string, body any) {
			t.Helper()
			b.refused(429, "ThrottlingException", "Rate exceeded", method, path, body)
		}
		b.must("POST", "/schedules/a", good())
		b.must("POST", "/schedules/b", good())
		throttled("POST", "/schedules/c", good())
		b.must("GET", "/schedules/a", nil)
		b.must("PUT", "/schedules/a", good())
		b.must("DELETE", "/schedules/a", nil)
		throttled("GET", "/schedules/b", nil)
		throttled("PUT", "/schedules/b", good())
		throttled("DELETE", "/schedules/b", nil)
		b.must("GET", "/schedules", nil)
		const tags = "/tags/arn:aws:scheduler:eu-west-1:000000000000:schedule-group%2Fg"
		throttled("GET", "/schedules", nil)
		throttled("GET", "/schedule-groups", nil)
		throttled("GET", "/schedule-groups/default", nil)
		throttled("POST", "/schedule-groups/g", nil)
		throttled("DELETE", "/schedule-groups/g", nil)
		throttled("GET", tags, nil)
		throttled("POST", tags, object{"Tags": []object{}})
		throttled("DELETE", tags+"?TagKeys=k", nil)
		b.key = "111111111111" // has its own
		b.must("GET", "/schedules", nil)
		b.key = "000000000000"
		time.Sleep(time.Second)
		b.must("POST", "/schedules/c", good())
		throttled("GET", "/schedules", nil)
		time.Sleep(time.Second)
		b.must("GET", "/schedules", nil)
		// Many accounts neither use up memory nor lend each other room.
		for i := range 3000 {
			b.key = fmt.Sprintf("%012d", 222222000000+i)
			b.must("GET", "/schedules", nil)
			throttled("GET", "/schedules", nil)
		}
	})
}
