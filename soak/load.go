package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

const (
	minutely  = 300 // schedules that are due each minute, a third for each kind of target
	functions = 5
	checks    = 20
)

// A load is what a server has to do.
type load struct {
	srv      *rig.Server
	listener net.Listener
	python   string // its runtime; empty: there is none, and its share goes to HTTP
	pingKey  string

	delivered, done, failed atomic.Int64
	wg                      sync.WaitGroup
	mu                      sync.Mutex
	last                    error // guarded by mu; of the requests that failed
}

func newLoad(ctx context.Context, srv *rig.Server) (*load, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &load{srv: srv, listener: listener}
	go http.Serve(listener, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { //nolint:errcheck,gosec // it ends with close
		io.Copy(io.Discard, r.Body) //nolint:errcheck // only that it came counts
		l.delivered.Add(1)
	}))
	if out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2], end='')").Output(); err == nil {
		l.python = string(out)
	}
	if err := l.setUp(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *load) close() { l.listener.Close() }

func (l *load) wait() { l.wg.Wait() }

// err is nil unless more than one in a hundred requests failed.
func (l *load) err() error {
	if done, failed := l.done.Load(), l.failed.Load(); failed*100 > done {
		l.mu.Lock()
		defer l.mu.Unlock()
		return fmt.Errorf("%d of %d requests failed, the last one with %w", failed, done+failed, l.last)
	}
	return nil
}

// must makes a request that has to succeed.
func (l *load) must(ctx context.Context, service, method, path, target string, body any) (rig.Answer, error) {
	got, err := l.srv.Do(ctx, service, method, path, target, body)
	if err == nil {
		err = got.Err()
	}
	if err != nil {
		return got, fmt.Errorf("%s %s %s: %w", method, path, target, err)
	}
	return got, nil
}

// ask makes a request and counts it.
func (l *load) ask(ctx context.Context, service, method, path, target string, body any) rig.Answer {
	got, err := l.must(context.WithoutCancel(ctx), service, method, path, target, body)
	if err != nil {
		l.failed.Add(1)
		l.mu.Lock()
		l.last = err
		l.mu.Unlock()
		return got
	}
	l.done.Add(1)
	return got
}

func (l *load) setUp(ctx context.Context) error {
	if _, err := l.must(ctx, "sqs", http.MethodPost, "/", "AmazonSQS.CreateQueue", map[string]any{"QueueName": "inbox"}); err != nil {
		return err
	}
	got, err := l.must(ctx, "", http.MethodPost, "/belfry/v1/project/keys/ping", "", nil)
	if err != nil {
		return err
	}
	var key struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(got.Body, &key); err != nil || key.Key == "" {
		return fmt.Errorf("the project's new ping key: %s, %w", got.Body, err)
	}
	l.pingKey = key.Key
	for i := range functions {
		if l.python == "" {
			break
		}
		body := map[string]any{"FunctionName": fmt.Sprintf("f%d", i), "Runtime": l.python, "Role": rig.Role, "Handler": "app.handler", "Code": map[string]any{"ZipFile": code(0)}}
		if _, err := l.must(ctx, "lambda", http.MethodPost, "/2015-03-31/functions", "", body); err != nil {
			return err
		}
	}
	for i := range minutely {
		if _, err := l.must(ctx, "scheduler", http.MethodPost, fmt.Sprintf("/schedules/every%d", i), "", schedule("cron(* * * * ? *)", l.target(i), "NONE")); err != nil {
			return err
		}
	}
	return nil
}

// code is a handler's zip, of a version.
func code(version int) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("app.py")
	if err == nil {
		_, err = fmt.Fprintf(w, "VERSION = %d\n\n\ndef handler(event, context):\n    print(event)\n    return VERSION\n", version)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func (l *load) target(i int) map[string]any {
	t := map[string]any{"RoleArn": rig.Role}
	switch kind := i % 3; {
	case kind == 0:
		t["Arn"], t["Input"] = "arn:aws:sqs:"+rig.Region+":"+rig.Account+":inbox", `{"at":"<aws.scheduler.scheduled-time>"}`
	case kind == 1 && l.python != "":
		t["Arn"], t["Input"] = fmt.Sprintf("arn:aws:lambda:%s:%s:function:f%d", rig.Region, rig.Account, i/3%functions), `{"at":"<aws.scheduler.scheduled-time>"}`
	default:
		t["Arn"], t["Input"] = "arn:aws:scheduler:::http:invoke", `{"ApiEndpoint":"http://`+l.listener.Addr().String()+`/","Method":"POST","RequestBody":{"at":"<aws.scheduler.scheduled-time>"}}`
	}
	return t
}

func schedule(expression string, target map[string]any, after string) map[string]any {
	return map[string]any{
		"ScheduleExpression": expression, "FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
		"Target": target, "ActionAfterCompletion": after,
	}
}

// start starts the clients; they end with ctx.
func (l *load) start(ctx context.Context) {
	l.repeat(ctx, 200*time.Millisecond, func(i int) {
		at := time.Now().UTC().Add(5 * time.Second).Format("at(2006-01-02T15:04:05)")
		l.ask(ctx, "scheduler", http.MethodPost, fmt.Sprintf("/schedules/once%d", i), "", schedule(at, l.target(i), "DELETE"))
	})
	l.repeat(ctx, 200*time.Millisecond, func(i int) { // made and deleted before it is due
		path := fmt.Sprintf("/schedules/never%d", i)
		at := time.Now().UTC().Add(time.Hour).Format("at(2006-01-02T15:04:05)")
		l.ask(ctx, "scheduler", http.MethodPost, path, "", schedule(at, l.target(i), "NONE"))
		l.ask(ctx, "scheduler", http.MethodDelete, path, "", nil)
	})
	l.repeat(ctx, 100*time.Millisecond, func(i int) {
		l.ask(ctx, "", http.MethodGet, fmt.Sprintf("/ping/%s/check-%d?create=1", l.pingKey, i%checks), "", nil)
	})
	l.repeat(ctx, 100*time.Millisecond, l.take(ctx))
	if l.python != "" {
		l.repeat(ctx, 30*time.Second, func(i int) {
			l.ask(ctx, "lambda", http.MethodPut, fmt.Sprintf("/2015-03-31/functions/f%d/code", i%functions), "", map[string]any{"ZipFile": code(i + 1)})
		})
	}
}

// take takes messages out of the queue.
func (l *load) take(ctx context.Context) func(int) {
	queue := l.srv.URL() + "/" + rig.Account + "/inbox"
	return func(int) {
		got := l.ask(ctx, "sqs", http.MethodPost, "/", "AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 10})
		var page struct {
			Messages []struct{ ReceiptHandle string }
		}
		if json.Unmarshal(got.Body, &page) != nil {
			return
		}
		for _, m := range page.Messages {
			l.ask(ctx, "sqs", http.MethodPost, "/", "AmazonSQS.DeleteMessage", map[string]any{"QueueUrl": queue, "ReceiptHandle": m.ReceiptHandle})
		}
	}
}

// repeat calls do again and again, with a pause.
func (l *load) repeat(ctx context.Context, pause time.Duration, do func(i int)) {
	l.wg.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(i)
			}
		}
	})
}
