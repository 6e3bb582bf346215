package healthchecks

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

const (
	// bodyPatience is how long a ping's body may take to arrive.
	bodyPatience = 20 * time.Second
	// maxBody is how much of a body is read, in bytes, so that a client that
	// looks for the answer only when it has sent all gets it.
	maxBody = 16 << 20
	maxSlug = 100 // no check has a longer one
)

// What the paths of pings look like after /ping/.
var (
	byUUID = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:/?|/(start|fail|log|[0-9]+))$`)
	bySlug = regexp.MustCompile(`^([-a-zA-Z0-9_]+)/([-a-zA-Z0-9_]+)(?:/(start|fail|log|[0-9]+))?$`)
)

var errURL = belfry.Errorf(belfry.Invalid, "", "invalid url format")

// servePing answers a ping, by whatever method it comes.
func (a *API) servePing(w http.ResponseWriter, r *http.Request) {
	created, err := a.ping(w, r)
	status, text := http.StatusOK, "OK"
	switch {
	case err != nil:
		status, text = a.refusal(r, err)
	case created:
		status, text = http.StatusCreated, "Created"
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "max-age=0, no-cache, no-store, must-revalidate, private")
	if err == nil {
		h.Set("Ping-Body-Limit", strconv.Itoa(a.monitor.BodyLimit()))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that has gone needs no answer
}

func (a *API) ping(w http.ResponseWriter, r *http.Request) (created bool, err error) {
	path := strings.TrimPrefix(r.URL.Path, pingPrefix)
	uuidForm, slugForm := byUUID.FindStringSubmatch(path), bySlug.FindStringSubmatch(path)
	p := monitor.Request{
		Scheme: scheme(r), RemoteAddr: clientAddress(r), Method: r.Method, UserAgent: r.UserAgent(),
	}
	switch {
	case uuidForm != nil:
		err = says(&p, uuidForm[2])
	case slugForm == nil:
		return false, monitor.NotExist()
	case slugForm[2] != strings.ToLower(slugForm[2]) || len(slugForm[2]) > maxSlug:
		return false, errURL
	default:
		err = says(&p, slugForm[3])
	}
	if err != nil {
		return false, err
	}
	query := r.URL.Query()
	if p.RID, err = runID(query); err != nil {
		return false, err
	}
	if p.Body, err = readBody(w, r, a.monitor.BodyLimit()); err != nil {
		return false, err
	}
	if uuidForm != nil {
		_, err = a.monitor.Ping(r.Context(), uuidForm[1], p)
		return false, err
	}
	_, created, err = a.monitor.PingSlug(r.Context(), slugForm[1], slugForm[2], last(query, "create") == "1", p)
	return created, err
}

// says sets what the end of the path says.
func says(p *monitor.Request, end string) error {
	p.ExitStatus = monitor.NoExitStatus
	switch end {
	case "":
		p.Action = monitor.PingSuccess
	case "start", "fail", "log":
		p.Action = monitor.Action(end)
	default:
		n, err := strconv.ParseUint(end, 10, 8)
		if err != nil {
			return errURL
		}
		p.Action, p.ExitStatus = monitor.PingSuccess, int(n)
		if n > 0 {
			p.Action = monitor.PingFail
		}
	}
	return nil
}

// runID returns the run's id, empty when there is none.
func runID(query url.Values) (string, error) {
	if !query.Has("rid") {
		return "", nil
	}
	id, err := uuid.Parse(last(query, "rid"))
	if err != nil {
		return "", belfry.Errorf(belfry.Invalid, "rid", "invalid uuid format")
	}
	return id.String(), nil
}

// last returns the last of the values with that name, as Django's query does.
func last(query url.Values, name string) string {
	if v := query[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// readBody returns the first limit bytes of the body and reads past the others.
func readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	// Writers of tests know no deadline; then there is none.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyPatience))
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)))
	if err == nil {
		if _, err = io.CopyN(io.Discard, r.Body, maxBody-int64(len(body))); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &belfry.Error{Kind: belfry.Invalid, Message: "the request body did not arrive in time", Err: err}
	case err != nil:
		return nil, &belfry.Error{Kind: belfry.Invalid, Message: "the request body ended before its announced length", Err: err}
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

func scheme(r *http.Request) string {
	switch s := r.Header.Get("X-Forwarded-Proto"); {
	case s != "":
		return s
	case r.TLS != nil:
		return "https"
	}
	return "http"
}

// clientAddress returns who pings, by the word of the first proxy if there is
// one.
func clientAddress(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		first, _, _ := strings.Cut(forwarded, ",")
		first = strings.TrimSpace(first)
		if host, _, ok := strings.Cut(first, ":"); ok && strings.Contains(host, ".") {
			return host // an IPv4 address with a port
		}
		return first
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
