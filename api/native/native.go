// Package native is the API of what only Belfry has, under /belfry/v1/: the
// ledger and the answers from it, the watch of schedules, what Belfry finds out
// about itself, who is told what is wrong, access keys, locks, and what only
// Belfry knows of schedules and functions.
//
// Requests are signed as AWS's are (Signature Version 4), for the service
// belfry. What belongs to another account is refused, whether it exists or not.
//
// It is JSON with snake_case members; times are RFC 3339 in UTC; errors are
// {"error": {"code", "message", "field"}}; lists are {"items": [...], "next":
// "..."}, where next goes into ?next= of the following request and is left out
// at the end.
package native

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/lock"
	"github.com/belfry-run/belfry/logs"
	"github.com/belfry-run/belfry/monitor"
)

// Limits of a page.
const (
	defaultPage = 100
	maxPage     = 1000
	// DefaultPageStep is few: a run of 186 attempts that all have logged has a megabyte.
	DefaultPageStep  = 25
	DefaultPageBytes = 4 << 20
)

// MaxBody bounds the body of a request, in bytes.
const MaxBody = 64 << 10

// A Config is what the API is made of. All but Open is required.
type Config struct {
	Engine  *engine.Engine
	Watcher *monitor.Watcher
	Self    *monitor.SelfWatch
	Alerts  *monitor.Alerts
	Monitor *monitor.Service
	Probes  *monitor.Probes
	Auth    *auth.Service
	Locks   *lock.Service
	// Logs are the logs of functions, and RequestID the id of the invocations that
	// an occurrence leads to.
	Logs      *logs.Service
	RequestID func(occurrence string) string
	// Functions keeps the settings of functions.
	Functions Functions
	// Region returns the region that a request is signed for: that of a function
	// that is given by name.
	Region func(r *http.Request) string
	// Authenticate returns who makes a request, whose body is given; a refusal
	// is Denied.
	Authenticate func(r *http.Request, body []byte) (auth.Caller, error)
	// Open lets every caller read what belongs to any account.
	Open bool
	Log  *slog.Logger
	// PageStep is how many runs are read at a time, and PageBytes the size of runs
	// from which on a page has no more; 0 are the defaults.
	PageStep, PageBytes int
	// Isolation is that of functions.
	Isolation Isolation
	// Runtimes returns the runtimes of functions that there are now, by name.
	Runtimes func(ctx context.Context) []Runtime
	// Unreadable returns what of the history within [from, to] cannot be read; a zero
	// bound is open. nil: all of it can.
	Unreadable func(from, to time.Time) []Unreadable
	// Deep reads every file of the store, and Backup makes a copy of everything in a
	// folder that is empty, or not there, and proves it. Both tell what they are at,
	// and return when ctx ends.
	Deep   func(ctx context.Context, tell func(string)) ([]Finding, error)
	Backup func(ctx context.Context, directory string, tell func(string)) ([]Finding, error)
}

// API serves the native API.
type API struct {
	Config
	engine *engine.Engine
	log    *slog.Logger
	mux    *http.ServeMux
}

