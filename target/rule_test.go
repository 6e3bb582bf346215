package target_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

const (
	ruleARN = "arn:aws:events:eu-west-1:000000000000:rule/nightly"
	event   = `{"version":"0","id":"ID","detail-type":"Scheduled Event","source":"aws.events","account":"000000000000",` +
		`"time":"2026-03-01T12:00:00Z","region":"eu-west-1","resources":["` + ruleARN + `"],"detail":{}}`
)

var ruleScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}

// inbox is the queues of the account: it keeps the last message.
type inbox struct{ queue, body, group string }

func (q *inbox) SendMessage(_ context.Context, queueARN string, m target.Message) error {
	*q = inbox{queueARN, m.Body, m.GroupID}
	return nil
}

// ruleSchedule is a target of the rule nightly as the engine keeps it.
func ruleSchedule(t belfry.Target) *belfry.Schedule {
	if t.ARN == "" {
		t.ARN = "arn:aws:sqs:eu-west-1:000000000000:q"
	}
	ref := belfry.RuleRef{Scope: ruleScope, Name: "nightly"}.Target("t1")
	return &belfry.Schedule{ID: 7, Scope: ruleScope, Group: ref.Group, Name: ref.Name, Expression: "rate(1 day)", Target: t}
}

func deliver(t *testing.T, s *belfry.Schedule, attempt int) (inbox, belfry.Result) {
	t.Helper()
	var q inbox
	targets := target.New(nil, &q, nil, "test", target.Bounds{})
	defer targets.Close()
	o := belfry.Occurrence{Schedule: s.ID, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	r := targets.Invoke(t.Context(), &belfry.Invocation{
		Occurrence: o, ScheduleARN: s.ARN(), Rule: s.Rule(), Scope: s.Scope, Target: &s.Target,
		Attempt: attempt, ExecutionID: o.ExecutionID(attempt),
	})
	return q, r
}

func TestRulePayloads(t *testing.T) {
	plain, r := deliver(t, ruleSchedule(belfry.Target{}), 1)
	if r.Status != belfry.AttemptSucceeded {
		t.Fatalf("%+v", r)
	}
	_, rest, _ := strings.Cut(plain.body, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if len(id) != 36 {
		t.Fatalf("the event's id is %q, want a UUID", id)
	}
	theEvent := strings.Replace(event, "ID", id, 1)
	if plain.body != theEvent {
		t.Errorf("without input:\n got %s\nwant %s", plain.body, theEvent)
	}
	if again, _ := deliver(t, ruleSchedule(belfry.Target{}), 2); again.body != theEvent {
		t.Errorf("the second attempt sends another event: %s", again.body)
	}
	withoutDetail := strings.Replace(strings.Replace(theEvent, `,"detail":{}`, "", 1), "detail-type", "detailType", 1)
	bare := strings.ReplaceAll(withoutDetail, `"`, "")
	for _, c := range []struct{ name, input, parameters, want string }{
		{"input verbatim, attributes of schedules too", `{"a": "<aws.scheduler.schedule-arn>"}`, "", `{"a": "<aws.scheduler.schedule-arn>"}`},
		{"a scalar is an input", `7`, "", `7`},
		{"a path to an object", "", `{"InputPath":"$.detail"}`, `{}`},
		{"a path to a string keeps its quotes", "", `{"InputPath":"$.detail-type"}`, `"Scheduled Event"`},
		{"a path to an element", "", `{"InputPath":"$.resources[0]"}`, `"` + ruleARN + `"`},
		{"a path to all", "", `{"InputPath":"$"}`, theEvent},
		{"a path to nothing", "", `{"InputPath":"$.detail.missing"}`, `null`},
		{
			"text in quotes", "",
			`{"InputTransformer":{"InputPathsMap":{"when":"$.time","type":"$.detail-type"},"InputTemplate":"\"A <type> at <when>\""}}`,
			`"A Scheduled Event at 2026-03-01T12:00:00Z"`,
		},
		{
			"text with an object, a list and a missing path", "",
			`{"InputTransformer":{"InputPathsMap":{"d":"$.detail","l":"$.resources","no":"$.detail.no"},"InputTemplate":"\"d <d> l <l> no <no>.\""}}`,
			`"d {} l [` + ruleARN + `] no ."`,
		},
		{
			"two lines of text", "",
			`{"InputTransformer":{"InputPathsMap":{"r":"$.region"},"InputTemplate":"\"in <r>\"\n\"and <r>\""}}`,
			"\"in eu-west-1\"\n\"and eu-west-1\"",
		},
		{
			"JSON with values", "",
			`{"InputTransformer":{"InputPathsMap":{"r":"$.resources","t":"$.time","d":"$.detail","no":"$.no"},"InputTemplate":"{\"r\": <r>, \"t\":<t>, \"d\":<d>, \"no\":<no>, \"n\": 1}"}}`,
			`{"r": ["` + ruleARN + `"], "t":"2026-03-01T12:00:00Z", "d":{}, "no":"", "n": 1}`,
		},
		{
			"JSON with values inside strings", "",
			`{"InputTransformer":{"InputPathsMap":{"a":"$.account","l":"$.resources"},"InputTemplate":"{\"path\":\"users/<a>/x\\\"<a>\", \"l\":\"<l>\", \"less\": \"1 < 2 and 3 > 2\"}"}}`,
			`{"path":"users/000000000000/x\"000000000000", "l":"[` + ruleARN + `]", "less": "1 < 2 and 3 > 2"}`,
		},
		{"JSON that is one value", "", `{"InputTransformer":{"InputPathsMap":{"a":"$.account"},"InputTemplate":"<a>"}}`, `"000000000000"`},
		{
			"predefined in text", "",
			`{"InputTransformer":{"InputTemplate":"\"<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time> <aws.events.event>\""}}`,
			`"` + ruleARN + ` nightly 2026-03-01T12:00:00Z ` + bare + `"`,
		},
		{
			"predefined in JSON", "",
			`{"InputTransformer":{"InputTemplate":"{\"n\":<aws.events.rule-name>,\"e\":<aws.events.event>,\"all\":<aws.events.event.json>}"}}`,
			`{"n":"nightly","e":` + withoutDetail + `,"all":` + theEvent + `}`,
		},
	} {
		s := ruleSchedule(belfry.Target{Input: c.input})
		if c.parameters != "" {
			s.Target.Parameters = []byte(c.parameters)
		}
		if err := target.Check(s, false); err != nil {
			t.Errorf("%s: refused: %v", c.name, err)
		}
		if got, r := deliver(t, s, 1); r.Status != belfry.AttemptSucceeded || got.body != c.want {
			t.Errorf("%s:\n got %s\nwant %s\n%+v", c.name, got.body, c.want, r)
		}
	}
}

// TestRuleDelivery: groups of FIFO queues, accounts, and what a dead letter has.
func TestRuleDelivery(t *testing.T) {
	group := []byte(`{"SqsParameters":{"MessageGroupId":"g"}}`)
	if q, r := deliver(t, ruleSchedule(belfry.Target{ARN: "arn:aws:sqs:eu-west-1:000000000000:q.fifo", Parameters: group}), 1); r.Status != belfry.AttemptSucceeded || q.group != "g" {
		t.Errorf("FIFO: %+v, %+v", q, r)
	}
	if q, r := deliver(t, ruleSchedule(belfry.Target{Parameters: group}), 1); r.Status != belfry.AttemptSucceeded || q.group != "" {
		t.Errorf("a standard queue: %+v, %+v", q, r)
	}
	foreign := belfry.Target{ARN: "arn:aws:sqs:eu-west-1:000000000001:q", Input: `"x"`}
	q, r := deliver(t, ruleSchedule(foreign), 1)
	if r.Status != belfry.AttemptPermanent || r.ErrorCode != "AccessDeniedException" || q.queue != "" {
		t.Errorf("another account without a role: %+v, %+v", q, r)
	}
	if !strings.Contains(r.Payload, `"source":"aws.events"`) {
		t.Errorf("the dead letter would be %q, want the event", r.Payload)
	}
	foreign.RoleARN = "arn:aws:iam::000000000000:role/r"
	if q, r := deliver(t, ruleSchedule(foreign), 1); r.Status != belfry.AttemptSucceeded || q.queue != foreign.ARN {
		t.Errorf("another account with a role: %+v, %+v", q, r)
	}
}

func TestRuleTargetsRefused(t *testing.T) {
	const lambda = "arn:aws:lambda:eu-west-1:000000000000:function:f"
	transform := func(paths, template string) string {
		return `{"InputTransformer":{"InputPathsMap":{` + paths + `},"InputTemplate":` + template + `}}`
	}
	for _, c := range []struct{ arn, role, input, parameters, dead, want string }{
		{input: `{}`, parameters: `{"InputPath":"$.a"}`, want: "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
		{parameters: `{"InputPath":"$.a","InputTransformer":{"InputTemplate":"\"x\""}}`, want: "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
		{input: `{`, want: "JSON syntax error in input for target t1"},
		{input: `"s"`},
		{input: `true`},
		{input: `null`},
		{parameters: `{"InputPath":"detail"}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$['detail']"}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$."}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$..a"}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$.a[x]"}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$.a[0"}`, want: "InputPath for target t1 is invalid."},
		{parameters: `{"InputPath":"$.a[0].b"}`},
		{parameters: transform(`"a":"a"`, `"\"<a>\""`), want: "InputPath for target t1 is invalid."},
		{parameters: transform(``, `"\"<notThere>\""`), want: "InputTemplate for target t1 contains invalid placeholder notThere."},
		{parameters: transform(``, `"\"<aws.events.event.json>\""`), want: "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for JSON template"},
		{parameters: transform(``, `"plain"`), want: "Invalid InputTemplate for target t1 : it is neither JSON nor text in quotes"},
		{parameters: transform(``, `"{\"a\": }"`), want: "Invalid InputTemplate for target t1 : it is neither JSON nor text in quotes"},
		{parameters: transform(``, `"\"one\"\ntwo"`), want: "Invalid InputTemplate for target t1 : each line of a text must stand in quotes"},
		{arn: "q", want: "Parameter q is not valid. Reason: Provided Arn is not in correct format."},
		{arn: "arn:aws:sqs:eu-west-1:1:q", want: "Parameter arn:aws:sqs:eu-west-1:1:q is not valid. Reason: Provided Arn is not in correct format."},
		{arn: "arn:aws:lambda:eu-west-1:000000000000:f", want: "Parameter arn:aws:lambda:eu-west-1:000000000000:f is not valid. Reason: Provided Arn is not in correct format."},
		{arn: "arn:aws:sqs:eu-west-2:000000000000:q", want: "Parameter arn:aws:sqs:eu-west-2:000000000000:q is not valid. Reason: The target must be in the rule's region eu-west-1."},
		{arn: "arn:aws:states:eu-west-1:000000000000:stateMachine:m", want: "RoleArn is required for target arn:aws:states:eu-west-1:000000000000:stateMachine:m"},
		{arn: "arn:aws:states:eu-west-1:000000000000:stateMachine:m", role: "r", want: "Parameter arn:aws:states:eu-west-1:000000000000:stateMachine:m is not valid. Reason: states is not a supported service for a target."},
		{arn: "arn:aws:s3:::bucket", want: "Parameter arn:aws:s3:::bucket is not valid. Reason: s3 is not a supported service for a target."},
		{arn: lambda},
		{arn: lambda + ":prod"},
		{arn: lambda, parameters: `{"SqsParameters":{"MessageGroupId":"g"}}`},
		{arn: lambda, parameters: `{"KinesisParameters":{"PartitionKeyPath":"$.id"}}`, want: "Parameter(s) KinesisParameters not supported for target: t1"},
		{arn: "arn:aws:sqs:eu-west-1:000000000000:q.fifo", want: "Parameter(s) SqsParameters must be specified for target: t1"},
		{dead: "arn:aws:sns:eu-west-1:000000000000:t", want: "sns is not supported as a dead letter resource"},
		{dead: "arn:aws:sqs:eu-west-1:000000000000:q.fifo", want: "SQS FIFO is not supported by Dead Letter Queues"},
		{dead: "arn:aws:sqs:eu-west-1:000000000000:q"},
		{arn: target.HTTPInvokeARN, input: `{"Method":"GET"}`, want: "ApiEndpoint is missing in the input of the HTTP target; give a URL such as https://example.com/hook"},
		{arn: target.HTTPInvokeARN, input: `{"ApiEndpoint":"https://example.com/","Method":"GET"}`},
		{arn: target.HTTPInvokeARN, parameters: transform(`"t":"$.time"`, `"{\"ApiEndpoint\":\"https://example.com/<t>\",\"Method\":\"POST\",\"RequestBody\":<aws.events.event.json>}"`)},
	} {
		s := ruleSchedule(belfry.Target{ARN: c.arn, RoleARN: c.role, Input: c.input, DeadLetterARN: c.dead})
		if c.parameters != "" {
			s.Target.Parameters = []byte(c.parameters)
		}
		got := ""
		if err := target.Check(s, false); err != nil {
			if belfry.KindOf(err) != belfry.Invalid {
				t.Errorf("%+v: the error's kind is %s", c, belfry.KindOf(err))
			}
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s %s %s: %q, want %q", c.arn, c.input, c.parameters, c.dead, got, c.want)
		}
	}
	// Permissive mode accepts what AWS would, and the run says why it fails.
	ecs := belfry.Target{ARN: "arn:aws:ecs:eu-west-1:000000000000:cluster/c", RoleARN: "r"}
	if err := target.Check(ruleSchedule(ecs), true); err == nil || err.Error() != "Parameter(s) EcsParameters must be specified for target: t1" {
		t.Errorf("ecs without its block: %v", err)
	}
	ecs.Parameters = []byte(`{"EcsParameters":{"TaskDefinitionArn":"t"}}`)
	if err := target.Check(ruleSchedule(ecs), true); err != nil {
		t.Errorf("ecs in permissive mode: %v", err)
	}
	if _, r := deliver(t, ruleSchedule(ecs), 1); r.Status != belfry.AttemptPermanent || r.ErrorCode != "Belfry.UnsupportedTarget" {
		t.Errorf("a run of ecs: %+v", r)
	}
}
