package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// neighbours measures how long one client's GetSchedule takes while others do
// their worst: 10,000 connections that say nothing, 200 that send a byte of a
// request a second, and three that send bodies of 1 MiB, of 100,000 unknown
// members and of 1,000 nested levels, one after the other.
func (b *bench) neighbours(ctx context.Context) (_ []figure, err error) {
	data, err := b.newDir()
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	if _, err := load(srv.addr, 1, createMany(1, farAway, idleTarget)); err != nil {
		return nil, errors.Join(err, srv.stop())
	}
	attack, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() {
		stop()
		all.Wait()
		err = errors.Join(err, srv.stop())
	}()
	if err := crowd(attack, &all, srv.addr); err != nil {
		return nil, err
	}
	c, err := dial(srv.addr)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var took []time.Duration
	q := request{method: http.MethodGet, path: "/schedules/bench-00000001", headers: credentials("scheduler")}
	for began := time.Now(); time.Since(began) < 15*time.Second; time.Sleep(2 * time.Millisecond) {
		sent := time.Now()
		status, body, err := c.do(q)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		if err != nil {
			return nil, fmt.Errorf("the neighbour's request: %w", err)
		}
		took = append(took, time.Since(sent))
	}
	slices.Sort(took)
	_, peak, err := srv.memory()
	return []figure{
		{name: "their requests, p99", unit: "ms", value: ms(quantile(took, .99)), must: 50},
		{name: "resident, at its peak", unit: "MiB", value: peak},
	}, err
}

// crowd opens the connections that do their worst until ctx ends.
func crowd(ctx context.Context, all *sync.WaitGroup, addr string) error {
	for range 10_000 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return fmt.Errorf("open 10,000 connections: %w", err)
		}
		context.AfterFunc(ctx, func() { conn.Close() })
	}
	slow := "POST /schedules/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("{", 1000)
	for range 200 {
		all.Go(func() {
			for ctx.Err() == nil {
				trickle(ctx, addr, slow)
			}
		})
	}
	head := `{"ScheduleExpression":"rate(1 day)",`
	var members bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&members, `"m%d":1,`, i)
	}
	for _, body := range []string{
		head + `"Description":"` + strings.Repeat("x", 1<<20-len(head)-18) + `"}`,
		head + strings.TrimSuffix(members.String(), ",") + "}",
		head + `"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}",
	} {
		all.Go(func() {
			for ctx.Err() == nil {
				heavy(ctx, addr, []byte(body))
			}
		})
	}
	return nil
}

// trickle sends a byte a second until somebody has had enough.
func trickle(ctx context.Context, addr, what string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // as above
	for i := range len(what) {
		if _, err := conn.Write([]byte{what[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// heavy sends one body over and over; it is refused each time.
func heavy(ctx context.Context, addr string, body []byte) {
	c, err := dial(addr)
	if err != nil {
		return
	}
	defer c.conn.Close()
	defer context.AfterFunc(ctx, func() { c.conn.Close() })() // as above
	q := request{method: http.MethodPost, path: "/schedules/heavy", headers: credentials("scheduler") + "Content-Type: application/json\r\n", body: body}
	for {
		if _, _, err := c.do(q); err != nil {
			return
		}
	}
}
