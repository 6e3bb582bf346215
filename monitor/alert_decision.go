package monitor

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/notify"
)

// A decision gathers what follows from flips, or from the time.
type decision struct {
	alerts   *Alerts
	now      time.Time
	channels map[string][]Channel // of each account
	told     Told

	notices map[noticeKey]int // where in told.Notices more of the kind joins
	last    map[lastKey]int   // where a subject was told of to a channel
}

type noticeKey struct{ channel, cause string }

type lastKey struct {
	channel string
	subject Subject
}

// flips decides on flips in their order.
func (d *decision) flips(ctx context.Context, flips []Flip) error {
	subjects := map[Subject]bool{}
	for i := range flips {
		subjects[flips[i].Subject] = true
	}
	stored, err := d.alerts.store.OpenAlerts(ctx, slices.Collect(maps.Keys(subjects)))
	if err != nil {
		return err
	}
	open := map[Subject]*Alert{}
	for i := range stored {
		open[stored[i].Subject] = &stored[i]
	}
	var touched []*Alert // in the order of their first flip
	seen := map[*Alert]bool{}
	for i := range flips {
		f := &flips[i]
		d.told.Flips = append(d.told.Flips, f.ID)
		p, info, err := d.policy(ctx, f.Subject)
		if err != nil {
			return err
		}
		a, event := flipped(open[f.Subject], f, p, uuid.NewString)
		if a == nil {
			continue
		}
		if !seen[a] {
			seen[a] = true
			a.Revision++
			touched = append(touched, a)
		}
		if a.Open() {
			open[f.Subject] = a
		} else {
			delete(open, f.Subject)
		}
		if event != "" {
			due := p.Quiet.Until(d.now, a.Severity)
			if err := d.tell(ctx, a, event, due, d.audience(a, event, p, info), a.item(f.At, f.To, f.Reason, f.Detail, f.Run)); err != nil {
				return err
			}
		}
		a.plan(p)
	}
	for _, a := range touched {
		d.told.Alerts = append(d.told.Alerts, *a)
	}
	return nil
}

// audience names the channels that are told: of an end, those that were told of
// the beginning; else those that the check asks for, else the policy's. nil is all.
func (d *decision) audience(a *Alert, event notify.Event, p *Policy, info CheckInfo) []string {
	switch {
	case event == notify.Up:
		return append([]string{}, a.Told...)
	case len(info.Channels) > 0:
		return info.Channels
	}
	return p.Channels
}

// policy returns the policy of a subject, and what is known of a check.
func (d *decision) policy(ctx context.Context, s Subject) (*Policy, CheckInfo, error) {
	info, err := d.alerts.checkInfo(ctx, s, false)
	if err != nil && belfry.KindOf(err) != belfry.NotFound {
		return nil, info, err
	}
	set, err := d.alerts.policySet(ctx, s.Account)
	if err != nil {
		return nil, info, err
	}
	return set.of(s, info.Facts.Tags), info, nil
}

func (a *Alerts) checkInfo(ctx context.Context, s Subject, body bool) (CheckInfo, error) {
	if s.Kind != SubjectCheck || a.c.CheckInfo == nil {
		return CheckInfo{}, nil
	}
	return a.c.CheckInfo(ctx, s.Account, s.ID, body)
}

// tell writes a notice to each of the channels, nil being all, that is there and
// enabled. When something is wrong and none of those named is, all are told: a
// channel that was deleted must not make a failure silent. A channel is not told
// about itself.
func (d *decision) tell(ctx context.Context, a *Alert, event notify.Event, due time.Time, ids []string, it Item) error {
	all, err := d.accountChannels(ctx, a.Account)
	if err != nil {
		return err
	}
	pick := func(named bool) (picked []*Channel) {
		for i := range all {
			c := &all[i]
			if c.Enabled && (!named || slices.Contains(ids, c.ID)) && c.Subject() != a.Subject {
				picked = append(picked, c)
			}
		}
		return picked
	}
	channels := pick(ids != nil)
	if len(channels) == 0 && event != notify.Up {
		channels = pick(false)
	}
	for _, c := range channels {
		d.add(a.notice(event, due, c, it), a.Subject)
		if event != notify.Up {
			a.tell(c.ID, due)
		}
	}
	if event != notify.Up {
		a.LastTold = due
	}
	return nil
}

// add puts a notice among the others, into one of the same cause unless the
// subject has been told of since.
func (d *decision) add(n Notice, s Subject) {
	if d.notices == nil {
		d.notices, d.last = map[noticeKey]int{}, map[lastKey]int{}
	}
	key, last := noticeKey{n.Channel, n.Cause}, lastKey{n.Channel, s}
	at, ok := d.notices[key]
	if ok && !n.Single && d.last[last] <= at && d.told.Notices[at].Due.Equal(n.Due) {
		d.told.Notices[at].Items = append(d.told.Notices[at].Items, n.Items...)
		d.told.Notices[at].Alerts = append(d.told.Notices[at].Alerts, n.Alerts...)
	} else {
		at = len(d.told.Notices)
		d.told.Notices = append(d.told.Notices, n)
		d.notices[key] = at
	}
	d.last[last] = at
}

func (d *decision) accountChannels(ctx context.Context, account string) ([]Channel, error) {
	if c, ok := d.channels[account]; ok {
		return c, nil
	}
	c, err := d.alerts.store.Channels(ctx, account)
	if err == nil {
		d.channels[account] = c
	}
	return c, err
}

// reminders decides on alerts that are due.
func (d *decision) reminders(ctx context.Context, due []Alert) error {
	for i := range due {
		a := &due[i]
		a.Revision++
		p, info, err := d.policy(ctx, a.Subject)
		if err != nil {
			return err
		}
		until := p.Quiet.Until(d.now, a.Severity)
		switch {
		case until.After(d.now):
			a.Next = until
		default:
			if err := d.remind(ctx, a, p, info); err != nil {
				return err
			}
			a.plan(p)
		}
		d.told.Alerts = append(d.told.Alerts, *a)
	}
	return nil
}

// remind takes the steps of the escalation that are due, and reminds those who
// were told unless a step tells them anyway.
func (d *decision) remind(ctx context.Context, a *Alert, p *Policy, info CheckInfo) error {
	it := a.item(d.now, a.Status, a.Reason, a.Detail, a.Run)
	told := append([]string{}, a.Told...)
	reminder := p.Remind > 0 && !d.now.Before(a.LastTold.Add(p.Remind))
	for ; a.Escalated < len(p.Escalate) && !d.now.Before(a.Opened.Add(p.Escalate[a.Escalated].After)); a.Escalated++ {
		step := p.Escalate[a.Escalated]
		from := len(d.told.Notices)
		if err := d.tell(ctx, a, notify.Escalation, d.now, step.Channels, it); err != nil {
			return err
		}
		for _, n := range d.told.Notices[from:] {
			told = slices.DeleteFunc(told, func(id string) bool { return id == n.Channel })
		}
	}
	if !reminder {
		return nil
	}
	a.LastTold = d.now
	if len(told) == 0 && len(a.Told) == 0 {
		told = d.audience(a, notify.Reminder, p, info) // there was no channel then; there may be one now
	} else if len(told) == 0 {
		return nil
	}
	return d.tell(ctx, a, notify.Reminder, d.now, told, it)
}
