package function

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// runtimeAPI is the link to a runtime that speaks Lambda's HTTP Runtime API
// (semantics.md 3.9). Each instance has a listener of its own: the address is
// all that such a runtime is told, so it must also say which instance calls.
type runtimeAPI struct {
	routes *http.ServeMux
	served sync.WaitGroup
	gone   chan struct{} // closed when the instance has ended
	goOnce sync.Once

	init  chan []byte // nil when it asks for its first call, else the reported error
	reply chan reply  // of the call that is under way

	mu       sync.Mutex // guards what follows
	listener net.Listener
	conns    map[*runtimeConn]bool // that are open
	waiting  []*runtimeConn        // of them, those that have asked for a call and have none
	next     *call                 // is given to the first that asks; nil: there is none
	closed   bool
	started  bool   // a call has been asked for, or init has failed
	failed   bool   // init has failed
	current  string // id of the call under way; empty between calls
	last     string // id of the last call that was answered
}

const runtimeAPIVersion = "/2018-06-01"

func newRuntimeAPI() *runtimeAPI {
	a := &runtimeAPI{
		gone: make(chan struct{}), init: make(chan []byte, 1), reply: make(chan reply, 1),
		conns: map[*runtimeConn]bool{},
	}
	a.route()
	return a
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
	a.hand(c)
	select {
	case r := <-a.reply:
		return r, nil
	case <-a.gone:
		select {
		case r := <-a.reply:
			return r, nil
		default:
		}
		if a.takeBack() {
			return reply{}, errNotTaken
		}
		return reply{}, errGone
	case <-t.C:
		return reply{}, os.ErrDeadlineExceeded
	}
}

// hand gives a call to the connection that waits for one, or to the first that
// asks.
func (a *runtimeAPI) hand(c *call) {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		a.next = c
		a.mu.Unlock()
		return
	}
	conn := a.waiting[0]
	a.waiting = slices.Delete(a.waiting, 0, 1)
	a.current = c.id
	a.mu.Unlock()
	conn.give(c)
}

// takeBack says whether the call is still there for who asks, and keeps it.
func (a *runtimeAPI) takeBack() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	there := a.next != nil
	a.next = nil
	return there
}

// leave tells the waiting calls that the process has ended.
func (a *runtimeAPI) leave() { a.goOnce.Do(func() { close(a.gone) }) }

func (a *runtimeAPI) close() {
	a.leave()
	a.mu.Lock()
	a.closed = true
	if a.listener != nil {
		a.listener.Close() // the process is gone; there is nobody to tell
	}
	for c := range a.conns {
		c.conn.Close() // as above
	}
	a.mu.Unlock()
	a.served.Wait()
}

func (a *runtimeAPI) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// opened takes note of a connection, and says whether it may be served.
func (a *runtimeAPI) opened(c *runtimeConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.conns[c] = true
	}
	return !a.closed
}

// forget lets go of a connection that has ended.
func (a *runtimeAPI) forget(c *runtimeConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
	a.waiting = slices.DeleteFunc(a.waiting, func(o *runtimeConn) bool { return o == c })
}

// waits says whether a connection has asked for a call and has none.
func (a *runtimeAPI) waits(c *runtimeConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.waiting, c)
}

func (a *runtimeAPI) route() {
	mux := http.NewServeMux()
	a.routes = mux
	base := runtimeAPIVersion + "/runtime"
	mux.HandleFunc("GET "+base+"/invocation/next", a.ask)
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
}

// ask is a runtime that wants its next call.
func (a *runtimeAPI) ask(w http.ResponseWriter, _ *http.Request) {
	answer := w.(*runtimeAnswer) //nolint:forcetypeassert // of runtimeConn.serve
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
	answer.deferred = true
	c := a.next
	if a.next = nil; c == nil {
		a.waiting = append(a.waiting, answer.conn)
	} else {
		a.current = c.id
	}
	a.mu.Unlock()
	if c != nil {
		answer.conn.give(c)
	}
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

// end hands the answer over, unless another one was faster. The runtime is told
// first: it asks for its next call while the caller looks at the answer.
func (a *runtimeAPI) end(w http.ResponseWriter, id string, r reply) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != id {
		refuseState(w)
		return false
	}
	a.current, a.last = "", id
	w.(*runtimeAnswer).then = func() { a.reply <- r } //nolint:forcetypeassert // of runtimeConn.serve
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
	body, ok := readRuntime(w, r, func() bool { return a.end(w, id, reply{kind: tooLarge}) })
	if !ok {
		return
	}
	answer := reply{kind: replied, payload: body}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" { // a stream that failed on the way
		answer = reply{kind: errored, payload: trailerError(kind, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))}
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
	body, ok := readRuntime(w, r, func() bool { return a.end(w, id, reply{kind: tooLarge}) })
	if !ok {
		return
	}
	if a.end(w, id, reply{kind: errored, payload: runtimeError(body, r.Header)}) {
		acceptRuntime(w)
	}
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, ok := readRuntime(w, r, func() bool { return true })
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

// readRuntime reads a body; over is asked whether one that is too large is to be
// refused, and has answered when not.
func readRuntime(w http.ResponseWriter, r *http.Request, over func() bool) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxResponse))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return body, true
	case errors.As(err, &large):
		if over() {
			refuseRuntime(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
				fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponse))
		}
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
