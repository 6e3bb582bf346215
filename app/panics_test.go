package app

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestAPanicIsAnswered: in the form of the API, with an id that the log has; of an
// answer that has begun the client learns that it is not whole.
func TestAPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil)), metrics: prometheus.NewRegistry()}
	srv := httptest.NewServer(s.keepIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "begun") {
			io.WriteString(w, strings.Repeat("x", 1<<20))
		}
		panic("boom")
	})))
	defer srv.Close()
	for _, path := range []string{"/belfry/v1/runs", "/api/v3/checks/"} {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		id := res.Header.Get("X-Request-Id")
		if err != nil || res.StatusCode != http.StatusInternalServerError || id == "" || !strings.Contains(string(body), id) || !strings.Contains(log.String(), id) {
			t.Errorf("%s: %s %s, %v; log %s", path, res.Status, body, err, &log)
		}
		var e struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal(body, &e); strings.HasPrefix(path, "/belfry/") && (err != nil || e.Error.Code != "internal") {
			t.Errorf("%s: %s", path, body)
		}
	}
	res, err := http.Get(srv.URL + "/begun")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("an answer that was cut off looks whole")
	}
}
