package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
	"github.com/belfry-run/belfry/logs"
	"github.com/belfry-run/belfry/store/sqlite"
)

// A functionHost is a function host within the bench, with a store and logs as
// in the server. What is measured with it has no HTTP around it.
type functionHost struct {
	*function.Host
	closers []func() error // the first to be closed last
}

func (b *bench) hostFunctions(ctx context.Context, isolation sandbox.Level, pool map[string]int) (_ *functionHost, err error) {
	data, err := b.newDir()
	if err != nil {
		return nil, err
	}
	h := &functionHost{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	st, err := sqlite.Open(ctx, data, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, st.Close)
	recorded, err := logs.New(ctx, logs.Config{Store: st, Clock: function.WallClock{}})
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		recorded.Run(run)
	}()
	h.closers = append(h.closers, func() error {
		stop()
		<-ended
		return nil
	})
	h.Host, err = function.New(function.Config{
		Dir: filepath.Join(data, "functions"), Store: st, Isolation: isolation, Egress: function.EgressProxy, Pool: pool,
		Logs: func(l function.Line) {
			recorded.Record(logs.Ref{Scope: l.Function.Scope, Name: l.Function.LogGroupName()}, l.Stream, l.Time, l.Request, l.Text)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, func() error { return h.Close(context.WithoutCancel(ctx)) })
	return h, nil
}

func (h *functionHost) close() (err error) {
	for _, closer := range slices.Backward(h.closers) {
		err = errors.Join(err, closer())
	}
	return err
}

func (h *functionHost) deploy(ctx context.Context, name string, l language) error {
	zip, err := l.zip()
	if err != nil {
		return err
	}
	_, err = h.Create(ctx, function.Creation{
		Ref:      function.Ref{Scope: scope, Name: name},
		Settings: function.Settings{Runtime: l.runtime, Handler: "app.handler", Role: "arn:aws:iam::000000000000:role/belfry", Timeout: time.Minute},
		Zip:      zip,
	})
	return err
}

// invoke runs a function once and returns how long that took.
func (h *functionHost) invoke(ctx context.Context, name string) (time.Duration, error) {
	began := time.Now()
	r, err := h.Invoke(ctx, function.Request{Function: function.Ref{Scope: scope, Name: name}})
	took := time.Since(began)
	if err == nil && r.FunctionError != "" {
		err = errors.New(string(r.Payload))
	}
	return took, err
}
