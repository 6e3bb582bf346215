package app

import (
	"context"
	"errors"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/logs"
)

// Logs say how much of functions' logs is kept. Zero is the default.
type Logs struct {
	Retention     int // days that events of a group without a policy of its own are kept; negative: for ever
	MaxInvocation int // bytes of the log of one invocation
	MaxGroup      int64
	MaxTotal      int64 // bytes of all logs
}

// startLogs opens the logs; it comes before the functions that write to them.
func (s *Server) startLogs(ctx context.Context, clock wallClock) (err error) {
	s.logs, err = logs.New(ctx, logs.Config{
		Store: s.store, Clock: clock, Logger: s.log, Retention: s.c.Logs.Retention, GroupSize: s.c.Logs.MaxGroup, TotalSize: s.c.Logs.MaxTotal,
		Apart: s.apart,
	})
	if err != nil {
		return errors.Join(errors.New("open the logs"), err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.logs.Run(run)
	}()
	s.opened("logs", func(context.Context) error {
		stop()
		<-ended
		return nil
	})
	gauge(s.metrics, "belfry_logs_stored_bytes", "Size of the stored logs of functions.", func() float64 { return float64(s.logs.Stats().Bytes) })
	gauge(s.metrics, "belfry_logs_waiting_bytes", "Size of the lines of logs that wait to be stored.", func() float64 { return float64(s.logs.Stats().Waiting) })
	counter(s.metrics, "belfry_logs_events_total", "Events of logs that were stored.", func() float64 { return float64(s.logs.Stats().Recorded) })
	counter(s.metrics, "belfry_logs_dropped_total", "Lines of logs that were dropped because they could not be stored, or not fast enough.", func() float64 { return float64(s.logs.Stats().Dropped) })
	counter(s.metrics, "belfry_logs_trimmed_bytes_total", "Size of the logs that were removed before their time because of a limit of their size.", func() float64 { return float64(s.logs.Stats().Trimmed) })
	return nil
}

// record puts a line that a function has printed into the log of its account.
func (s *Server) record(l function.Line) {
	f := l.Function
	s.logs.Record(logs.Ref{Scope: f.Scope, Name: f.LogGroupName()}, l.Stream, l.Time, l.Request, l.Text)
}
