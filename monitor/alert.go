package monitor

import (
	"slices"
	"time"

	"github.com/belfry-run/belfry/monitor/notify"
)

// Item is what a message says about a subject.
type Item = notify.Item

// An Alert is a subject's trouble, from the flip that opened it to the one that
// closes it. A subject has one open alert at most.
type Alert struct {
	ID string // a UUID
	Subject
	Name     string
	Severity Severity
	Status   Status // Down, or Grace while it is only late
	Reason   Reason
	Detail   string
	Run      string
	Opened   time.Time
	Acked    time.Time // zero: nobody has acknowledged it
	AckedBy  string
	Closed   time.Time // zero: it is open
	Ending   string    // why it ended, in a sentence for people; empty while it is open
	// Revision is 1 when it is stored first; a change is of the one before.
	Revision int64

	Told      []string  // the channels that were told, and are told of its end
	LastTold  time.Time // when they were told last; a reminder follows from it
	Escalated int       // steps of the escalation that were taken
	Next      time.Time // when a reminder or a step is due; zero: never
}

// Open reports whether it has not ended.
func (a *Alert) Open() bool { return a.Closed.IsZero() }

// deletedBy is how an alert ends whose subject somebody has removed.
func deletedBy(what, who string) string { return "The " + what + " was deleted by " + who + "." }

// A Notice is what one channel is to be told, before it is a [Delivery].
type Notice struct {
	Account, Channel string
	Event            notify.Event
	Severity         Severity
	Cause            string // notices to a channel of the same cause may be told together
	Due              time.Time
	Single           bool // it is about one subject and is never told together with others
	Items            []Item
	Alerts           []string // of the items; acknowledged together
}

// item is what a message says about the alert.
func (a *Alert) item(at time.Time, status Status, reason Reason, detail, run string) Item {
	return Item{
		Alert: a.ID, Kind: string(a.Kind), Subject: a.Subject.ID, Name: a.Name, Status: string(status),
		Since: a.Opened, At: at, Reason: string(reason), Detail: detail, Run: run,
	}
}

// notice is a message about the alert to one channel.
func (a *Alert) notice(event notify.Event, due time.Time, channel *Channel, it Item) Notice {
	return Notice{
		Account: a.Account, Channel: channel.ID, Event: event, Severity: a.Severity,
		Cause: string(event) + " " + string(a.Kind) + " " + it.Reason + " " + string(a.Severity),
		Due:   due, Single: notify.Single(channel.Kind), Items: []Item{it}, Alerts: []string{a.ID},
	}
}

// tell remembers who is told, and when.
func (a *Alert) tell(channel string, now time.Time) {
	if !slices.Contains(a.Told, channel) {
		a.Told = append(a.Told, channel)
	}
	a.LastTold = now
}

// plan sets Next by the policy.
func (a *Alert) plan(p *Policy) {
	a.Next = time.Time{}
	if !a.Open() || !a.Acked.IsZero() {
		return
	}
	if p.Remind > 0 {
		a.Next = a.LastTold.Add(p.Remind)
	}
	if a.Escalated < len(p.Escalate) {
		if at := a.Opened.Add(p.Escalate[a.Escalated].After); a.Next.IsZero() || at.Before(a.Next) {
			a.Next = at
		}
	}
}

// flipped applies a flip to the subject's open alert, nil when there is none, and
// returns the alert as it then is, nil when there still is none, and what is to be
// told, "" when nothing is.
func flipped(a *Alert, f *Flip, p *Policy, id func() string) (*Alert, notify.Event) {
	bad := (f.To == Down || f.To == Grace) && p.counts(f.Reason)
	switch {
	case bad && a == nil:
		return &Alert{
			ID: id(), Subject: f.Subject, Name: f.Name, Severity: p.Severity, Status: f.To,
			Reason: f.Reason, Detail: f.Detail, Run: f.Run, Opened: f.At,
		}, notify.Down
	case bad:
		a.Status, a.Reason, a.Detail, a.Run = f.To, f.Reason, f.Detail, f.Run
		return a, notify.Down
	case a == nil || f.To == Down || f.To == Grace:
		return a, ""
	}
	a.Closed, a.Next, a.Ending = f.At, time.Time{}, f.Detail
	if f.To != Up || p.NoRecovery {
		return a, ""
	}
	return a, notify.Up
}
