package native

import (
	"net/http"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
	// Unreadable is what of the history is missing among the items.
	Unreadable []unreadable `json:"unreadable,omitempty"`
}

type run struct {
	ID            string    `json:"id"`
	Schedule      string    `json:"schedule"`
	TargetID      string    `json:"target_id,omitempty"` // of a rule's target
	ScheduledTime string    `json:"scheduled_time"`
	Revision      int64     `json:"revision"`
	Outcome       string    `json:"outcome"`
	Reason        string    `json:"reason,omitempty"`
	StartedAt     string    `json:"started_at,omitempty"`
	EndedAt       string    `json:"ended_at,omitempty"`
	LogURL        string    `json:"log_url"` // of what its function printed, if it was one
	Attempts      []attempt `json:"attempts"`
}

type attempt struct {
	Number       int    `json:"number"`
	ExecutionID  string `json:"execution_id"`
	StartedAt    string `json:"started_at"`
	EndedAt      string `json:"ended_at,omitempty"`
	Result       string `json:"result"`
	ErrorCode    string `json:"error_code,omitempty"`
	ErrorMessage string `json:"error_message,omitempty"`
	Log          string `json:"log,omitempty"`
}

type gap struct {
	TargetID string `json:"target_id,omitempty"` // of a rule's target
	From     string `json:"from"`
	To       string `json:"to"`
	Open     bool   `json:"open,omitempty"` // it goes on: to and count are those of now
	Count    int64  `json:"count"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail"`               // a clause: why nothing ran
	Settled  string `json:"settled_at,omitempty"` // when that was decided; none of a stretch in which it was disabled
}

// ledgerPage is a page of the ledger. Outlook, on the first one, is a sentence
// about what comes next.
type ledgerPage struct {
	list[any]
	Outlook string `json:"outlook,omitempty"`
}

// A line of the ledger has a kind, "run" or "gap". The two are types of their
// own: members that both have, such as reason, would cancel each other.
type (
	runEntry struct {
		Kind string `json:"kind"`
		*run
	}
	gapEntry struct {
		Kind string `json:"kind"`
		*gap
	}
)

// stamp writes a time with the milliseconds it is stored with; one that is not
// set is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}

func runOf(h *engine.History, r *belfry.Run) *run {
	out := &run{
		ID: r.OccurrenceID(), Schedule: h.Ref.ARN(), TargetID: h.Target(r.Schedule), ScheduledTime: stamp(r.Time), Revision: r.Revision,
		Outcome: r.Outcome.String(), Reason: r.Reason, StartedAt: stamp(r.Started), EndedAt: stamp(r.Ended),
		LogURL: "/belfry/v1/runs/" + r.OccurrenceID() + "/log", Attempts: []attempt{},
	}
	for _, a := range r.Attempts {
		out.Attempts = append(out.Attempts, attempt{
			Number: a.Number, ExecutionID: a.ExecutionID, StartedAt: stamp(a.Started), EndedAt: stamp(a.Ended),
			Result: string(a.Status), ErrorCode: a.ErrorCode, ErrorMessage: a.ErrorMessage, Log: a.Log,
		})
	}
	return out
}

func gapOf(h *engine.History, x *engine.Entry) *gap {
	g := x.Gap
	return &gap{
		TargetID: h.Target(g.Schedule), From: stamp(g.From), To: stamp(g.To), Open: x.Open, Count: g.Count,
		Reason: string(g.Reason), Detail: x.Detail(), Settled: stamp(g.At),
	}
}

// sizeOf is about how many bytes a run has in memory: those of its attempts, which
// may be many. nil has few.
func sizeOf(r *belfry.Run) (n int) {
	if r == nil {
		return 0
	}
	for i := range r.Attempts {
		n += 100 + len(r.Attempts[i].ErrorMessage) + len(r.Attempts[i].Log)
	}
	return n
}

// gather reads a page in steps, the newest entry first, until it has as many entries,
// or bytes, as a page has. next is where the page after it begins; empty: there is none.
func gather[T any](a *API, p page, read func(p *page, limit int) ([]T, error), of func(*T) (at time.Time, size int)) (all []T, next string, err error) {
	for size := 0; ; {
		n := min(a.PageStep, p.limit-len(all))
		// One more than is asked for tells whether there are others.
		got, err := read(&p, p.skip+n+1)
		if err != nil {
			return nil, "", err
		}
		if got = got[min(p.skip, len(got)):]; len(got) <= n {
			return append(all, got...), "", nil
		}
		next = p.position(n, func(i int) time.Time { at, _ := of(&got[i]); return at })
		for i := range got[:n] {
			_, more := of(&got[i])
			size += more
		}
		all = append(all, got[:n]...)
		if len(all) == p.limit || size >= a.PageBytes {
			return all, next, nil
		}
		if p.to, p.skip, err = parsePosition(next); err != nil {
			return nil, "", err
		}
	}
}

