package function

import (
	"cmp"
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// Limits of an EventConfig (semantics.md 3.3).
const (
	MaxRetries  = 2 // after the first try
	MinEventAge = time.Minute
	MaxEventAge = 6 * time.Hour
)

// An EventConfig says how a function's asynchronous invocations are tried, and
// who is told how they ended.
type EventConfig struct {
	Retries   *int          `json:"retries,omitempty"`    // after an error of the function; nil is MaxRetries
	MaxAge    time.Duration `json:"max_age,omitempty"`    // of an event that is tried; 0 is MaxEventAge
	OnSuccess string        `json:"on_success,omitempty"` // ARN of a queue or function, or a URL; empty: nobody
	OnFailure string        `json:"on_failure,omitempty"` // the same
	Modified  time.Time     `json:"modified"`
}

func (c *EventConfig) clone() *EventConfig {
	d := *c
	if c.Retries != nil {
		d.Retries = new(*c.Retries)
	}
	return &d
}

// tries is how often an event is given to the function; c may be nil.
func (c *EventConfig) tries() int {
	if c == nil || c.Retries == nil {
		return 1 + MaxRetries
	}
	return 1 + *c.Retries
}

// maxAge is how long an event is tried; c may be nil.
func (c *EventConfig) maxAge() time.Duration {
	if c == nil || c.MaxAge == 0 {
		return MaxEventAge
	}
	return c.MaxAge
}

func (c *EventConfig) check(ref Ref) error {
	if c.Retries == nil && c.MaxAge == 0 && c.OnSuccess == "" && c.OnFailure == "" {
		return invalid("DestinationConfig", "You must specify at least one of error handling or destination setting.")
	}
	if r := c.Retries; r != nil && *r < 0 {
		return constraint("MaximumRetryAttempts", "maximumRetryAttempts", *r, "Member must have value greater than or equal to 0")
	} else if r != nil && *r > MaxRetries {
		return constraint("MaximumRetryAttempts", "maximumRetryAttempts", *r, "Member must have value less than or equal to 2")
	}
	seconds := int64(c.MaxAge / time.Second)
	switch {
	case c.MaxAge != 0 && c.MaxAge < MinEventAge:
		return constraint("MaximumEventAgeInSeconds", "maximumEventAgeInSeconds", seconds, "Member must have value greater than or equal to 60")
	case c.MaxAge > MaxEventAge:
		return constraint("MaximumEventAgeInSeconds", "maximumEventAgeInSeconds", seconds, "Member must have value less than or equal to 21600")
	}
	for _, arn := range []string{c.OnSuccess, c.OnFailure} {
		if err := checkDestination(ref, arn); err != nil {
			return err
		}
	}
	return nil
}

// checkDestination takes queues and functions beside the function, and endpoints;
// whether they are there shows when they are needed.
func checkDestination(ref Ref, arn string) error {
	if arn == "" {
		return nil
	}
	if isEndpoint(arn) {
		return checkEndpoint(arn)
	}
	a, ok := belfry.ParseARN(arn)
	if !ok || a.Scope() != ref.Scope {
		return invalid("Destination", "The destination ARN "+arn+" is invalid.")
	}
	switch a.Service {
	case "sqs":
		return nil
	case "lambda":
		to, _, err := ParseName(ref.Scope, arn)
		switch {
		case err != nil:
			return invalid("Destination", "The destination ARN "+arn+" is invalid.")
		case to == ref:
			return invalid("Destination", "You can't specify the function as a destination for itself.")
		}
		return nil
	}
	return invalid("Destination", "The destination ARN "+arn+" is invalid. This server delivers to queues and functions, and to URLs that begin with https:// or http://.")
}

// PutEventConfig sets how a function's events are tried.
func (h *Host) PutEventConfig(ctx context.Context, ref Ref, qualifier string, c EventConfig) (*EventConfig, error) {
	return h.setEvents(ctx, ref, qualifier, func(events **EventConfig) error {
		*events = c.clone()
		return nil
	})
}

// UpdateEventConfig changes how a function's events are tried; NotFound when
// nobody has set it.
func (h *Host) UpdateEventConfig(ctx context.Context, ref Ref, qualifier string, edit func(*EventConfig)) (*EventConfig, error) {
	return h.setEvents(ctx, ref, qualifier, func(events **EventConfig) error {
		if *events == nil {
			return noEventConfig(ref, qualifier)
		}
		edit(*events)
		return nil
	})
}

func (h *Host) setEvents(ctx context.Context, ref Ref, qualifier string, edit func(**EventConfig) error) (set *EventConfig, err error) {
	_, err = h.amend(ctx, ref, qualifier, func(f *Function) error {
		events := f.events(qualifier)
		if err := edit(events); err != nil {
			return err
		}
		set = *events
		set.Modified = h.now()
		return set.check(ref)
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// EventConfig returns how a function's events are tried; NotFound when nobody
// has set it.
func (h *Host) EventConfig(ctx context.Context, ref Ref, qualifier string) (*EventConfig, error) {
	f, err := h.Get(ctx, ref, qualifier)
	if err != nil {
		return nil, err
	}
	if f.Events == nil {
		return nil, noEventConfig(ref, qualifier)
	}
	return f.Events, nil
}

// EventConfigs returns what is set for a function, its versions and its aliases,
// by qualifier.
func (h *Host) EventConfigs(ctx context.Context, ref Ref) (map[string]*EventConfig, error) {
	f, err := h.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	all := map[string]*EventConfig{}
	if f.Events != nil {
		all[Latest] = f.Events
	}
	for q, a := range f.Attached {
		if a.Events != nil {
			all[q] = a.Events
		}
	}
	return all, nil
}

// DeleteEventConfig goes back to the defaults; NotFound when they hold already.
func (h *Host) DeleteEventConfig(ctx context.Context, ref Ref, qualifier string) error {
	_, err := h.amend(ctx, ref, qualifier, func(f *Function) error {
		events := f.events(qualifier)
		if *events == nil {
			return noEventConfig(ref, qualifier)
		}
		*events = nil
		return nil
	})
	return err
}

// noEventConfig is Lambda's answer about a function that has no setting.
func noEventConfig(ref Ref, qualifier string) error {
	return noResource("The function " + ref.ARN() + ":" + cmp.Or(qualifier, Latest) + " doesn't have an EventInvokeConfig")
}
