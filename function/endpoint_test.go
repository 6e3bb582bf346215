package function_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// A webhook is an endpoint that answers with an error as often as it is told.
type webhook struct {
	mu    sync.Mutex
	fail  []error // the next answers; then none
	calls []string
	last  []byte
}

func (w *webhook) Post(_ context.Context, url, id string, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.last = append(w.calls, url+" "+id), body
	if len(w.fail) == 0 {
		return nil
	}
	err := w.fail[0]
	w.fail = w.fail[1:]
	return err
}

func (w *webhook) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls)
}

const hook = "https://example.org/done"

// hooked is a function whose events end at an endpoint.
func hooked(t *testing.T, code string, fail ...error) (*eventBench, *webhook) {
	w := &webhook{fail: fail}
	b := newEventBench(t, code, nil, func(c *function.Config) { c.Endpoints = w })
	b.configure(function.EventConfig{Retries: new(0), OnSuccess: hook, OnFailure: hook + "/failed"})
	return b, w
}

var errBusy = errors.New("busy")

func TestAnEndpointCanBeADestination(t *testing.T) {
	for _, c := range []struct{ code, url, condition string }{
		{"return {'n': 1}", hook, "Success"},
		{"raise ValueError('no')", hook + "/failed", "RetriesExhausted"},
	} {
		b, w := hooked(t, c.code)
		id := b.send(`{"a":1}`)
		eventually(t, "the endpoint is told", func() bool { return w.count() == 1 })
		if w.calls[0] != c.url+" "+id {
			t.Errorf("%s: posted to %s", c.condition, w.calls[0])
		}
		var r struct {
			RequestContext  struct{ RequestID, Condition string }
			RequestPayload  json.RawMessage
			ResponseContext struct{ ExecutedVersion string }
		}
		if err := json.Unmarshal(w.last, &r); err != nil || r.RequestContext.RequestID != id || r.RequestContext.Condition != c.condition ||
			string(r.RequestPayload) != `{"a":1}` || r.ResponseContext.ExecutedVersion != "$LATEST" {
			t.Errorf("%s: %v, told %s", c.condition, err, w.last)
		}
		b.nothingPending()
	}
}

// TestAnEndpointIsToldAgain, with longer pauses, with the same id, over a restart,
// and without the function being run again.
func TestAnEndpointIsToldAgain(t *testing.T) {
	b, w := hooked(t, "return 1", errBusy, errBusy, errBusy)
	id := b.send(`{}`)
	for n, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		eventually(t, fmt.Sprintf("post %d", n+1), func() bool { return w.count() == n+1 })
		if n == 1 {
			b.stop()
			b.start()
		}
		b.wait(pause)
	}
	eventually(t, "the last post", func() bool { return w.count() == 4 })
	b.nothingPending()
	for _, call := range w.calls {
		if call != hook+" "+id {
			t.Errorf("posted to %s", call)
		}
	}
	if n := b.called(); n != 1 {
		t.Errorf("the function ran %d times", n)
	}
}

func TestAnEndpointIsGivenUp(t *testing.T) {
	b, w := hooked(t, "return 1", belfry.Errorf(belfry.Invalid, "", "The endpoint answered 404 Not Found."))
	b.send(`{}`)
	eventually(t, "the post", func() bool { return w.count() == 1 })
	b.nothingPending()

	b, w = hooked(t, "return 1", errBusy, errBusy)
	b.send(`{}`)
	eventually(t, "the post", func() bool { return w.count() == 1 })
	eventually(t, "the next try is in a second", func() bool { return b.clock.awaits(time.Second) })
	b.clock.advance(function.MaxEventAge)
	eventually(t, "the last post", func() bool { return w.count() == 2 })
	b.nothingPending()
}

// nothingPending waits until the store has no event left.
func (b *eventBench) nothingPending() {
	b.t.Helper()
	eventually(b.t, "nothing is left to do", func() bool {
		pending, err := b.cfg.Store.PendingEvents(b.t.Context())
		return err == nil && len(pending) == 0
	})
}

func TestEndpointsThatMayNotBe(t *testing.T) {
	b, _ := hooked(t, "return 1")
	for _, c := range []struct{ url, message string }{
		{"https://", "The destination URL https:// is invalid."},
		{"http://:80/x", "is invalid."},
		{"https://exa mple.org", "is invalid."},
		{"https://example.org/%zz", "is invalid."},
		{"https://user:secret@example.org/", "must not have a user or a password"},
		{"https://example.org/#part", "leave out what begins with #"},
		{"ftp://example.org/", "The destination ARN ftp://example.org/ is invalid."},
	} {
		_, err := b.PutEventConfig(t.Context(), ref("f"), "", function.EventConfig{OnSuccess: c.url})
		refused(t, err, belfry.Invalid, "InvalidParameterValueException", c.message)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
