package healthchecks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

const (
	// keyLength is the length of every API key.
	keyLength = 32
	// MaxRequest bounds the body of a request, in bytes.
	MaxRequest = 1 << 20
	// devAccount is whose checks every key opens in --dev.
	devAccount = "000000000000"
)

// A call is a request to the management API that has been let in.
type call struct {
	*http.Request
	version  int // of the API: 1, 2 or 3
	account  string
	readOnly bool // it has come with a key that may only read
	body     map[string]json.RawMessage
}

// A method is what one HTTP method of a route does.
type method struct {
	readOnly bool // keys that may only read are enough
	do       func(c *call) (answer, error)
}

// An answer is what is sent when nothing has gone wrong. A body of bytes is plain
// text, a function writes JSON by itself, anything else is encoded.
type answer struct {
	status int
	body   any
}

func found(body any) answer { return answer{http.StatusOK, body} }

// A refusal is an error in the words of the API.
type refusal struct {
	status  int
	message string
}

func (e *refusal) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// routes makes what serves the management API.
func (a *API) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for version := 1; version <= 3; version++ {
		route := func(path string, methods map[string]method) {
			mux.HandleFunc(fmt.Sprintf("/api/v%d/%s", version, path), a.serve(version, methods))
		}
		checks := map[string]method{"GET": {true, a.listChecks}, "POST": {false, a.createCheck}}
		route("checks/{$}", checks)
		route("checks", checks)
		route("checks/{id}", map[string]method{
			"GET": {true, a.getCheck}, "POST": {false, a.updateCheck}, "DELETE": {false, a.deleteCheck},
		})
		route("checks/{id}/pause", map[string]method{"POST": {false, a.pauseCheck}})
		route("checks/{id}/resume", map[string]method{"POST": {false, a.resumeCheck}})
		for _, end := range []string{"", "{$}"} {
			end = strings.TrimSuffix("/"+end, "/")
			route("checks/{id}/pings"+end, map[string]method{"GET": {false, a.listPings}})
			route("checks/{id}/flips"+end, map[string]method{"GET": {true, a.listFlips}})
			route("channels"+end, map[string]method{"GET": {false, a.listChannels}})
			route("badges"+end, map[string]method{"GET": {true, a.listBadges}})
		}
		route("checks/{id}/pings/{n}/body", map[string]method{"GET": {false, a.pingBody}})
		mux.HandleFunc(fmt.Sprintf("/api/v%d/status/", version), a.status)
		mux.HandleFunc(fmt.Sprintf("/api/v%d/metrics/", version), a.metrics)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.writeError(w, &refusal{http.StatusNotFound, "not found"})
	})
	return mux
}

// serve answers the requests of a route, as browsers may make them from any site.
func (a *API) serve(version int, methods map[string]method) http.HandlerFunc {
	allowed := []string{"OPTIONS"}
	for name := range methods {
		allowed = append(allowed, name)
	}
	slices.Sort(allowed)
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Headers", "X-Api-Key")
		h.Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
		h.Set("Access-Control-Max-Age", "600")
		m, known := methods[r.Method]
		switch {
		case r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
			return
		case !known:
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		c := &call{Request: r, version: version}
		err := a.admit(w, c, m.readOnly)
		var out answer
		if err == nil {
			out, err = m.do(c)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, out)
	}
}

// admit reads the request's body and finds out whose checks it is about.
func (a *API) admit(w http.ResponseWriter, c *call, readOnly bool) error {
	if c.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, c.Body, MaxRequest))
		switch {
		case errors.As(err, new(*http.MaxBytesError)):
			return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request body is larger than %d bytes", MaxRequest)}
		case err != nil:
			return badRequest("could not parse request body")
		}
		if c.body, err = parseObject(body); err != nil {
			return err
		}
	}
	key, given := c.Header.Get("X-Api-Key"), len(c.Header.Values("X-Api-Key")) > 0
	if raw, there := c.body["api_key"]; there && !given {
		_ = json.Unmarshal(raw, &key) // what is no text is no key
	}
	if len(key) != keyLength {
		return &refusal{http.StatusUnauthorized, "missing api key"}
	}
	return a.identify(c, key, readOnly)
}

// identify sets the account that a key opens.
func (a *API) identify(c *call, key string, readOnly bool) error {
	kinds := []monitor.KeyKind{monitor.ReadWriteKey}
	if readOnly {
		kinds = append(kinds, monitor.ReadOnlyKey)
	}
	for _, kind := range kinds {
		p, err := a.monitor.ProjectByKey(c.Context(), kind, key)
		switch {
		case err == nil:
			c.account, c.readOnly = p.Account, kind == monitor.ReadOnlyKey
			return nil
		case belfry.KindOf(err) != belfry.NotFound:
			return err
		}
	}
	if !a.dev {
		return &refusal{http.StatusUnauthorized, "wrong api key"}
	}
	c.account = devAccount
	return nil
}

// parseObject reads a body, of which none is an empty object.
func parseObject(body []byte) (map[string]json.RawMessage, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, badRequest("could not parse request body")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, badRequest("json validation error: value is not an object")
	}
	return object, nil
}

// fail answers a request that something has gone wrong with.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if e, is := errors.AsType[*refusal](err); is {
		a.writeError(w, e)
		return
	}
	status, message := a.refusal(r, err)
	switch status {
	case http.StatusConflict:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, message)
		return
	case http.StatusBadRequest:
		message = "json validation error: " + message
	}
	a.writeError(w, &refusal{status, message})
}

func (a *API) writeError(w http.ResponseWriter, e *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_ = encode(w, map[string]string{"error": e.message}) // a client that has gone needs no answer
}

func (a *API) write(w http.ResponseWriter, r *http.Request, out answer) {
	var err error
	switch body := out.body.(type) {
	case []byte:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(out.status)
		_, err = w.Write(body)
	case func(io.Writer) error:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(out.status)
		if err = body(w); err != nil {
			a.log.DebugContext(r.Context(), "an answer was not finished", "path", r.URL.Path, "error", err)
			panic(http.ErrAbortHandler) // so that the client knows
		}
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(out.status)
		err = encode(w, body)
	}
	if err != nil {
		a.log.DebugContext(r.Context(), "an answer was not delivered", "path", r.URL.Path, "error", err)
	}
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// base returns where clients reach the server, without a slash at the end.
func (a *API) base(r *http.Request) string {
	if a.url != "" {
		return a.url
	}
	return scheme(r) + "://" + r.Host
}

// status says that the server and its store answer.
func (a *API) status(w http.ResponseWriter, r *http.Request) {
	if _, err := a.monitor.List(r.Context(), monitor.CheckQuery{Account: devAccount, Limit: 1}); err != nil {
		a.fail(w, r, err)
		return
	}
	noCache(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK") // a client that has gone needs no answer
}

// metrics answers as Healthchecks does that has no metrics key: Belfry's own
// metrics are at /metrics.
func (a *API) metrics(w http.ResponseWriter, _ *http.Request) {
	noCache(w)
	w.WriteHeader(http.StatusForbidden)
}

func noCache(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "max-age=0, no-cache, no-store, must-revalidate, private")
}
