package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry/function/sandbox"
)

// Invocations that are measured of each kind.
const (
	coldInvocations = 15
	coldRest        = 250 * time.Millisecond // before each: the last instance ends, and what the server keeps ready is there
	warmInvocations = 2000
	atOnce          = 50 // functions
)

// A language is a runtime with a handler that gives back what it gets.
type language struct {
	name, runtime, file string
	code                []byte
	cold, warm, pooled  float64 // aims: milliseconds, invocations a second, milliseconds; 0: none
}

const echo = "def handler(event, context):\n    return event\n" // in Python

// languages builds the handlers.
func (b *bench) languages(ctx context.Context) ([]language, error) {
	program := filepath.Join(b.dir, "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "-tags", "lambda.norpc", "-ldflags", "-s -w", ".") // as belfry deploy does
	cmd.Dir = filepath.Join("function", "testdata", "golambda")
	var err error
	if cmd.Args[3], err = filepath.Abs(program); err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the handler in Go: %w\n%s", err, out)
	}
	bootstrap, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	return []language{
		{"Go", "provided.al2023", "bootstrap", bootstrap, 15, 2000, 0},
		{"Python", "python3.11", "app.py", []byte(echo), 40, 8000, 3},
		{"Node", "nodejs20.x", "app.mjs", []byte("export const handler = async (event) => event\n"), 70, 8000, 12},
	}, nil
}

// functions measures invocations that must start an instance, and of one that is
// up, of each language, without isolation and at the best level there is, and the
// same handlers as bare processes. None finds a process in the pool.
func (b *bench) functions(ctx context.Context) (figures []figure, err error) {
	all, err := b.languages(ctx)
	if err != nil {
		return nil, err
	}
	bare, err := b.bare(ctx, all)
	if err != nil {
		return nil, err
	}
	var open, isolated map[string]invocations
	if open, err = b.functionsAt(ctx, all, "--isolation", "none"); err != nil {
		return nil, err
	}
	if isolated, err = b.functionsAt(ctx, all, "--isolation", "auto", "--pool", "0"); err != nil {
		return nil, err
	}
	for _, l := range all {
		n, i := open[l.name], isolated[l.name]
		figures = append(
			figures,
			figure{name: l.name + ", cold, p50", unit: "ms", value: ms(i.cold), aim: l.cold, peer: ms(bare[l.name]), who: "bare process"},
			figure{name: l.name + ", cold, not isolated, p50", unit: "ms", value: ms(n.cold)},
			figure{name: l.name + ", isolation of a start", unit: "ms", value: ms(i.cold - n.cold), aim: 8},
			figure{name: l.name + ", warm over HTTP, p50", unit: "ms", value: ms(i.warm), peer: ms(n.warm), who: "not isolated"},
			figure{name: l.name + ", warm over HTTP, one caller", unit: "/s", value: i.rate, more: true, peer: n.rate, who: "not isolated"},
			figure{name: l.name + ", private memory, warm", unit: "MiB", value: i.private, peer: n.private, who: "not isolated"},
		)
	}
	return figures, nil
}

type invocations struct {
	cold, warm    time.Duration
	rate, private float64 // a second; MiB
}

// A functionServer is a server with a connection to its Lambda API.
type functionServer struct {
	*server
	*client
}

func (b *bench) serveFunctions(ctx context.Context, args ...string) (*functionServer, error) {
	data, err := b.newDir()
	if err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, data, append([]string{"--dev"}, args...), nil)
	if err != nil {
		return nil, err
	}
	c, err := dial(srv.addr)
	if err != nil {
		return nil, errors.Join(err, srv.stop())
	}
	return &functionServer{srv, c}, nil
}

func (s *functionServer) close() error {
	return errors.Join(s.conn.Close(), s.stop())
}

// ask makes a request below /2015-03-31/functions.
func (s *functionServer) ask(method, path string, body any, want int) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	status, answer, err := s.do(request{method: method, path: "/2015-03-31/functions" + path, headers: credentials("lambda"), body: text})
	if err == nil && status != want {
		err = fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	}
	return err
}

// zip is the handler as it is uploaded.
func (l *language) zip() ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: l.file, Method: zip.Store}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(l.code); err != nil {
		return nil, err
	}
	err = z.Close()
	return buf.Bytes(), err
}

func (s *functionServer) deploy(name string, l language) error {
	zip, err := l.zip()
	if err != nil {
		return err
	}
	return s.ask(http.MethodPost, "", map[string]any{
		"FunctionName": name, "Runtime": l.runtime, "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/belfry",
		"Code": map[string]any{"ZipFile": zip}, "Timeout": 60,
	}, http.StatusCreated)
}

func (s *functionServer) invoke(name string) error {
	return s.ask(http.MethodPost, "/"+name+"/invocations", map[string]any{}, http.StatusOK)
}

