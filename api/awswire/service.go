package awswire

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
)

// A Service is one AWS service as it looks on the wire. The generated packages
// make it; a Router serves it.
type Service struct {
	Name         string // as requests are signed: scheduler
	Version      string // the API's date, which forms carry: 2012-11-05
	TargetPrefix string // of X-Amz-Target; empty: the service is REST with JSON, or speaks forms only
	JSONVersion  string // of the content type of services with a TargetPrefix
	Namespace    string // of error types in JSON: com.amazonaws.sqs
	XMLNamespace string // of the answers to forms; empty: forms are not understood

	Operations []Operation
	Dialect    Dialect

	// Answers is how many bytes an answer can have, for the operations whose answers
	// can be large; see [Options].
	Answers map[string]int

	// Calls names the operations whose bodies may wait for a function: they take of
	// [Options].Calls.
	Calls map[string]bool

	// OwnsPath says whether an unsigned request for this escaped path, of a
	// method and path that no operation has, is the service's none the less.
	OwnsPath func(path string) bool
}

// An Operation is one operation of a Service.
type Operation struct {
	Name   string
	Method string
	Path   string // of REST services: /schedules/{Name}; a query after it is part of every request: /layers?find=LayerVersion
	Status int    // of success
	Limit  int64  // bytes of the body; 0 is DefaultLimit

	// Run decodes the request, checks it, calls the implementation and encodes
	// the answer.
	Run func(ctx context.Context, c *Call) error

	answer   int      // bytes, of Service.Answers
	calls    bool     // it is one of Service.Calls
	segments []string // of Path; a label is the empty string
	query    string   // of Path: a parameter and its value
}

// DefaultLimit is the largest body of a request, in bytes, where the operation
// does not say otherwise.
const DefaultLimit = 1 << 20

// A Dialect is how a service words errors.
type Dialect struct {
	// Kind says how the service calls a kind of error.
	Kind func(belfry.Kind) Fault
	// Code says what the service's own code means on the wire; ok is false
	// when the service has no such code.
	Code func(code string) (f Fault, ok bool)
	// TooLarge is the answer to a body beyond the operation's limit.
	TooLarge func(operation string, limit int64) *belfry.Error
	// Type adds "Type": "User" or "Service" to the body, as Lambda does.
	Type bool
	// Action is what policies call an operation, where that differs; empty: none
	// of them decides about it. nil is no difference.
	Action func(operation string) string
	// Rewrite turns the message of an error with this code into the wording of
	// the query protocol, where that differs; nil is no difference.
	Rewrite func(code, message string) string
}

// A Fault is an error as it goes over the wire.
type Fault struct {
	Code   string // in JSON and in the header x-amzn-ErrorType
	Legacy string // in the query protocol; empty is Code
	Status int
	// Namespace of the error's type in JSON; empty is the service's.
	Namespace string
	Lower     bool   // the body's member is called message, not Message
	Reason    string // what Lambda adds to a throttling error by default
}

// rest says whether method and path tell the service's operations apart.
func (s *Service) rest() bool { return s.TargetPrefix == "" && s.XMLNamespace == "" }

func (s *Service) prepare() {
	for i := range s.Operations {
		op := &s.Operations[i]
		if op.Limit == 0 {
			op.Limit = DefaultLimit
		}
		op.answer, op.calls = s.Answers[op.Name], s.Calls[op.Name]
		if !s.rest() {
			continue
		}
		path, query, _ := strings.Cut(op.Path, "?")
		op.segments, op.query = strings.Split(path[1:], "/"), query
		for j, seg := range op.segments {
			if strings.HasPrefix(seg, "{") {
				op.segments[j] = ""
			}
		}
	}
	// Of two with the same path, the one that asks for more is looked at first.
	slices.SortStableFunc(s.Operations, func(a, b Operation) int { return cmp.Compare(len(b.query), len(a.query)) })
}

func (s *Service) byName(name string) *Operation {
	for i := range s.Operations {
		if s.Operations[i].Name == name {
			return &s.Operations[i]
		}
	}
	return nil
}

// maxLabels is the number of labels in one operation's path.
const maxLabels = 4

// byPath finds the operation of a REST service by method, escaped path and, where
// two have the same path, query. It puts the labels, still escaped, into labels.
func (s *Service) byPath(method, path, query string, labels *[maxLabels]string) *Operation {
	if !s.rest() || path == "" {
		return nil
	}
	path = path[1:]
	// Older SDKs end the collections' paths with a slash.
	path = strings.TrimSuffix(path, "/")
	for i := range s.Operations {
		op := &s.Operations[i]
		if op.Method == method && matchSegments(op.segments, path, labels) && (op.query == "" || strings.Contains("&"+query+"&", "&"+op.query+"&")) {
			return op
		}
	}
	return nil
}

func matchSegments(segments []string, path string, labels *[maxLabels]string) bool {
	n := 0
	for i, want := range segments {
		got, rest, more := strings.Cut(path, "/")
		if more == (i == len(segments)-1) {
			return false
		}
		if want == "" {
			labels[n] = got
			n++
		} else if got != want {
			return false
		}
		path = rest
	}
	return true
}
