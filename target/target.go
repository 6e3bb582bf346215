// Package target delivers one attempt of a run: to a function, a queue or an
// HTTP endpoint.
//
// What it keeps true: it reports facts (reached or not, worth another try or
// not, and why) and never decides what follows; it remembers nothing between
// attempts; every attempt carries the occurrence's identity, so that a target
// can tell a second delivery from a second occurrence.
package target

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
)

// Functions runs functions.
type Functions interface {
	// InvokeFunction runs the function to its end. The error is that it could
	// not be run (a belfry.Error: NotFound, Throttled, ...); a failure of the
	// function's own code is in the answer.
	InvokeFunction(ctx context.Context, call FunctionCall) (FunctionAnswer, error)
	// ForwardFunction sends what a function has failed to do to the function's own
	// dead-letter queue and on-failure destination. answer is that of the last
	// attempt, as far as it is known.
	ForwardFunction(ctx context.Context, call FunctionCall, answer FunctionAnswer, aged bool) error
}

// A FunctionCall is one invocation of a function.
type FunctionCall struct {
	Function      string       // its ARN, or its name
	Scope         belfry.Scope // of a function that is given by name
	Qualifier     string       // empty: none beside Function's
	Payload       []byte
	ClientContext []byte // JSON; nil: one with the occurrence's identity
	OccurrenceID  string // stays the same over all attempts
	Attempt       int
	StandsIn      bool // for an asynchronous invocation: the function's settings for those hold
	Event         bool // return when the invocation is durable, not when the function has answered
	DryRun        bool // ask whether it would run
}

// A FunctionAnswer is what a function answered.
type FunctionAnswer struct {
	Payload []byte
	Error   string // "Unhandled" or so when the function's code failed; Payload then tells how
	Version string // that ran
	LogTail string
	// Own and Forwards are set when the function's code failed in a call that
	// stands in for an asynchronous one, see [belfry.Result].
	Own      *belfry.OwnPolicy
	Forwards bool
}

// Queues takes messages.
type Queues interface {
	// SendMessage puts a message into the queue, durably. A queue that is not
	// there is NotFound.
	SendMessage(ctx context.Context, queueARN string, m Message) error
}

// A Message is what a queue is sent.
type Message struct {
	Body            string
	GroupID         string
	DeduplicationID string
	DelaySeconds    *int // nil: the queue's
	Attributes      []Attribute
	TraceHeader     string // the system attribute AWSTraceHeader
}

// Tables takes items.
type Tables interface {
	// PutItem carries out a PutItem request of DynamoDB's API, JSON. A refusal is
	// a belfry.Error with the API's own code.
	PutItem(ctx context.Context, s belfry.Scope, request []byte) error
}

// An Attribute is an attribute of a message.
type Attribute struct{ Name, Type, Value string }

// Targets delivers to all kinds of target.
type Targets struct {
	functions Functions
	queues    Queues
	tables    Tables
	http      *httpTarget

	perFunction int // see Bounds
}

// Bounds are how much can be delivered at once. What waits at them fails never.
type Bounds struct {
	PerHost     int           // requests to one host; 0: [PerHost]
	Idle        int           // connections that are kept, of HTTP and of HTTPS each; 0: [Idle]
	Outgoing    *egress.Limit // of all requests; nil: none
	PerFunction int           // invocations of one function, which Functions sees to; 0: not known
}

// New returns Targets that deliver to those. agent is the User-Agent of HTTP
// requests.
func New(f Functions, q Queues, t Tables, agent string, b Bounds) *Targets {
	b.PerHost, b.Idle = cmp.Or(b.PerHost, PerHost), cmp.Or(b.Idle, Idle)
	return &Targets{functions: f, queues: q, tables: t, http: newHTTPTarget(agent, b), perFunction: b.PerFunction}
}

// Waiting is how many requests wait for others to the same host.
func (t *Targets) Waiting() int { return int(t.http.hosts.waiting.Load()) }

