package function_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// A mailbox is the queues that a host delivers to.
type mailbox struct {
	mu   sync.Mutex
	sent map[string][]letter // by ARN
}

type letter struct {
	body       string
	attributes []function.Attribute
}

func (m *mailbox) SendMessage(_ context.Context, queueARN, body string, attributes []function.Attribute) error {
	if strings.HasSuffix(queueARN, ":absent") {
		return belfry.Errorf(belfry.NotFound, "", "There is no such queue.")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent[queueARN] = append(m.sent[queueARN], letter{body, attributes})
	return nil
}

func (m *mailbox) in(queueARN string) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent[queueARN]
}

func queueARN(name string) string { return "arn:aws:sqs:eu-west-1:123456789012:" + name }

// answers runs a file's Python and notes each call in it.
func answers(file, code string) function.Creation {
	return python("f", fmt.Sprintf("def handler(event, context):\n    open(%q, 'a').write('x')\n    %s\n", file, code))
}

type eventBench struct {
	*bench
	mail  *mailbox
	clock *handClock
	calls string // a file with a letter for each call of f
}

func newEventBench(t testing.TB, code string, f func(*function.Creation), options ...func(*function.Config)) *eventBench {
	t.Helper()
	b := &eventBench{mail: &mailbox{sent: map[string][]letter{}}, clock: newHandClock(), calls: filepath.Join(t.TempDir(), "calls")}
	b.bench = newBench(t, append(options, func(c *function.Config) { c.Clock, c.Queues = b.clock, b.mail })...)
	c := answers(b.calls, code)
	if f != nil {
		f(&c)
	}
	b.deploy(c)
	return b
}

func (b *eventBench) send(payload string) (id string) {
	b.t.Helper()
	id, err := b.InvokeAsync(b.t.Context(), function.Request{Function: ref("f"), Payload: []byte(payload)})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *eventBench) called() int {
	text, _ := os.ReadFile(b.calls)
	return len(text)
}

// wait sets the clock forward by d, once the host waits for exactly that.
func (b *eventBench) wait(d time.Duration) {
	b.t.Helper()
	eventually(b.t, "the next try is in "+d.String(), func() bool { return b.clock.awaits(d) })
	b.clock.advance(d)
}

func (c *handClock) awaits(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.timers, func(t handTimer) bool { return t.at.Equal(c.now.Add(d)) })
}

// settle waits until no event is left.
func (b *eventBench) settle() {
	b.t.Helper()
	eventually(b.t, "no event is left", func() bool { return b.Stats().Events == 0 })
}

func (b *eventBench) configure(c function.EventConfig) {
	b.t.Helper()
	if _, err := b.PutEventConfig(b.t.Context(), ref("f"), "", c); err != nil {
		b.t.Fatal(err)
	}
}

// record is what a destination gets, as a client reads it.
type record struct {
	Version, Timestamp string
	RequestContext     struct {
		RequestID, FunctionArn, Condition string
		ApproximateInvokeCount            int
	}
	RequestPayload  json.RawMessage
	ResponseContext *struct {
		StatusCode                     int
		ExecutedVersion, FunctionError string
	}
	ResponsePayload json.RawMessage
}

func (b *eventBench) only(queue string) record {
	b.t.Helper()
	got := b.mail.in(queueARN(queue))
	if len(got) != 1 {
		b.t.Fatalf("%d messages in %s, want 1: %v", len(got), queue, got)
	}
	return decode[record](b.t, []byte(got[0].body))
}

func TestASuccessIsToldToItsDestination(t *testing.T) {
	b := newEventBench(t, "return {'n': 1}", nil)
	b.configure(function.EventConfig{OnSuccess: queueARN("good"), OnFailure: queueARN("bad")})
	id := b.send(`{"a":1}`)
	b.settle()
	r := b.only("good")
	if r.Version != "1.0" || r.RequestContext.RequestID != id || r.RequestContext.Condition != "Success" ||
		r.RequestContext.ApproximateInvokeCount != 1 || r.RequestContext.FunctionArn != ref("f").ARN()+":$LATEST" {
		t.Errorf("record %+v", r)
	}
	if string(r.RequestPayload) != `{"a":1}` || string(r.ResponsePayload) != `{"n":1}` || r.ResponseContext.StatusCode != 200 || r.ResponseContext.FunctionError != "" {
		t.Errorf("record %s %s %+v", r.RequestPayload, r.ResponsePayload, r.ResponseContext)
	}
	if got := b.mail.in(queueARN("bad")); got != nil {
		t.Errorf("the failure destination got %v", got)
	}
}

