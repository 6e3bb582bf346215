package monitor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/monitor/probe"
)

// ProbeMetrics are the figures of probes. Labels are bounded: never a probe.
type ProbeMetrics struct {
	looks   *prometheus.CounterVec
	took    *prometheus.HistogramVec
	looking prometheus.Gauge
}

// NewProbeMetrics returns the figures, registered with reg.
func NewProbeMetrics(reg prometheus.Registerer) *ProbeMetrics {
	m := &ProbeMetrics{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_probe_looks_total", Help: "Looks of probes, by kind and result, their retries included.",
		}, []string{"kind", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "belfry_probe_seconds", Help: "Time of the last try of a look that went well.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"kind"}),
		looking: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_probes_in_flight", Help: "Probes that are looking.",
		}),
	}
	reg.MustRegister(m.looks, m.took, m.looking)
	return m
}

// begin counts a look, and returns what is to be called at its end.
func (m *ProbeMetrics) begin(kind probe.Kind) func(probe.Result) {
	m.looking.Inc()
	return func(r probe.Result) {
		m.looking.Dec()
		result := "failed"
		if r.OK {
			result = "ok"
			m.took.WithLabelValues(string(kind)).Observe(r.Took.Seconds())
		}
		m.looks.WithLabelValues(string(kind), result).Inc()
	}
}
