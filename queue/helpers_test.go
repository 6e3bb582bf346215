package queue_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
)

var scope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}

// clock is the clock of the bubble in which a test runs, which somebody may set.
type clock struct{ ahead atomic.Int64 } // nanoseconds

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (*clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// fixture is a service on a fresh store, with a queue q.
type fixture struct {
	*testing.T
	*queue.Service
	clock *clock
}

// run runs a test in fake time.
func run(t *testing.T, test func(f *fixture)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		c := &clock{}
		f := &fixture{t, queue.New(s, c, slog.New(slog.DiscardHandler), nil), c}
		f.create("q", nil)
		test(f)
	})
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// refused wants a belfry.Error with this code and message.
func (f *fixture) refused(err error, code, message string) {
	f.Helper()
	var e *belfry.Error
	if !errors.As(err, &e) || e.Code != code || e.Message != message {
		f.Errorf("error is %#v\nwant %s: %s", err, code, message)
	}
}

func (f *fixture) create(name string, attributes map[string]string) *queue.Queue {
	f.Helper()
	q, err := f.CreateQueue(f.Context(), scope, name, attributes, nil)
	f.ok(err)
	return q
}

func (f *fixture) set(name string, attributes map[string]string) {
	f.Helper()
	f.ok(f.SetAttributes(f.Context(), scope, name, attributes))
}

func (f *fixture) send(name, body string) queue.SendResult {
	f.Helper()
	r, err := f.Send(f.Context(), scope, name, queue.Message{Body: body, Sender: scope.Account})
	f.ok(err)
	return r
}

// take receives up to ten messages without waiting.
func (f *fixture) take(name string) []queue.Received {
	f.Helper()
	got, err := f.Receive(f.Context(), scope, name, queue.ReceiveOptions{Max: new(10), WaitTime: new(0), System: []string{"All"}})
	f.ok(err)
	return got
}

// takeOne wants exactly one message.
func (f *fixture) takeOne(name string) queue.Received {
	f.Helper()
	got := f.take(name)
	if len(got) != 1 {
		f.Fatalf("received %d messages, want 1", len(got))
	}
	return got[0]
}

func (f *fixture) empty(name string) {
	f.Helper()
	if got := f.take(name); len(got) != 0 {
		f.Fatalf("received %d messages, want none", len(got))
	}
}

func (f *fixture) attribute(queue, name string) string {
	f.Helper()
	a, err := f.Attributes(f.Context(), scope, queue, []string{name})
	f.ok(err)
	return a[name]
}

func (f *fixture) equal(got, want any) {
	f.Helper()
	g, err := json.Marshal(got)
	f.ok(err)
	w, err := json.Marshal(want)
	f.ok(err)
	if string(g) != string(w) {
		f.Errorf("got %s\nwant %s", g, w)
	}
}
