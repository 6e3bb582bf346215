// Package healthchecks is the API of Healthchecks: jobs ping, and go silent when
// they should not.
//
// Ping URLs are not signed. Who knows one may ping, and nothing else; they are as
// hard to guess as a key. The same is true of badges, which tell of checks. Checks
// are managed with a project's API key in the header X-Api-Key.
//
// Source: section 8 of the semantics.
package healthchecks

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// A Config is what the API is made of. Monitor, Log, Now and Secret are required.
type Config struct {
	Monitor *monitor.Service
	Log     *slog.Logger
	Now     func() time.Time
	// Secret is what the URLs of badges are signed with.
	Secret []byte
	// Channels lists the alert channels of an account; nil: there are none.
	Channels Channels
	// URL is where clients reach the server; empty: where they say they do.
	URL string
	// Dev lets every key of the right length manage the first account.
	Dev bool
}

// API serves the API.
type API struct {
	monitor  *monitor.Service
	log      *slog.Logger
	now      func() time.Time
	secret   []byte
	channels Channels
	url      string
	dev      bool
	manage   *http.ServeMux
}

// New returns the API.
func New(c Config) *API {
	a := &API{
		monitor: c.Monitor, log: c.Log, now: c.Now, secret: c.Secret, channels: c.Channels,
		url: strings.TrimSuffix(c.URL, "/"), dev: c.Dev,
	}
	if a.channels == nil {
		a.channels = noChannels
	}
	a.manage = a.routes()
	return a
}

// pingPrefix begins the paths of pings.
const pingPrefix = "/ping/"

// prefixes begin the paths of this API. Three are the versions of the part that
// manages checks.
var prefixes = []string{pingPrefix, badgePrefix, checkBadgePrefix, "/api/v1/", "/api/v2/", "/api/v3/"}

// Serves reports whether a path belongs to this API.
func Serves(path string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// ServeHTTP answers a request to a path that this API serves.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, pingPrefix):
		a.servePing(w, r)
	case strings.HasPrefix(r.URL.Path, badgePrefix), strings.HasPrefix(r.URL.Path, checkBadgePrefix):
		a.serveBadge(w, r)
	default:
		a.manage.ServeHTTP(w, r)
	}
}

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
