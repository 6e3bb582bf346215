package monitor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AlertMetrics count what alerting does.
type AlertMetrics struct {
	deliveries *prometheus.CounterVec
}

// NewAlertMetrics returns metrics in the registry; nil keeps them out of any.
func NewAlertMetrics(reg prometheus.Registerer) *AlertMetrics {
	m := &AlertMetrics{deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "belfry_alert_deliveries_total",
		Help: "Tries to deliver an alert, by the channel's kind and the result: delivered, retry, failed, interrupted.",
	}, []string{"kind", "result"})}
	if reg != nil {
		reg.MustRegister(m.deliveries)
	}
	return m
}

// gaugeTime bounds a count at a scrape.
const gaugeTime = 2 * time.Second

// Gauges registers what is counted when it is asked for.
func (a *Alerts) Gauges(reg prometheus.Registerer) {
	gauge := func(name, help string, value func(ctx context.Context) (float64, error)) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), gaugeTime)
			defer cancel()
			v, err := value(ctx)
			if err != nil {
				a.log.ErrorContext(ctx, "counting alerts failed", "metric", name, "err", err)
				return -1
			}
			return v
		}))
	}
	gauge("belfry_alerts_open", "Alerts that have not ended.", func(ctx context.Context) (float64, error) {
		n, err := a.store.CountAlerts(ctx)
		return float64(n), err
	})
	gauge("belfry_alert_outbox_due", "Alert messages that are due and not delivered.", func(ctx context.Context) (float64, error) {
		n, _, err := a.store.OutboxState(ctx, a.now())
		return float64(n), err
	})
	gauge("belfry_alert_outbox_age_seconds", "For how long the oldest alert message has been due and not delivered.", func(ctx context.Context) (float64, error) {
		now := a.now()
		_, oldest, err := a.store.OutboxState(ctx, now)
		if oldest.IsZero() {
			return 0, err
		}
		return now.Sub(oldest).Seconds(), err
	})
}
