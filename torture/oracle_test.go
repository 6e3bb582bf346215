package main

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

// noon is when the clocks of these tests begin, real and wall time.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func at(minutes, seconds int) time.Time {
	return noon.Add(time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second)
}

// oracleOf knows ten minutes of a clock with these steps.
func oracleOf(steps ...rig.Step) *oracle {
	return &oracle{steps: append([]rig.Step{{At: noon}}, steps...), until: at(10, 0), owed: at(10, 0)}
}

// lifeOf is a schedule that was changed at these times; each request took 2 ms.
func lifeOf(changes ...change) *life {
	for i := range changes {
		changes[i].done, changes[i].answered = changes[i].sent.Add(2*time.Millisecond), true
	}
	return &life{group: "default", name: "x", first: true, changes: changes}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const every, two = "cron(* * * * ? *)", "cron(0/2 * * * ? *)"
	def := func(expression string) *definition {
		return &definition{expression: expression, zone: "UTC", age: 24 * time.Hour}
	}
	off := func(expression string) *definition {
		d := def(expression)
		d.disabled = true
		return d
	}
	hourBack := []rig.Step{{At: at(5, 30), Offset: -time.Hour}, {At: at(6, 30)}}
	tests := map[string]struct {
		steps   []rig.Step
		changes []change
		at      time.Time
		want    claim // its life and definition are not compared
		none    bool
	}{
		"due while it held":              {changes: []change{{def: def(every), sent: at(0, 30)}}, at: at(2, 0), want: claim{must: true, run: true}},
		"due before it was made":         {changes: []change{{def: def(every), sent: at(1, 30)}}, at: at(1, 0), none: true},
		"due while it was made":          {changes: []change{{def: def(every), sent: at(1, 0)}}, at: at(1, 0), want: claim{run: true}},
		"due after it was deleted":       {changes: []change{{def: def(every), sent: at(0, 30)}, {op: "delete", sent: at(1, 30)}}, at: at(2, 0), none: true},
		"due before it was edited":       {changes: []change{{def: def(every), sent: at(0, 30)}, {def: def(two), sent: at(1, 30)}}, at: at(1, 0), want: claim{must: true, run: true}},
		"not due after it was edited":    {changes: []change{{def: def(every), sent: at(0, 30)}, {def: def(two), sent: at(1, 30)}}, at: at(3, 0), none: true},
		"due while it was disabled":      {changes: []change{{def: off(every), sent: at(0, 30)}}, at: at(1, 0), want: claim{must: true, run: true}},
		"a past one-time when made":      {changes: []change{{def: def("at(2026-03-10T11:00:00)"), sent: at(0, 30)}}, at: at(-60, 0), want: claim{must: true, run: true, past: true}},
		"one that is too old":            {changes: []change{{def: def("at(2026-03-08T11:00:00)"), sent: at(0, 30)}}, at: at(-49*60, 0), want: claim{must: true, past: true}},
		"a past one-time by an edit":     {changes: []change{{def: def(every), sent: at(0, 30)}, {def: def("at(2026-03-10T11:00:00)"), sent: at(1, 30)}}, at: at(-60, 0), want: claim{}},
		"the first of a rate":            {changes: []change{{def: def("rate(2 minutes)"), sent: at(1, 30)}}, at: at(1, 0), want: claim{must: true, run: true}},
		"the second of a rate":           {changes: []change{{def: def("rate(2 minutes)"), sent: at(1, 30)}}, at: at(3, 0), want: claim{must: true, run: true}},
		"jumped over":                    {steps: []rig.Step{{At: at(5, 30), Offset: time.Hour}}, changes: []change{{def: def(every), sent: at(0, 30)}}, at: at(40, 0), want: claim{must: true, run: true}},
		"in a future that is not yet":    {steps: []rig.Step{{At: at(5, 30), Offset: time.Hour}, {At: at(6, 30)}}, changes: []change{{def: def(every), sent: at(0, 30)}}, at: at(40, 0), want: claim{run: true}},
		"come to twice":                  {steps: hourBack, changes: []change{{def: def(every), sent: at(0, 30)}}, at: at(3, 0), want: claim{must: true, run: true}},
		"made when set back, not before": {steps: hourBack, changes: []change{{def: def(every), sent: at(6, 0)}}, at: at(3, 0), want: claim{must: true, run: true}},
		"held at the first coming alone": {steps: hourBack, changes: []change{{def: def(every), sent: at(0, 30)}, {op: "delete", sent: at(6, 0)}}, at: at(3, 0), want: claim{run: true}},
		"made under a clock ahead":       {steps: []rig.Step{{At: at(1, 0), Offset: time.Hour}, {At: at(3, 0)}}, changes: []change{{def: def(every), sent: at(2, 0)}}, at: at(5, 0), want: claim{run: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, l := oracleOf(tt.steps...), lifeOf(tt.changes...)
			got := o.claims(l)[tt.at.Unix()]
			switch {
			case tt.none:
				if got != nil {
					t.Errorf("the oracle claims %+v of a time that is none of its", *got)
				}
			case got == nil:
				t.Error("the oracle knows nothing of it")
			case (got.must && o.settled(l, tt.at)) != tt.want.must || got.run != tt.want.run || got.past != tt.want.past:
				t.Errorf("owed %v, may run %v, past at its creation %v; want %v, %v, %v", got.must, got.run, got.past, tt.want.must, tt.want.run, tt.want.past)
			}
		})
	}
}

