package engine

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the engine's figures. Labels are bounded: never a schedule.
type Metrics struct {
	lateness    prometheus.Histogram
	runs        *prometheus.CounterVec
	attempts    *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	inFlight    prometheus.Gauge
	storeErrors prometheus.Counter
	steps       prometheus.Counter
	repairs     *prometheus.CounterVec
}

// NewMetrics returns the figures, registered with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "belfry_start_lateness_seconds",
			Help:    "Time from when an attempt was due to when it was recorded as started.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 3600},
		}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_runs_total", Help: "Runs that have ended, by outcome.",
		}, []string{"outcome"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_attempts_total", Help: "Attempts that have ended, by result.",
		}, []string{"result"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_dead_letters_total", Help: "Messages for dead-letter queues, by whether they were sent.",
		}, []string{"result"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_attempts_in_flight", Help: "Attempts under way.",
		}),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_store_errors_total", Help: "Store calls of the engine that failed and were tried again.",
		}),
	}
	m.steps = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "belfry_clock_steps_total", Help: "Times that the wall clock jumped by a second or more: it was set, or the machine slept.",
	})
	m.repairs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "belfry_queue_repairs_total", Help: "Entries of the due queue, and gaps of the ledger, that were not as schedules, clock and time zones say, and were put right, by what was wrong.",
	}, []string{"what"})
	reg.MustRegister(m.lateness, m.runs, m.attempts, m.deadLetters, m.inFlight, m.storeErrors, m.steps, m.repairs)
	return m
}
