package engine_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// modelChecks is how many histories the everyday run tries; -rapid.checks tries
// more (CONTRIBUTING.md).
const modelChecks = 25

// Whatever clients, clocks, crashes and disks do, the promises of
// docs/guarantees.md hold after each step. Every history is drawn by rapid, which
// shrinks one that breaks a promise and writes it down to be run again.
func TestAnyHistoryKeepsTheGuarantees(t *testing.T) {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if !set["rapid.checks"] {
		checks := modelChecks
		if testing.Short() { // as under the race detector, which makes SQLite ten times slower
			checks /= 5
		}
		setFlag(t, "rapid.checks", fmt.Sprint(checks))
	}
	if !set["rapid.seed"] && !set["rapid.checks"] {
		setFlag(t, "rapid.seed", "20261201") // the everyday run says the same of the same tree
	}
	if !set["rapid.steps"] {
		setFlag(t, "rapid.steps", "40")
	}
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, rt)
			defer func() { failed = recover(); w.end() }()
			w.run()
		})
		again(failed)
	})
}

// again panics with what the bubble's goroutine did. Rapid tells failures apart by
// where they panic, so what is only a history that it cannot draw comes from a
// place of its own.
func again(failed any) {
	if failed == nil {
		return
	}
	if strings.HasSuffix(fmt.Sprintf("%T", failed), "invalidData") {
		panic(failed)
	}
	panic(failed)
}

func setFlag(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	old := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Value.Set(old) })
}

// A world is a server, its clock, its disk and its targets; and what is known of
// them from outside.
type world struct {
	rt    *rapid.T
	ctx   context.Context // the bubble's
	dir   string
	clock *stepClock
	node  *node // nil while the server is down

	mu       sync.Mutex
	arrivals []*arrival // guarded by mu
	wrongs   []string   // guarded by mu: what broke a promise, found where nobody can fail

	refs  []belfry.ScheduleRef // all names that there are
	lives []*life              // oldest first
	seen  map[belfry.Gap]bool  // gaps that have been judged

	calm   time.Duration // monotonic: when something last disturbed the engine
	up     time.Duration // monotonic: when it last came up, or could write again
	asked  time.Duration // monotonic: the last call of a client
	looked time.Duration // monotonic: the last look at the schedules
	erased time.Duration // monotonic: the group was asked to be deleted; 0 is never
	backs  int           // how often the clock was set back
	backAt time.Duration // monotonic: when it last was
	backTo time.Time     // what it showed then
	zones  []func()      // put the zone data back
	downAt time.Time     // wall time at the last stop
}

// A life is one schedule from its creation to its deletion.
type life struct {
	belfry.ScheduleRef
	id   belfry.ID
	defs []*def
	gone time.Time // wall time of its deletion; zero: it is there
	// asked is when it was asked to go, monotonic, and acked when it was seen to be gone.
	asked, acked time.Duration
	wanted       bool          // a client deleted it, or its group
	complete     time.Duration // monotonic: since when nothing can follow; 0: something can
	blurred      bool          // it was deleted under a clock that was set back since
	zoned        bool          // its zone's data was replaced while it lived
	retold       bool          // its zone's data was replaced, maybe after its end
}

