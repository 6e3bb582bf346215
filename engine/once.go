package engine

import (
	"context"
	"errors"

	"github.com/belfry-run/belfry"
)

// tokenOf returns the token of a change as of now; nil when it has none.
func (e *Engine) tokenOf(once []belfry.Token) *belfry.Token {
	if len(once) == 0 {
		return nil
	}
	t := once[0]
	t.At = e.now()
	return &t
}

// unlessReplayed returns err, the outcome of a change, unless the change was
// made before by the same request: the second of two equal requests succeeds
// even if by now it would be refused, because the first did.
func (e *Engine) unlessReplayed(ctx context.Context, once []belfry.Token, err error) error {
	switch kind := belfry.KindOf(err); {
	case err == nil, errors.Is(err, belfry.ErrReplayed):
		return nil
	case len(once) == 0, kind == belfry.Internal, kind == belfry.Unavailable:
		return err
	}
	if known := e.c.Store.CheckToken(ctx, *e.tokenOf(once)); errors.Is(known, belfry.ErrReplayed) {
		return nil
	}
	return err
}
