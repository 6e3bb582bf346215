package target

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
)

// world is the functions and queues that a test's targets reach.
type world struct {
	calls    []FunctionCall
	queues   []string
	messages []Message
	items    []string
	err      error
	answer   FunctionAnswer
}

func (w *world) InvokeFunction(_ context.Context, c FunctionCall) (FunctionAnswer, error) {
	w.calls = append(w.calls, c)
	return w.answer, w.err
}

func (w *world) ForwardFunction(_ context.Context, c FunctionCall, a FunctionAnswer, aged bool) error {
	w.calls = append(w.calls, c)
	return w.err
}

func (w *world) SendMessage(_ context.Context, queueARN string, m Message) error {
	w.queues, w.messages = append(w.queues, queueARN), append(w.messages, m)
	return w.err
}

func (w *world) PutItem(_ context.Context, s belfry.Scope, request []byte) error {
	w.items = append(w.items, s.Region+" "+string(request))
	return w.err
}

var home = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}

func universal(action, input string) *belfry.Schedule {
	return &belfry.Schedule{
		ID: belfry.MakeID(1, 1), Scope: home, Group: belfry.DefaultGroup, Name: "s",
		Target: belfry.Target{ARN: "arn:aws:scheduler:::aws-sdk:" + action, RoleARN: "arn:aws:iam::000000000000:role/r", Input: input},
	}
}

// invoke runs the schedule once, at 2026-03-01T12:00:00Z.
func (w *world) invoke(t *testing.T, s *belfry.Schedule) belfry.Result {
	t.Helper()
	targets := New(w, w, w, "test", Bounds{})
	defer targets.Close()
	o := belfry.Occurrence{Schedule: s.ID, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return targets.Invoke(t.Context(), &belfry.Invocation{
		Occurrence: o, ScheduleARN: s.ARN(), Scope: s.Scope, Target: &s.Target, Attempt: 2, ExecutionID: "0123456789abcdef",
	})
}

func TestUniversalSendMessage(t *testing.T) {
	w := &world{}
	r := w.invoke(t, universal("sqs:sendMessage", `{
		"QueueUrl": "http://127.0.0.1:7420/111111111111/q", "MessageBody": "<aws.scheduler.execution-id> <aws.scheduler.attempt-number> <aws.scheduler.other>",
		"DelaySeconds": 5, "MessageGroupId": "g", "MessageDeduplicationId": "d", "messagebody": "not this one",
		"MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": "AP8="}},
		"MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}}`))
	if r.Status != belfry.AttemptSucceeded {
		t.Fatalf("result %+v, want success", r)
	}
	want := Message{
		Body:    "0123456789abcdef 2 <aws.scheduler.other>",
		GroupID: "g", DeduplicationID: "d", DelaySeconds: new(5),
		Attributes: []Attribute{{"b", "Binary", "\x00\xff"}}, TraceHeader: "Root=1",
	}
	if d := cmp.Diff(want, w.messages[0]); d != "" {
		t.Errorf("message (-want +got):\n%s", d)
	}
	if got := w.queues[0]; got != "arn:aws:sqs:eu-west-1:111111111111:q" {
		t.Errorf("queue %s", got)
	}
}

func TestQueueOfURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://sqs.us-east-2.amazonaws.com/123456789012/q":   "arn:aws:sqs:us-east-2:123456789012:q",
		"https://us-east-2.queue.amazonaws.com/123456789012/q": "arn:aws:sqs:us-east-2:123456789012:q",
		"https://queues.example.com/sqs/123456789012/q.fifo/":  "arn:aws:sqs:eu-west-1:123456789012:q.fifo",
		"q": "", "https://sqs.us-east-2.amazonaws.com/q": "", "https://h/12345678901/q": "", "http://[/123456789012/q": "",
	} {
		if got, ok := queueOf(in, home); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v, want %q", in, got, ok, want)
		}
	}
}

