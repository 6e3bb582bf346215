package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// burst measures n schedules that are due in the same second: from then to the
// last delivery. They are created through the API and recur, so that each run
// moves its schedule on.
type burst struct {
	*bench
	n     int
	queue bool // deliver to a queue, else over HTTP to the sink
}

// measured is what a burst comes to.
type measured struct {
	last    time.Duration // after the due time: the last arrival, or the last run completed
	cpu     time.Duration // of the server's, a run
	peakMiB float64       // resident
}

// created is about how many schedules a second are made, to choose a due time.
const created = 3000

func (b burst) run(ctx context.Context) (m measured, err error) {
	data, err := b.newDir()
	if err != nil {
		return m, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return m, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, srv.stop())
		}
	}()
	to, err := newSink()
	if err != nil {
		return m, err
	}
	defer to.close()
	target := httpTarget(to.url())
	if b.queue {
		if target, err = queueTarget(srv.addr); err != nil {
			return m, err
		}
	}
	due := time.Now().Add(time.Duration(b.n/created+3) * time.Second).Truncate(time.Minute).Add(time.Minute).UTC()
	cron := fmt.Sprintf("cron(%d %d * * ? *)", due.Minute(), due.Hour())
	if _, err := load(srv.addr, 32, createMany(b.n, cron, target)); err != nil {
		return m, err
	}
	wait := time.Until(due)
	if wait < 0 {
		return m, errors.New("creating the schedules took longer than there was time for")
	}
	time.Sleep(wait)
	before, err := srv.cpu()
	if err != nil {
		return m, err
	}
	if b.queue {
		m.last, err = srv.allCompleted(due, b.n)
	} else {
		m.last, err = to.allArrived(due, b.n)
	}
	if err != nil {
		return m, err
	}
	after, err := srv.cpu()
	if err != nil {
		return m, err
	}
	m.cpu = (after - before) / time.Duration(b.n)
	if _, m.peakMiB, err = srv.memory(); err != nil {
		return m, err
	}
	stopped = true
	if err := srv.stop(); err != nil {
		return m, err
	}
	return m, checkStore(ctx, data, b.n, due)
}

// patience is how long a burst may take before the bench gives up.
const patience = time.Minute

// allArrived waits for n requests, each of another occurrence, and returns when
// the last one came.
func (s *sink) allArrived(due time.Time, n int) (time.Duration, error) {
	for s.count() < n {
		if time.Since(due) > patience {
			return 0, fmt.Errorf("%d of %d have arrived a minute after they were due", s.count(), n)
		}
		time.Sleep(20 * time.Millisecond)
	}
	all, err := s.take()
	if err != nil {
		return 0, err
	}
	var last time.Duration
	seen := make(map[arrival]bool, n)
	for _, a := range all {
		last = max(last, a.at.Sub(due))
		if a.at.Before(due) {
			return 0, fmt.Errorf("an occurrence arrived %s before it was due", due.Sub(a.at))
		}
		a.at = time.Time{}
		if seen[a] {
			return 0, fmt.Errorf("the occurrence of schedule %s at %s arrived twice", a.id, a.scheduled)
		}
		seen[a] = true
	}
	if len(seen) != n {
		return 0, fmt.Errorf("%d occurrences arrived, want %d", len(seen), n)
	}
	return last, nil
}

// allCompleted waits until the server counts n runs as succeeded.
func (s *server) allCompleted(due time.Time, n int) (time.Duration, error) {
	for {
		v, err := s.metric(`belfry_runs_total{outcome="succeeded"}`)
		if err != nil {
			return 0, err
		}
		took := time.Since(due)
		if int(v) >= n {
			return took, nil
		}
		if took > patience {
			return 0, fmt.Errorf("%.0f of %d runs have completed a minute after they were due", v, n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func httpTarget(url string) string {
	return fmt.Sprintf(`{"Arn":"arn:aws:scheduler:::http:invoke","RoleArn":"arn:aws:iam::000000000000:role/belfry","Input":"{\"ApiEndpoint\":\"%s\",\"Method\":\"POST\",\"RequestBody\":{\"task\":\"bench\"}}"}`, url)
}

// queueTarget creates a queue and returns it as a target.
func queueTarget(addr string) (string, error) {
	const name = "bench"
	c, err := dial(addr)
	if err != nil {
		return "", err
	}
	defer c.conn.Close()
	status, body, err := c.do(request{
		method: http.MethodPost, path: "/", body: []byte(`{"QueueName":"` + name + `"}`),
		headers: credentials("sqs") + "X-Amz-Target: AmazonSQS.CreateQueue\r\nContent-Type: application/x-amz-json-1.0\r\n",
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, body)
	}
	if err != nil {
		return "", fmt.Errorf("create the queue: %w", err)
	}
	return `{"Arn":"arn:aws:sqs:us-east-1:000000000000:` + name + `","RoleArn":"arn:aws:iam::000000000000:role/belfry","Input":"{\"task\":\"bench\"}"}`, nil
}

// createMany returns what creates n schedules, from any number of goroutines.
func createMany(n int, expression, target string) func() (request, bool) {
	body := []byte(`{"ScheduleExpression":"` + expression + `","FlexibleTimeWindow":{"Mode":"OFF"},"Target":` + target + `}`)
	headers := credentials("scheduler") + "Content-Type: application/json\r\n"
	var made atomic.Int64
	return func() (request, bool) {
		i := made.Add(1)
		return request{method: http.MethodPost, path: fmt.Sprintf("/schedules/bench-%08d", i), headers: headers, body: body}, i <= int64(n)
	}
}
