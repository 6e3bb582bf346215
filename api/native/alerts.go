package native

import (
	"net/http"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

type alert struct {
	ID             string `json:"id"`
	Kind           string `json:"kind"`
	Subject        string `json:"subject"`
	Name           string `json:"name"`
	Severity       string `json:"severity"`
	State          string `json:"state"` // open, acknowledged, closed
	Reason         string `json:"reason"`
	Detail         string `json:"detail"`
	Run            string `json:"run,omitempty"`
	OpenedAt       string `json:"opened_at"`
	AcknowledgedAt string `json:"acknowledged_at,omitempty"`
	AcknowledgedBy string `json:"acknowledged_by,omitempty"`
	ClosedAt       string `json:"closed_at,omitempty"`
	Ending         string `json:"ending,omitempty"` // why it ended
}

func alertOf(a *monitor.Alert) alert {
	state := "open"
	switch {
	case !a.Open():
		state = "closed"
	case !a.Acked.IsZero():
		state = "acknowledged"
	}
	return alert{
		ID: a.ID, Kind: string(a.Kind), Subject: a.Subject.ID, Name: a.Name, Severity: string(a.Severity), State: state,
		Reason: string(a.Reason), Detail: a.Detail, Run: a.Run, OpenedAt: stamp(a.Opened),
		AcknowledgedAt: stamp(a.Acked), AcknowledgedBy: a.AckedBy, ClosedAt: stamp(a.Closed), Ending: a.Ending,
	}
}

// before reads ?next=, which is the number of the last item of the page before.
func before(r *http.Request) (int64, error) {
	v := r.URL.Query().Get("next")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		return 0, belfry.Errorf(belfry.Invalid, "next", "next is not a position that this API gave.")
	}
	return n, nil
}

// listAlerts lists alerts, the newest first: those that are open, or all with
// ?state=all.
func (a *API) listAlerts(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "alert", "")
	if err != nil {
		return nil, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	from, err := before(r)
	if err != nil {
		return nil, err
	}
	state := r.URL.Query().Get("state")
	if state != "" && state != "open" && state != "all" {
		return nil, belfry.Errorf(belfry.Invalid, "state", "state is %q; give open or all.", state)
	}
	all, err := a.Alerts.List(r.Context(), account, state != "all", from, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[alert]{Items: []alert{}}
	for i := range all[:min(limit, len(all))] {
		out.Items = append(out.Items, alertOf(&all[i].Alert))
	}
	if len(all) > limit {
		out.Next = strconv.FormatInt(all[limit-1].Number, 10)
	}
	return out, nil
}

func (a *API) getAlert(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "alert", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	found, err := a.Alerts.Alert(r.Context(), account, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return alertOf(&found), nil
}

// acknowledgeAlert says that the caller looks after it.
func (a *API) acknowledgeAlert(r *http.Request) (any, error) {
	account, err := a.may(r, acknowledge, "alert", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	caller := callerOf(r)
	found, err := a.Alerts.Acknowledge(r.Context(), account, r.PathValue("id"), caller.ARN())
	if err != nil {
		return nil, err
	}
	return alertOf(&found), nil
}

type delivery struct {
	ID        string         `json:"id"`
	Channel   string         `json:"channel"`
	Kind      string         `json:"kind"`
	Event     string         `json:"event"`
	Severity  string         `json:"severity"`
	Status    string         `json:"status"`
	Tries     int            `json:"tries"`
	Error     string         `json:"error,omitempty"`
	CreatedAt string         `json:"created_at"`
	DueAt     string         `json:"due_at"`
	EndedAt   string         `json:"ended_at,omitempty"`
	Total     int            `json:"total"`
	Items     []deliveryItem `json:"items"` // the first of Total
}

type deliveryItem struct {
	Alert   string `json:"alert"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	At      string `json:"at"`
}

func deliveryOf(d *monitor.Delivery) delivery {
	out := delivery{
		ID: d.ID, Channel: d.Channel, Kind: d.Kind, Event: string(d.Event), Severity: string(d.Severity), Status: string(d.Status),
		Tries: d.Tries, Error: d.Error, CreatedAt: stamp(d.Created), DueAt: stamp(d.Due), EndedAt: stamp(d.Ended), Total: d.Total, Items: []deliveryItem{},
	}
	for _, it := range d.Items {
		out.Items = append(out.Items, deliveryItem{it.Alert, it.Kind, it.Subject, it.Name, it.Reason, it.Detail, it.At.UTC().Format(time.RFC3339)})
	}
	return out
}

// listDeliveries lists what is to be sent and what was, the newest first.
func (a *API) listDeliveries(r *http.Request) (any, error) {
	account, err := a.may(r, readAlerts, "delivery", "")
	if err != nil {
		return nil, err
	}
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	q := monitor.DeliveryQuery{
		Account: account, Channel: r.URL.Query().Get("channel"), Status: monitor.DeliveryStatus(r.URL.Query().Get("status")), Limit: limit + 1,
	}
	switch q.Status {
	case "", monitor.Waiting, monitor.Delivered, monitor.Undone:
	default:
		return nil, belfry.Errorf(belfry.Invalid, "status", "status is %q; give pending, delivered or failed.", q.Status)
	}
	if q.Before, err = before(r); err != nil {
		return nil, err
	}
	all, err := a.Alerts.Deliveries(r.Context(), q)
	if err != nil {
		return nil, err
	}
	out := list[delivery]{Items: []delivery{}}
	for i := range all[:min(limit, len(all))] {
		out.Items = append(out.Items, deliveryOf(&all[i]))
	}
	if len(all) > limit {
		out.Next = strconv.FormatInt(all[limit-1].Number, 10)
	}
	return out, nil
}
