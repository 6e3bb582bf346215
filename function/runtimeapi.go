package function

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry/memory"
)

// runtimeAPI is the link to a runtime that speaks Lambda's HTTP Runtime API
// (semantics.md 3.9). Each instance has a listener of its own: the address is
// all that such a runtime is told, so it must also say which instance calls.
type runtimeAPI struct {
	server *http.Server
	served sync.WaitGroup
	gone   chan struct{} // closed when the instance has ended
	goOnce sync.Once

	calls chan *call  // to next
	init  chan []byte // from init: nil when it asks for its first call, else the reported error
	reply chan reply  // of the call that is under way
	waits chan bool   // true: its answer waits for room, and false: no longer

	mu      sync.Mutex                        // guards what follows
	started bool                              // next has been called, or init has failed
	failed  bool                              // init has failed
	current string                            // id of the call under way; empty between calls
	room    func(n int) (*memory.Hold, error) // for its answer
	last    string                            // id of the last call that was answered
}

const runtimeAPIVersion = "/2018-06-01"

func newRuntimeAPI() *runtimeAPI {
	a := &runtimeAPI{
		gone:  make(chan struct{}),
		waits: make(chan bool),
		calls: make(chan *call), init: make(chan []byte, 1), reply: make(chan reply, 1),
	}
	a.server = &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, 0), // what a handler does to its own API is its affair
	}
	return a
}

// serve answers on l until close.
func (a *runtimeAPI) serve(l net.Listener) {
	a.served.Go(func() { _ = a.server.Serve(l) })
}

func (a *runtimeAPI) ready(deadline time.Time) ([]byte, error) {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case failure := <-a.init:
		return failure, nil
	case <-a.gone:
		select {
		case failure := <-a.init: // said on the way out
			return failure, nil
		default:
			return nil, errGone
		}
	case <-t.C:
		return nil, os.ErrDeadlineExceeded
	}
}

func (a *runtimeAPI) invoke(deadline time.Time, c *call) (reply, error) {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case a.calls <- c:
	case <-a.gone:
		return reply{}, errNotTaken
	case <-t.C:
		return reply{}, os.ErrDeadlineExceeded
	}
	for {
		select {
		case r := <-a.reply:
			return r, nil
		case waits := <-a.waits:
			if t.Stop(); !waits {
				t.Reset(answerGrace)
			}
		case <-a.gone:
			select {
			case r := <-a.reply:
				return r, nil
			default:
				return reply{}, errGone
			}
		case <-t.C:
			return reply{}, os.ErrDeadlineExceeded
		}
	}
}

// wait waits until n bytes of an answer may be read; false: nobody waits for it.
func (a *runtimeAPI) wait(n int) (hold *memory.Hold, ok bool) {
	a.mu.Lock()
	room := a.room
	a.mu.Unlock()
	if n <= memory.Small || room == nil {
		return nil, true
	}
	if !a.tell(true) {
		return nil, false
	}
	hold, err := room(n)
	if err != nil || !a.tell(false) {
		hold.Release()
		return nil, false
	}
	return hold, true
}

// tell tells invoke that an answer waits, or no longer; false: it has left.
func (a *runtimeAPI) tell(waits bool) bool {
	select {
	case a.waits <- waits:
		return true
	case <-a.gone:
		return false
	}
}

// leave tells the waiting calls that the process has ended.
func (a *runtimeAPI) leave() { a.goOnce.Do(func() { close(a.gone) }) }

func (a *runtimeAPI) close() {
	a.leave()
	a.server.Close() //nolint:errcheck // the process is gone; there is nobody to tell
	a.served.Wait()
}

