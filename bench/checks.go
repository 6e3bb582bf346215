package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// manyChecks is how many checks are stored while pings and the watch over them
// are measured.
const manyChecks = 100_000

// loadChecks makes a store of n checks that are up; the i-th goes down at
// down(i). It returns their ids.
func (b *bench) loadChecks(ctx context.Context, n int, down func(i int) time.Time) (data string, ids []string, err error) {
	if data, err = b.newDir(); err != nil {
		return "", nil, err
	}
	st, err := sqlite.Open(ctx, data, sqlite.Options{NoSync: true})
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	now := time.Now().UTC().Truncate(time.Millisecond)
	ids = make([]string, n)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				c := monitor.Check{
					ID: uuid.NewString(), Account: scope.Account, Badge: uuid.NewString(), Created: now, Settings: monitor.DefaultSettings(),
					Status: monitor.Up, Since: now, LastPing: now, Expected: down(int(i)).Add(-time.Hour), AlertAfter: down(int(i)),
				}
				c.Name = fmt.Sprintf("Check %d", i)
				ids[i] = c.ID
				if _, _, err := st.CreateCheck(ctx, c, monitor.Like{}, int64(n)); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return "", nil, *err
	}
	return data, ids, nil
}

// pings measures how many pings a second are recorded, of checks at random.
func (b *bench) pings(ctx context.Context) (_ []figure, err error) {
	tomorrow := time.Now().Add(24 * time.Hour)
	data, ids, err := b.loadChecks(ctx, manyChecks, func(int) time.Time { return tomorrow })
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	const n = 40_000
	measure := func(connections int, method string, body []byte, of []string) (float64, error) {
		all := make([]request, n)
		for i := range all {
			all[i] = request{method: method, path: "/ping/" + of[rand.IntN(len(of))], body: body}
		}
		took, err := load(srv.addr, connections, each(all))
		return perSecond(n, took), err
	}
	if _, err := measure(32, http.MethodGet, nil, ids); err != nil { // warm
		return nil, err
	}
	plain, err := measure(32, http.MethodGet, nil, ids)
	if err != nil {
		return nil, err
	}
	few, err := measure(32, http.MethodGet, nil, ids[:1000])
	if err != nil {
		return nil, err
	}
	bodies, err := measure(32, http.MethodPost, bytes.Repeat([]byte("log\n"), 256), ids)
	return []figure{
		{name: "32 connections, of 100,000 checks", unit: "/s", value: plain, must: 5000, aim: 10_000, more: true},
		{name: "32 connections, of 1,000 checks", unit: "/s", value: few, must: 5000, aim: 10_000, more: true},
		{name: "32 connections, with 1 KiB of body", unit: "/s", value: bodies, must: 5000, more: true},
	}, err
}

// watched measures what it costs to watch checks that are well, and how soon
// after its time it is noticed that a thousand of them are not.
func (b *bench) watched(ctx context.Context) (_ []figure, err error) {
	const late = 1000
	const watched = 20 * time.Second
	tomorrow := time.Now().Add(24 * time.Hour)
	// Loading them and starting the server takes a part of this.
	down := time.Now().Add(75 * time.Second).Truncate(time.Second).Add(time.Duration(rand.IntN(1000)) * time.Millisecond)
	data, _, err := b.loadChecks(ctx, manyChecks, func(i int) time.Time {
		if i%(manyChecks/late) == 0 {
			return down
		}
		return tomorrow
	})
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	time.Sleep(3 * time.Second)
	if time.Until(down) < watched {
		return nil, errors.New("storing the checks took too long; nothing was measured")
	}
	share, err := srv.share(watched)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Until(down))
	for {
		n, err := flips(srv.addr)
		if err != nil {
			return nil, err
		}
		if n == late {
			break
		}
		if time.Since(down) > time.Minute {
			return nil, fmt.Errorf("after a minute %d of %d checks are down", n, late)
		}
		time.Sleep(20 * time.Millisecond)
	}
	noticed := time.Since(down)
	return []figure{
		{name: "processor", unit: "% of a core", value: share, must: 5, aim: 1},
		{name: "1,000 are noticed to be down after", unit: "ms", value: ms(noticed), must: 2000},
	}, nil
}

// flips returns how many checks the server has taken down.
func flips(addr string) (n int, err error) {
	res, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	_, value, found := bytes.Cut(all, []byte("\nbelfry_check_flips_total{to=\"down\"} "))
	if found {
		_, err = fmt.Sscan(string(value), &n)
	}
	return n, err
}