// A def is what a schedule said from one edit to the next.
type def struct {
	belfry.Schedule
	x *expr.Expression
	// begin and end are the wall times of the edits; end is zero for the present one.
	begin, end time.Time
	next       time.Time     // of the edit that followed, whatever the clock did since
	asked      time.Duration // monotonic: the edit began to be made
	acked      time.Duration // monotonic: it was acknowledged
	low        time.Time     // the clock was set back to then, before the edit; zero: it was not
	doubt      time.Time     // it was replaced just after the clock was set back to then; zero: it was not
	floor      time.Time     // of a def that new zone data made: before it the one before holds
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	// Near a change of the clocks in Berlin, or far from any.
	began := rapid.SampledFrom([]time.Time{
		time.Date(2026, 6, 10, 9, 59, 30, 0, time.UTC),
		time.Date(2026, 3, 29, 0, 50, 0, 0, time.UTC),
		time.Date(2026, 10, 25, 0, 20, 0, 0, time.UTC),
	}).Draw(rt, "the clock shows")
	time.Sleep(time.Until(began))
	dir, err := os.MkdirTemp("", "belfry-model-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{rt: rt, ctx: t.Context(), dir: dir, clock: &stepClock{}, seen: map[belfry.Gap]bool{}}
	for _, name := range []string{"a", "b", "c"} {
		w.refs = append(w.refs, ref(name))
	}
	for _, name := range []string{"a", "d"} {
		w.refs = append(w.refs, belfry.ScheduleRef{Scope: scope, Group: "group", Name: name})
	}
	for _, id := range []string{"1", "2"} {
		w.refs = append(w.refs, w.rule().Target(id))
	}
	return w
}

func (w *world) rule() belfry.RuleRef { return belfry.RuleRef{Scope: scope, Name: "rule"} }

func (w *world) end() {
	for _, undo := range slices.Backward(w.zones) {
		undo()
	}
	if w.node != nil {
		w.node.crash()
		w.node.end()
	}
	os.RemoveAll(w.dir)
}

func (w *world) run() {
	w.start(w.rt)
	w.rt.Repeat(map[string]func(*rapid.T){
		"":                       w.check,
		"create":                 w.create,
		"create again":           w.create,
		"update":                 w.update,
		"update times":           w.updateTimes,
		"enable or disable":      w.toggle,
		"toggle within a second": w.toggles,
		"set once_per":           w.settings,
		"delete":                 w.remove,
		"make again":             w.again,
		"create a group":         w.createGroup,
		"delete a group":         w.deleteGroup,
		"put a rule":             w.putRule,
		"put targets":            w.putTargets,
		"remove a target":        w.removeTarget,
		"wait":                   w.wait,
		"wait a little":          w.waitLittle,
		"wait to a mark":         w.waitMark,
		"wait to another mark":   w.waitMark,
		"settle":                 w.settled,
		"step the clock":         w.step,
		"step there and back":    w.stepBack,
		"stop":                   w.stop,
		"start":                  w.start,
		"restart":                w.restart,
		"crash":                  w.crash,
		"crash at a commit":      w.crashAt,
		"fill the disk":          w.fillDisk,
		"free the disk":          w.freeDisk,
		"new zone data":          w.newZones,
		"archive":                w.archive,
	})
	w.finale()
}

// finale has everything come to rest and looks at all of it.
func (w *world) finale() {
	w.note("at last")
	if w.node == nil {
		w.start(w.rt)
	}
	w.node.full.Store(false)
	w.disturb()
	w.up = w.clock.Monotonic()
	w.advance(10 * time.Minute)
	if w.node == nil {
		w.start(w.rt)
		w.advance(10 * time.Minute)
	}
	w.check(w.rt)
}

func (w *world) note(format string, args ...any) {
	w.rt.Logf("%s  "+format, append([]any{w.clock.Now().Format("02 15:04:05.000")}, args...)...)
}

// fail ends the history: a promise is broken.
func (w *world) fail(format string, args ...any) {
	w.rt.Helper()
	w.rt.Fatalf(format, args...)
}

// wrong says that a promise is broken, from any goroutine.
func (w *world) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrongLocked(format, args...)
}

func (w *world) wrongLocked(format string, args ...any) {
	w.wrongs = append(w.wrongs, fmt.Sprintf(format, args...))
}

func (w *world) name(id belfry.ID, o time.Time) string {
	for _, l := range w.lives {
		if l.id == id {
			return fmt.Sprintf("%s at %s", l, stamp(o))
		}
	}
	return belfry.Occurrence{Schedule: id, Time: o}.OccurrenceID()
}

func (w *world) nameLocked(id belfry.ID, o time.Time) string {
	return belfry.Occurrence{Schedule: id, Time: o}.OccurrenceID()
}

func (l *life) String() string {
	return strings.Trim(l.Group+"/"+l.Name, "~") + "#" + l.id.String()[8:]
}

// doomed says that the life's group is being deleted, or was.
func (w *world) doomed(l *life) bool {
	return l.Group == "group" && w.erased > 0 && l.defs[0].asked <= w.erased
}

func stamp(t time.Time) string { return t.Format("02 15:04:05.000") }

func (w *world) disturb() { w.calm = w.clock.Monotonic() }

// advance lets time pass, until the node crashes.
func (w *world) advance(d time.Duration) {
	if w.node == nil {
		time.Sleep(d)
		return
	}
	timer := time.NewTimer(d)
	select {
	case <-timer.C:
	case <-w.node.dead:
		timer.Stop()
	}
	synctest.Wait()
	w.bury()
}

// bury takes a crashed node out of the way.
func (w *world) bury() {
	if w.node == nil || !w.node.crashed() {
		return
	}
	w.note("crashed")
	w.downAt = w.clock.Now()
	w.node.end()
	w.node = nil
}

// running skips the step while the server is down.
func (w *world) running(t *rapid.T) *node {
	if w.node == nil {
		t.Skip("the server is down")
	}
	return w.node
}

func (w *world) start(t *rapid.T) {
	if w.node != nil {
		t.Skip("the server is up")
	}
	w.note("start")
	time.Sleep(time.Millisecond) // no process starts in the millisecond in which another ends
	n := w.open()
	w.disturb()
	w.up = w.clock.Monotonic()
	if err := n.engine.Start(w.ctx); err != nil {
		w.fail("start: %v", err)
	}
	w.node = n
	synctest.Wait()
	w.bury()
}
