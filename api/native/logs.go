package native

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/logs"
)

const (
	// followWrite is how long a reader may take for what it is sent, and
	// followBeat how often it is sent something, so that one who has gone is
	// noticed.
	followWrite = 20 * time.Second
	followBeat  = 15 * time.Second
)

func (a *API) routeLogs() {
	a.mux.HandleFunc("GET /belfry/v1/functions/{name}/logs", a.functionLogs)
	a.mux.HandleFunc("GET /belfry/v1/runs/{id}/log", a.answer(a.runLog))
}

type logEvent struct {
	ID        int64  `json:"id"`
	Time      string `json:"time"`
	Stream    string `json:"stream"`
	RequestID string `json:"request_id,omitempty"`
	Message   string `json:"message"` // without the line break
}

func logEventOf(e *logs.Event) logEvent {
	return logEvent{ID: e.ID, Time: e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), Stream: e.Stream, RequestID: e.Request, Message: strings.TrimRight(e.Message, "\r\n")}
}

// logPage is the next of a page of events.
func logPage(events []logs.Event, next *logs.Position) list[logEvent] {
	out := list[logEvent]{Items: []logEvent{}}
	for i := range events {
		out.Items = append(out.Items, logEventOf(&events[i]))
	}
	if next != nil {
		out.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%d", next.Time, next.ID))
	}
	return out
}

func logPosition(r *http.Request) (*logs.Position, error) {
	next := r.URL.Query().Get("next")
	if next == "" {
		return nil, nil
	}
	p := &logs.Position{}
	b, err := base64.RawURLEncoding.DecodeString(next)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d:%d", &p.Time, &p.ID)
	}
	if err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "next", "next is not a position that this API gave.")
	}
	return p, nil
}

// mayRead returns nil when the caller may read the group, for which the action
// and the resource are those of CloudWatch Logs.
func (a *API) mayRead(r *http.Request, ref logs.Ref) error {
	return a.authorized(r, "logs:FilterLogEvents", ref.ARN()+":log-stream:")
}

// runLog returns what the function printed in all attempts of a run.
func (a *API) runLog(r *http.Request) (any, error) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	after, err := logPosition(r)
	if err != nil {
		return nil, err
	}
	account := callerOf(r).Account
	if a.Open {
		account = ""
	}
	ref, events, next, err := a.Logs.RequestLog(r.Context(), account, a.RequestID(r.PathValue("id")), after, limit)
	if err != nil {
		return nil, err
	}
	if ref != nil {
		if err := a.mayRead(r, *ref); err != nil {
			return nil, err
		}
	}
	return logPage(events, next), nil
}

// logGroup finds the log group of the function that a request names, and which of
// its events are the function's.
func (a *API) logGroup(r *http.Request) (ref logs.Ref, own func(*logs.Event) bool, err error) {
	arn, err := a.Functions.FunctionARN(belfry.Scope{Account: callerOf(r).Account, Region: a.Region(r)}, r.PathValue("name"))
	if err != nil {
		return ref, nil, err
	}
	p, _ := belfry.ParseARN(arn)
	name := strings.TrimPrefix(p.Resource, "function:")
	group, err := a.Functions.LogGroup(r.Context(), arn)
	if err != nil {
		return ref, nil, err
	}
	ref = logs.Ref{Scope: p.Scope(), Name: group}
	if err := a.mayRead(r, ref); err != nil {
		return ref, nil, err
	}
	request := r.URL.Query().Get("request_id")
	pattern, err := logs.ParsePattern(r.URL.Query().Get("filter"))
	if err != nil {
		return ref, nil, err
	}
	shared := group != "/aws/lambda/"+name
	return ref, func(e *logs.Event) bool {
		return (request == "" || e.Request == request) && (!shared || strings.Contains(e.Stream, "/"+name+"[")) && pattern(e.Message)
	}, nil
}

// functionLogs returns the log of a function, or follows it.
func (a *API) functionLogs(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("follow") != "1" {
		a.answer(a.readLogs)(w, r)
		return
	}
	r, err := a.authenticated(r)
	if err == nil {
		err = a.followLogs(w, r)
	}
	if err != nil {
		a.answerWith(w, r, nil, err)
	}
}

func (a *API) readLogs(r *http.Request) (any, error) {
	ref, own, err := a.logGroup(r)
	if err != nil {
		return nil, err
	}
	q := logs.EventQuery{Request: r.URL.Query().Get("request_id")}
	if q.Limit, err = limitParam(r); err != nil {
		return nil, err
	}
	if q.From, err = timeParam(r, "from"); err != nil {
		return nil, err
	}
	if q.To, err = timeParam(r, "to"); err != nil {
		return nil, err
	}
	if q.After, err = logPosition(r); err != nil {
		return nil, err
	}
	events, next, err := a.Logs.Filter(r.Context(), ref, q, own)
	if err != nil {
		return nil, err
	}
	return logPage(events, next), nil
}

// followLogs sends events as they come (server-sent events). The id of each is a
// position: a client that comes back with Last-Event-ID misses none. An error is
// returned only before anything was sent.
func (a *API) followLogs(w http.ResponseWriter, r *http.Request) error {
	ref, own, err := a.logGroup(r)
	if err != nil {
		return err
	}
	after := int64(-1)
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if after, err = strconv.ParseInt(id, 10, 64); err != nil || after < 0 {
			return belfry.Errorf(belfry.Invalid, "Last-Event-ID", "Last-Event-ID is %q, which is not an id that this API gave.", id)
		}
	}
	control := http.NewResponseController(w)
	var begun bool
	send := func(text string) error {
		if err := control.SetWriteDeadline(time.Now().Add(followWrite)); err != nil {
			return err
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusOK)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return control.Flush()
	}
	err = a.Logs.Follow(r.Context(), ref, after, followBeat, func(events []logs.Event, last int64) error {
		var b strings.Builder
		for i := range events {
			if e := &events[i]; own(e) {
				data, err := json.Marshal(logEventOf(e))
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "id: %d\ndata: %s\n\n", e.ID, data)
			}
		}
		fmt.Fprintf(&b, "id: %d\n\n", last) // a client remembers it, and does nothing else
		return send(b.String())
	})
	if begun {
		if err != nil {
			a.log.DebugContext(r.Context(), "a reader of logs has gone", "group", ref.ARN(), "err", err)
		}
		return nil
	}
	return err
}
