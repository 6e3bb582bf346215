package app

import (
	"context"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/target"
)

// guarded tells the engine of functions that let one delivery of a window
// through.
type guarded struct{ host *function.Host }

// oncePer implements [engine.Config.TargetOncePer].
func (g guarded) oncePer(s *belfry.Schedule) (arn string, once *belfry.OncePer) {
	if !g.host.AnyOncePer() {
		return "", nil
	}
	call, ok := target.FunctionOf(s)
	if !ok {
		return "", nil
	}
	ref, _, err := calledBy(call)
	if err != nil {
		return "", nil // the attempt says what is wrong
	}
	if once = g.host.OncePer(ref); once == nil {
		return "", nil
	}
	return ref.ARN(), once
}

// functionSettings lets the native API set what only Belfry knows of functions.
type functionSettings struct{ host *function.Host }

// FunctionARN returns the ARN of the function with that name or ARN.
func (functionSettings) FunctionARN(s belfry.Scope, name string) (string, error) {
	if arn, ok := belfry.ParseARN(name); ok {
		s = arn.Scope()
	}
	ref, qualifier, err := function.ParseName(s, name)
	if err == nil && qualifier != "" && qualifier != function.Latest {
		err = belfry.Errorf(belfry.Invalid, "name", "Settings belong to the function; leave the qualifier %s out.", qualifier)
	}
	return ref.ARN(), err
}

// LogGroup returns the name of the log group of the function with that ARN.
func (f functionSettings) LogGroup(ctx context.Context, arn string) (string, error) {
	ref, err := refOfFunction(arn)
	if err != nil {
		return "", err
	}
	got, err := f.host.Get(ctx, ref, "")
	if belfry.KindOf(err) == belfry.NotFound { // its log outlives it
		got, err = &function.Function{Ref: ref}, nil
	}
	if err != nil {
		return "", err
	}
	return got.LogGroupName(), nil
}

// OncePer returns the once_per of the function with that ARN.
func (f functionSettings) OncePer(ctx context.Context, arn string) (*belfry.OncePer, error) {
	ref, err := refOfFunction(arn)
	if err != nil {
		return nil, err
	}
	got, err := f.host.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	return got.OncePer, nil
}

// SetOncePer sets it.
func (f functionSettings) SetOncePer(ctx context.Context, arn string, once *belfry.OncePer) error {
	ref, err := refOfFunction(arn)
	if err != nil {
		return err
	}
	return f.host.SetOncePer(ctx, ref, once)
}

func refOfFunction(arn string) (function.Ref, error) {
	a, _ := belfry.ParseARN(arn)
	ref, _, err := function.ParseName(a.Scope(), arn)
	return ref, err
}
