package target_test

import (
	"context"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

// queues records the last message, and refuses with err.
type queues struct {
	arn, body, group string
	err              error
}

func (q *queues) SendMessage(_ context.Context, arn string, m target.Message) error {
	q.arn, q.body, q.group = arn, m.Body, m.GroupID
	return q.err
}

const queueARN = "arn:aws:sqs:us-east-1:000000000000:q"

func TestContextAttributes(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"none", "plain <text>", "plain <text>"},
		{"schedule", "<aws.scheduler.schedule-arn>", scheduleARN},
		{"time", "at <aws.scheduler.scheduled-time>.", "at 2026-03-08T07:30:00Z."},
		{"execution", "<aws.scheduler.execution-id>", "0123456789abcdef"},
		{"attempt, in JSON and twice", `{"a":"<aws.scheduler.attempt-number>","b":<aws.scheduler.attempt-number>}`, `{"a":"2","b":2}`},
		{"occurrence", "<aws.scheduler.occurrence-id>", occurrence.OccurrenceID()},
		{"unknown ones stay", "<aws.scheduler.other>", "<aws.scheduler.other>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := &queues{}
			r := target.New(nil, q, nil, agent, target.Bounds{}).Invoke(t.Context(), invocation(queueARN, tt.input))
			wantResult(t, r, belfry.AttemptSucceeded, "")
			if q.body != tt.want {
				t.Errorf("got %q, want %q", q.body, tt.want)
			}
		})
	}
}

func TestTheDefaultNotification(t *testing.T) {
	q := &queues{}
	x := target.New(nil, q, nil, agent, target.Bounds{})
	wantResult(t, x.Invoke(t.Context(), invocation(queueARN, "")), belfry.AttemptSucceeded, "")
	first := q.body
	var id struct{ ID string }
	if err := json.Unmarshal([]byte(first), &id); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id.ID) {
		t.Errorf("the id is %q", id.ID)
	}
	want := `{"version":"0","id":"` + id.ID + `","detail-type":"Scheduled Event","source":"aws.scheduler","account":"000000000000",` +
		`"time":"2026-03-08T07:30:00Z","region":"us-east-1","resources":["` + scheduleARN + `"],"detail":"{}"}`
	if first != want {
		t.Errorf("got %s, want %s", first, want)
	}
	again := invocation(queueARN, "")
	again.Attempt, again.ExecutionID = 3, "fedcba9876543210"
	x.Invoke(t.Context(), again)
	if q.body != first {
		t.Errorf("the next attempt has another payload: %s", q.body)
	}
}