// New returns the API.
func New(c Config) *API {
	c.PageStep, c.PageBytes = cmp.Or(c.PageStep, DefaultPageStep), cmp.Or(c.PageBytes, DefaultPageBytes)
	a := &API{Config: c, engine: c.Engine, log: c.Log, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /belfry/v1/identity", a.answer(a.identity))
	a.mux.HandleFunc("GET /belfry/v1/isolation", a.answer(a.isolation))
	a.mux.HandleFunc("GET /belfry/v1/runtimes", a.answer(a.runtimes))
	a.mux.HandleFunc("POST /belfry/v1/keys", a.answer(a.createKey))
	a.mux.HandleFunc("GET /belfry/v1/keys", a.answer(a.listKeys))
	a.mux.HandleFunc("DELETE /belfry/v1/keys/{id}", a.answer(a.revokeKey))
	a.mux.HandleFunc("GET /belfry/v1/runs", a.answer(a.runs))
	a.mux.HandleFunc("GET /belfry/v1/ledger", a.answer(a.ledger))
	a.mux.HandleFunc("GET /belfry/v1/why", a.answer(a.why))
	a.mux.HandleFunc("GET /belfry/v1/watches", a.answer(a.watches))
	a.mux.HandleFunc("GET /belfry/v1/doctor", a.slow(a.doctorOrDeep))
	a.mux.HandleFunc("POST /belfry/v1/backup", a.slow(a.backup))
	a.alertRoutes()
	a.probeRoutes()
	a.routeLocks()
	a.routeSettings()
	a.routeLogs()
	a.mux.HandleFunc("GET /belfry/v1/project", a.answer(a.project))
	a.mux.HandleFunc("POST /belfry/v1/project/keys/{kind}", a.answer(a.newProjectKey))
	a.mux.HandleFunc("DELETE /belfry/v1/project/keys/{kind}", a.answer(a.removeProjectKey))
	a.mux.HandleFunc("/belfry/", a.answer(func(r *http.Request) (any, error) {
		return nil, belfry.Errorf(belfry.NotFound, "", "There is no %s %s; see the API's documentation.", r.Method, r.URL.Path)
	}))
	return a
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// statuses is the one table from kinds of error to HTTP.
var statuses = map[belfry.Kind]int{
	belfry.Invalid: http.StatusBadRequest, belfry.NotFound: http.StatusNotFound, belfry.Conflict: http.StatusConflict,
	belfry.Quota: http.StatusPaymentRequired, belfry.Throttled: http.StatusTooManyRequests, belfry.Denied: http.StatusForbidden,
	belfry.TooLarge: http.StatusRequestEntityTooLarge, belfry.Unavailable: http.StatusServiceUnavailable,
	belfry.Fenced: http.StatusServiceUnavailable,
}

func (a *API) answer(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out any
		r, err := a.authenticated(r)
		if err == nil {
			out, err = handle(r)
		}
		a.answerWith(w, r, out, err)
	}
}

func (a *API) answerWith(w http.ResponseWriter, r *http.Request, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status, out = a.refusal(r, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		a.log.DebugContext(r.Context(), "an answer was not delivered", "path", r.URL.Path, "err", err)
	}
}

type callerKey struct{}

// callerOf returns who makes the request.
func callerOf(r *http.Request) auth.Caller {
	c, _ := r.Context().Value(callerKey{}).(auth.Caller)
	return c
}

// callerName is who makes the request, for people.
func callerName(r *http.Request) string {
	c := callerOf(r)
	return c.ARN()
}

// authenticated reads the request's body and returns the request with its
// caller; of one that is refused, the request as it was.
func (a *API) authenticated(r *http.Request) (*http.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return r, belfry.Errorf(belfry.Invalid, "", "The request's body ended before its announced length.")
	}
	if len(body) > MaxBody {
		return r, belfry.Errorf(belfry.TooLarge, "", "The request's body is larger than %d bytes.", MaxBody)
	}
	caller, err := a.Authenticate(r, body)
	if err != nil {
		return r, err
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r, nil
}

// authorized returns nil when the caller may do it.
func (a *API) authorized(r *http.Request, action, resource string) error {
	if a.Open {
		return nil
	}
	return a.Auth.Authorize(r.Context(), callerOf(r), auth.Query{Action: action, Resource: resource})
}

func (a *API) refusal(r *http.Request, err error) (int, any) {
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Field   string `json:"field,omitempty"`
	}
	var e *belfry.Error
	status, known := statuses[belfry.KindOf(err)]
	if !known || !errors.As(err, &e) {
		a.log.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "err", err)
		return http.StatusInternalServerError, map[string]body{"error": {Code: "internal", Message: "Something went wrong on the server; its log tells what."}}
	}
	return status, map[string]body{"error": {Code: e.Kind.String(), Message: e.Message, Field: e.Field}}
}

