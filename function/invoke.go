package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/memory"
)

// A Request is one invocation.
type Request struct {
	Function      Ref
	Qualifier     string // version or alias; empty is Latest
	Payload       []byte // JSON; empty is {}
	RequestID     string // empty: a new one
	ClientContext []byte // JSON; nil is none
	// Patient waits for an instance until ctx ends: want of the host's own capacity is
	// then never an error. The function's reserved concurrency still is.
	Patient bool
	// Delivered is called when an instance has Payload, of which nothing is kept then;
	// nil: Payload is kept.
	Delivered func()
}

// A Response is what became of an invocation that reached the handler, or
// failed for a reason of the function's own.
type Response struct {
	RequestID     string
	Payload       []byte // the handler's result, or its error, as JSON
	FunctionError string // "Unhandled" when Payload is an error
	Version       string // that ran
	Log           []byte // what was printed, with the platform's lines
	Duration      time.Duration
	Init          time.Duration // of the cold start that the invocation waited for; 0 is none
	PeakMemory    int           // MB
}

// LogTail returns the end of the log, as much as Lambda gives to a caller.
func (r *Response) LogTail() []byte { return r.Log[max(0, len(r.Log)-tailLog):] }

// Failure returns type and message of the function's error; both are empty when
// there is none. r may be nil.
func (r *Response) Failure() (errorType, message string) {
	if r == nil || r.FunctionError == "" {
		return "", ""
	}
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(r.Payload, &e); err != nil || e.Type == "" {
		return "Unhandled", string(r.Payload[:min(len(r.Payload), 1024)])
	}
	return e.Type, e.Message
}

// Invoke runs a function and waits for its answer.
//
// Errors: NotFound for a function or version that is not there, Invalid or
// TooLarge for the payload, Throttled when no instance came free in time,
// Unavailable when the host is stopping or has no interpreter. When ctx ends
// first the instance is killed and ctx's error returned.
func (h *Host) Invoke(ctx context.Context, r Request) (*Response, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	f, err := h.resolve(ctx, r.Function, r.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkRequest(&r, MaxPayload, "RequestResponse"); err != nil {
		return nil, err
	}
	return h.invoke(ctx, f, &r)
}

// checkRequest completes a request, and refuses what cannot be delivered.
func checkRequest(r *Request, limit int, kind string) error {
	if len(r.Payload) == 0 {
		r.Payload = []byte("{}")
	}
	if len(r.Payload) > limit {
		return &belfry.Error{
			Kind: belfry.TooLarge, Code: "RequestTooLargeException", Field: "Payload",
			Message: fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(r.Payload), kind, limit),
		}
	}
	if why := notJSON(r.Payload); why != "" {
		return &belfry.Error{
			Kind: belfry.Invalid, Code: "InvalidRequestContentException", Field: "Payload",
			Message: "Could not parse request body into json: Could not parse payload into json: " + why,
		}
	}
	if len(r.ClientContext) > 0 {
		var object map[string]json.RawMessage
		if !utf8.Valid(r.ClientContext) || json.Unmarshal(r.ClientContext, &object) != nil {
			return &belfry.Error{
				Kind: belfry.Invalid, Code: "InvalidRequestContentException", Field: "ClientContext",
				Message: "Client context must be a valid Base64-encoded JSON object.",
			}
		}
		var one bytes.Buffer // a header cannot hold line breaks
		if err := json.Compact(&one, r.ClientContext); err != nil {
			return fmt.Errorf("compact the client context: %w", err)
		}
		r.ClientContext = one.Bytes()
	}
	if r.RequestID == "" {
		r.RequestID = uuid.NewString()
	}
	return nil
}

// notJSON says what keeps b from being JSON; empty means that it is.
func notJSON(b []byte) string {
	if !utf8.Valid(b) {
		return "Invalid UTF-8"
	}
	if json.Valid(b) {
		return ""
	}
	var any json.RawMessage
	return json.Unmarshal(b, &any).Error()
}

// resolve returns the version of the function that a request is for. Of an
// alias with two it is chosen anew each time.
func (h *Host) resolve(ctx context.Context, ref Ref, qualifier string) (*Function, error) {
	f, err := h.recent(ctx, ref, 0)
	if err != nil {
		return nil, h.lookupError(err, ref, qualifier)
	}
	if isLatest(qualifier) {
		return f, nil
	}
	n, ok := f.pick(qualifier, h.cfg.Random())
	if !ok {
		return nil, notFound(ref, qualifier)
	}
	v := f
	if n != 0 {
		if v, err = h.recent(ctx, ref, n); err != nil {
			return nil, h.lookupError(err, ref, qualifier)
		}
	}
	return f.shown(v, qualifier), nil
}

// recent returns a version of a function as it was within functionMaxAge.
func (h *Host) recent(ctx context.Context, ref Ref, version int) (*Function, error) {
	f, mark := h.pools.cached(ref, version, functionMaxAge)
	if f != nil {
		return f, nil
	}
	f, err := h.cfg.Store.Version(ctx, ref, version)
	if err == nil {
		h.pools.remember(f, mark)
	}
	return f, err
}

