// Package logs serves the part of CloudWatch Logs' API that reads and keeps logs.
// It only translates: the rules are in package logs, the protocol in awswire.
package logs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/logsapi"
	"github.com/belfry-run/belfry/logs"
)

// pageBytes is what an answer with a page of events takes: its messages, and as much
// around them.
const pageBytes = 4 << 20

// New returns the API as a router serves it.
func New(s *logs.Service) *awswire.Service {
	a := logsapi.New(&api{logs: s})
	a.Answers = map[string]int{"GetLogEvents": pageBytes, "FilterLogEvents": pageBytes}
	return a
}

type api struct{ logs *logs.Service }

var _ logsapi.Service = (*api)(nil)

const maxList = 50 // groups or streams of a page

func invalid(field, format string, args ...any) error {
	return belfry.Errorf(belfry.Invalid, field, format, args...)
}

// or returns what p points to, else the default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// optional returns a time in epoch milliseconds; nil when it is not set.
func optional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

// fromMillis returns the time; zero when it is not set.
func fromMillis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

// group names the group that a request is about, by its name or its ARN.
func group(ctx context.Context, name, identifier *string) (logs.Ref, error) {
	scope := awswire.CallerFrom(ctx).Scope
	if (name == nil) == (identifier == nil) {
		return logs.Ref{}, invalid("logGroupName", "Either logGroupName or logGroupIdentifier must be given, and not both.")
	}
	given := or(name, or(identifier, ""))
	if !strings.HasPrefix(given, "arn:") {
		return logs.Ref{Scope: scope, Name: given}, nil
	}
	return tagged(ctx, given)
}

// tagged finds the group that an ARN names.
func tagged(ctx context.Context, given string) (logs.Ref, error) {
	arn, ok := belfry.ParseARN(given)
	name, isGroup := strings.CutPrefix(arn.Resource, "log-group:")
	name = strings.TrimSuffix(name, ":*")
	if !ok || arn.Service != "logs" || !isGroup || name == "" || strings.Contains(name, ":") {
		return logs.Ref{}, invalid("resourceArn", "%s is not the ARN of a log group.", given)
	}
	if arn.Scope() != awswire.CallerFrom(ctx).Scope {
		return logs.Ref{}, logs.NoGroup()
	}
	return logs.Ref{Scope: arn.Scope(), Name: name}, nil
}

// token makes of a position what a client hands back.
func token(v any) *string {
	b, err := json.Marshal(v)
	if err != nil {
		return nil // plain data can be encoded
	}
	return new(base64.RawURLEncoding.EncodeToString(b))
}

func parseToken(s *string, v any) error {
	if s == nil {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*s)
	if err != nil || json.Unmarshal(b, v) != nil {
		return invalid("nextToken", "The specified nextToken is invalid.")
	}
	return nil
}
