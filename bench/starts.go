package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Invocations that are measured of each kind.
const (
	coldInvocations = 50
	warmInvocations = 1000
)

// starts measures invocations of a Python function that must start an instance,
// and of one that is up, without isolation and at the best level there is.
func (b *bench) starts(ctx context.Context) ([]figure, error) {
	bare, err := b.startsAt(ctx, "none")
	if err != nil {
		return nil, err
	}
	isolated, err := b.startsAt(ctx, "auto")
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "cold, not isolated, p50", unit: "ms", value: ms(bare.cold)},
		{name: "cold, isolated, p50", unit: "ms", value: ms(isolated.cold)},
		{name: "isolation of a start", unit: "ms", value: ms(isolated.cold - bare.cold)},
		{name: "warm, not isolated, p50", unit: "ms", value: ms(bare.warm)},
		{name: "warm, isolated, p50", unit: "ms", value: ms(isolated.warm)},
	}, nil
}

type startTimes struct{ cold, warm time.Duration }

func (b *bench) startsAt(ctx context.Context, isolation string) (_ startTimes, err error) {
	data, err := b.newDir()
	if err != nil {
		return startTimes{}, err
	}
	srv, err := b.serve(ctx, data, []string{"--dev", "--isolation", isolation}, nil)
	if err != nil {
		return startTimes{}, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	c, err := dial(srv.addr)
	if err != nil {
		return startTimes{}, err
	}
	defer c.conn.Close()
	ask := func(method, path string, body any, want int) error {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		status, answer, err := c.do(request{method: method, path: "/2015-03-31/functions" + path, headers: credentials("lambda"), body: text})
		if err == nil && status != want {
			err = fmt.Errorf("%s %s: %d %s", method, path, status, answer)
		}
		return err
	}
	code, err := handlerZip()
	if err != nil {
		return startTimes{}, err
	}
	if err := ask(http.MethodPost, "", map[string]any{
		"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/belfry",
		"Code": map[string]any{"ZipFile": code}, "Timeout": 60,
	}, http.StatusCreated); err != nil {
		return startTimes{}, err
	}
	timed := func(n int, before func(i int) error) (time.Duration, error) {
		var took []time.Duration
		for i := range n {
			if err := before(i); err != nil {
				return 0, err
			}
			began := time.Now()
			if err := ask(http.MethodPost, "/f/invocations", map[string]any{}, http.StatusOK); err != nil {
				return 0, err
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return quantile(took, .5), nil
	}
	var t startTimes
	t.cold, err = timed(coldInvocations, func(i int) error { // a change of the function ends its instances
		return ask(http.MethodPut, "/f/configuration", map[string]any{"Description": fmt.Sprint(i)}, http.StatusOK)
	})
	if err != nil {
		return startTimes{}, err
	}
	t.warm, err = timed(warmInvocations, func(int) error { return nil })
	return t, err
}

// handlerZip is the code of a function that gives back what it gets.
func handlerZip() ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create("app.py")
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte("def handler(event, context):\n    return event\n")); err != nil {
		return nil, err
	}
	err = z.Close()
	return buf.Bytes(), err
}
