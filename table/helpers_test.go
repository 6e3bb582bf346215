package table_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/table"
)

var (
	scope = belfry.Scope{Account: "000000000000", Region: "us-east-1"}
	t0    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// A fakeClock stands still until it is set.
type fakeClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// NewTimer is real: a sweep may come at any time.
func (c *fakeClock) NewTimer(time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(time.Millisecond)
	return t.C, func() { t.Stop() }
}

// A bench is a service on an empty store.
type bench struct {
	*testing.T
	*table.Service
	store *sqlite.Store
	clock *fakeClock
	ctx   context.Context
}

func newBench(t *testing.T) *bench {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	clock := &fakeClock{now: t0}
	b := &bench{T: t, Service: table.New(store, clock, slog.New(slog.DiscardHandler), nil), store: store, clock: clock, ctx: t.Context()}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// run lets the service sweep until the test ends.
func (b *bench) run() {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Service.Run(ctx) })
	b.Cleanup(func() { stop(); wg.Wait() })
}

// eventually polls until ok, and fails the test at the deadline.
func (b *bench) eventually(what string, ok func() bool) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("still not: %s", what)
		}
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// refused wants an error of this kind that begins with text.
func (b *bench) refused(err error, kind belfry.Kind, text string) {
	b.Helper()
	var e *belfry.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.HasPrefix(e.Message, text) {
		b.Fatalf("error is %v, want one of kind %v: %s", err, kind, text)
	}
}

func (b *bench) kind(err error, kind belfry.Kind) {
	b.Helper()
	b.refused(err, kind, "")
}

// locks makes a table with the hash attribute k of type S.
func (b *bench) locks(name string) {
	b.Helper()
	_, err := b.Create(b.ctx, scope, name, table.Settings{Hash: table.KeyAttribute{Name: "k", Type: table.S}, OnDemand: true})
	b.ok(err)
}

// events makes a table with the hash attribute k of type S and the range
// attribute r of type N.
func (b *bench) events(name string) {
	b.Helper()
	_, err := b.Create(b.ctx, scope, name, table.Settings{
		Hash: table.KeyAttribute{Name: "k", Type: table.S}, Range: table.KeyAttribute{Name: "r", Type: table.N}, OnDemand: true,
	})
	b.ok(err)
}

func text(s string) table.Value { return table.Value{Type: table.S, Text: s} }
func num(s string) table.Value  { return table.Value{Type: table.N, Text: s} }

// item makes an item of names and values; a value that looks like a number is one.
func item(pairs ...string) table.Item {
	i := table.Item{}
	for n := 0; n < len(pairs); n += 2 {
		v := pairs[n+1]
		i[pairs[n]] = text(v)
		if v != "" && strings.Trim(v, "0123456789.-") == "" {
			i[pairs[n]] = num(v)
		}
	}
	return i
}

func (b *bench) put(name string, i table.Item) {
	b.Helper()
	_, err := b.Write(b.ctx, scope, table.Write{Action: table.Put, Table: name, Item: i})
	b.ok(err)
}

// take puts an item under k if there is none.
func (b *bench) take(name, k string, more ...string) error {
	_, err := b.Write(b.ctx, scope, table.Write{
		Action: table.Put, Table: name, Item: item(append([]string{"k", k}, more...)...),
		Expressions: table.Expressions{Condition: new("attribute_not_exists(k)")},
	})
	return err
}

// get returns the item under a key; nil is none.
func (b *bench) get(name string, key table.Item) table.Item {
	b.Helper()
	got, err := b.Get(b.ctx, scope, []table.Get{{Table: name, Keys: []table.Item{key}}}, "")
	b.ok(err)
	return got[0].Items[0]
}
