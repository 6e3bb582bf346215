// Package healthchecks is the API of Healthchecks: jobs ping, and go silent when
// they should not.
//
// Ping URLs are not signed. Who knows one may ping, and nothing else; they are as
// hard to guess as a key.
//
// Source: section 8 of the semantics.
package healthchecks

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// A Config is what the API is made of. All of it is required.
type Config struct {
	Monitor *monitor.Service
	Log     *slog.Logger
}

// API serves the API.
type API struct {
	monitor *monitor.Service
	log     *slog.Logger
}

// New returns the API.
func New(c Config) *API { return &API{monitor: c.Monitor, log: c.Log} }

// pingPrefix begins the paths of pings.
const pingPrefix = "/ping/"

// Serves reports whether a path belongs to this API.
func Serves(path string) bool { return strings.HasPrefix(path, pingPrefix) }

// ServeHTTP answers a request to a path that this API serves.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.servePing(w, r) }

// statuses is the one table from kinds of error to HTTP.
var statuses = map[belfry.Kind]int{
	belfry.Invalid: http.StatusBadRequest, belfry.NotFound: http.StatusNotFound, belfry.Conflict: http.StatusConflict,
	belfry.Quota: http.StatusForbidden, belfry.Throttled: http.StatusTooManyRequests, belfry.Denied: http.StatusForbidden,
	belfry.TooLarge: http.StatusRequestEntityTooLarge, belfry.Unavailable: http.StatusServiceUnavailable,
	belfry.Fenced: http.StatusServiceUnavailable,
}

// refusal returns the status and the words for an error; it logs what is not
// for the client.
func (a *API) refusal(r *http.Request, err error) (status int, message string) {
	e, _ := errors.AsType[*belfry.Error](err)
	status, ok := statuses[belfry.KindOf(err)]
	if ok {
		return status, e.Message
	}
	if r.Context().Err() == nil { // else the client has gone
		a.log.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "error", err)
	}
	return http.StatusInternalServerError, "internal error"
}
