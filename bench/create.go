package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const idleTarget = `{"Arn":"arn:aws:sqs:us-east-1:000000000000:bench","RoleArn":"arn:aws:iam::000000000000:role/belfry","Input":"{}"}`

// creates measures CreateSchedule over HTTP against a server with so many
// schedules stored: over 32 connections and over one.
func (b *bench) creates(ctx context.Context, already int) (_ []figure, err error) {
	data, err := b.loadIdle(already)
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	if err := b.disk.rest(ctx); err != nil {
		return nil, err
	}
	const many, few = 60_000, 6000
	next := createMany(many+few+1000, farAway, idleTarget)
	if _, err := load(srv.addr, 32, limited(next, 1000)); err != nil { // warm
		return nil, err
	}
	took, err := load(srv.addr, 32, limited(next, many))
	if err != nil {
		return nil, err
	}
	if err := b.disk.rest(ctx); err != nil { // the store goes on copying for a while
		return nil, err
	}
	tookOne, err := load(srv.addr, 1, limited(next, few))
	if err != nil {
		return nil, err
	}
	alone, err := b.disk.figure()
	if err != nil {
		return nil, err
	}
	peer := map[int]float64{0: 1049, 1_000_000: 413}[already]
	return []figure{
		{name: "32 connections", unit: "/s", value: perSecond(many, took), must: 6000, aim: 12_000, peer: peer, who: "Dkron", more: true},
		{name: "one connection", unit: "/s", value: perSecond(few, tookOne), must: 1500, aim: 2500, peer: 468, who: "Dkron", more: true},
		alone,
	}, nil
}

// limited passes n requests on.
func limited(next func() (request, bool), n int) func() (request, bool) {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	return func() (request, bool) {
		select {
		case <-left:
			return next()
		default:
			return request{}, false
		}
	}
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// startUp measures how long a server takes to be ready on a large store, and
// what it then holds in memory.
func (b *bench) startUp(ctx context.Context, stored int) (_ []figure, err error) {
	data, err := b.loadIdle(stored)
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	time.Sleep(2 * time.Second) // what a start puts off counts too
	_, peak, err := srv.memory()
	return []figure{
		{name: "ready to fire", unit: "ms", value: ms(srv.readyIn), must: 1000, aim: 250, peer: 9600, who: "Dkron at 10,000"},
		{name: "resident, at its peak", unit: "MiB", value: peak, must: 128},
	}, err
}

// atRest measures a server with 100 schedules that has nothing to do.
func (b *bench) atRest(ctx context.Context) (_ []figure, err error) {
	data, err := b.loadIdle(100)
	if err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	time.Sleep(5 * time.Second)
	share, err := srv.share(30 * time.Second)
	if err != nil {
		return nil, err
	}
	now, _, err := srv.memory()
	if err == nil && now == 0 {
		err = fmt.Errorf("the server's memory is not in /proc/%d/status", srv.cmd.Process.Pid)
	}
	return []figure{
		{name: "resident", unit: "MiB", value: now, must: 40},
		{name: "processor", unit: "% of a core", value: share, must: .5},
	}, err
}