// runs lists the runs of a schedule, newest first.
func (a *API) runs(r *http.Request) (any, error) {
	p, err := a.page(r)
	if err != nil {
		return nil, err
	}
	out := list[*run]{Items: []*run{}}
	var runs []belfry.Run
	runs, out.Next, err = gather(a, p, func(p *page, limit int) ([]belfry.Run, error) {
		return a.engine.Runs(r.Context(), p.history, p.from, p.to, limit)
	}, func(r *belfry.Run) (time.Time, int) { return r.Time, sizeOf(r) })
	if err != nil {
		return nil, err
	}
	out.Unreadable = a.unreadable(p.reaches(out.Next, len(runs), func(i int) time.Time { return runs[i].Time }), p.to)
	for i := range runs {
		out.Items = append(out.Items, runOf(p.history, &runs[i]))
	}
	return out, nil
}

// ledger lists the runs and gaps of a schedule in the order of time, a page of
// the newest at a time; next leads to the ones before.
func (a *API) ledger(r *http.Request) (any, error) {
	p, err := a.page(r)
	if err != nil {
		return nil, err
	}
	out := ledgerPage{list: list[any]{Items: []any{}}}
	var entries []engine.Entry // the newest first
	entries, out.Next, err = gather(a, p, func(p *page, limit int) ([]engine.Entry, error) {
		entries, err := a.engine.Ledger(r.Context(), p.history, p.from, p.to, limit)
		slices.Reverse(entries)
		return entries, err
	}, func(x *engine.Entry) (time.Time, int) { return x.At(), sizeOf(x.Run) })
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("next") == "" {
		if out.Outlook, err = a.engine.Outlook(r.Context(), p.history, len(entries) == 0 && p.from.IsZero() && p.to.IsZero()); err != nil {
			return nil, err
		}
	}
	out.Unreadable = a.unreadable(p.reaches(out.Next, len(entries), func(i int) time.Time { return entries[i].At() }), p.to)
	for i := range slices.Backward(entries) {
		if x := &entries[i]; x.Gap != nil {
			out.Items = append(out.Items, gapEntry{"gap", gapOf(p.history, x)})
		} else {
			out.Items = append(out.Items, runEntry{"run", runOf(p.history, x.Run)})
		}
	}
	return out, nil
}

// why explains what became of one scheduled time.
func (a *API) why(r *http.Request) (any, error) {
	at, err := timeParam(r, "time")
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		return nil, belfry.Errorf(belfry.Invalid, "time", "time is missing: give the scheduled time, as in ?time=2026-03-08T07:30:00Z.")
	}
	h, err := a.history(r)
	if err != nil {
		return nil, err
	}
	w, err := a.engine.Why(r.Context(), h, at)
	if err != nil {
		return nil, err
	}
	out := answer{Schedule: h.Ref.ARN(), Time: stamp(at), reason: reasonOf(h, w), Unreadable: a.unreadable(at, at)}
	for i := range w.Targets {
		t := &w.Targets[i]
		out.Targets = append(out.Targets, targetReason{TargetID: t.ID, reason: reasonOf(h, &t.Why)})
	}
	return out, nil
}

type reason struct {
	Sentence string `json:"sentence"`
	Outcome  string `json:"outcome"`
	Run      *run   `json:"run,omitempty"`
	Gap      *gap   `json:"gap,omitempty"`
	// Also is what earlier schedules of the name have at that time.
	Also []reason `json:"also,omitempty"`
}

type targetReason struct {
	TargetID string `json:"target_id"`
	reason
}

// answer is what /why answers; targets is there for a rule.
type answer struct {
	reason
	Schedule string         `json:"schedule"`
	Time     string         `json:"time"`
	Targets  []targetReason `json:"targets,omitempty"`
	// Unreadable is the history of that day, when it cannot be read.
	Unreadable []unreadable `json:"unreadable,omitempty"`
}

func reasonOf(h *engine.History, w *engine.Why) reason {
	out := reason{Sentence: w.Sentence, Outcome: w.Outcome}
	if w.Run != nil {
		out.Run = runOf(h, w.Run)
	}
	if w.Gap != nil {
		out.Gap = gapOf(h, &engine.Entry{Gap: w.Gap, Open: w.Open})
	}
	for i := range w.Also {
		out.Also = append(out.Also, reasonOf(h, &w.Also[i]))
	}
	return out
}