func TestDeliveriesAgainstAttempts(t *testing.T) {
	t.Parallel()
	done := func(n int) []delivery {
		all := make([]delivery, n)
		for i := range all {
			all[i] = delivery{life: 1, start: at(i, 0), end: at(i, 30), status: 200}
		}
		return all
	}
	ok, cut, failed := attempt{Result: "succeeded"}, attempt{Result: "interrupted"}, attempt{Result: "retryable_error", ErrorCode: "HTTP.503"}
	for name, tt := range map[string]struct {
		attempts []attempt
		all      []delivery
		queued   int
		wrong    bool
	}{
		"one of one":                   {attempts: []attempt{ok}, all: done(1)},
		"to a queue":                   {attempts: []attempt{ok}, queued: 1},
		"lost":                         {attempts: []attempt{ok}, wrong: true},
		"twice":                        {attempts: []attempt{ok}, all: done(2), wrong: true},
		"interrupted, did not arrive":  {attempts: []attempt{cut, ok}, all: done(1)},
		"interrupted, arrived":         {attempts: []attempt{cut, ok}, all: done(2)},
		"an interruption not recorded": {attempts: []attempt{cut, ok}, all: done(3), wrong: true},
		"a failure that did not come":  {attempts: []attempt{failed, ok}, all: done(1), wrong: true},
		"hung up on, and sent again":   {attempts: []attempt{ok}, all: append(done(1), delivery{script: "hangup"})},
	} {
		if got := miscounted(&entry{Attempts: tt.attempts}, tt.all, tt.queued); (got != "") != tt.wrong {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := concurrent(done(3)); got != "" {
		t.Errorf("deliveries one after the other are called concurrent: %s", got)
	}
	if concurrent(append(done(1), done(1)...)) == "" {
		t.Error("two deliveries at the same time are not noticed")
	}
	if numbering([]attempt{{Number: 1, ExecutionID: "a"}, {Number: 2, ExecutionID: "b"}}) != "" {
		t.Error("attempts 1 and 2 are called wrong")
	}
	if numbering([]attempt{{Number: 1, ExecutionID: "a"}, {Number: 2, ExecutionID: "a"}}) == "" || numbering([]attempt{{Number: 2}}) == "" {
		t.Error("an execution id that comes twice, or a number that is missing, is not noticed")
	}
}

func TestDeliveriesAfterTheEnd(t *testing.T) {
	t.Parallel()
	deleted := lifeOf(change{def: &definition{expression: "rate(1 minute)", zone: "UTC"}, sent: at(0, 30)}, change{op: "delete", sent: at(2, 30)})
	back := rig.Step{At: at(2, 20), Offset: -time.Minute}
	for name, tt := range map[string]struct {
		steps   []rig.Step
		began   time.Time // by the server's clock
		arrives time.Time
		wrong   bool
	}{
		"began before": {began: at(2, 0), arrives: at(2, 40)},
		"began after":  {began: at(2, 40), arrives: at(2, 40), wrong: true},
		"began before, by a clock that was ahead":        {steps: []rig.Step{back}, began: at(2, 19), arrives: at(2, 40)},
		"began after, by a clock that had been set back": {steps: []rig.Step{back}, began: at(1, 40), arrives: at(2, 40)},
		"arrives just after, on a busy machine":          {began: at(2, 30), arrives: at(2, 31)},
	} {
		e := &entry{Kind: "run", StartedAt: tt.began.Format(time.RFC3339)}
		if got := oracleOf(tt.steps...).afterEnd(&subject{lives: []*life{deleted}}, e, []delivery{{start: tt.arrives}}); (got != "") != tt.wrong {
			t.Errorf("%s: %q", name, got)
		}
	}
}
