package native

import (
	"net/http"
	"time"

	"github.com/belfry-run/belfry"
)

type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

type run struct {
	ID            string    `json:"id"`
	Schedule      string    `json:"schedule"`
	ScheduledTime string    `json:"scheduled_time"`
	Revision      int64     `json:"revision"`
	Outcome       string    `json:"outcome"`
	Reason        string    `json:"reason,omitempty"`
	StartedAt     string    `json:"started_at,omitempty"`
	EndedAt       string    `json:"ended_at,omitempty"`
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
	From   string `json:"from"`
	To     string `json:"to"`
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

// entry is a line of the ledger: kind is "run" or "gap". Both have a reason,
// which encoding/json would leave out as ambiguous were it not here too.
type entry struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason,omitempty"`
	*run
	*gap
}

// stamp writes a time with the milliseconds it is stored with; one that is not
// set is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}

func runOf(schedule string, r *belfry.Run) *run {
	out := &run{
		ID: r.OccurrenceID(), Schedule: schedule, ScheduledTime: stamp(r.Time), Revision: r.Revision,
		Outcome: r.Outcome.String(), Reason: r.Reason, StartedAt: stamp(r.Started), EndedAt: stamp(r.Ended),
		Attempts: []attempt{},
	}
	for _, a := range r.Attempts {
		out.Attempts = append(out.Attempts, attempt{
			Number: a.Number, ExecutionID: a.ExecutionID, StartedAt: stamp(a.Started), EndedAt: stamp(a.Ended),
			Result: string(a.Status), ErrorCode: a.ErrorCode, ErrorMessage: a.ErrorMessage, Log: a.Log,
		})
	}
	return out
}

func gapOf(g *belfry.Gap) *gap {
	return &gap{From: stamp(g.From), To: stamp(g.To), Count: g.Count, Reason: string(g.Reason)}
}

// runs lists the runs of a schedule, newest first.
func (a *API) runs(r *http.Request) (any, error) {
	p, err := a.page(r)
	if err != nil {
		return nil, err
	}
	runs, err := a.engine.Runs(r.Context(), p.history, p.from, p.to, p.limit)
	if err != nil {
		return nil, err
	}
	out := list[*run]{Items: []*run{}}
	for i := range runs {
		out.Items = append(out.Items, runOf(p.history.Ref.ARN(), &runs[i]))
	}
	if len(runs) == p.limit {
		out.Next = before(runs[len(runs)-1].Time)
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
	entries, err := a.engine.Ledger(r.Context(), p.history, p.from, p.to, p.limit)
	if err != nil {
		return nil, err
	}
	out := list[entry]{Items: []entry{}}
	runs, oldest := 0, time.Time{}
	for _, e := range entries {
		if e.Gap != nil {
			out.Items = append(out.Items, entry{Kind: "gap", Reason: string(e.Gap.Reason), gap: gapOf(e.Gap)})
			continue
		}
		if runs++; runs == 1 {
			oldest = e.Run.Time
		}
		out.Items = append(out.Items, entry{Kind: "run", Reason: e.Run.Reason, run: runOf(p.history.Ref.ARN(), e.Run)})
	}
	if runs == p.limit {
		out.Next = before(oldest)
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
	out := struct {
		Sentence string `json:"sentence"`
		Schedule string `json:"schedule"`
		Time     string `json:"time"`
		Outcome  string `json:"outcome"`
		Run      *run   `json:"run,omitempty"`
		Gap      *gap   `json:"gap,omitempty"`
	}{Sentence: w.Sentence, Schedule: h.Ref.ARN(), Time: stamp(at), Outcome: w.Outcome}
	if w.Run != nil {
		out.Run = runOf(h.Ref.ARN(), w.Run)
	}
	if w.Gap != nil {
		out.Gap = gapOf(w.Gap)
	}
	return out, nil
}