func TestUniversalInvoke(t *testing.T) {
	for _, c := range []struct {
		name, input string
		answer      FunctionAnswer
		want        FunctionCall
		status      belfry.AttemptStatus
		code        string
	}{
		{
			name: "a run lasts until the function has answered", input: `{"FunctionName": "f", "Payload": "{\"at\": \"<aws.scheduler.scheduled-time>\"}"}`,
			want:   FunctionCall{Function: "f", Payload: []byte(`{"at": "2026-03-01T12:00:00Z"}`)},
			status: belfry.AttemptSucceeded,
		},
		{
			name: "an event is done when it is accepted", input: `{"FunctionName": "f", "InvocationType": "Event", "Qualifier": "$LATEST", "ClientContext": "e30="}`,
			want:   FunctionCall{Function: "f", Qualifier: "$LATEST", ClientContext: []byte("{}"), Payload: []byte{}, Event: true},
			status: belfry.AttemptSucceeded,
		},
		{
			name: "a dry run", input: `{"FunctionName": "f", "InvocationType": "DryRun"}`,
			want: FunctionCall{Function: "f", Payload: []byte{}, DryRun: true}, status: belfry.AttemptSucceeded,
		},
		{
			name: "an exception is the run's failure", input: `{"FunctionName": "f"}`,
			answer: FunctionAnswer{Error: "Unhandled", Payload: []byte(`{"errorType": "E", "errorMessage": "m"}`)},
			want:   FunctionCall{Function: "f", Payload: []byte{}}, status: belfry.AttemptRetryable, code: "E",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{answer: c.answer}
			s := universal("lambda:invoke", c.input)
			r := w.invoke(t, s)
			if r.Status != c.status || r.ErrorCode != c.code {
				t.Errorf("result %+v, want %s %s", r, c.status, c.code)
			}
			c.want.Scope, c.want.Attempt, c.want.OccurrenceID = home, 2, w.calls[0].OccurrenceID
			if d := cmp.Diff(c.want, w.calls[0]); d != "" {
				t.Errorf("call (-want +got):\n%s", d)
			}
		})
	}
}

// TestUniversalFailures shows what ends at once, and that the request is kept
// for the dead-letter queue as it was sent.
func TestUniversalFailures(t *testing.T) {
	for _, c := range []struct {
		name, action, input string
		err                 error
		status              belfry.AttemptStatus
		code                string
	}{
		{"no such queue", "sqs:sendMessage", `{"QueueUrl": "http://h/000000000000/q", "MessageBody": "x"}`, belfry.Errorf(belfry.NotFound, "", "no"), belfry.AttemptPermanent, "AWS.SimpleQueueService.NonExistentQueue"},
		{"a URL that is none", "sqs:sendMessage", `{"QueueUrl": "q", "MessageBody": "x"}`, nil, belfry.AttemptPermanent, "AWS.SimpleQueueService.NonExistentQueue"},
		{"a member of the wrong type", "sqs:sendMessage", `{"QueueUrl": "http://h/000000000000/q", "MessageBody": {"x": 1}}`, nil, belfry.AttemptPermanent, "SerializationException"},
		{"a payload that is no string", "lambda:invoke", `{"FunctionName": "f", "Payload": {}}`, nil, belfry.AttemptPermanent, "SerializationException"},
		{"an unknown invocation type", "lambda:invoke", `{"FunctionName": "f", "InvocationType": "Later"}`, nil, belfry.AttemptPermanent, "Lambda.ValidationException"},
		{"a context that is not base 64", "lambda:invoke", `{"FunctionName": "f", "ClientContext": "{}"}`, nil, belfry.AttemptPermanent, "Lambda.InvalidRequestContentException"},
		{"no such function", "lambda:invoke", `{"FunctionName": "f"}`, belfry.Errorf(belfry.NotFound, "", "no"), belfry.AttemptPermanent, "Lambda.ResourceNotFoundException"},
		{"no instance free", "lambda:invoke", `{"FunctionName": "f"}`, belfry.Errorf(belfry.Throttled, "", "no"), belfry.AttemptRetryable, "Lambda.TooManyRequestsException"},
		{"an action that nobody carries out", "dynamodb:updateItem", `{"TableName": "t"}`, nil, belfry.AttemptPermanent, "Belfry.UnsupportedTarget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := (&world{err: c.err}).invoke(t, universal(c.action, c.input))
			if r.Status != c.status || r.ErrorCode != c.code {
				t.Errorf("result %+v, want %s %s", r, c.status, c.code)
			}
			if r.Payload != c.input {
				t.Errorf("payload %s, want the request", r.Payload)
			}
		})
	}
}

