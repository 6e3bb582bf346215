// Package events is the part of the EventBridge (CloudWatch Events) API that
// scheduled rules need, on top of the engine. It only translates: names,
// defaults and shapes are AWS's, rules are the engine's (semantics.md 2).
//
// There is one event bus, default, and nothing is put on it but the events of
// schedules: a rule with an event pattern is refused.
package events

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
	"github.com/belfry-run/belfry/engine"
)

// API implements the operations of EventBridge that are about scheduled rules.
type API struct{ engine *engine.Engine }

var _ eventsapi.Service = (*API)(nil)

// New returns the API of an engine.
func New(e *engine.Engine) *API { return &API{engine: e} }

const (
	defaultBus  = "default"
	defaultPage = 100 // also the most that a client can ask for
)

func scopeOf(ctx context.Context) belfry.Scope { return awswire.CallerFrom(ctx).Scope }

// or returns what p points to, else the default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// set returns nil for a text that is not set, so that it is left out.
func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func invalid(field, message string) error { return belfry.Errorf(belfry.Invalid, field, "%s", message) }

func busARN(s belfry.Scope) string {
	return "arn:aws:events:" + s.Region + ":" + s.Account + ":event-bus/" + defaultBus
}

// bus refuses every bus but the caller's default one, which a client may call
// by its name or its ARN.
func bus(ctx context.Context, name *string) error {
	if isDefault(ctx, name) {
		return nil
	}
	_, short, found := strings.Cut(*name, ":event-bus/")
	if !found {
		short = *name
	}
	return belfry.Errorf(belfry.NotFound, "EventBusName", "Event bus %s does not exist.", short)
}

func isDefault(ctx context.Context, name *string) bool {
	return name == nil || *name == defaultBus || *name == busARN(scopeOf(ctx))
}

// ref names a rule of the default bus.
func ref(ctx context.Context, busName, name *string) (belfry.RuleRef, error) {
	return belfry.RuleRef{Scope: scopeOf(ctx), Name: *name}, bus(ctx, busName)
}

// cut returns a page of at most limit items of all, which has one more when
// there is another page; token is then where that begins, after the item that
// name gives.
func cut[T any](all []T, limit int, name func(T) string) (page []T, token *string) {
	if len(all) <= limit {
		return all, nil
	}
	page = all[:limit]
	t := base64.RawURLEncoding.EncodeToString([]byte(name(page[limit-1])))
	return page, &t
}

// after reads the position that a token stands for.
func after(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(b) == 0 {
		return "", invalid("NextToken", "NextToken is not one that this API gave.")
	}
	return string(b), nil
}

// DescribeEventBus describes the default bus.
func (a *API) DescribeEventBus(ctx context.Context, in *eventsapi.DescribeEventBusInput) (*eventsapi.DescribeEventBusOutput, error) {
	if err := bus(ctx, in.Name); err != nil {
		return nil, err
	}
	name, arn := defaultBus, busARN(scopeOf(ctx))
	return &eventsapi.DescribeEventBusOutput{Name: &name, Arn: &arn}, nil
}

// ListEventBuses lists the default bus.
func (a *API) ListEventBuses(ctx context.Context, in *eventsapi.ListEventBusesInput) (*eventsapi.ListEventBusesOutput, error) {
	out := &eventsapi.ListEventBusesOutput{EventBuses: []eventsapi.EventBus{}}
	if strings.HasPrefix(defaultBus, or(in.NamePrefix, "")) {
		name, arn := defaultBus, busARN(scopeOf(ctx))
		out.EventBuses = append(out.EventBuses, eventsapi.EventBus{Name: &name, Arn: &arn})
	}
	return out, nil
}
