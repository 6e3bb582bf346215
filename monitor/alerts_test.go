package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
	"github.com/belfry-run/belfry/store/sqlite"
)

const alertAccount = "000000000000"

// bubbleClock is the bubble's.
type bubbleClock struct{}

func (bubbleClock) Now() time.Time { return time.Now() }

func (bubbleClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// reverse seals by turning bytes around; what matters here is that it is undone.
type reverse struct{}

func (reverse) Seal(id string, plain []byte) []byte {
	b := append([]byte(id), plain...)
	slices.Reverse(b)
	return b
}

func (reverse) Open(id string, sealed []byte) ([]byte, error) {
	b := slices.Clone(sealed)
	slices.Reverse(b)
	plain, ok := bytes.CutPrefix(b, []byte(id))
	if !ok {
		return nil, errors.New("sealed for another")
	}
	return plain, nil
}

// carrier notes what is sent, and fails as it is told.
type carrier struct {
	mu    sync.Mutex
	sent  []string // "00:00:01.000 name event: names"
	full  []notify.Message
	fails map[string]error // by the channel's address
	slow  time.Duration
}

func (c *carrier) Send(ctx context.Context, ch notify.Channel, m *notify.Message) error {
	if c.slow > 0 {
		select {
		case <-time.After(c.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, err := range c.fails {
		if strings.Contains(string(ch.Config), "/"+name+`"`) {
			return err
		}
	}
	var names []string
	for _, it := range m.Items {
		names = append(names, it.Name)
	}
	_, name, _ := strings.Cut(string(ch.Config), "test/")
	line := fmt.Sprintf("%s %s %s: %s", time.Now().UTC().Format("15:04:05"), strings.Trim(name, `"}`), m.Event, strings.Join(names, ","))
	if m.Total > 1 {
		line = fmt.Sprintf("%s %s %s: %d", time.Now().UTC().Format("15:04:05"), strings.Trim(name, `"}`), m.Event, m.Total)
	}
	c.sent = append(c.sent, line)
	c.full = append(c.full, *m)
	return nil
}

func (c *carrier) fail(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails == nil {
		c.fails = map[string]error{}
	}
	if c.fails[name] = err; err == nil {
		delete(c.fails, name)
	}
}

// take returns what was sent since the last call.
func (c *carrier) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent
	c.sent = nil
	return sent
}

func (c *carrier) last() notify.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full[len(c.full)-1]
}

// desk is an Alerts at work in a bubble whose time began at midnight, and its store.
type desk struct {
	*testing.T
	*monitor.Alerts
	store *sqlite.Store
	carrier
	checks map[string]monitor.CheckInfo
	stop   func()
}

func alerting(t *testing.T, test func(d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		d := &desk{T: t, store: st, checks: map[string]monitor.CheckInfo{}}
		d.start()
		defer func() { d.stop() }()
		test(d)
	})
}

func (d *desk) start() {
	d.Alerts = d.newAlerts()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	running := d.Alerts
	go func() { defer close(done); running.Run(ctx) }()
	d.stop = func() { cancel(); <-done }
}

func (d *desk) newAlerts() *monitor.Alerts {
	return monitor.NewAlerts(monitor.AlertsConfig{
		Store: d.store, Clock: bubbleClock{}, Logger: slog.New(slog.DiscardHandler), Carrier: &d.carrier, Sealer: reverse{},
		Secret: []byte("secret"), URL: "https://belfry.test",
		CheckInfo: func(_ context.Context, _, id string, _ bool) (monitor.CheckInfo, error) {
			info, ok := d.checks[id]
			if !ok {
				return info, monitor.NotExist()
			}
			return info, nil
		},
	})
}

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// channel adds a channel of a kind whose messages can be grouped.
func (d *desk) channel(name string) monitor.Channel {
	d.Helper()
	c, err := d.CreateChannel(d.Context(), alertAccount, monitor.ChannelSettings{
		Name: name, Kind: "slack", Config: []byte(`{"url":"https://test/` + name + `"}`), Enabled: true,
	})
	d.ok(err)
	return c
}

func scheduleSubject(name string) monitor.Subject {
	return monitor.Subject{Account: alertAccount, Kind: monitor.SubjectSchedule, ID: "arn:aws:scheduler:us-east-1:" + alertAccount + ":schedule/default/" + name}
}

// flip stores changes of state of schedules, as those who own one would.
func (d *desk) flip(to monitor.Status, reason monitor.Reason, names ...string) {
	d.Helper()
	for _, name := range names {
		d.flipSubject(scheduleSubject(name), name, to, reason)
	}
	d.Wake()
	synctest.Wait()
}

func (d *desk) flipSubject(s monitor.Subject, name string, to monitor.Status, reason monitor.Reason) {
	d.Helper()
	from := monitor.Up
	if to == monitor.Up || to == monitor.Paused {
		from = monitor.Down
	}
	d.ok(d.store.LogDelivery(d.Context(), monitor.Delivery{ID: uuid.NewString(), Account: "other", Status: monitor.Delivered, Items: []monitor.Item{}},
		d.anchor(), []monitor.Flip{{Subject: s, Name: name, At: time.Now().UTC(), From: from, To: to, Reason: reason, Detail: "It happened."}}))
}

// anchor is a channel of another account, whose deliveries carry flips into the
// store.
func (d *desk) anchor() monitor.Channel {
	d.Helper()
	all, err := d.store.Channels(d.Context(), "999999999999")
	d.ok(err)
	if len(all) > 0 {
		return all[0]
	}
	c := monitor.Channel{ID: uuid.NewString(), Account: "999999999999", Name: "anchor", Kind: "slack", Revision: 1, Sealed: []byte("x")}
	d.ok(d.store.CreateChannel(d.Context(), c, 10))
	return c
}

func (d *desk) policy(edit func(*monitor.Policy)) {
	d.Helper()
	p := monitor.DefaultPolicy(alertAccount)
	edit(&p)
	_, err := d.PutPolicy(d.Context(), p)
	d.ok(err)
}

// sleep lets time pass.
func (d *desk) sleep(t time.Duration) {
	time.Sleep(t)
	synctest.Wait()
}

// sent holds what was sent since the last call against lines, in any order of
// those of one second.
func (d *desk) expect(want ...string) {
	d.Helper()
	got := d.take()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		d.Fatalf("sent (-want +got):\n%s", diff)
	}
}

func TestATroubleIsToldOnceAndItsEndToo(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.channel("b")
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.expect("00:00:00 a down: s", "00:00:00 b down: s")
		d.sleep(10 * time.Minute)
		d.expect()
		d.flip(monitor.Up, monitor.ReasonRecovered, "s")
		d.expect("00:10:00 a up: s", "00:10:00 b up: s")
		d.sleep(10 * time.Minute)
		d.expect()
	})
}

func TestWithoutAWakeAFlipIsToldWithinASecond(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.sleep(300 * time.Millisecond)
		d.flipSubject(scheduleSubject("s"), "s", monitor.Down, monitor.ReasonFailed)
		d.sleep(time.Second)
		if got := d.take(); len(got) != 1 {
			d.Fatalf("sent %q within a second, want one message", got)
		}
	})
}

func TestWhatIsNotTold(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.policy(func(p *monitor.Policy) { p.Outcomes, p.NoRecovery = []monitor.Reason{monitor.ReasonFailed}, true })
		d.flip(monitor.Up, monitor.ReasonSuccess, "new") // no trouble was told
		d.flip(monitor.Grace, monitor.ReasonLate, "late")
		d.expect()
		d.flip(monitor.Down, monitor.ReasonFailed, "late")
		d.expect("00:00:00 a down: late")
		d.flip(monitor.Up, monitor.ReasonRecovered, "late") // NoRecovery
		d.flip(monitor.Down, monitor.ReasonFailed, "paused")
		d.take()
		d.flip(monitor.Paused, monitor.ReasonPaused, "paused")
		d.expect()
		if open, err := d.List(d.Context(), alertAccount, true, 0, 9); err != nil || len(open) != 0 {
			d.Errorf("open: %v, %v", open, err)
		}
	})
}

func TestTwoHundredOfOneCauseAreOneMessage(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.stop()
		var names []string
		for i := range 200 {
			names = append(names, fmt.Sprint("s", i))
		}
		d.flip(monitor.Down, monitor.ReasonFailed, names...)
		d.flip(monitor.Down, monitor.ReasonMissed, "other")
		d.start()
		synctest.Wait()
		d.expect("00:00:00 a down: 200", "00:00:00 a down: other")
		if n, err := d.store.CountAlerts(d.Context()); n != 201 || err != nil {
			d.Errorf("%d alerts are open, want 201 (%v)", n, err)
		}
		d.flip(monitor.Up, monitor.ReasonRecovered, names[:2]...)
		if got := d.take(); len(got) == 0 || len(got) > 2 {
			d.Errorf("recoveries: %q", got)
		}
	})
}

func TestAStormIsHeldAfterItsFirstMessages(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		for i := range 20 {
			d.flip(monitor.Down, monitor.ReasonFailed, fmt.Sprint("s", i))
			d.sleep(time.Second)
		}
		d.expect("00:00:00 a down: s0", "00:00:01 a down: s1", "00:00:02 a down: s2", "00:00:03 a down: s3", "00:00:04 a down: s4")
		d.sleep(time.Minute)
		if got := d.take(); len(got) != 1 || !strings.HasSuffix(got[0], " a down: 15") {
			d.Errorf("after a minute %q, want the other 15 in one message", got)
		}
	})
}

func TestRemindersComeUntilSomebodyAcknowledges(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.policy(func(p *monitor.Policy) { p.Remind = 5 * time.Minute })
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.expect("00:00:00 a down: s")
		d.sleep(11 * time.Minute)
		if got := d.take(); len(got) != 2 {
			d.Fatalf("reminders: %q, want 2 in eleven minutes", got)
		}
		open, err := d.List(d.Context(), alertAccount, true, 0, 9)
		d.ok(err)
		a, err := d.Acknowledge(d.Context(), alertAccount, open[0].ID, "me")
		d.ok(err)
		if a.AckedBy != "me" || a.Acked.IsZero() {
			d.Errorf("acknowledged: %+v", a)
		}
		d.sleep(15 * time.Minute)
		d.expect()
		d.flip(monitor.Up, monitor.ReasonRecovered, "s")
		d.expect("00:26:00 a up: s")
		if _, err := d.Acknowledge(d.Context(), alertAccount, "none", "me"); belfry.KindOf(err) != belfry.NotFound {
			d.Errorf("an alert that is not there: %v", err)
		}
	})
}

func TestWhatNobodyAcknowledgesIsEscalated(t *testing.T) {
	alerting(t, func(d *desk) {
		first, second, third := d.channel("first"), d.channel("second"), d.channel("third")
		d.policy(func(p *monitor.Policy) {
			p.Channels = []string{first.ID}
			p.Escalate = []monitor.Step{{After: 10 * time.Minute, Channels: []string{second.ID}}, {After: 20 * time.Minute, Channels: []string{third.ID}}}
		})
		d.flip(monitor.Down, monitor.ReasonFailed, "s", "t")
		d.take()
		d.sleep(10*time.Minute - 2*time.Second)
		d.expect()
		d.sleep(3 * time.Second)
		if got := d.take(); len(got) != 1 || !strings.HasSuffix(got[0], " second escalation: 2") {
			d.Fatalf("after ten minutes %q", got)
		}
		// The link in the message is about both.
		token := strings.TrimPrefix(d.last().AckURL, "https://belfry.test"+monitor.AckPath)
		if n, err := d.AcknowledgeLink(d.Context(), token); n != 2 || err != nil {
			d.Fatalf("acknowledged %d, %v; want 2", n, err)
		}
		if n, err := d.AcknowledgeLink(d.Context(), token); n != 0 || err != nil {
			d.Errorf("the second time %d, %v; want 0", n, err)
		}
		for _, bad := range []string{"", "x", token[:len(token)-1], "A" + token[1:]} {
			if bad == token {
				continue
			}
			if _, err := d.AcknowledgeLink(d.Context(), bad); belfry.KindOf(err) != belfry.NotFound {
				d.Errorf("the token %q: %v", bad, err)
			}
		}
		d.sleep(25 * time.Minute)
		d.expect()
		d.flip(monitor.Up, monitor.ReasonRecovered, "s")
		got := d.take()
		if len(got) != 2 || strings.Contains(strings.Join(got, " "), "third") {
			d.Errorf("the end was told %q, want to those who were told of the beginning", got)
		}
	})
}

func TestQuietHoursHoldBackButNotTheWorst(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		quiet := monitor.Quiet{Zone: "Europe/Berlin", Windows: []monitor.Window{{From: 22 * 60, To: 7 * 60}}, Pass: monitor.Critical}
		d.policy(func(p *monitor.Policy) { p.Quiet, p.Remind = quiet, time.Hour })
		d.policy(func(p *monitor.Policy) {
			p.Quiet, p.Severity, p.Scope = quiet, monitor.Critical, monitor.Scope{Kind: monitor.ScopeSchedule, Value: scheduleSubject("bank").ID}
		})
		d.flip(monitor.Down, monitor.ReasonFailed, "a", "b") // it is one in the morning in Berlin
		d.flip(monitor.Down, monitor.ReasonFailed, "bank")
		d.expect("00:00:00 a down: bank")
		d.stop() // the night is survived
		d.sleep(6*time.Hour - time.Minute)
		d.start()
		d.sleep(time.Minute - time.Second)
		d.expect()
		d.sleep(2 * time.Second)
		if got := d.take(); len(got) != 1 || !strings.HasSuffix(got[0], " a down: 2") {
			d.Errorf("in the morning %q, want both in one message", got)
		}
	})
}

func TestNothingIsLostOrSentTwiceOverARestart(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.stop()
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.sleep(time.Hour)
		d.expect()
		d.start()
		synctest.Wait()
		d.expect("01:00:00 a down: s")
		d.slow = 10 * time.Second
		d.flip(monitor.Down, monitor.ReasonFailed, "t")
		d.sleep(5 * time.Second)
		d.stop() // in the middle of a message
		d.expect()
		d.slow = 0
		d.start()
		d.sleep(time.Second)
		if got := d.take(); len(got) != 1 || !strings.HasSuffix(got[0], " a down: t") {
			d.Errorf("after the restart %q", got)
		}
		d.stop()
		d.start()
		d.sleep(5 * time.Minute)
		d.expect()
	})
}

func TestTwoNodesTellOnce(t *testing.T) {
	alerting(t, func(d *desk) {
		other := d.newAlerts()
		ctx, cancel := context.WithCancel(d.Context())
		done := make(chan struct{})
		go func() { defer close(done); other.Run(ctx) }()
		defer func() { cancel(); <-done }()
		d.channel("a")
		for i := range 30 {
			d.flipSubject(scheduleSubject(fmt.Sprint(i)), fmt.Sprint(i), monitor.Down, monitor.Reason(fmt.Sprint("reason", i)))
			d.Wake()
			other.Wake()
		}
		d.sleep(time.Minute)
		got := d.take()
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != 30 || len(d.full) != 30 {
			d.Errorf("%d messages, %d different; want 30", len(d.full), n)
		}
	})
}

func TestAReceiverThatFailsIsTriedAgainInOrder(t *testing.T) {
	alerting(t, func(d *desk) {
		c := d.channel("a")
		d.fail("a", &notify.Error{Reason: "no"})
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.flip(monitor.Up, monitor.ReasonRecovered, "s")
		d.sleep(time.Hour)
		d.expect()
		got, err := d.Channel(d.Context(), alertAccount, c.ID)
		d.ok(err)
		if got.Status != monitor.Down || !got.Enabled || got.Failures < 8 || got.Failures > 20 || got.LastError != "no" {
			d.Errorf("the channel is %+v", got)
		}
		d.fail("a", nil)
		d.sleep(10 * time.Minute)
		if got := d.take(); len(got) != 2 || !strings.HasSuffix(got[0], "down: s") || !strings.HasSuffix(got[1], "up: s") {
			d.Errorf("sent %q, want the beginning and then the end", got)
		}
		if got, _ := d.Channel(d.Context(), alertAccount, c.ID); got.Status != monitor.Up || got.Failures != 0 {
			d.Errorf("the channel is %+v", got)
		}
	})
}

func TestAMessageIsGivenUpAfterADay(t *testing.T) {
	alerting(t, func(d *desk) {
		c := d.channel("a")
		d.fail("a", &notify.Error{Reason: "no"})
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.stop() // so that nobody has to look each second of a day
		d.sleep(24*time.Hour - time.Minute)
		d.start()
		d.sleep(30 * time.Second)
		find := func() monitor.Delivery {
			all, err := d.Deliveries(d.Context(), monitor.DeliveryQuery{Account: alertAccount, Channel: c.ID, Limit: 9})
			d.ok(err)
			return all[0]
		}
		if got := find(); got.Status != monitor.Waiting {
			d.Errorf("within a day: %+v", got)
		}
		d.sleep(10 * time.Minute)
		if got := find(); got.Status != monitor.Undone || got.Error != "no" || got.Tries < 3 {
			d.Errorf("after a day: %+v", got)
		}
	})
}

func TestAChannelThatFailsIsAnAlertOnAnother(t *testing.T) {
	alerting(t, func(d *desk) {
		d.channel("a")
		d.channel("b")
		d.fail("a", &notify.Error{Reason: "no"})
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		d.sleep(10 * time.Second)
		got := d.take()
		if len(got) != 2 || !strings.HasSuffix(got[0], " b down: s") || !strings.HasSuffix(got[1], " b down: a") {
			d.Fatalf("sent %q, want s and a on b", got)
		}
		d.fail("a", nil)
		d.sleep(10 * time.Minute)
		got = d.take()
		slices.SortFunc(got, func(a, b string) int { return strings.Compare(a[9:], b[9:]) })
		if len(got) != 2 || !strings.HasSuffix(got[0], " a down: s") || !strings.HasSuffix(got[1], " b up: a") {
			d.Errorf("sent %q, want s on a, and that a is well on b", got)
		}
	})
}

func TestAChannelThatIsGoneIsSwitchedOff(t *testing.T) {
	alerting(t, func(d *desk) {
		c := d.channel("a")
		d.fail("a", &notify.Error{Reason: "Received status code 404", Permanent: true, Gone: true})
		d.flip(monitor.Down, monitor.ReasonFailed, "s")
		got, err := d.Channel(d.Context(), alertAccount, c.ID)
		d.ok(err)
		if got.Enabled || got.Status != monitor.Down {
			d.Fatalf("the channel is %+v", got)
		}
		d.fail("a", nil)
		d.flip(monitor.Down, monitor.ReasonFailed, "t")
		d.expect()
		_, err = d.UpdateChannel(d.Context(), alertAccount, c.ID, func(s *monitor.ChannelSettings) error { s.Enabled = true; return nil })
		d.ok(err)
		d.flip(monitor.Down, monitor.ReasonFailed, "u")
		d.expect("00:00:00 a down: u")
	})
}

func TestATestTellsWhatBecameOfIt(t *testing.T) {
	alerting(t, func(d *desk) {
		c := d.channel("a")
		got, err := d.TestChannel(d.Context(), alertAccount, c.ID)
		d.ok(err)
		if got.Status != monitor.Delivered || got.Error != "" {
			d.Errorf("the test: %+v", got)
		}
		d.fail("a", &notify.Error{Reason: "no"})
		for range 3 {
			got, err = d.TestChannel(d.Context(), alertAccount, c.ID)
			d.ok(err)
		}
		if got.Status != monitor.Undone || got.Error != "no" || got.Tries != 1 {
			d.Errorf("the test that failed: %+v", got)
		}
		if all, _ := d.Deliveries(d.Context(), monitor.DeliveryQuery{Account: alertAccount, Limit: 9}); len(all) != 4 || all[0].ID != got.ID {
			d.Errorf("the log: %+v", all)
		}
		if ch, _ := d.Channel(d.Context(), alertAccount, c.ID); ch.Failures != 0 || ch.Status != monitor.Up {
			d.Errorf("tests that fail change nothing: %+v", ch)
		}
		if _, err := d.TestChannel(d.Context(), "111111111111", c.ID); belfry.KindOf(err) != belfry.NotFound {
			d.Errorf("another account's: %v", err)
		}
	})
}

func TestACheckTellsTheChannelsThatItAsksFor(t *testing.T) {
	alerting(t, func(d *desk) {
		a, _ := d.channel("a"), d.channel("b")
		check := monitor.Subject{Account: alertAccount, Kind: monitor.SubjectCheck, ID: uuid.NewString()}
		d.checks[check.ID] = monitor.CheckInfo{Channels: []string{a.ID}, Facts: notify.Facts{Tags: []string{"x"}}}
		d.flipSubject(check, "c", monitor.Down, monitor.ReasonTimeout)
		d.sleep(time.Second)
		if got := d.take(); len(got) != 1 || !strings.Contains(got[0], " a down") {
			d.Errorf("sent %q", got)
		}
		open, err := d.List(d.Context(), alertAccount, true, 0, 9)
		d.ok(err)
		// A channel that was deleted must not make a failure silent.
		d.ok(d.DeleteChannel(d.Context(), alertAccount, a.ID, "me"))
		d.flipSubject(check, "c", monitor.Down, monitor.ReasonFail)
		d.sleep(time.Second)
		if got := d.take(); len(got) != 1 || !strings.Contains(got[0], " b down") {
			d.Errorf("after the channel was deleted %q", got)
		}
		d.flipSubject(check, "c", monitor.Up, monitor.ReasonSuccess)
		d.sleep(time.Second)
		for _, a := range open {
			if a, err := d.Alert(d.Context(), alertAccount, a.ID); err != nil || a.Open() || a.Ending == "" {
				d.Errorf("the alert has ended without a reason: %+v, %v", a, err)
			}
		}
	})
}