func TestUniversalPutItem(t *testing.T) {
	s := universal("dynamodb:putItem", `{"TableName": "t", "Item": {"k": {"S": "<aws.scheduler.scheduled-time>"}}}`)
	for _, c := range []struct {
		err    error
		status belfry.AttemptStatus
		code   string
	}{
		{nil, belfry.AttemptSucceeded, ""},
		{&belfry.Error{Kind: belfry.Invalid, Code: "ConditionalCheckFailedException", Message: "no"}, belfry.AttemptPermanent, "DynamoDB.ConditionalCheckFailedException"},
		{belfry.Errorf(belfry.Unavailable, "", "later"), belfry.AttemptRetryable, "DynamoDB.ServiceUnavailableException"},
		{errors.New("disk"), belfry.AttemptRetryable, "AWS.Scheduler.InternalServerError"},
	} {
		w := &world{err: c.err}
		if r := w.invoke(t, s); r.Status != c.status || r.ErrorCode != c.code {
			t.Errorf("%v: %+v", c.err, r)
		}
		if want := `eu-west-1 {"Item":{"k":{"S":"2026-03-01T12:00:00Z"}},"TableName":"t"}`; len(w.items) != 1 || w.items[0] != want {
			t.Errorf("%v: put %q, want %s", c.err, w.items, want)
		}
	}
}

func TestCheckUniversal(t *testing.T) {
	const missing = "Invalid RequestJson provided. Reason Request payload is missing the following field(s): "
	for _, c := range []struct {
		name, action, input string
		strict, permissive  string // the refusal; "" accepts
	}{
		{"a call that is carried out", "sqs:sendMessage", `{"QueueUrl": "u", "MessageBody": "x"}`, "", ""},
		{"context attributes outside strings", "lambda:invoke", `{"FunctionName": "f", "Attempt": <aws.scheduler.attempt-number>}`, "", ""},
		{"no input", "sqs:sendMessage", "", "You must provide an input to set this target for your schedule", "You must provide an input to set this target for your schedule"},
		{"input that is no JSON", "sqs:sendMessage", "{", "JSON syntax error in input for the target", "JSON syntax error in input for the target"},
		{"input that is no object", "sqs:sendMessage", "[]", "JSON syntax error in input for the target", "JSON syntax error in input for the target"},
		{"input that is null", "sqs:sendMessage", "null", "JSON syntax error in input for the target", "JSON syntax error in input for the target"},
		{"no members", "sqs:sendMessage", "{}", missing + "QueueUrl, MessageBody.", missing + "QueueUrl, MessageBody."},
		{"camel case", "sqs:sendMessage", `{"queueUrl": "u", "MessageBody": "x"}`, missing + "QueueUrl.", missing + "QueueUrl."},
		{"an item without its table", "dynamodb:putItem", `{"Item": {}}`, missing + "TableName.", missing + "TableName."},
		{"null is absent", "lambda:invoke", `{"FunctionName": null}`, missing + "FunctionName.", missing + "FunctionName."},
		{"a service that is not run", "sfn:startExecution", `{"StateMachineArn": "a"}`, "sfn is not a supported service for a target.", ""},
		{"an action that is not carried out", "sqs:purgeQueue", `{"QueueUrl": "u"}`, "purgeQueue API is not supported", ""},
		{"an action in Pascal case", "sqs:SendMessage", `{"QueueUrl": "u"}`, "SendMessage API is not supported", ""},
		{"no action", "sqs:", "{}", "Provided Arn is not in correct format", "Provided Arn is not in correct format"},
		{"no service", ":sendMessage", "{}", "Provided Arn is not in correct format", "Provided Arn is not in correct format"},
		{"too many parts", "sqs:sendMessage:x", "{}", "Provided Arn is not in correct format", "Provided Arn is not in correct format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for permissive, want := range map[bool]string{false: c.strict, true: c.permissive} {
				got := ""
				if err := Check(universal(c.action, c.input), permissive); err != nil {
					got = err.Error()
				}
				if got != want {
					t.Errorf("permissive %v: %q, want %q", permissive, got, want)
				}
			}
		})
	}
	for prefix := range strings.FieldsSeq("get describe list poll receive search scan query select read lookup discover validate batchGet batchDescribe batchRead transactGet adminGet adminList testMigration retrieve testConnection translateDocument isAuthorized invokeModel") {
		err := Check(universal("some:"+prefix+"Thing", "{}"), true)
		if want := prefix + "Thing API is not supported"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", prefix, err, want)
		}
	}
}