// Close lets go of idle connections.
func (t *Targets) Close() {
	t.http.transport.CloseIdleConnections()
	t.http.plain.close()
}

// Invoke delivers the attempt. It returns when the target has answered, or
// with a retryable result soon after ctx has ended.
func (t *Targets) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	kind, arn := kindOf(in.Target.ARN)
	payload := payloadOf(in)
	var r belfry.Result
	switch {
	case in.Rule != "" && in.Target.RoleARN == "" && kind != kindHTTP && arn.Account != in.Scope.Account:
		r = permanent("AccessDeniedException", "The target lies in account "+arn.Account+"; without a RoleArn a rule reaches targets of its own account only.")
	case kind == kindFunction:
		r = t.invokeFunction(ctx, in, payload)
	case kind == kindQueue:
		r = t.sendMessage(ctx, in, payload)
	case kind == kindHTTP:
		r = t.http.invoke(ctx, in, payload)
	case kind == kindUniversal:
		r = t.invokeUniversal(ctx, in, arn.Resource, payload)
	default:
		r = permanent("Belfry.UnsupportedTarget", arn.Service+" is not a service that this server runs; nothing was delivered.")
	}
	if r.Status != belfry.AttemptSucceeded {
		if r.Payload = payload; in.Rule != "" {
			r.Payload = DeadLetterBody(in)
		}
		r.ErrorCode, r.ErrorMessage = clip(r.ErrorCode, codeMax), clip(r.ErrorMessage, messageMax)
	}
	return r
}

// Bounds of what a result says, in bytes: both travel as attributes of a dead
// letter, beside its body.
const (
	codeMax    = 256
	messageMax = 2 << 10
)

// clip cuts s to n bytes at the end of a character, and replaces what a
// message attribute cannot hold: bad UTF-8 and control characters.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF' {
			return utf8.RuneError
		}
		return r
	}, s)
}

func (t *Targets) invokeFunction(ctx context.Context, in *belfry.Invocation, payload string) belfry.Result {
	return t.call(ctx, functionCall(in, payload))
}

func functionCall(in *belfry.Invocation, payload string) FunctionCall {
	arn, _ := belfry.ParseARN(in.Target.ARN)
	return FunctionCall{
		Function: in.Target.ARN, Scope: arn.Scope(), Payload: []byte(payload), OccurrenceID: in.OccurrenceID(), Attempt: in.Attempt,
		StandsIn: true,
	}
}

// Forward sends a run that its function has failed to do to the function's own
// dead-letter queue and on-failure destination, which the function's owner has
// chosen: the schedule's role is not asked. aged says that it became too
// old, and not that its attempts were used up.
func (t *Targets) Forward(ctx context.Context, in *belfry.Invocation, payload string, last *belfry.Result, aged bool) error {
	return t.functions.ForwardFunction(ctx, functionCall(in, payload), FunctionAnswer{Payload: []byte(last.Answer), Error: last.ErrorCode, Version: last.Version}, aged)
}

func (t *Targets) call(ctx context.Context, c FunctionCall) belfry.Result {
	answer, err := t.functions.InvokeFunction(ctx, c)
	if err != nil {
		return failed(err, "Lambda")
	}
	if answer.Error == "" {
		return belfry.Result{Status: belfry.AttemptSucceeded, Log: answer.LogTail}
	}
	var e struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(answer.Payload, &e) != nil || e.ErrorType == "" {
		e.ErrorType, e.ErrorMessage = answer.Error, string(answer.Payload)
	}
	return belfry.Result{
		Status: belfry.AttemptRetryable, HandlerError: true,
		ErrorCode: e.ErrorType, ErrorMessage: e.ErrorMessage, Log: answer.LogTail,
		Own: answer.Own, Forwards: answer.Forwards, Answer: string(answer.Payload), Version: answer.Version,
	}
}

