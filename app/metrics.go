package app

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/function"
)

// backlogTime bounds the count of the backlog at a scrape.
const backlogTime = 2 * time.Second

// figures are the metrics that no package below has.
type figures struct {
	reg        *prometheus.Registry
	commitTime prometheus.Histogram
	callers    prometheus.Histogram
	requests   *prometheus.CounterVec
	took       *prometheus.HistogramVec
	coldRuns   prometheus.Counter
}

func newFigures(reg *prometheus.Registry) *figures {
	f := &figures{
		reg: reg,
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "belfry_store_commit_seconds",
			Help:    "Time of a store transaction, from its begin to the disk.",
			Buckets: prometheus.ExponentialBuckets(.0001, 2, 16),
		}),
		callers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "belfry_store_commit_callers",
			Help:    "Callers that shared a store transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_api_requests_total", Help: "AWS API requests, by service, operation and status.",
		}, []string{"service", "operation", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "belfry_api_request_seconds", Help: "Time to answer AWS API requests.",
			Buckets: prometheus.ExponentialBuckets(.0005, 4, 9),
		}, []string{"service"}),
		coldRuns: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_function_cold_runs_total", Help: "Scheduled runs of functions that waited for an instance to start.",
		}),
	}
	reg.MustRegister(f.commitTime, f.callers, f.requests, f.took, f.coldRuns, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return f
}

func (f *figures) commit(took time.Duration, callers int) {
	f.commitTime.Observe(took.Seconds())
	f.callers.Observe(float64(callers))
}

func (f *figures) request(o awswire.Observation) {
	f.requests.WithLabelValues(o.Service, o.Operation, strconv.Itoa(o.Status)).Inc()
	f.took.WithLabelValues(o.Service).Observe(o.Took.Seconds())
}

// gauge adds a figure that is asked for at each scrape.
func gauge(reg prometheus.Registerer, name, help string, value func() float64) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, known(value)))
}

// counter adds a count that is asked for at each scrape.
func counter(reg prometheus.Registerer, name, help string, value func() float64) {
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, known(value)))
}

// known is value, or -1 when that panics: a scrape asks in goroutines of its own.
func known(value func() float64) func() float64 {
	return func() float64 {
		v := -1.
		_ = barrier.Try(func() error { v = value(); return nil }) // -1 says it
		return v
	}
}

// watch adds what is counted when it is asked for.
func (f *figures) watch(e *engine.Engine, h *function.Host, log *slog.Logger) {
	gauge(f.reg, "belfry_due_backlog", "Entries of the due queue that are due and not started, counted up to 100,000.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), backlogTime)
		defer cancel()
		n, err := e.Backlog(ctx)
		if err != nil {
			log.Error("counting the backlog failed", "err", err)
			return -1
		}
		return float64(n)
	})
	isolation := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "belfry_function_isolation_info", Help: "1 for the isolation level that functions run at.",
	}, []string{"level"})
	isolation.WithLabelValues(h.Isolation().Level.String()).Set(1)
	f.reg.MustRegister(isolation)
	gauge(f.reg, "belfry_function_instances", "Function instances that are up, idle ones included.", func() float64 { return float64(h.Stats().Instances) })
	gauge(f.reg, "belfry_function_instances_idle", "Function instances that are up and idle.", func() float64 { return float64(h.Stats().Idle) })
	gauge(f.reg, "belfry_function_pool_processes", "Processes without a function that are kept for starts to come.", func() float64 { return float64(h.Stats().Blanks) })
	gauge(f.reg, "belfry_function_waiting", "Invocations that wait for an instance.", func() float64 { return float64(h.Stats().Waiting) })
	gauge(f.reg, "belfry_function_events_pending", "Asynchronous invocations that were accepted and have not ended.", func() float64 { return float64(h.Stats().Events) })
	gauge(f.reg, "belfry_function_event_bytes", "Bytes of large events and records that are being tried.", func() float64 { return float64(h.Stats().EventBytes) })
	counter(f.reg, "belfry_function_starts_total", "Function instances started.", func() float64 { return float64(h.Stats().Starts) })
	counter(f.reg, "belfry_function_pooled_starts_total", "Function instances started from a process of the pool.", func() float64 { return float64(h.Stats().Pooled) })
	counter(f.reg, "belfry_function_prestarts_total", "Function instances started before a scheduled run was due.", func() float64 { return float64(h.Stats().Prestarts) })
	counter(f.reg, "belfry_function_prestarts_used_total", "Instances started before a scheduled run was due that have served.", func() float64 { return float64(h.Stats().PrestartsUsed) })
	counter(f.reg, "belfry_function_prestarts_unused_total", "Instances started before a scheduled run was due that ended without having served.", func() float64 { return float64(h.Stats().PrestartsUnused) })
	counter(f.reg, "belfry_function_invocations_total", "Function invocations.", func() float64 { return float64(h.Stats().Invocations) })
	counter(f.reg, "belfry_function_errors_total", "Function invocations that ended with an error of the function.", func() float64 { return float64(h.Stats().Errors) })
	counter(f.reg, "belfry_function_events_skipped_total", "Asynchronous invocations that were skipped because of once_per.", func() float64 { return float64(h.Stats().Skipped) })
	counter(f.reg, "belfry_function_throttles_total", "Function invocations that were refused for want of an instance.", func() float64 { return float64(h.Stats().Throttles) })
}
