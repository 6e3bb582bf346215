package function

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/belfry-run/belfry"
)

// Lambda's limits of an account (semantics.md 3.3). The host's own limit is
// the machine; these bound what functions may reserve.
const (
	AccountConcurrency = 1000 // invocations at once
	MinUnreserved      = 100  // of them for functions that reserve none
	MaxCodeStorage     = 80_530_636_800
)

// Usage is what the functions of a scope take.
type Usage struct {
	Functions int
	CodeSize  int64 // bytes of all zips, each version's and each layer's counted
	Reserved  int   // invocations at once
}

// Usage adds up what the functions of a scope take.
func (h *Host) Usage(ctx context.Context, scope belfry.Scope) (Usage, error) {
	return h.usage(ctx, scope, "")
}

// usage leaves the function of that name out.
func (h *Host) usage(ctx context.Context, scope belfry.Scope, without string) (u Usage, err error) {
	q := Query{Scope: scope, Limit: 1000, Versions: true}
	for {
		page, err := h.cfg.Store.Functions(ctx, q)
		if err != nil {
			return u, fmt.Errorf("read the functions: %w", err)
		}
		for _, f := range page {
			q.After, q.AfterVersion = f.Ref, f.Version
			if f.Name == without {
				continue
			}
			u.CodeSize += f.CodeSize
			if f.Version != 0 {
				continue
			}
			u.Functions++
			if f.Reserved != nil {
				u.Reserved += *f.Reserved
			}
		}
		if len(page) < q.Limit {
			break
		}
	}
	return u, h.eachLayer(ctx, LayerQuery{Scope: scope}, func(l *Layer) { u.CodeSize += l.CodeSize })
}

// SetReserved limits how many invocations of a function run at once: one more
// is throttled at once, instead of waiting. 0 stops the function. nil takes the
// limit back. Those that run already run on.
func (h *Host) SetReserved(ctx context.Context, ref Ref, limit *int) error {
	if limit != nil {
		if *limit < 0 {
			return constraint("ReservedConcurrentExecutions", "reservedConcurrentExecutions", *limit, "Member must have value greater than or equal to 0")
		}
		if _, err := h.Get(ctx, ref, ""); err != nil {
			return err
		}
		others, err := h.usage(ctx, ref.Scope, ref.Name)
		if err != nil {
			return err
		}
		if *limit > AccountConcurrency-MinUnreserved-others.Reserved {
			return invalid("ReservedConcurrentExecutions",
				"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of ["+strconv.Itoa(MinUnreserved)+"].")
		}
	}
	_, err := h.amend(ctx, ref, "", func(f *Function) error {
		f.Reserved = limit
		return nil
	})
	return err
}

// errReserved is the refusal of an invocation beyond a function's own limit.
var errReserved = errors.New("the function's reserved concurrency is in use")

func overReserved() error {
	return &belfry.Error{Kind: belfry.Throttled, Code: "TooManyRequestsException", Message: "Rate Exceeded.", Err: errReserved}
}

// OverReserved says whether err throttled an invocation because of its
// function's own limit.
func OverReserved(err error) bool { return errors.Is(err, errReserved) }
