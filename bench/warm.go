package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// warm measures one instance that is up, of each language: the host is called and
// answers, with the process, the log and what is counted, and without HTTP before
// it. There is one caller, who asks again when he has the answer.
func (b *bench) warm(ctx context.Context) (figures []figure, err error) {
	const first, n = 1000, 10_000
	all, err := b.languages(ctx)
	if err != nil {
		return nil, err
	}
	rates := map[string]float64{}
	for _, level := range []sandbox.Level{sandbox.None, sandbox.Full} {
		h, err := b.hostFunctions(ctx, level, map[string]int{})
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			var took []time.Duration
			var spent time.Duration
			if err = h.deploy(ctx, l.name, l); err != nil {
				break
			}
			if _, err = h.invocations(ctx, l.name, first); err != nil {
				break
			}
			if took, err = h.invocations(ctx, l.name, n); err != nil {
				break
			}
			for _, d := range took {
				spent += d
			}
			rate := perSecond(n, spent)
			if level == sandbox.None {
				rates[l.name] = rate
				continue
			}
			slices.Sort(took)
			figures = append(
				figures,
				figure{name: l.name + ", one instance", unit: "/s", value: rate, aim: l.warm, more: true, peer: rates[l.name], who: "not isolated"},
				figure{name: l.name + ", p50", unit: "ms", value: ms(quantile(took, .5))},
				figure{name: l.name + ", p99", unit: "ms", value: ms(quantile(took, .99))},
			)
		}
		if err = errors.Join(err, h.close()); err != nil {
			return nil, err
		}
	}
	return figures, nil
}

// invocations runs a function n times and returns how long each took.
func (h *functionHost) invocations(ctx context.Context, name string, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		var err error
		if took[i], err = h.invoke(ctx, name); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// pooled measures the first invocation of a function that finds a process in the
// pool: assigning it, loading the handler, and the answer.
func (b *bench) pooled(ctx context.Context) (figures []figure, err error) {
	const n = 25
	all, err := b.languages(ctx)
	if err != nil {
		return nil, err
	}
	h, err := b.hostFunctions(ctx, sandbox.Full, map[string]int{"python": 1, "nodejs": 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for i, l := range all {
		if l.pooled == 0 {
			continue
		}
		var took []time.Duration
		for j := range n + 1 {
			name := fmt.Sprintf("f%d-%d", i, j)
			if err := h.deploy(ctx, name, l); err != nil {
				return nil, err
			}
			if j > 0 { // the first makes the kind known
				if err := h.stocked(ctx, 1); err != nil {
					return nil, err
				}
			}
			d, err := h.invoke(ctx, name)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				took = append(took, d)
			}
			if err := h.Delete(ctx, function.Ref{Scope: scope, Name: name}, ""); err != nil { // with its instance
				return nil, err
			}
		}
		slices.Sort(took)
		figures = append(figures, figure{name: l.name + ", p50", unit: "ms", value: ms(quantile(took, .5)), aim: l.pooled})
	}
	if s := h.Stats(); int(s.Pooled) != n*len(figures) {
		return nil, fmt.Errorf("%d starts took a process of the pool, want %d", s.Pooled, n*len(figures))
	}
	return figures, nil
}

// stocked waits until the pool has n processes that are up.
func (h *functionHost) stocked(ctx context.Context, n int) error {
	for deadline := time.Now().Add(patience); h.Stats().Blanks != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes are in the pool, want %d", h.Stats().Blanks, n)
		}
	}
	return rest(ctx)
}

// rest waits for interpreters that were just started: nobody tells when they are up.
func rest(ctx context.Context) error {
	select {
	case <-time.After(300 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