func TestRetriesEndAsTheFunctionSays(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   *function.EventConfig
		calls int
	}{
		{"nothing set", nil, 3},
		{"none", &function.EventConfig{Retries: new(0), OnFailure: queueARN("bad")}, 1},
		{"one", &function.EventConfig{Retries: new(1), OnFailure: queueARN("bad")}, 2},
		{"as many as there may be", &function.EventConfig{Retries: new(2), OnFailure: queueARN("bad")}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newEventBench(t, "raise ValueError('no')", func(f *function.Creation) { f.DeadLetterARN = queueARN("dead") })
			if c.set != nil {
				b.configure(*c.set)
			}
			id := b.send(`{"a":1}`)
			for try := range c.calls - 1 {
				b.wait(time.Duration(try+1) * time.Minute)
			}
			b.settle()
			if n := b.called(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			dead := b.mail.in(queueARN("dead"))
			want := []function.Attribute{{Name: "RequestID", Type: "String", Value: id}, {Name: "ErrorCode", Type: "Number", Value: "200"}, {Name: "ErrorMessage", Type: "String", Value: "no"}}
			if len(dead) != 1 || dead[0].body != `{"a":1}` || fmt.Sprint(dead[0].attributes) != fmt.Sprint(want) {
				t.Errorf("in the dead-letter queue: %v", dead)
			}
			if c.set == nil {
				return
			}
			r := b.only("bad")
			if r.RequestContext.Condition != "RetriesExhausted" || r.RequestContext.ApproximateInvokeCount != c.calls ||
				r.ResponseContext.FunctionError != "Unhandled" || !strings.Contains(string(r.ResponsePayload), `"errorMessage":"no"`) {
				t.Errorf("record %+v %+v %s", r.RequestContext, r.ResponseContext, r.ResponsePayload)
			}
		})
	}
}

func TestAnEventIsNotTriedBeyondItsAge(t *testing.T) {
	b := newEventBench(t, "raise ValueError('no')", nil)
	b.configure(function.EventConfig{MaxAge: 2 * time.Minute, OnFailure: queueARN("bad")}) // the third try would be 3 minutes old
	b.send(`{}`)
	b.wait(time.Minute)
	b.settle()
	r := b.only("bad")
	if n := b.called(); n != 2 || r.RequestContext.Condition != "EventAgeExceeded" || r.RequestContext.ApproximateInvokeCount != 2 {
		t.Errorf("%d calls, record %+v", n, r.RequestContext)
	}
}

func TestAStoppedFunctionFailsItsEvents(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	b.configure(function.EventConfig{OnFailure: queueARN("bad")})
	if err := b.SetReserved(t.Context(), ref("f"), new(0)); err != nil {
		t.Fatal(err)
	}
	b.send(`{}`)
	b.settle()
	r := b.only("bad")
	if b.called() != 0 || r.RequestContext.Condition != "ZeroReservedConcurrency" || r.ResponseContext != nil || r.ResponsePayload != nil {
		t.Errorf("record %+v", r)
	}
}

func TestAFunctionCanBeADestination(t *testing.T) {
	b := newEventBench(t, "return 'made'", nil)
	note := filepath.Join(t.TempDir(), "note")
	b.deploy(python("next", fmt.Sprintf("import json\ndef handler(event, context): open(%q, 'w').write(json.dumps(event['responsePayload']))\n", note)))
	b.configure(function.EventConfig{OnSuccess: ref("next").ARN()})
	b.send(`{}`)
	b.settle()
	if text, err := os.ReadFile(note); err != nil || string(text) != `"made"` {
		t.Errorf("the next function noted %q, %v", text, err)
	}
}

func TestAnEventEndsAlthoughItsDestinationIsGone(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	b.configure(function.EventConfig{OnSuccess: queueARN("absent")})
	b.send(`{}`)
	b.settle()
	if n := b.called(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

func TestEventConfigsThatMayNotBe(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	for _, c := range []struct {
		name          string
		set           function.EventConfig
		code, message string
	}{
		{"nothing", function.EventConfig{}, "InvalidParameterValueException", "at least one of error handling or destination"},
		{"a negative number of retries", function.EventConfig{Retries: new(-1)}, "ValidationException", "greater than or equal to 0"},
		{"a third retry", function.EventConfig{Retries: new(3)}, "ValidationException", "less than or equal to 2"},
		{"59 seconds", function.EventConfig{MaxAge: 59 * time.Second}, "ValidationException", "greater than or equal to 60"},
		{"more than 6 hours", function.EventConfig{MaxAge: 21601 * time.Second}, "ValidationException", "less than or equal to 21600"},
		{"the function itself", function.EventConfig{OnFailure: ref("f").ARN()}, "InvalidParameterValueException", "as a destination for itself"},
		{"no ARN", function.EventConfig{OnFailure: "q"}, "InvalidParameterValueException", "The destination ARN q is invalid."},
		{"another account's queue", function.EventConfig{OnSuccess: "arn:aws:sqs:eu-west-1:000000000000:q"}, "InvalidParameterValueException", "is invalid"},
		{"a topic", function.EventConfig{OnSuccess: "arn:aws:sns:eu-west-1:123456789012:t"}, "InvalidParameterValueException", "queues and functions"},
	} {
		_, err := b.PutEventConfig(t.Context(), ref("f"), "", c.set)
		t.Run(c.name, func(t *testing.T) { refused(t, err, belfry.Invalid, c.code, c.message) })
	}
	none := "doesn't have an EventInvokeConfig"
	_, err := b.EventConfig(t.Context(), ref("f"), "")
	refused(t, err, belfry.NotFound, "ResourceNotFoundException", none)
	_, err = b.UpdateEventConfig(t.Context(), ref("f"), "", func(*function.EventConfig) {})
	refused(t, err, belfry.NotFound, "ResourceNotFoundException", none)
	refused(t, b.DeleteEventConfig(t.Context(), ref("f"), ""), belfry.NotFound, "ResourceNotFoundException", none)
	for _, edge := range []function.EventConfig{{MaxAge: time.Minute}, {MaxAge: 6 * time.Hour}, {OnSuccess: ref("g").ARN() + ":1"}} {
		b.configure(edge)
	}
	if err := b.DeleteEventConfig(t.Context(), ref("f"), ""); err != nil {
		t.Error(err)
	}
}
