package native

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// policy is a policy as clients see and write it. What is left out of one that is
// written is as in the default.
type policy struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Scope      string `json:"scope"`
	ScopeValue string `json:"scope_value,omitempty"`

	Outcomes         []string `json:"outcomes"`
	After            int      `json:"after"`
	SharePercent     int      `json:"share_percent"`
	ShareOf          int      `json:"share_of"`
	LateAfterSeconds int64    `json:"late_after_seconds"`
	LongestSeconds   int64    `json:"longest_seconds"`
	LongestFactor    float64  `json:"longest_factor"`

	Severity      string   `json:"severity"`
	Channels      []string `json:"channels"` // null: all
	RemindSeconds int64    `json:"remind_seconds"`
	Escalate      []step   `json:"escalate"`
	Quiet         *quiet   `json:"quiet"`
	Recovery      bool     `json:"recovery"`

	CreatedAt string `json:"created_at,omitempty"`
	UpdatedAt string `json:"updated_at,omitempty"`
}

type step struct {
	AfterSeconds int64    `json:"after_seconds"`
	Channels     []string `json:"channels"` // null: all
}

type quiet struct {
	Timezone string        `json:"timezone"`
	Windows  []quietWindow `json:"windows"`
	Pass     string        `json:"pass,omitempty"`
}

type quietWindow struct {
	Days  []string `json:"days"` // mon to sun; with no dates either: all
	Dates []string `json:"dates,omitempty"`
	From  string   `json:"from"` // 22:00
	To    string   `json:"to"`
}

// days of the week, in the order of time.Weekday.
var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func policyOf(p *monitor.Policy) policy {
	out := policy{
		ID: p.ID, Name: p.Name, Scope: string(p.Kind), ScopeValue: p.Value, Outcomes: []string{}, After: p.After,
		SharePercent: p.Share, ShareOf: p.Of, LateAfterSeconds: seconds(p.LateAfter), LongestSeconds: seconds(p.Longest), LongestFactor: p.Factor,
		Severity: string(p.Severity), Channels: p.Channels, RemindSeconds: seconds(p.Remind), Escalate: []step{}, Recovery: !p.NoRecovery,
		CreatedAt: stamp(p.Created), UpdatedAt: stamp(p.Updated),
	}
	for _, o := range p.Outcomes {
		out.Outcomes = append(out.Outcomes, string(o))
	}
	for _, s := range p.Escalate {
		out.Escalate = append(out.Escalate, step{seconds(s.After), s.Channels})
	}
	if len(p.Quiet.Windows) > 0 {
		out.Quiet = quietOf(&p.Quiet)
	}
	return out
}

func quietOf(q *monitor.Quiet) *quiet {
	out := &quiet{Timezone: q.Zone, Pass: string(q.Pass)}
	for _, w := range q.Windows {
		v := quietWindow{Days: []string{}, Dates: w.Dates, From: clockTime(w.From), To: clockTime(w.To)}
		for _, d := range w.Days {
			v.Days = append(v.Days, days[d])
		}
		out.Windows = append(out.Windows, v)
	}
	return out
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// duration is n seconds; more than a century is as long as one, which no limit lets
// through.
func duration(n int64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	return time.Duration(max(min(n, century), -century)) * time.Second
}

func clockTime(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func parseClock(s string) (minutes int, err error) {
	var h, m int
	if n, err := fmt.Sscanf(s, "%d:%d", &h, &m); n != 2 || err != nil || len(s) != 5 || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
		return 0, belfry.Errorf(belfry.Invalid, "quiet.windows", "%q is no time of day such as 22:00.", s)
	}
	return h*60 + m, nil
}

// rules reads what a client wrote.
func (p *policy) rules() (r monitor.Rules, err error) {
	r = monitor.Rules{
		After: p.After, Share: p.SharePercent, Of: p.ShareOf, LateAfter: duration(p.LateAfterSeconds), Longest: duration(p.LongestSeconds),
		Factor: p.LongestFactor, Severity: monitor.Severity(p.Severity), Channels: p.Channels, Remind: duration(p.RemindSeconds), NoRecovery: !p.Recovery,
	}
	for _, o := range p.Outcomes {
		r.Outcomes = append(r.Outcomes, monitor.Reason(o))
	}
	for _, s := range p.Escalate {
		r.Escalate = append(r.Escalate, monitor.Step{After: duration(s.AfterSeconds), Channels: s.Channels})
	}
	if p.Quiet == nil {
		return r, nil
	}
	r.Quiet.Zone, r.Quiet.Pass = p.Quiet.Timezone, monitor.Severity(p.Quiet.Pass)
	for _, w := range p.Quiet.Windows {
		out := monitor.Window{Dates: w.Dates}
		if out.From, err = parseClock(w.From); err != nil {
			return r, err
		}
		if out.To, err = parseClock(w.To); err != nil {
			return r, err
		}
		for _, d := range w.Days {
			i := slices.Index(days, strings.ToLower(d))
			if i < 0 {
				return r, belfry.Errorf(belfry.Invalid, "quiet.windows", "%q is no day; take mon, tue, wed, thu, fri, sat and sun.", d)
			}
			out.Days = append(out.Days, time.Weekday(i))
		}
		r.Quiet.Windows = append(r.Quiet.Windows, out)
	}
	return r, nil
}

// writePolicy stores what the body says, in place of p.
func (a *API) writePolicy(r *http.Request, p monitor.Policy) (any, error) {
	fresh := monitor.DefaultPolicy(p.Account)
	in := policyOf(&fresh)
	in.Name, in.Scope = p.Name, string(p.Kind)
	in.ScopeValue = p.Value
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	var err error
	if p.Rules, err = in.rules(); err != nil {
		return nil, err
	}
	p.Name, p.Scope = in.Name, monitor.Scope{Kind: monitor.ScopeKind(in.Scope), Value: in.ScopeValue}
	if p, err = a.Alerts.PutPolicy(r.Context(), p); err != nil {
		return nil, err
	}
	return policyOf(&p), nil
}

func (a *API) createPolicy(r *http.Request) (any, error) {
	account, err := a.may(r, manageAlerts, "policy", "")
	if err != nil {
		return nil, err
	}
	return a.writePolicy(r, monitor.Policy{Account: account})
}

// replacePolicy stores what the body says in place of all that the policy said,
// but for its name and scope where the body has none.
func (a *API) replacePolicy(r *http.Request) (any, error) {
	account, err := a.may(r, manageAlerts, "policy", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p, err := a.Alerts.Policy(r.Context(), account, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.writePolicy(r, p)
}

// listPolicies lists the account's policies; the default is among them also when
// nobody has made one, without an id.
func (a *API) listPolicies(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "policy", "")
	if err != nil {
		return nil, err
	}
	all, err := a.Alerts.Policies(r.Context(), account)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(p monitor.Policy) bool { return p.Kind == monitor.ScopeDefault }) {
		all = slices.Insert(all, 0, monitor.DefaultPolicy(account))
	}
	out := list[policy]{Items: []policy{}}
	for i := range all {
		out.Items = append(out.Items, policyOf(&all[i]))
	}
	return out, nil
}

func (a *API) getPolicy(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "policy", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p, err := a.Alerts.Policy(r.Context(), account, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return policyOf(&p), nil
}

func (a *API) deletePolicy(r *http.Request) (any, error) {
	id := r.PathValue("id")
	account, err := a.may(r, manageAlerts, "policy", id)
	if err != nil {
		return nil, err
	}
	if err := a.Alerts.DeletePolicy(r.Context(), account, id); err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}