// history finds the schedule or rule that ?schedule= names.
func (a *API) history(r *http.Request) (*engine.History, error) {
	arn := r.URL.Query().Get("schedule")
	if arn == "" {
		return nil, belfry.Errorf(belfry.Invalid, "schedule", "schedule is missing: give the schedule's ARN, as in ?schedule=arn:aws:scheduler:us-east-1:000000000000:schedule/default/name.")
	}
	p, ok := belfry.ParseARN(arn)
	parts := strings.Split(p.Resource, "/")
	if ok && p.Service == "events" && len(parts) == 2 && parts[0] == "rule" && parts[1] != "" {
		if err := a.authorized(r, "belfry:ReadLedger", arn); err != nil {
			return nil, err
		}
		return a.engine.RuleHistory(r.Context(), belfry.RuleRef{Scope: p.Scope(), Name: parts[1]})
	}
	if !ok || p.Service != "scheduler" || len(parts) != 3 || parts[0] != "schedule" {
		return nil, belfry.Errorf(belfry.Invalid, "schedule", "%q is not the ARN of a schedule, such as arn:aws:scheduler:us-east-1:000000000000:schedule/default/name, or of a rule, such as arn:aws:events:us-east-1:000000000000:rule/name.", arn)
	}
	if err := a.authorized(r, "belfry:ReadLedger", arn); err != nil {
		return nil, err
	}
	return a.engine.History(r.Context(), belfry.ScheduleRef{Scope: p.Scope(), Group: parts[1], Name: parts[2]})
}

// timeParam reads an RFC 3339 time; absent is zero.
func timeParam(r *http.Request, name string) (time.Time, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	// A plus sign that was not encoded arrives as a blank.
	t, err := time.Parse(time.RFC3339, strings.ReplaceAll(v, " ", "+"))
	if err != nil {
		return t, belfry.Errorf(belfry.Invalid, name, "%s is %q; give a time such as 2026-03-08T07:30:00Z.", name, v)
	}
	return t.UTC(), nil
}

func limitParam(r *http.Request) (int, error) {
	v := r.URL.Query().Get("limit")
	if v == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxPage {
		return 0, belfry.Errorf(belfry.Invalid, "limit", "limit is %q; give a number from 1 to %d.", v, maxPage)
	}
	return n, nil
}

// page is what one request of a list is about.
type page struct {
	history  *engine.History
	from, to time.Time
	skip     int // entries at the time to that the pages before had
	limit    int
}

func (a *API) page(r *http.Request) (p page, err error) {
	if p.limit, err = limitParam(r); err != nil {
		return p, err
	}
	if p.from, err = timeParam(r, "from"); err != nil {
		return p, err
	}
	if p.to, err = timeParam(r, "to"); err != nil {
		return p, err
	}
	if next := r.URL.Query().Get("next"); next != "" {
		if p.to, p.skip, err = parsePosition(next); err != nil {
			return p, err
		}
	}
	p.history, err = a.history(r)
	return p, err
}

// position is where the page after this one begins: at the entry that follows the
// n of this page; at gives the time of each, the newest first. Targets of a rule run
// at the same time, so a time alone would not tell.
func (p *page) position(n int, at func(i int) time.Time) string {
	following, skip := at(n), 0
	for i := n - 1; i >= 0 && at(i).Equal(following); i-- {
		skip++
	}
	if skip == n && following.Equal(p.to) {
		skip += p.skip
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%d", following.Unix(), skip))
}

// reaches is from when on a page of n entries has everything: with another page to
// follow, from its oldest one.
func (p *page) reaches(next string, n int, at func(i int) time.Time) time.Time {
	if next != "" && n > 0 {
		return at(n - 1)
	}
	return p.from
}

func parsePosition(s string) (to time.Time, skip int, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	sec, n, _ := strings.Cut(string(b), ":")
	at, err2 := strconv.ParseInt(sec, 10, 64)
	skip, err3 := strconv.Atoi(n)
	if err != nil || err2 != nil || err3 != nil || skip < 0 || skip > maxPage {
		return to, 0, belfry.Errorf(belfry.Invalid, "next", "next is not a position that this API gave.")
	}
	return time.Unix(at, 0).UTC(), skip, nil
}
