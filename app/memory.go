package app

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/memory"
)

// Memory bounds, in bytes, what is in memory at once beside the runs of schedules,
// which the engine bounds. Who finds no room waits; one that is larger than all of it
// gets in alone. What is in use takes several times as much. Zero is the default.
type Memory struct {
	Bodies  int // of requests; and as much for those that call functions
	Answers int // to requests, and of functions
	Events  int // asynchronous invocations that are tried, and records on their way
}

const (
	defaultMemory = 64 << 20
	// bodyWait is how long a request waits for room, and bodyTime how long it may then
	// take to arrive.
	bodyWait = 50 * time.Second
	bodyTime = time.Minute
)

// startMemory makes the budgets, and shows what of them is in use.
func (s *Server) startMemory() {
	s.bodies = memory.NewBudget(cmp.Or(s.c.Memory.Bodies, defaultMemory))
	s.calls = memory.NewBudget(cmp.Or(s.c.Memory.Bodies, defaultMemory))
	s.answers = memory.NewBudget(cmp.Or(s.c.Memory.Answers, defaultMemory))
	limit := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "belfry_memory_limit_bytes", Help: "Bytes of large bodies and answers that may be in memory at once."}, []string{"of"})
	s.metrics.MustRegister(limit)
	for _, b := range []struct {
		of     string
		budget *memory.Budget
	}{{"bodies", s.bodies}, {"calls", s.calls}, {"answers", s.answers}} {
		limit.WithLabelValues(b.of).Set(float64(b.budget.Counts().Size))
		labels := prometheus.Labels{"of": b.of}
		s.metrics.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "belfry_memory_used_bytes", Help: "Bytes of large bodies and answers that are in memory.", ConstLabels: labels},
				func() float64 { return float64(b.budget.Counts().Used) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "belfry_memory_waiting", Help: "Large requests and answers that wait for memory.", ConstLabels: labels},
				func() float64 { return float64(b.budget.Counts().Waiting) }),
		)
	}
}

// within has the body of a request in memory, as far as h reads it, before it calls
// h: up to most bytes, when there is room for them. AWS's dialects see to that
// themselves. refuse answers who has waited for too long.
func (s *Server) within(most int, h http.Handler, refuse func(w http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := most
		if r.ContentLength >= 0 {
			n = int(min(r.ContentLength, int64(most)))
		}
		if n <= memory.Small {
			h.ServeHTTP(w, r)
			return
		}
		// What is announced as any length is often short.
		head, err := readHead(w, r, memory.Small)
		if err == nil && len(head) == memory.Small {
			waiting, cancel := context.WithTimeout(r.Context(), bodyWait)
			hold, err := s.bodies.Take(waiting, n)
			cancel()
			if err != nil {
				refuse(w)
				return
			}
			defer hold.Release()
		}
		more, restErr := []byte(nil), err
		if err == nil {
			more, restErr = readHead(w, r, n-len(head))
		}
		rest := io.Reader(r.Body)
		if restErr != nil {
			rest = broken{restErr}
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), bytes.NewReader(more), rest), r.Body}
		h.ServeHTTP(w, r)
	})
}

// readHead reads up to n bytes of a body, which have bodyTime to arrive.
func readHead(w http.ResponseWriter, r *http.Request, n int) ([]byte, error) {
	// Writers of tests know no deadline; then there is none.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	return io.ReadAll(io.LimitReader(r.Body, int64(n)))
}

// broken is the rest of a body that did not arrive.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

const noRoom = "The server has as many large requests under way as its memory lets it; try again later."

func refuseText(w http.ResponseWriter) { http.Error(w, noRoom, http.StatusServiceUnavailable) }

func refuseJSON(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"error":{"code":"unavailable","message":"`+noRoom+"\"}}\n") // a client that has gone needs no answer
}
