package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// Functions holds a store to what [function.Store] promises. open returns an
// empty store, and closes it when the test ends.
func Functions(t *testing.T, open func(t *testing.T) function.Store) {
	for _, c := range []struct {
		name string
		run  func(*functions)
	}{
		{"a function comes back as it was put", (*functions).roundTrip},
		{"a function is found under its own account, region and name only", (*functions).find},
		{"a new function must be new", (*functions).create},
		{"of many creates at once exactly one wins", (*functions).createRace},
		{"a change needs the state that is there", (*functions).change},
		{"a change that keeps the revision is a change", (*functions).amend},
		{"of many changes to one state exactly one wins", (*functions).changeRace},
		{"a version comes back as it was published, with the next number", (*functions).publish},
		{"of many publications of one state exactly one wins, and no number is lost", (*functions).publishRace},
		{"deleting a version needs the state that is there, and keeps the others", (*functions).removeVersion},
		{"a version's number is never used again", (*functions).numbers},
		{"pages with versions follow name and number", (*functions).listVersions},
		{"pages of a scope follow the names", (*functions).list},
		{"pages of everything follow account, region and name", (*functions).listAll},
		{"delete needs the state that is there, and takes the events along", (*functions).remove},
		{"an event comes back as it was put", (*functions).event},
		{"an update changes tries and time of an event that is there", (*functions).eventUpdate},
		{"deleting an event is idempotent", (*functions).eventDelete},
		{"an event that failed ends what it claimed, one that succeeded keeps it", (*functions).eventClaims},
		{"of many claims of one window at once exactly one wins", (*functions).claimRace},
		{"the claims of events go with their function", (*functions).claimsGo},
		{"pending events come in the order of their time, without payload", (*functions).eventsPending},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&functions{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

type functions struct {
	*testing.T
	function.Store
	ctx context.Context
}

var functionT0 = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)

func functionRef(name string) function.Ref {
	return function.Ref{Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"}, Name: name}
}

func newFunction(ref function.Ref, change string) *function.Function {
	return &function.Function{
		Ref: ref,
		Settings: function.Settings{
			Runtime: "python3.12", Handler: "app.handler", Role: "arn:aws:iam::000000000000:role/r",
			Description: "täglich ☂", Timeout: 3 * time.Second, Memory: 128, Storage: 512,
			Environment: map[string]string{"KEY": "välue \" < \\ \n"}, DeadLetterARN: "arn:aws:sqs:eu-west-1:000000000000:dead",
			KMSKeyARN: "arn:k", TracingMode: "Active", LogGroup: "/g", Architecture: "arm64",
			Layers: []function.LayerUse{{ARN: "arn:l:1", CodeSHA256: "bA==", CodeSize: 1}},
		},
		CodeSHA256: "c2hhLTI1Ng==", CodeSize: 1 << 33, Revision: "r-" + change, Change: change, Tags: map[string]string{"team": "a b"},
		Created: functionT0, Modified: functionT0.Add(time.Hour), OncePer: &belfry.OncePer{Window: "1h", Key: "$.a"},
		Policy: function.Policy{Revision: "p1", Statements: []function.Statement{{
			Sid: "s", Effect: "Allow", Action: "lambda:InvokeFunction", Resource: "*",
			Principal: json.RawMessage(`{"Service":"events.amazonaws.com"}`),
			Condition: map[string]map[string]string{"ArnLike": {"AWS:SourceArn": "arn:x"}},
		}}},
		Reserved: new(int), // 0 is not the same as none
		Events: &function.EventConfig{
			Retries: new(int), MaxAge: time.Hour, OnSuccess: "arn:aws:sqs:eu-west-1:000000000000:q", OnFailure: "arn:f", Modified: functionT0,
		},
	}
}

func (t *functions) put(f *function.Function, replaces string) {
	t.Helper()
	if err := t.PutFunction(t.ctx, f, replaces); err != nil {
		t.Fatal(err)
	}
}

func (t *functions) kind(err error, want belfry.Kind) {
	t.Helper()
	if err == nil || belfry.KindOf(err) != want {
		t.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (t *functions) same(got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("not what was stored (-want +got):\n%s", d)
	}
}

func (t *functions) roundTrip() {
	f := newFunction(functionRef("f"), "r1")
	t.put(f, "")
	got, err := t.Function(t.ctx, f.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, f)
	bare := &function.Function{Ref: functionRef("bare"), Change: "r1"}
	t.put(bare, "")
	if got, err = t.Function(t.ctx, bare.Ref); err != nil {
		t.Fatal(err)
	}
	t.same(got, bare)
}

func (t *functions) find() {
	ref := functionRef("f")
	t.put(newFunction(ref, "r1"), "")
	for _, other := range []function.Ref{
		functionRef("F"), functionRef("f2"),
		{Scope: belfry.Scope{Account: "000000000001", Region: ref.Region}, Name: "f"},
		{Scope: belfry.Scope{Account: ref.Account, Region: "eu-west-2"}, Name: "f"},
	} {
		_, err := t.Function(t.ctx, other)
		t.kind(err, belfry.NotFound)
	}
}

func (t *functions) create() {
	f := newFunction(functionRef("f"), "r1")
	t.put(f, "")
	t.kind(t.PutFunction(t.ctx, newFunction(f.Ref, "r2"), ""), belfry.Conflict)
	got, err := t.Function(t.ctx, f.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, f)
}

// race runs op at once in many goroutines and returns how many gave nil.
func (t *functions) race(op func(i int) error) int {
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			switch err := op(i); {
			case err == nil:
				won.Add(1)
			case belfry.KindOf(err) != belfry.Conflict:
				t.Errorf("the loser's error is %v, want a conflict", err)
			}
		})
	}
	all.Wait()
	return int(won.Load())
}

func (t *functions) createRace() {
	n := t.race(func(i int) error {
		return t.PutFunction(t.ctx, newFunction(functionRef("f"), fmt.Sprint("r", i)), "")
	})
	if n != 1 {
		t.Fatalf("%d creates won, want 1", n)
	}
}

func (t *functions) change() {
	f := newFunction(functionRef("f"), "r1")
	t.kind(t.PutFunction(t.ctx, f, "r0"), belfry.NotFound)
	t.put(f, "")
	g := newFunction(f.Ref, "r2")
	g.Memory = 256
	t.kind(t.PutFunction(t.ctx, g, "r0"), belfry.Conflict)
	t.put(g, "r1")
	got, err := t.Function(t.ctx, f.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, g)
}

func (t *functions) amend() {
	f := newFunction(functionRef("f"), "c1")
	t.put(f, "")
	g := newFunction(f.Ref, "c2")
	g.Revision, g.Reserved = f.Revision, new(7)
	t.put(g, "c1")
	t.kind(t.PutFunction(t.ctx, f, "c1"), belfry.Conflict)
	page, err := t.Functions(t.ctx, function.Query{Limit: 1})
	if err != nil || len(page) != 1 {
		t.Fatal(page, err)
	}
	t.same(page[0], g)
}

func (t *functions) changeRace() {
	t.put(newFunction(functionRef("f"), "r"), "")
	n := t.race(func(i int) error {
		return t.PutFunction(t.ctx, newFunction(functionRef("f"), fmt.Sprint("r", i)), "r")
	})
	if n != 1 {
		t.Fatalf("%d changes won, want 1", n)
	}
}

func (t *functions) names(q function.Query) string {
	t.Helper()
	page, err := t.Functions(t.ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range page {
		names = append(names, f.Account[11:]+f.Region+f.Name)
	}
	return strings.Join(names, " ")
}

func (t *functions) list() {
	for _, name := range []string{"b", "a", "B", "c-1", "c_2"} {
		t.put(newFunction(functionRef(name), "r"), "")
	}
	other := functionRef("aa")
	other.Region = "eu-west-2"
	t.put(newFunction(other, "r"), "")
	scope := other.Scope
	scope.Region = "eu-west-1"
	for _, c := range []struct {
		after string
		limit int
		want  string
	}{
		{"", 2, "0eu-west-1B 0eu-west-1a"},
		{"a", 2, "0eu-west-1b 0eu-west-1c-1"},
		{"aa", 10, "0eu-west-1b 0eu-west-1c-1 0eu-west-1c_2"},
		{"c_2", 10, ""},
	} {
		if got := t.names(function.Query{Scope: scope, After: function.Ref{Name: c.after}, Limit: c.limit}); got != c.want {
			t.Errorf("after %q: %q, want %q", c.after, got, c.want)
		}
	}
}

func (t *functions) listAll() {
	var after function.Ref
	for _, s := range []belfry.Scope{{Account: "000000000002", Region: "a"}, {Account: "000000000001", Region: "b"}, {Account: "000000000001", Region: "a"}} {
		t.put(newFunction(function.Ref{Scope: s, Name: "x"}, "r"), "")
		t.put(newFunction(function.Ref{Scope: s, Name: "w"}, "r"), "")
	}
	var got []string
	for {
		page, err := t.Functions(t.ctx, function.Query{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page {
			got = append(got, f.Account[11:]+f.Region+f.Name)
			after = f.Ref
		}
		if len(page) < 2 {
			break
		}
	}
	t.same(strings.Join(got, " "), "1aw 1ax 1bw 1bx 2aw 2ax")
}

func (t *functions) remove() {
	f, other := newFunction(functionRef("f"), "r1"), newFunction(functionRef("other"), "r1")
	t.kind(t.DeleteFunction(t.ctx, f.Ref, "r1"), belfry.NotFound)
	t.put(f, "")
	t.put(other, "")
	t.putEvent(newEvent("e1", f.Ref, 0))
	t.putEvent(newEvent("e2", other.Ref, 0))
	t.kind(t.DeleteFunction(t.ctx, f.Ref, "r0"), belfry.Conflict)
	if err := t.DeleteFunction(t.ctx, f.Ref, "r1"); err != nil {
		t.Fatal(err)
	}
	_, err := t.Function(t.ctx, f.Ref)
	t.kind(err, belfry.NotFound)
	if _, err := t.Function(t.ctx, other.Ref); err != nil {
		t.Fatal(err)
	}
	pending, err := t.PendingEvents(t.ctx)
	if err != nil || len(pending) != 1 || pending[0].ID != "e2" {
		t.Fatalf("pending %v, %v; want the other function's event only", pending, err)
	}
	t.put(newFunction(f.Ref, "r9"), "")
}

func newEvent(id string, ref function.Ref, minute int) *function.Event {
	at := functionT0.Add(time.Duration(minute) * time.Minute)
	return &function.Event{ID: id, Function: ref, Payload: []byte(`{"a":"\u0000ü"}`), ClientContext: []byte(`{"custom":{}}`), Size: 29, Accepted: at, Due: at}
}

func (t *functions) putEvent(e *function.Event) {
	t.Helper()
	if err := t.PutEvent(t.ctx, e); err != nil {
		t.Fatal(err)
	}
}

func (t *functions) event() {
	_, err := t.Event(t.ctx, "e")
	t.kind(err, belfry.NotFound)
	e := newEvent("e", functionRef("f"), 1)
	e.Tries, e.Backoffs, e.Qualifier, e.Endpoint = 1, 2, "live", "https://example.org/ü?a=b"
	t.putEvent(e)
	got, err := t.Event(t.ctx, "e")
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, e)
	e.ClientContext, e.Payload = nil, []byte(strings.Repeat("x", 1<<20))
	e.Size = 1 << 20
	t.putEvent(e)
	if got, err = t.Event(t.ctx, "e"); err != nil {
		t.Fatal(err)
	}
	t.same(got, e)
}

func (t *functions) eventUpdate() {
	e := newEvent("e", functionRef("f"), 1)
	t.kind(t.UpdateEvent(t.ctx, e), belfry.NotFound)
	t.putEvent(e)
	e.Tries, e.Backoffs, e.Due = 2, 3, e.Due.Add(time.Minute)
	if err := t.UpdateEvent(t.ctx, e); err != nil {
		t.Fatal(err)
	}
	got, err := t.Event(t.ctx, "e")
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, e)
}

func (t *functions) eventDelete() {
	t.putEvent(newEvent("e", functionRef("f"), 1))
	for range 2 {
		if err := t.DeleteEvent(t.ctx, "e"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := t.Event(t.ctx, "e")
	t.kind(err, belfry.NotFound)
}

func (t *functions) eventsPending() {
	var want []*function.Event
	for _, c := range []struct {
		id     string
		minute int
	}{{"b", 0}, {"c", 0}, {"a", 1}} {
		want = append(want, newEvent(c.id, functionRef("f"), c.minute))
	}
	want[1].Endpoint = "http://example.org"
	for _, i := range []int{2, 0, 1} {
		t.putEvent(want[i])
	}
	got, err := t.PendingEvents(t.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range want {
		e.Payload, e.ClientContext = nil, nil
	}
	t.same(got, want)
}

// claims wants the event to be given the claim, or another to have it.
func (t *functions) claims(id string, taken bool) {
	t.Helper()
	who, err := t.ClaimEvent(t.ctx, id, claimOf("x"), functionT0)
	if err != nil || (who != "") != taken {
		t.Fatalf("claim of %s: %q, %v, want it taken: %v", id, who, err, taken)
	}
}

func (t *functions) eventClaims() {
	_, err := t.ClaimEvent(t.ctx, "a", claimOf("x"), functionT0)
	t.kind(err, belfry.NotFound)
	for i, id := range []string{"a", "b", "c", "d"} {
		t.putEvent(newEvent(id, functionRef("f"), i))
	}
	t.claims("a", false)
	t.claims("a", false) // its own
	t.claims("b", true)
	for range 2 {
		if err := t.FailEvent(t.ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = t.Event(t.ctx, "a")
	t.kind(err, belfry.NotFound)
	t.claims("b", false)
	if err := t.DeleteEvent(t.ctx, "b"); err != nil {
		t.Fatal(err)
	}
	t.claims("c", true)
	if who, err := t.ClaimEvent(t.ctx, "d", claimOf("x"), claimOf("x").Expires); err != nil || who != "" {
		t.Fatalf("at the end of the claim: %q, %v", who, err)
	}
}

func (t *functions) claimRace() {
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		id := fmt.Sprint("e", i)
		t.putEvent(newEvent(id, functionRef("f"), 0))
		wg.Go(func() {
			who, err := t.ClaimEvent(t.ctx, id, claimOf("x"), functionT0)
			if err != nil {
				t.Error(err)
			} else if who == "" {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func (t *functions) claimsGo() {
	f := newFunction(functionRef("f"), "1")
	t.put(f, "")
	t.putEvent(newEvent("a", f.Ref, 0))
	t.claims("a", false)
	if err := t.DeleteFunction(t.ctx, f.Ref, "1"); err != nil {
		t.Fatal(err)
	}
	t.putEvent(newEvent("b", functionRef("g"), 0))
	t.claims("b", false)
}
