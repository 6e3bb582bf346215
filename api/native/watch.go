package native

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/monitor"
)

type watch struct {
	Schedule string      `json:"schedule"`
	TargetID string      `json:"target_id,omitempty"` // of a rule's target
	Status   string      `json:"status"`
	Since    string      `json:"since,omitempty"` // of the status
	Reason   string      `json:"reason,omitempty"`
	Detail   string      `json:"detail,omitempty"`
	Run      string      `json:"run,omitempty"` // scheduled time of the latest run that the status comes from
	InARow   int         `json:"failed_in_a_row"`
	Outcomes string      `json:"outcomes,omitempty"`       // those recorded since the watch began, up to 64, the newest last: . good, x bad
	Retrying string      `json:"retrying_since,omitempty"` // a run has failed so far, and is tried again
	Limit    *limitShown `json:"limit,omitempty"`
}

// limitShown is how long a run may take, in seconds.
type limitShown struct {
	Seconds float64 `json:"seconds"`
	Learned bool    `json:"learned"`
	P95     float64 `json:"p95_seconds,omitempty"`
	Samples int     `json:"samples,omitempty"`
}

func watchOf(w *monitor.Watch) watch {
	out := watch{
		Schedule: w.Ref.ARN(), Status: string(w.Status), Since: stamp(w.Since), Reason: string(w.Reason), Detail: w.Detail,
		Run: stamp(w.Run), InARow: w.InARow, Retrying: stamp(w.RetryingSince),
	}
	if w.Ref.Rule() != "" {
		out.TargetID = w.Ref.Name
	}
	if w.Outcomes != 0 {
		out.Outcomes = strings.NewReplacer("0", ".", "1", "x").Replace(fmt.Sprintf("%0*b", w.Known, w.Outcomes))
	}
	return out
}

// watches lists the schedules of the caller's account that are not well, or
// tells of the one that ?schedule= names, well or not. A rule's targets are
// listed one by one.
func (a *API) watches(r *http.Request) (any, error) {
	if r.URL.Query().Get("schedule") != "" {
		return a.watchesOf(r)
	}
	account := callerOf(r).Account
	if account == "" {
		account = auth.AdminAccount // with --dev, of a caller that does not sign
	}
	if err := a.authorized(r, "belfry:ReadLedger", "arn:aws:scheduler:*:"+account+":schedule/*"); err != nil {
		return nil, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	var after belfry.ID
	if next := r.URL.Query().Get("next"); next != "" {
		if after, err = belfry.ParseID(next); err != nil {
			return nil, belfry.Errorf(belfry.Invalid, "next", "next is not a position that this API gave.")
		}
	}
	found, err := a.Watcher.List(r.Context(), account, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[watch]{Items: []watch{}}
	if len(found) > limit {
		found = found[:limit]
		out.Next = found[limit-1].Schedule.String()
	}
	for i := range found {
		out.Items = append(out.Items, watchOf(&found[i]))
	}
	return out, nil
}

// watchesOf tells of one schedule, or of the targets of a rule.
func (a *API) watchesOf(r *http.Request) (any, error) {
	h, err := a.history(r)
	if err != nil {
		return nil, err
	}
	out := list[watch]{Items: []watch{}}
	for _, ref := range h.Present() {
		w, limit, err := a.Watcher.Of(r.Context(), ref)
		if err != nil {
			return nil, err
		}
		one := watchOf(&w)
		if limit.Longest > 0 {
			one.Limit = &limitShown{
				Seconds: limit.Longest.Seconds(), Learned: limit.P95 > 0, P95: limit.P95.Seconds(), Samples: limit.Samples,
			}
		}
		out.Items = append(out.Items, one)
	}
	if len(out.Items) == 0 {
		return nil, belfry.Errorf(belfry.NotFound, "schedule", "%s has been deleted; nothing is expected of it.", r.URL.Query().Get("schedule"))
	}
	return out, nil
}

// doctor looks at the server now and tells what is wrong with it. That is the
// operator's: it is for the first account.
func (a *API) doctor(r *http.Request) (out list[Finding], err error) {
	if err := a.operator(r, "belfry:ReadServer"); err != nil {
		return out, err
	}
	out.Items = []Finding{}
	for _, f := range a.Self.Look(r.Context()) {
		one := Finding{Check: f.Name, OK: f.OK, Detail: f.Detail}
		if !f.OK {
			one.Advice = f.Advice
		}
		out.Items = append(out.Items, one)
	}
	n, err := a.Watcher.Count(r.Context())
	if err != nil {
		return out, err
	}
	out.Items = append(out.Items, Finding{Check: "schedules", OK: true, Detail: fmt.Sprintf(
		"%d schedules are down and %d are late or take too long; GET /belfry/v1/watches lists them.", n[monitor.Down], n[monitor.Grace])})
	return out, nil
}
