package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/store/sqlite"
)

var scope = belfry.Scope{Account: "123456789012", Region: "eu-west-1"}

func ref(name string) function.Ref { return function.Ref{Scope: scope, Name: name} }

// patience is how long the tests wait for what takes a moment: the machine may be
// busy.
const patience = 2 * time.Minute

// A bench is a running host with a store of its own.
type bench struct {
	*function.Host
	t   testing.TB
	cfg function.Config
}

func newBench(t testing.TB, options ...func(*function.Config)) *bench {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, cfg: function.Config{Dir: t.TempDir(), Store: store, Trial: os.Getenv("BELFRY_TEST_TRIAL")}}
	for _, o := range options {
		o(&b.cfg)
	}
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *bench) start() {
	b.t.Helper()
	h, err := function.New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := h.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.Host = h
}

func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), patience)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		b.t.Error(err)
	}
}

// files is what a zip holds, by name.
type files map[string]string

func zipped(t testing.TB, content files) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(content)) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o644)
		if name == "bootstrap" || strings.HasPrefix(name, "bin/") {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func python(name, code string) function.Creation {
	return function.Creation{
		Ref: ref(name),
		Settings: function.Settings{
			Runtime: "python3.11", Handler: "app.handler", Role: "arn:aws:iam::123456789012:role/r",
			Timeout: patience,
		},
		Zip: []byte(code), // made a zip by deploy
	}
}

// deploy creates a function of one file, app.py, unless its Zip is a zip already.
func (b *bench) deploy(c function.Creation) *function.Function {
	b.t.Helper()
	if !bytes.HasPrefix(c.Zip, []byte("PK")) {
		c.Zip = zipped(b.t, files{"app.py": string(c.Zip)})
	}
	f, err := b.Create(b.t.Context(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bench) invoke(name, payload string) *function.Response {
	b.t.Helper()
	r, err := b.Invoke(b.t.Context(), function.Request{Function: ref(name), Payload: []byte(payload)})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// result invokes and returns the payload of a success.
func (b *bench) result(name, payload string) string {
	b.t.Helper()
	r := b.invoke(name, payload)
	if r.FunctionError != "" {
		b.t.Fatalf("function error: %s\n%s", r.Payload, r.Log)
	}
	return string(r.Payload)
}

func decode[T any](t testing.TB, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %.300s", err, data)
	}
	return v
}

// refused checks kind, code and message of an error.
func refused(t testing.TB, err error, kind belfry.Kind, code, message string) {
	t.Helper()
	var e *belfry.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want %s", err, code)
	}
	if e.Kind != kind || e.Code != code || !strings.Contains(e.Message, message) {
		t.Fatalf("refused with %v, %s: %q\nwant %v, %s: %q", e.Kind, e.Code, e.Message, kind, code, message)
	}
}

// A handClock is a clock that stands until it is set forward.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []handTimer
	armed  chan struct{} // gets a value for each timer
}

type handTimer struct {
	at time.Time
	c  chan time.Time
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), armed: make(chan struct{}, 10_000)}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := handTimer{at: c.now.Add(d), c: make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	c.fire()
	c.armed <- struct{}{}
	return t.c
}

func (c *handClock) fire() {
	c.timers = slices.DeleteFunc(c.timers, func(t handTimer) bool {
		if t.at.After(c.now) {
			return false
		}
		t.c <- c.now
		return true
	})
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.fire()
}

// eventually asks until cond holds; it fails the test after a long while.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// A gate is a file that functions wait for; what has come to it is noted beside it.
type gate struct {
	t    testing.TB
	path string
}

func (b *bench) gate() *gate { return &gate{b.t, filepath.Join(b.t.TempDir(), "gate")} }

// began waits until a function has come to the gate.
func (g *gate) began() {
	g.t.Helper()
	eventually(g.t, "a function comes to the gate", func() bool { _, err := os.Stat(g.path + ".began"); return err == nil })
}

func (g *gate) open() {
	g.t.Helper()
	if err := os.WriteFile(g.path, nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// children are the processes that this one has started and that live.
func children(t testing.TB) map[int]bool {
	t.Helper()
	pids := map[int]bool{}
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tasks {
		data, _ := os.ReadFile(f) // the thread may have ended
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && running(pid) {
				pids[pid] = true
			}
		}
	}
	return pids
}

// processes are those that the host has started, and those that they have: they
// have its id in their environment.
func (b *bench) processes() (pids []string) {
	b.t.Helper()
	id, err := os.ReadFile(filepath.Join(b.cfg.Dir, "host-id"))
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, file := range all {
		if env, err := os.ReadFile(file); err == nil && bytes.Contains(env, bytes.TrimSpace(id)) { // else it has ended, or is another user's
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}
