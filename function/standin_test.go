package function_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

func (b *eventBench) request(payload string) function.Request {
	return function.Request{Function: ref("f"), Payload: []byte(payload), RequestID: "7c1a3b52-0000-8000-8000-000000000001"}
}

func TestARunThatStandsInIsToldToTheSuccessDestination(t *testing.T) {
	b := newEventBench(t, "return {'n': 1}", nil)
	b.configure(function.EventConfig{OnSuccess: queueARN("good"), OnFailure: queueARN("bad")})
	r := b.request(`{"a":1}`)
	answer, f, err := b.StandIn(t.Context(), r)
	if err != nil || string(answer.Payload) != `{"n": 1}` || f.Name != "f" {
		t.Fatal(answer, f, err)
	}
	got := b.only("good")
	if got.RequestContext.RequestID != r.RequestID || got.RequestContext.Condition != "Success" ||
		string(got.RequestPayload) != `{"a":1}` || string(got.ResponsePayload) != `{"n":1}` {
		t.Errorf("record %+v", got)
	}
}

func TestAFailureThatStandsInIsToldWhenItsCallerGivesUp(t *testing.T) {
	for _, c := range []struct {
		aged      bool
		condition string
	}{{false, "RetriesExhausted"}, {true, "EventAgeExceeded"}} {
		t.Run(c.condition, func(t *testing.T) {
			b := newEventBench(t, "raise ValueError('no')", func(f *function.Creation) { f.DeadLetterARN = queueARN("dead") })
			b.configure(function.EventConfig{Retries: new(1), OnSuccess: queueARN("good"), OnFailure: queueARN("bad")})
			r := b.request(`{"a":1}`)
			answer, f, err := b.StandIn(t.Context(), r)
			if err != nil || answer.FunctionError != "Unhandled" {
				t.Fatal(answer, err)
			}
			if own := f.Own(); own.Retries != 1 || own.MaximumAge != 6*time.Hour || !f.Forwards() {
				t.Errorf("own policy %+v, forwards %t", own, f.Forwards())
			}
			if n := len(b.mail.in(queueARN("bad"))) + len(b.mail.in(queueARN("dead"))); n != 0 {
				t.Fatalf("told of an attempt: %d", n)
			}
			if err := b.Failed(t.Context(), r, answer, 2, c.aged); err != nil {
				t.Fatal(err)
			}
			got := b.only("bad")
			if got.RequestContext.Condition != c.condition || got.RequestContext.ApproximateInvokeCount != 2 ||
				!strings.Contains(string(got.ResponsePayload), `"errorMessage":"no"`) {
				t.Errorf("record %+v %s", got.RequestContext, got.ResponsePayload)
			}
			dead := b.mail.in(queueARN("dead"))
			want := []function.Attribute{{Name: "RequestID", Type: "String", Value: r.RequestID}, {Name: "ErrorCode", Type: "Number", Value: "200"}, {Name: "ErrorMessage", Type: "String", Value: "no"}}
			if len(dead) != 1 || dead[0].body != `{"a":1}` || fmt.Sprint(dead[0].attributes) != fmt.Sprint(want) {
				t.Errorf("in the dead-letter queue: %v", dead)
			}
		})
	}
}

func TestAFailureThatCannotBeToldIsAnError(t *testing.T) {
	b := newEventBench(t, "raise ValueError('no')", nil)
	b.configure(function.EventConfig{OnFailure: queueARN("absent")})
	if err := b.Failed(t.Context(), b.request(`{}`), nil, 1, false); belfry.KindOf(err) != belfry.NotFound {
		t.Errorf("got %v, want that the queue is not there", err)
	}
}

func TestAFunctionWithoutSettingsLeavesItsErrorsToTheSchedule(t *testing.T) {
	b := newEventBench(t, "raise ValueError('no')", nil)
	_, f, err := b.StandIn(t.Context(), b.request(`{}`))
	if err != nil || f.Own() != nil || f.Forwards() {
		t.Errorf("own policy %+v, forwards %t, %v", f.Own(), f.Forwards(), err)
	}
}