func (t *Targets) sendMessage(ctx context.Context, in *belfry.Invocation, payload string) belfry.Result {
	blocks, err := parametersOf(in.Target)
	if err != nil {
		return permanent("ValidationException", err.Error())
	}
	group := blocks.SqsParameters.MessageGroupID
	if in.Rule != "" && !strings.HasSuffix(in.Target.ARN, ".fifo") {
		group = "" // tolerated, as AWS does, and of no use
	}
	return t.send(ctx, in.Target.ARN, Message{Body: payload, GroupID: group})
}

func (t *Targets) send(ctx context.Context, queueARN string, m Message) belfry.Result {
	err := t.queues.SendMessage(ctx, queueARN, m)
	switch {
	case err == nil:
		return belfry.Result{Status: belfry.AttemptSucceeded}
	case belfry.KindOf(err) == belfry.NotFound:
		return noQueue()
	}
	return failed(err, "SQS")
}

func noQueue() belfry.Result {
	return permanent("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist for this wsdl version.")
}

// SendDeadLetter puts a message into the schedule's dead-letter queue.
func (t *Targets) SendDeadLetter(ctx context.Context, s *belfry.Schedule, body string, attributes map[string]string) error {
	m := Message{Body: body}
	for name, value := range attributes {
		m.Attributes = append(m.Attributes, Attribute{Name: name, Type: "String", Value: value})
	}
	return t.queues.SendMessage(ctx, s.Target.DeadLetterARN, m)
}

func permanent(code, message string) belfry.Result {
	return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: code, ErrorMessage: message}
}

// failed turns the error of a service of ours into a result. What may pass by
// itself is worth another try.
func failed(err error, service string) belfry.Result {
	codes := map[belfry.Kind]struct {
		status belfry.AttemptStatus
		code   string
	}{
		belfry.Invalid:     {belfry.AttemptPermanent, "ValidationException"},
		belfry.NotFound:    {belfry.AttemptPermanent, "ResourceNotFoundException"},
		belfry.Denied:      {belfry.AttemptPermanent, "AccessDeniedException"},
		belfry.TooLarge:    {belfry.AttemptPermanent, "RequestEntityTooLargeException"},
		belfry.Conflict:    {belfry.AttemptRetryable, "ResourceConflictException"},
		belfry.Throttled:   {belfry.AttemptRetryable, "TooManyRequestsException"},
		belfry.Quota:       {belfry.AttemptRetryable, "ServiceQuotaExceededException"},
		belfry.Unavailable: {belfry.AttemptRetryable, "ServiceUnavailableException"},
	}
	var known *belfry.Error
	if c, ok := codes[belfry.KindOf(err)]; ok && errors.As(err, &known) {
		return belfry.Result{Status: c.status, ErrorCode: service + "." + c.code, ErrorMessage: known.Message}
	}
	return belfry.Result{
		Status: belfry.AttemptRetryable, ErrorCode: "AWS.Scheduler.InternalServerError",
		ErrorMessage: "Unexpected error occurred while processing the request",
	}
}

type kind uint8

const (
	kindOther kind = iota
	kindFunction
	kindQueue
	kindHTTP
	kindUniversal
)

// HTTPInvokeARN is the target that calls an HTTP endpoint.
const HTTPInvokeARN = "arn:aws:scheduler:::http:invoke"

func kindOf(target string) (kind, belfry.ARN) {
	if target == HTTPInvokeARN {
		return kindHTTP, belfry.ARN{Partition: "aws", Service: "scheduler", Resource: "http:invoke"}
	}
	arn, ok := belfry.ParseARN(target)
	switch {
	case !ok:
		return kindOther, arn
	case arn.Service == "lambda" && strings.HasPrefix(arn.Resource, "function:"):
		return kindFunction, arn
	case arn.Service == "sqs":
		return kindQueue, arn
	case arn.Service == "scheduler" && strings.HasPrefix(arn.Resource, universalPrefix):
		return kindUniversal, arn
	}
	return kindOther, arn
}