func (a *runtimeAPI) routes() http.Handler {
	mux := http.NewServeMux()
	base := runtimeAPIVersion + "/runtime"
	mux.HandleFunc("GET "+base+"/invocation/next", a.next)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", a.response)
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", a.error)
	mux.HandleFunc("POST "+base+"/init/error", a.initError)
	mux.HandleFunc("GET "+runtimeAPIVersion+"/ping", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "pong")
	})
	refuse := func(status int, kind, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { refuseRuntime(w, status, kind, message) }
	}
	mux.HandleFunc("/2020-01-01/extension/", refuse(http.StatusForbidden, "Extension.NotSupported", "Extensions are not supported on this server."))
	mux.HandleFunc("/2020-08-15/logs", refuse(http.StatusAccepted, "Logs.NotSupported", "Logs API is not supported"))
	mux.HandleFunc("/2022-07-01/telemetry", refuse(http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported"))
	return mux
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if a.current != "" || a.failed {
		a.mu.Unlock()
		refuseState(w)
		return
	}
	if !a.started {
		a.started = true
		a.init <- nil
	}
	a.mu.Unlock()
	var c *call
	select {
	case c = <-a.calls:
	case <-a.gone:
		return
	case <-r.Context().Done():
		return
	}
	a.mu.Lock()
	a.current, a.room = c.id, c.room
	a.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
	h.Set("Lambda-Runtime-Trace-Id", c.trace)
	if len(c.clientContext) > 0 {
		h.Set("Lambda-Runtime-Client-Context", string(c.clientContext))
	}
	h.Set("Content-Length", strconv.Itoa(len(c.payload)))
	_, _ = w.Write(c.payload) // a runtime that went away shows as its exit
	c.taken()
}

// begin says whether an answer for the call is due now; it has answered when not.
func (a *runtimeAPI) begin(w http.ResponseWriter, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case id != "" && id == a.current:
		return true
	case id == a.last || !a.started || a.failed:
		refuseState(w)
	default:
		refuseRuntime(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	}
	return false
}

// end hands the answer over, unless another one was faster.
func (a *runtimeAPI) end(w http.ResponseWriter, id string, r reply) bool {
	a.mu.Lock()
	first := a.current == id
	if first {
		a.current, a.last = "", id
		a.reply <- r
	}
	a.mu.Unlock()
	if !first {
		r.hold.Release()
		refuseState(w)
		return false
	}
	runtime.Gosched() // whoever waits for the answer goes first, before the runtime is told that it is taken
	return true
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !a.begin(w, id) {
		return
	}
	if mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && mode != "streaming" {
		refuseRuntime(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	body, hold, ok := a.read(w, r, id)
	if !ok {
		return
	}
	answer := reply{kind: replied, payload: body, hold: hold}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" { // a stream that failed on the way
		answer = reply{kind: errored, hold: hold, payload: trailerError(kind, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))}
	}
	if a.end(w, id, answer) {
		acceptRuntime(w)
	}
}

func (a *runtimeAPI) error(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !a.begin(w, id) {
		return
	}
	body, hold, ok := a.read(w, r, id)
	if !ok {
		return
	}
	if a.end(w, id, reply{kind: errored, hold: hold, payload: runtimeError(body, r.Header)}) {
		acceptRuntime(w)
	}
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, ok := readRuntime(w, r, func() {})
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		refuseState(w)
		return
	}
	a.started, a.failed = true, true
	a.init <- runtimeError(body, r.Header)
	acceptRuntime(w)
}

// streamed is how much of a stream is read before there is room for it, in bytes.
const streamed = 1 << 20

// read reads an answer when there is room for it.
func (a *runtimeAPI) read(w http.ResponseWriter, r *http.Request, id string) (body []byte, hold *memory.Hold, ok bool) {
	size := int(min(r.ContentLength, MaxResponse))
	if r.ContentLength < 0 {
		// How much a stream will be nobody knows, and it may take its time: the first of
		// it waits for nothing. An error comes again when the rest is read.
		head, _ := io.ReadAll(io.LimitReader(r.Body, streamed))
		if size = len(head); size == streamed {
			size = MaxResponse
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(head), r.Body))
	}
	if hold, ok = a.wait(size); !ok {
		return nil, nil, false
	}
	if body, ok = readRuntime(w, r, func() { a.end(discard{}, id, reply{kind: tooLarge}) }); !ok {
		hold.Release()
		return nil, nil, false
	}
	hold.Shrink(len(body))
	return body, hold, true
}

// readRuntime reads a body; over is called before a body that is too large is
// refused.
func readRuntime(w http.ResponseWriter, r *http.Request, over func()) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxResponse))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return body, true
	case errors.As(err, &large):
		over()
		refuseRuntime(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponse))
	default:
		refuseRuntime(w, http.StatusBadRequest, "TruncatedHTTPRequest", "Truncated HTTP request body")
	}
	return nil, false
}

var errorType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// runtimeError is what a runtime reported as the caller gets it: its own JSON
// object, or one made of the error type when there is none.
func runtimeError(body []byte, h http.Header) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) == nil && object != nil {
		return body
	}
	kind := h.Get("Lambda-Runtime-Function-Error-Type")
	switch {
	case errorType.MatchString(kind):
	case strings.HasPrefix(kind, "Function."):
		kind = "Function.Unknown"
	default:
		kind = "Runtime.Unknown"
	}
	return errorPayload(kind, "")
}

func trailerError(kind, encoded string) []byte {
	h := http.Header{}
	h.Set("Lambda-Runtime-Function-Error-Type", kind)
	body, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		body = nil
	}
	return runtimeError(body, h)
}

func refuseState(w http.ResponseWriter) {
	refuseRuntime(w, http.StatusForbidden, "InvalidStateTransition", "Transition from the current state is not allowed")
}

func refuseRuntime(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, kind}) // a runtime that went away shows as its exit
}

func acceptRuntime(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

// discard swallows an answer that somebody else gives.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
