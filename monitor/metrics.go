package monitor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
)

// countTime bounds the count of the checks at a scrape.
const countTime = 2 * time.Second

// Metrics are the service's figures. Labels are bounded: never a check.
type Metrics struct {
	reg   prometheus.Registerer
	pings *prometheus.CounterVec
	flips *prometheus.CounterVec
}

// NewMetrics returns the figures, registered with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		reg: reg,
		pings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_pings_total", Help: "Pings, by what they said; unknown: there is no such check; error: not recorded.",
		}, []string{"result"}),
		flips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_check_flips_total", Help: "Changes of a check's state, by the new state.",
		}, []string{"to"}),
	}
	reg.MustRegister(m.pings, m.flips)
	return m
}

// watch adds what is counted when it is asked for.
func (m *Metrics) watch(s *Service) {
	m.reg.MustRegister(&stateCounts{s: s, desc: prometheus.NewDesc("belfry_checks",
		"Checks, by state; those that are late count as up.", []string{"status"}, nil)})
}

func (m *Metrics) pinged(p *Ping, err error) {
	result := string(p.Action)
	switch {
	case belfry.KindOf(err) == belfry.NotFound:
		result = "unknown"
	case err != nil:
		result = "error"
	}
	m.pings.WithLabelValues(result).Inc()
}

// stateCounts counts the checks at each scrape.
type stateCounts struct {
	s    *Service
	desc *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *stateCounts) Describe(d chan<- *prometheus.Desc) { d <- c.desc }

// Collect implements [prometheus.Collector].
func (c *stateCounts) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	counts, err := c.s.store.CountChecks(ctx)
	if err != nil {
		c.s.log.ErrorContext(ctx, "counting the checks failed", "error", err)
		return
	}
	for _, status := range []Status{New, Up, Down, Paused} {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts[status]), string(status))
	}
}
