package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
	"github.com/belfry-run/belfry/monitor/notify"
)

func TestWhatAnEndpointIsSent(t *testing.T) {
	var got *http.Request
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	e := newEndpoints(egress.Anywhere, nil, notify.Idle, "Belfry/test")
	if err := e.Post(t.Context(), s.URL+"/done?a=b", "one", []byte(`{"ü":1}`)); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.String() != "/done?a=b" || string(body) != `{"ü":1}` || got.Header.Get("Content-Type") != "application/json" ||
		got.Header.Get("Idempotency-Key") != "one" || got.Header.Get("User-Agent") != "Belfry/test" {
		t.Errorf("%s %s %s, headers %v", got.Method, got.URL, body, got.Header)
	}
}

func TestWhatTheAnswerOfAnEndpointMeans(t *testing.T) {
	status := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer s.Close()
	e := newEndpoints(egress.Anywhere, nil, notify.Idle, "")
	for code, want := range map[int]belfry.Kind{
		408: belfry.Unavailable, 425: belfry.Unavailable, 429: belfry.Unavailable, 500: belfry.Unavailable, 503: belfry.Unavailable,
		301: belfry.Invalid, 307: belfry.Invalid, 400: belfry.Invalid, 404: belfry.Invalid, 410: belfry.Invalid,
	} {
		status = code
		if err := e.Post(t.Context(), s.URL, "", nil); belfry.KindOf(err) != want {
			t.Errorf("%d: %v, want %v", code, err, want)
		}
	}
	guarded := newEndpoints(egress.NewGuard(nil).DialContext, nil, notify.Idle, "")
	if err := guarded.Post(t.Context(), s.URL, "", nil); belfry.KindOf(err) != belfry.Denied {
		t.Errorf("an endpoint of this machine: %v, want that it is refused", err)
	}
	s.Close()
	if err := e.Post(t.Context(), s.URL, "", nil); err == nil || belfry.KindOf(err) != belfry.Internal {
		t.Errorf("nobody listens: %v, want an error that may pass", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Post(ctx, s.URL, "", nil); err == nil {
		t.Error("posted without time")
	}
}
