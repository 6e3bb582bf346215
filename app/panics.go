package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// A kept handler answers 500 when another one panics, in the form of the API that
// was asked: net/http would close the connection without a word. AWS's dialects
// see to that themselves.
type kept struct {
	http.Handler
	log   *slog.Logger
	count prometheus.Counter
}

// keepIn returns h as a kept handler.
func (s *Server) keepIn(h http.Handler) http.Handler {
	count := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "belfry_api_panics_total", Help: "Requests, other than to AWS's APIs, that were answered with 500 because of an error of Belfry's own.",
	})
	s.metrics.MustRegister(count)
	return &kept{h, s.log, count}
}

// ServeHTTP implements [http.Handler].
func (k *kept) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &begun{ResponseWriter: w}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint // as net/http itself does
			panic(p)
		}
		k.count.Inc()
		id := uuid.NewString()
		k.log.ErrorContext(r.Context(), "a request failed", "request_id", id, "method", r.Method, "path", r.URL.Path, "err", p, "stack", string(debug.Stack()))
		if a.yes {
			panic(http.ErrAbortHandler) // the client must not take what it has for the whole
		}
		w.Header().Set("X-Request-Id", id)
		w.Header().Del("Content-Length")
		if !strings.HasPrefix(r.URL.Path, "/belfry/") {
			http.Error(w, "internal error; request id "+id, http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "{\"error\":{\"code\":\"internal\",\"message\":\"Internal error; the log says more of request %s.\"}}\n", id)
	}()
	k.Handler.ServeHTTP(a, r)
}

// begun knows whether an answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

// WriteHeader implements [http.ResponseWriter].
func (b *begun) WriteHeader(status int) {
	b.yes = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }
