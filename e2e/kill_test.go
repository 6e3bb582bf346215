package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How hard the server is killed.
const (
	kills       = 25
	clients     = 4   // connections that load it
	opsPerCycle = 120 // at most so many acknowledged requests between start and kill
	horizon     = 6   // seconds ahead that one-time schedules are created for
	settleLimit = 60 * time.Second
)

// TestKillLosesNothing kills the server 25 times in the middle of creates,
// updates, deletes, sends, invocations and running schedules. Nothing that was
// acknowledged may be missing, and every occurrence has exactly one outcome.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	record := filepath.Join(s.dir, "record")
	l := &load{
		s:        s,
		function: s.createFunction("report", functionZip(t), "RECORD", record, "LC_RECORD", record),
		inbox:    s.createQueue("inbox"),
		rand:     rand.New(rand.NewPCG(20260308, 0)),
		all:      newDone(),
	}
	s.createQueue("mail")
	created := time.Now()
	s.createSchedule("rate", "rate(1 minute)", l.target())
	s.createSchedule("cron", "cron(* * * * ? *)", l.target())

	for cycle := range kills {
		acknowledged := l.run(l.rand.IntN(opsPerCycle))
		s.wantNoOrphans(record)
		s.start()
		l.wantThere(acknowledged)
		if t.Failed() {
			t.Fatalf("after kill %d", cycle+1)
		}
	}
	t.Logf("%d kills, %d acknowledged requests", kills, l.count)

	delivered := l.wantOneTime()
	// A rate is due at creation and then on the grid of the minute of its creation.
	l.wantMinutes("rate", created.Truncate(time.Minute))
	l.wantMinutes("cron", created.Truncate(time.Minute).Add(time.Minute))
	l.wantMail()
	s.eventually("acknowledged events have run", settleLimit, func() bool { return l.ran(record) })
	l.wantDelivered(delivered, record)
}

// ran says whether all acknowledged invocations have reached the function.
func (l *load) ran(record string) bool {
	ids := map[string]bool{}
	for _, r := range records(l.s.t, record) {
		ids[r.Event["id"]] = true
	}
	for id := range l.all.invoked {
		if !ids[id] {
			return false
		}
	}
	return true
}

// A load makes requests and keeps what was acknowledged.
type load struct {
	s               *server
	function, inbox string
	rand            *rand.Rand // of the test's own goroutine
	all             *done
	count           int // acknowledged requests
}

// done is acknowledged work by its kind.
type done struct {
	mu      sync.Mutex
	once    map[string]time.Time // one-time schedules and when they are due
	updated map[string]bool      // schedules whose description is "second"
	deleted map[string]bool
	mail    map[string]bool // bodies of messages
	invoked map[string]bool // ids of function events, whether the answer was waited for or not
}

func newDone() *done {
	return &done{
		once: map[string]time.Time{}, updated: map[string]bool{}, deleted: map[string]bool{},
		mail: map[string]bool{}, invoked: map[string]bool{},
	}
}

func (d *done) add(more *done) {
	maps.Copy(d.once, more.once)
	maps.Copy(d.updated, more.updated)
	maps.Copy(d.deleted, more.deleted)
	maps.Copy(d.mail, more.mail)
	maps.Copy(d.invoked, more.invoked)
}

func (d *done) note(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (l *load) target() map[string]any {
	return map[string]any{"Arn": l.inbox, "Input": "<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"}
}

// run loads the server until n requests were acknowledged, kills it there and
// then, with requests under way, and returns what was acknowledged.
func (l *load) run(n int) *done {
	l.s.t.Helper()
	cycle, enough := newDone(), make(chan struct{})
	var acknowledged atomic.Int64
	var reached sync.Once
	if n == 0 {
		reached.Do(func() { close(enough) })
	}
	var wg sync.WaitGroup
	for range clients {
		r := rand.New(rand.NewPCG(l.rand.Uint64(), 0))
		wg.Go(func() {
			for l.request(r, cycle) == nil {
				if acknowledged.Add(1) >= int64(n) {
					reached.Do(func() { close(enough) })
				}
			}
			// Without it a server that refuses everything would wait for ever.
			reached.Do(func() { close(enough) })
		})
	}
	<-enough
	l.s.kill()
	wg.Wait()
	if got := int(acknowledged.Load()); got < n {
		l.s.t.Errorf("%d of %d requests were acknowledged before the server was killed", got, n)
	}
	l.count += int(acknowledged.Load())
	l.all.add(cycle)
	return cycle
}

// request makes one request at random and notes down what was acknowledged. An
// error is that the server has gone, or that it refused.
func (l *load) request(r *rand.Rand, done *done) error {
	name := fmt.Sprintf("%016x", r.Uint64())
	switch r.IntN(8) {
	case 0, 1, 2:
		due := time.Now().Add(time.Duration(r.IntN(horizon)+1) * time.Second).Truncate(time.Second).UTC()
		target := l.target()
		if r.IntN(4) == 0 {
			target = map[string]any{"Arn": l.function, "Input": `{"task_type": "daily_sales", "id": "once-` + name + `"}`}
		}
		if err := l.send("scheduler", http.MethodPost, "/schedules/once-"+name, "", scheduleBody(at(due), target)); err != nil {
			return err
		}
		done.note(func() { done.once["once-"+name] = due })
	case 3:
		body := scheduleBody(at(time.Now().Add(time.Hour)), l.target(), map[string]any{"Description": "first"})
		if err := l.send("scheduler", http.MethodPost, "/schedules/late-"+name, "", body); err != nil {
			return err
		}
		body["Description"] = "second"
		if err := l.send("scheduler", http.MethodPut, "/schedules/late-"+name, "", body); err != nil {
			return err
		}
		done.note(func() { done.updated["late-"+name] = true })
	case 4:
		if err := l.send("scheduler", http.MethodPost, "/schedules/gone-"+name, "", scheduleBody(at(time.Now().Add(time.Hour)), l.target())); err != nil {
			return err
		}
		if err := l.send("scheduler", http.MethodDelete, "/schedules/gone-"+name, "", nil); err != nil {
			return err
		}
		done.note(func() { done.deleted["gone-"+name] = true })
	case 5, 6:
		if err := l.send("sqs", http.MethodPost, "/", "AmazonSQS.SendMessage", map[string]any{"QueueUrl": l.s.queueURL("mail"), "MessageBody": name}); err != nil {
			return err
		}
		done.note(func() { done.mail[name] = true })
	default:
		kind := []string{"RequestResponse", "Event"}[r.IntN(2)]
		event := map[string]any{"task_type": "daily_sales", "id": name}
		err := l.send("lambda", http.MethodPost, "/2015-03-31/functions/report/invocations", "", event, "X-Amz-Invocation-Type", kind)
		if errors.Is(err, errThrottled) {
			return nil // no process came free in time; that is an answer, and acknowledges nothing
		}
		if err != nil {
			return err
		}
		done.note(func() { done.invoked[name] = true })
	}
	return nil
}

var errThrottled = errors.New("throttled")

// send makes a request and wants it acknowledged; only the kill may stop it.
func (l *load) send(service, method, path, target string, body any, header ...string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	got, err := l.s.do(service, method, path, target, text, header...)
	if err != nil {
		return err
	}
	if got.status == http.StatusTooManyRequests {
		return errThrottled
	}
	if got.status/100 != 2 || got.header.Get("X-Amz-Function-Error") != "" {
		l.s.t.Errorf("%s %s%s: %d %s", method, path, target, got.status, got.body)
		return fmt.Errorf("refused with %d", got.status)
	}
	return nil
}

// wantThere looks for what a cycle acknowledged in the server that was started after it.
func (l *load) wantThere(cycle *done) {
	l.s.t.Helper()
	for name := range cycle.once {
		l.wantSchedule(name, "")
	}
	for name := range cycle.updated {
		l.wantSchedule(name, "second")
	}
	for name := range cycle.deleted {
		if got, err := l.s.do("scheduler", http.MethodGet, "/schedules/"+name, "", nil); err != nil || got.status != http.StatusNotFound {
			l.s.t.Errorf("the deleted schedule %s is there again: %d, %v", name, got.status, err)
		}
	}
}

func (l *load) wantSchedule(name, description string) {
	l.s.t.Helper()
	got, err := l.s.do("scheduler", http.MethodGet, "/schedules/"+name, "", nil)
	if err != nil || got.status != http.StatusOK {
		l.s.t.Errorf("the acknowledged schedule %s is missing: %d, %v", name, got.status, err)
		return
	}
	var schedule struct{ Description string }
	if err := json.Unmarshal(got.body, &schedule); err != nil || schedule.Description != description {
		l.s.t.Errorf("%s has the description %q, want %q; %v", name, schedule.Description, description, err)
	}
}

// An entry is a line of the ledger, a run or a gap.
type entry struct {
	ScheduledTime time.Time `json:"scheduled_time"`
	Outcome       string    `json:"outcome"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Count         int       `json:"count"`
	Reason        string    `json:"reason"`
}

// ledger returns the lines of a schedule's ledger.
func (s *server) ledger(name string) []entry {
	s.t.Helper()
	var got struct{ Items []entry }
	s.native("ledger", url.Values{"schedule": {scheduleARN(name)}, "limit": {"1000"}}, &got)
	return got.Items
}

// settled returns the ledger once it accounts for n occurrences with final outcomes.
func (s *server) settled(name string, n int) []entry {
	s.t.Helper()
	var lines []entry
	s.eventually(fmt.Sprintf("the ledger of %s accounts for %d occurrences", name, n), settleLimit, func() bool {
		lines = s.ledger(name)
		have := 0
		for _, e := range lines {
			switch e.Outcome {
			case "":
				have += e.Count
			case "pending", "running":
			default:
				have++
			}
		}
		return have >= n
	})
	return lines
}

// wantOneTime wants exactly one outcome of each acknowledged one-time schedule,
// and returns the occurrences that succeeded.
func (l *load) wantOneTime() (delivered map[string]bool) {
	l.s.t.Helper()
	delivered = map[string]bool{}
	outcomes := map[string]int{}
	for name, due := range l.all.once {
		lines := l.s.settled(name, 1)
		e := lines[0]
		at := e.ScheduledTime
		if e.Outcome == "" {
			at = e.From
			outcomes["gap "+e.Reason] += e.Count
		}
		if len(lines) != 1 || (e.Outcome == "" && e.Count != 1) || !at.Equal(due) || (e.Reason == "" && e.Outcome != "succeeded") {
			l.s.t.Errorf("%s, due at %v: %+v, want one outcome with a reason", name, due, lines)
		}
		if e.Outcome != "" {
			outcomes[e.Outcome]++
		}
		if e.Outcome == "succeeded" {
			delivered[name+" "+due.Format(time.RFC3339)] = true
		}
	}
	l.s.t.Logf("outcomes of %d one-time schedules: %v", len(l.all.once), outcomes)
	if outcomes["succeeded"] == 0 {
		l.s.t.Error("not one of the one-time schedules succeeded")
	}
	return delivered
}

// wantMinutes wants the ledger of a schedule that is due each minute to be the
// list of all minutes from first to now, none lost and none twice.
func (l *load) wantMinutes(name string, first time.Time) {
	l.s.t.Helper()
	var want []string
	for at := first; at.Before(time.Now()); at = at.Add(time.Minute) {
		want = append(want, at.UTC().Format(time.RFC3339))
	}
	var got []string
	for _, e := range l.s.settled(name, len(want)) {
		if e.Outcome != "" {
			got = append(got, e.ScheduledTime.Format(time.RFC3339))
		}
		for i := range e.Count {
			got = append(got, e.From.Add(time.Duration(i)*time.Minute).Format(time.RFC3339))
		}
	}
	slices.Sort(got)
	// The next minute may have begun since the list was made.
	if len(got) < len(want) || len(got) > len(want)+1 || !slices.Equal(got[:len(want)], want) {
		l.s.t.Errorf("%s has outcomes for %v, want %v", name, got, want)
	}
}

// drain empties a queue and counts its bodies.
func (l *load) drain(queue string) map[string]int {
	l.s.t.Helper()
	bodies := map[string]int{}
	for {
		var got struct{ Messages []message }
		l.s.must(&got, "sqs", http.MethodPost, "/", "AmazonSQS.ReceiveMessage", map[string]any{
			"QueueUrl": l.s.queueURL(queue), "MaxNumberOfMessages": 10, "VisibilityTimeout": 600,
		})
		if len(got.Messages) == 0 {
			return bodies
		}
		for _, m := range got.Messages {
			bodies[m.Body]++
		}
	}
}

// wantMail wants each acknowledged message once; nobody sent one twice.
func (l *load) wantMail() {
	l.s.t.Helper()
	bodies := l.drain("mail")
	for body := range l.all.mail {
		if bodies[body] != 1 {
			l.s.t.Errorf("the acknowledged message %s is there %d times, want once", body, bodies[body])
		}
	}
}

// wantDelivered wants each run that succeeded to have reached its target at
// least once.
func (l *load) wantDelivered(delivered map[string]bool, record string) {
	l.s.t.Helper()
	reached := map[string]int{}
	for body, n := range l.drain("inbox") {
		arn, at, _ := strings.Cut(body, " ")
		reached[arn[strings.LastIndex(arn, "/")+1:]+" "+at] += n
	}
	ids := map[string]int{}
	for _, r := range records(l.s.t, record) {
		ids[r.Event["id"]]++
	}
	twice := 0
	for occurrence := range delivered {
		name, _, _ := strings.Cut(occurrence, " ")
		n := reached[occurrence] + ids[name]
		if n == 0 {
			l.s.t.Errorf("%s succeeded and never reached its target", occurrence)
		}
		if n > 1 {
			twice++
		}
	}
	for id := range l.all.invoked {
		if ids[id] == 0 {
			l.s.t.Errorf("the acknowledged invocation %s never ran", id)
		}
	}
	l.s.t.Logf("%d of %d successful runs reached their target more than once", twice, len(delivered))
}

// wantNoOrphans wants the processes of the killed server's functions to end
// with it. They are known by the variable that only this test sets, and that a
// process starts with: the C library may read it.
func (s *server) wantNoOrphans(record string) {
	s.t.Helper()
	s.eventually("the processes of the killed server's functions have ended", 10*time.Second, func() bool {
		environments, err := filepath.Glob("/proc/[0-9]*/environ")
		if err != nil {
			s.t.Fatal(err)
		}
		return !slices.ContainsFunc(environments, func(path string) bool {
			env, err := os.ReadFile(path) // a process that has gone has none
			return err == nil && strings.Contains(string(env), "LC_RECORD="+record)
		})
	})
}