func (b *bench) functionsAt(ctx context.Context, all []language, args ...string) (_ map[string]invocations, err error) {
	s, err := b.serveFunctions(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	measured := map[string]invocations{}
	for _, l := range all {
		if err := s.deploy(l.name, l); err != nil {
			return nil, err
		}
		var m invocations
		if m.cold, _, err = s.timed(coldInvocations, l.name, func(i int) error { // a change of the function ends its instances
			err := s.ask(http.MethodPut, "/"+l.name+"/configuration", map[string]any{"Description": fmt.Sprint(i)}, http.StatusOK)
			time.Sleep(coldRest)
			return err
		}); err != nil {
			return nil, err
		}
		var took time.Duration
		if m.warm, took, err = s.timed(warmInvocations, l.name, func(int) error { return nil }); err != nil {
			return nil, err
		}
		m.rate = perSecond(warmInvocations, took)
		if m.private, err = s.privateMemory(); err != nil {
			return nil, err
		}
		measured[l.name] = m
		if err := s.ask(http.MethodDelete, "/"+l.name, nil, http.StatusNoContent); err != nil { // with its instance
			return nil, err
		}
	}
	return measured, nil
}

// timed returns the median of n invocations, and what all of them took.
func (s *functionServer) timed(n int, name string, before func(i int) error) (median, all time.Duration, err error) {
	var took []time.Duration
	for i := range n {
		if err := before(i); err != nil {
			return 0, 0, err
		}
		began := time.Now()
		if err := s.invoke(name); err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(began))
		all += took[i]
	}
	slices.Sort(took)
	return quantile(took, .5), all, nil
}

// functionsAtOnce measures many functions that are invoked in the same moment, as
// by schedules: each must start an instance, or takes a process of the pool.
func (b *bench) functionsAtOnce(ctx context.Context) ([]figure, error) {
	cold, err := b.atOnce(ctx, 0)
	if err != nil {
		return nil, err
	}
	pooled, err := b.atOnce(ctx, atOnce)
	return []figure{
		{name: "cold, all have answered after", unit: "ms", value: ms(cold), aim: 1200},
		{name: "pooled, all have answered after", unit: "ms", value: ms(pooled), aim: 100},
	}, err
}

func (b *bench) atOnce(ctx context.Context, pool int) (_ time.Duration, err error) {
	h, err := b.hostFunctions(ctx, sandbox.Full, map[string]int{"python": pool})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	python := language{runtime: "python3.11", file: "app.py", code: []byte(echo)}
	for i := range atOnce + 1 {
		if err := h.deploy(ctx, fmt.Sprintf("f%d", i), python); err != nil {
			return 0, err
		}
	}
	if _, err := h.invoke(ctx, fmt.Sprintf("f%d", atOnce)); err != nil { // makes the kind known
		return 0, err
	}
	if err := h.stocked(ctx, pool); err != nil {
		return 0, err
	}
	var all sync.WaitGroup
	failed := make([]error, atOnce)
	began := time.Now()
	for i := range atOnce {
		all.Go(func() { _, failed[i] = h.invoke(ctx, fmt.Sprintf("f%d", i)) })
	}
	all.Wait()
	took := time.Since(began)
	if s := h.Stats(); int(s.Pooled) != pool {
		err = fmt.Errorf("%d starts took a process of the pool, want %d", s.Pooled, pool)
	}
	return took, errors.Join(append(failed, err)...)
}

// functionsDue measures scheduled runs of functions, from the due time to the
// handler's answer, cut to the millisecond. The server starts their instances
// ahead. One is due a second.
func (b *bench) functionsDue(ctx context.Context) (_ []figure, err error) {
	const runs = 5
	all, err := b.languages(ctx)
	if err != nil {
		return nil, err
	}
	s, err := b.serveFunctions(ctx, "--isolation", "auto")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, l := range all {
		for i := range runs {
			if err := s.deploy(scheduled(l, i), l); err != nil {
				return nil, err
			}
		}
	}
	first := time.Now().Add(3 * time.Second).Truncate(time.Second).UTC()
	for j, l := range all {
		for i := range runs {
			name := scheduled(l, i)
			at := first.Add(time.Duration(i*len(all)+j) * time.Second)
			body := `{"ScheduleExpression":"at(` + at.Format("2006-01-02T15:04:05") + `)","FlexibleTimeWindow":{"Mode":"OFF"},` +
				`"Target":{"Arn":"arn:aws:lambda:us-east-1:000000000000:function:` + name + `","RoleArn":"arn:aws:iam::000000000000:role/belfry"}}`
			create := request{method: http.MethodPost, path: "/schedules/" + name, headers: credentials("scheduler") + "Content-Type: application/json\r\n", body: []byte(body)}
			if status, answer, err := s.do(create); err != nil || status != http.StatusOK {
				return nil, errors.Join(err, fmt.Errorf("create a schedule: %d %s", status, answer))
			}
		}
	}
	time.Sleep(time.Until(first.Add(time.Duration(runs*len(all)) * time.Second)))
	var figures []figure
	for _, l := range all {
		var took []time.Duration
		for i := range runs {
			d, err := s.answered(scheduled(l, i))
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
		slices.Sort(took)
		figures = append(figures, figure{name: l.name + ", due to answer, p50", unit: "ms", value: ms(quantile(took, .5)), aim: 3})
	}
	return figures, nil
}

func scheduled(l language, i int) string {
	return fmt.Sprintf("%s-%d", l.name, i)
}

// answered is how long after its time the one run of a schedule had succeeded.
func (s *functionServer) answered(schedule string) (time.Duration, error) {
	path := "/belfry/v1/runs?schedule=arn:aws:scheduler:us-east-1:000000000000:schedule/default/" + schedule
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		status, body, err := s.do(request{method: http.MethodGet, path: path, headers: credentials("belfry")})
		if err != nil || status != http.StatusOK {
			return 0, errors.Join(err, fmt.Errorf("GET %s: %d %s", path, status, body))
		}
		var page struct {
			Items []struct {
				Outcome   string
				Scheduled time.Time `json:"scheduled_time"`
				Ended     time.Time `json:"ended_at"`
			}
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return 0, err
		}
		if len(page.Items) == 1 && page.Items[0].Outcome == "succeeded" {
			return page.Items[0].Ended.Sub(page.Items[0].Scheduled), nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the run of %s has not succeeded: %s", schedule, body)
		}
	}
}