// arn is the function as the caller named it.
func (r *Request) arn() string {
	if r.Qualifier == "" {
		return r.Function.ARN()
	}
	return r.Function.ARN() + ":" + r.Qualifier
}

func (h *Host) lookupError(err error, ref Ref, qualifier string) error {
	if belfry.KindOf(err) == belfry.NotFound {
		return notFound(ref, qualifier)
	}
	return fmt.Errorf("look up %s: %w", ref.ARN(), err)
}

// maxStale bounds how often an invocation may meet an instance that has just
// gone away, as some runtimes do after an error, before that is its result.
const maxStale = 3

func (h *Host) invoke(ctx context.Context, f *Function, r *Request) (*Response, error) {
	began := time.Now()
	for stale := 0; ; stale++ {
		g, err := h.pools.acquire(ctx, f, r.Patient)
		if err != nil {
			if belfry.KindOf(err) == belfry.Throttled {
				h.counts.throttles.Add(1)
			}
			return nil, err
		}
		v := &outcome{id: r.RequestID}
		in := g.in
		if in == nil {
			if in, err = h.start(ctx, g.fn, v); err != nil {
				return nil, err
			}
		}
		waited := time.Since(began)
		if in != nil {
			err := h.call(ctx, in, r, v, stale < maxStale)
			if errors.Is(err, errNotTaken) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		h.observe(v, waited)
		return &v.Response, nil
	}
}

// start brings an instance up, with the right to do so from the pools. When
// the function's own code prevents it, v is the outcome and there is no
// instance.
func (h *Host) start(ctx context.Context, f *Function, v *outcome) (*instance, error) {
	began := time.Now()
	h.counts.starts.Add(1)
	in, err := h.launch(ctx, f)
	if err != nil {
		h.pools.abandon(f)
		var own *startError
		if !errors.As(err, &own) {
			return nil, err
		}
		v.fn = f
		v.fail("Runtime.InvalidEntrypoint", "RequestId: %s Error: %v", v.id, own)
		v.close(nil, "error", "Runtime.InvalidEntrypoint")
		h.recordUnstarted(v)
		return nil, nil
	}
	v.fn = f
	in.logs.begin(v.id) // what the start prints is the invocation's that waits for it
	stop := context.AfterFunc(ctx, in.kill)
	failure, err := in.link.ready(began.Add(initGrace + f.Timeout))
	stopped := stop()
	in.initTime = time.Since(began)
	took := in.initTime
	if err != nil || failure != nil || !stopped {
		took = 0
	}
	h.pools.started(in, took)
	switch {
	case err == nil && failure == nil && stopped:
		return in, nil
	case !stopped:
		h.pools.discard(in)
		return nil, ctx.Err()
	case err == nil:
		v.Payload, v.FunctionError = failure, unhandled
		in.sampleMemory(in.initTime)
		in.waitExit(exitGrace)
		v.initFailed(in, "error")
	default:
		closed := h.pools.isClosed()
		v.broken(in, err)
		v.initFailed(in, "error")
		if closed {
			h.pools.discard(in)
			return nil, stopping()
		}
	}
	h.pools.discard(in)
	return nil, nil
}

// call gives an invocation to an instance that is ready, and the instance back.
// The error is errNotTaken, if asked for, when another instance should get it.
func (h *Host) call(ctx context.Context, in *instance, r *Request, v *outcome, mayPass bool) error {
	v.fn = in.fn
	now := time.Now()
	deadline := now.Add(in.fn.Timeout)
	in.logs.begin(r.RequestID)
	in.logs.platform(in.fn, startEvent(r.RequestID, in.fn))
	stop := context.AfterFunc(ctx, in.kill)
	in.thaw()
	c := &call{
		id: r.RequestID, arn: r.arn(), trace: newTrace(now), deadline: deadline,
		clientContext: r.ClientContext, payload: r.Payload,
		room: func(n int) (*memory.Hold, error) { return h.room(ctx, in, n) },
	}
	if r.Delivered != nil {
		c.delivered = func() { r.Payload = nil; r.Delivered() }
	}
	answer, err := in.link.invoke(deadline, c)
	memory.Keep(ctx, answer.hold)
	v.Duration = time.Since(now)
	if !stop() {
		h.pools.discard(in)
		return ctx.Err()
	}
	if mayPass && errors.Is(err, errNotTaken) {
		h.pools.discard(in)
		return err
	}
	in.sampleMemory(v.Duration)
	if err != nil {
		closed := h.pools.isClosed() // then the host has killed it
		v.broken(in, err)
		v.close(in, v.status, "")
		h.pools.discard(in)
		if closed {
			return stopping()
		}
		return nil
	}
	switch answer.kind {
	case replied:
		v.Payload = answer.payload
	case errored:
		v.Payload, v.FunctionError = answer.payload, unhandled
	case tooLarge:
		v.fail("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResponse)
	}
	if answer.last {
		in.waitExit(exitGrace)
		v.exited(in)
		v.close(in, v.status, "")
		h.pools.discard(in)
		return nil
	}
	v.close(in, "", "")
	in.freezeSoon()
	h.pools.release(in)
	return nil
}

// room waits until n bytes of an answer may be in memory.
func (h *Host) room(ctx context.Context, in *instance, n int) (*memory.Hold, error) {
	if h.cfg.Answers == nil || n <= memory.Small {
		return nil, nil
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-in.exited:
			if h.pools.isClosed() { // else what it has answered is still there
				cancel()
			}
		case <-waiting.Done():
		}
	}()
	return h.cfg.Answers.Take(waiting, n)
}

const unhandled = "Unhandled"

// An outcome is a response on its way.
type outcome struct {
	Response
	id     string
	fn     *Function
	status string // of the report line
}

func (v *outcome) fail(kind, format string, args ...any) {
	v.Payload, v.FunctionError = errorPayload(kind, fmt.Sprintf(format, args...)), unhandled
}

// broken is the outcome of a process that ran out of time or went away.
func (v *outcome) broken(in *instance, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		in.kill()
		<-in.exited
		text := fmt.Sprintf("Task timed out after %.2f seconds", in.fn.Timeout.Seconds())
		in.logs.output("%s %s %s\n\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), v.id, text)
		v.fail("Sandbox.Timedout", "RequestId: %s Error: %s", v.id, text)
		v.status = "timeout"
		return
	}
	in.waitExit(exitGrace)
	v.fail("Runtime.ExitError", "RequestId: %s Error: %s", v.id, v.exited(in))
}

// exited puts into the log how the process has ended, and returns it.
func (v *outcome) exited(in *instance) (text string) {
	text = "Runtime exited without providing a reason"
	if !in.exit.ok {
		text = "Runtime exited with error: " + in.exit.text
	}
	if in.exit.outOfMemory {
		in.logs.output("[belfry: out of memory: the instance reached its limit, %d MB and the %d MB of /tmp]\n", in.fn.Memory, in.fn.Storage)
	}
	in.logs.output("RequestId: %s Error: %s\nRuntime.ExitError\n", v.id, text)
	v.status = "error\tError Type: Runtime.ExitError"
	return text
}

// initFailed closes the log of an instance that did not get ready.
func (v *outcome) initFailed(in *instance, status string) {
	in.logs.platform(in.fn, initReport(in.initTime, status))
	if v.id == "" {
		return // it was started ahead
	}
	in.logs.platform(in.fn, startEvent(v.id, in.fn))
	if v.status == "" {
		v.status = status
	}
	v.close(in, v.status, "")
}

// close completes the response with the last lines of the log.
func (v *outcome) close(in *instance, status, kind string) {
	v.RequestID, v.Version = v.id, v.fn.VersionName()
	if in != nil {
		v.Init, v.PeakMemory, in.initTime = in.initTime, in.peak, 0
		in.logs.platform(in.fn, v.ends(status, kind)...)
		v.Log = in.logs.take()
		return
	}
	now := time.Now()
	log := []byte(startEvent(v.id, v.fn).line(v.fn, now))
	log = append(append(log, v.Payload...), '\n')
	for _, e := range v.ends(status, kind) {
		log = append(log, e.line(v.fn, now)...)
	}
	v.Log = log
}

// recordUnstarted passes on the log of an invocation that had no instance.
func (h *Host) recordUnstarted(v *outcome) {
	now := h.cfg.Clock.Now()
	if r := h.newRecorder(v.fn, newStream(v.fn, now)); r != nil {
		r.begin(v.id)
		r.add(v.Log)
		r.end()
	}
}

// newRecorder returns what passes on the lines of an instance of f; nil: nobody
// wants them, or it has no function yet.
func (h *Host) newRecorder(f *Function, stream string) *recorder {
	if h.cfg.Logs == nil || f == nil {
		return nil
	}
	return &recorder{sink: h.cfg.Logs, line: Line{Function: f, Stream: stream}, max: h.cfg.MaxLog}
}

// errorPayload is an error of the platform as Lambda spells it.
func errorPayload(kind, message string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"errorType":`)
	writeJSONString(&b, kind)
	b.WriteString(`,"errorMessage":`)
	writeJSONString(&b, message)
	b.WriteByte('}')
	return b.Bytes()
}

// observe counts an outcome.
func (h *Host) observe(v *outcome, waited time.Duration) {
	h.counts.invocations.Add(1)
	if v.FunctionError != "" {
		h.counts.errors.Add(1)
	}
	if h.cfg.Observe != nil {
		h.cfg.Observe(Observation{Function: v.fn.Ref, Failed: v.FunctionError != "", Waited: waited, Init: v.Init, Duration: v.Duration})
	}
	if h.log.Enabled(context.Background(), slog.LevelDebug) {
		h.log.Debug("function invoked", "function", v.fn.ARN(), "request_id", v.id, "error", v.FunctionError, "duration", v.Duration)
	}
}
