package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
)

const rootKey, rootSecret = "AKIABENCHBENCHBENCH1", "bench-bench-bench-bench-bench-bench-1234"

// signed measures a server that checks signatures and enforces roles. The
// requests are signed before the clock runs.
func (b *bench) signed(ctx context.Context, already int) (_ []figure, err error) {
	data, err := b.loadIdle(already)
	if err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, data, nil, []string{"BELFRY_ROOT_ACCESS_KEY=" + rootKey, "BELFRY_ROOT_SECRET_KEY=" + rootSecret})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	const n = 40_000
	creates, gets := make([]request, n), make([]request, n)
	next := createMany(n, farAway, idleTarget)
	for i := range n {
		q, _ := next()
		if creates[i], err = sign(q, srv.addr); err != nil {
			return nil, err
		}
		if gets[i], err = sign(request{method: http.MethodGet, path: q.path}, srv.addr); err != nil {
			return nil, err
		}
	}
	created, err := load(srv.addr, 32, each(creates))
	if err != nil {
		return nil, err
	}
	got, err := load(srv.addr, 32, each(gets))
	if err != nil {
		return nil, err
	}
	figures := []figure{
		{name: "CreateSchedule, 32 connections", unit: "/s", value: perSecond(n, created), must: 5000, aim: 8000, more: true},
		{name: "GetSchedule, 32 connections", unit: "/s", value: perSecond(n, got), must: 9000, more: true},
	}
	if already > 0 {
		p99, err := listPages(srv.addr, 500)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{name: "ListSchedules, a page of 100, p99 of 500", unit: "ms", value: ms(p99), must: 5})
	}
	return figures, nil
}

// sign signs a request as the root of the first account.
func sign(q request, addr string) (request, error) {
	r, err := http.NewRequest(q.method, "http://"+addr+q.path, bytes.NewReader(q.body))
	if err != nil {
		return q, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := awswire.Sign(r, q.body, rootKey, rootSecret, "", scope.Region, "scheduler", time.Now()); err != nil {
		return q, err
	}
	var h strings.Builder
	for name, values := range r.Header {
		fmt.Fprintf(&h, "%s: %s\r\n", name, values[0])
	}
	q.headers = h.String()
	return q, nil
}

// each gives every request out once, to any number of goroutines.
func each(all []request) func() (request, bool) {
	var next atomic.Int64
	return func() (request, bool) {
		i := next.Add(1)
		if i > int64(len(all)) {
			return request{}, false
		}
		return all[i-1], true
	}
}

// listPages walks through n pages of 100 schedules and returns the 99th
// percentile of the time that one took.
func listPages(addr string, n int) (time.Duration, error) {
	c, err := dial(addr)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	took := make([]time.Duration, 0, n)
	path := "/schedules?MaxResults=100"
	for token := ""; len(took) < n; {
		q := request{method: http.MethodGet, path: path}
		if token != "" {
			q.path += "&NextToken=" + url.QueryEscape(token)
		}
		if q, err = sign(q, addr); err != nil {
			return 0, err
		}
		began := time.Now()
		status, body, err := c.do(q)
		took = append(took, time.Since(began))
		if err != nil {
			return 0, err
		}
		var page struct {
			NextToken string
			Schedules []struct{ Name string }
		}
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(page.Schedules) != 100 {
			return 0, fmt.Errorf("a page of schedules: %d %.200s", status, body)
		}
		token = page.NextToken
	}
	slices.Sort(took)
	return quantile(took, .99), nil
}
