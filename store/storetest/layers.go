package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// Layers holds a store to what [function.Store] promises of layers. open returns
// an empty store, and closes it when the test ends.
func Layers(t *testing.T, open func(t *testing.T) function.Store) {
	for _, c := range []struct {
		name string
		run  func(*functions)
	}{
		{"a version comes back as it was published, with the next number", (*functions).layerRoundTrip},
		{"a version is found under its own account, region, name and number only", (*functions).layerFind},
		{"of many publications at once each gets a number of its own", (*functions).layerRace},
		{"a change needs the state that is there", (*functions).layerChange},
		{"of many changes to one state exactly one wins", (*functions).layerChangeRace},
		{"a version is deleted once, and its number is never used again", (*functions).layerDelete},
		{"pages follow account, region, name and number", (*functions).layerList},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&functions{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

func layerRef(name string) function.LayerRef {
	return function.LayerRef{Scope: functionRef("").Scope, Name: name}
}

func newLayer(ref function.LayerRef) *function.Layer {
	return &function.Layer{
		LayerRef: ref, Description: "täglich ☂", License: "MIT", Runtimes: []string{"python3.12", "nodejs20.x"}, Architectures: []string{"arm64"},
		CodeSHA256: "c2hhLTI1Ng==", CodeSize: 1 << 33, Created: functionT0, Change: "c1",
		Policy: function.Policy{Revision: "p1", Statements: []function.Statement{{
			Sid: "s", Effect: "Allow", Action: "lambda:GetLayerVersion", Resource: "arn:x", Principal: json.RawMessage(`"*"`),
			Condition: map[string]map[string]string{"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
		}}},
	}
}

func (t *functions) publishLayer(ref function.LayerRef) *function.Layer {
	t.Helper()
	l := newLayer(ref)
	n, err := t.PublishLayer(t.ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	l.Version = n
	return l
}

func (t *functions) layerRoundTrip() {
	for want := 1; want <= 2; want++ {
		l := t.publishLayer(layerRef("l"))
		if l.Version != want {
			t.Fatalf("version %d, want %d", l.Version, want)
		}
		got, err := t.Layer(t.ctx, l.LayerRef, want)
		if err != nil {
			t.Fatal(err)
		}
		t.same(got, l)
	}
	bare := &function.Layer{LayerRef: layerRef("bare"), Change: "c"}
	n, err := t.PublishLayer(t.ctx, bare)
	if n != 1 || err != nil {
		t.Fatal(n, err)
	}
	bare.Version = 1
	got, err := t.Layer(t.ctx, bare.LayerRef, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, bare)
	t.published("l", "c", "") // a function of that name has numbers of its own
	if _, err := t.Version(t.ctx, functionRef("l"), 1); err != nil {
		t.Fatal(err)
	}
}

func (t *functions) layerFind() {
	t.publishLayer(layerRef("l"))
	for _, other := range []function.LayerRef{
		layerRef("L"), layerRef("l2"),
		{Scope: belfry.Scope{Account: "000000000001", Region: "eu-west-1"}, Name: "l"},
		{Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-2"}, Name: "l"},
	} {
		_, err := t.Layer(t.ctx, other, 1)
		t.kind(err, belfry.NotFound)
		t.kind(t.DeleteLayer(t.ctx, other, 1), belfry.NotFound)
	}
	_, err := t.Layer(t.ctx, layerRef("l"), 2)
	t.kind(err, belfry.NotFound)
}

func (t *functions) layerRace() {
	numbers := make([]int, 64)
	n := t.race(func(i int) (err error) {
		numbers[i], err = t.PublishLayer(t.ctx, newLayer(layerRef("l")))
		return err
	})
	seen := map[int]bool{}
	for _, number := range numbers {
		if number != 0 {
			seen[number] = true
		}
	}
	if len(seen) != n || !seen[1] || !seen[n] {
		t.Fatalf("%d publications got the numbers %v", n, seen)
	}
}

func (t *functions) layerChange() {
	l := t.publishLayer(layerRef("l"))
	changed := *l
	changed.Change, changed.Policy = "c2", function.Policy{}
	t.kind(t.PutLayer(t.ctx, &changed, "c0"), belfry.Conflict)
	if err := t.PutLayer(t.ctx, &changed, "c1"); err != nil {
		t.Fatal(err)
	}
	got, err := t.Layer(t.ctx, l.LayerRef, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, &changed)
	absent := changed
	absent.Version = 2
	t.kind(t.PutLayer(t.ctx, &absent, "c1"), belfry.NotFound)
	t.kind(t.PutLayer(t.ctx, &absent, ""), belfry.NotFound)
}

func (t *functions) layerChangeRace() {
	l := t.publishLayer(layerRef("l"))
	n := t.race(func(i int) error {
		changed := *l
		changed.Change = fmt.Sprint("r", i)
		return t.PutLayer(t.ctx, &changed, "c1")
	})
	if n != 1 {
		t.Fatalf("%d changes won, want 1", n)
	}
}

func (t *functions) layerDelete() {
	t.publishLayer(layerRef("l"))
	l := t.publishLayer(layerRef("l"))
	if err := t.DeleteLayer(t.ctx, l.LayerRef, 2); err != nil {
		t.Fatal(err)
	}
	_, err := t.Layer(t.ctx, l.LayerRef, 2)
	t.kind(err, belfry.NotFound)
	t.kind(t.DeleteLayer(t.ctx, l.LayerRef, 2), belfry.NotFound)
	if _, err := t.Layer(t.ctx, l.LayerRef, 1); err != nil {
		t.Fatal(err)
	}
	if l := t.publishLayer(layerRef("l")); l.Version != 3 {
		t.Fatalf("after version 2 was deleted comes %d, want 3", l.Version)
	}
}

func (t *functions) layerList() {
	for _, name := range []string{"b", "b", "b", "a"} {
		t.publishLayer(layerRef(name))
	}
	region, account := layerRef("c"), layerRef("d")
	region.Region, account.Account = "eu-west-2", "000000000001"
	t.publishLayer(region)
	t.publishLayer(account)
	scope := layerRef("").Scope
	for _, c := range []struct {
		what string
		q    function.LayerQuery
		want string
	}{
		{"everything", function.LayerQuery{}, "1a1 1b1 1b2 1b3 2c1 1d1"},
		{"a scope", function.LayerQuery{Scope: scope}, "1a1 1b1 1b2 1b3"},
		{"one layer", function.LayerQuery{Scope: scope, Name: "b"}, "1b1 1b2 1b3"},
		{"one that is not there", function.LayerQuery{Scope: scope, Name: "c"}, ""},
	} {
		var got []string
		for c.q.Limit = 2; ; {
			page, err := t.Layers(t.ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page {
				got = append(got, fmt.Sprint(l.Region[len(l.Region)-1:], l.Name, l.Version))
				c.q.After, c.q.AfterVersion = l.LayerRef, l.Version
			}
			if len(page) < c.q.Limit {
				break
			}
		}
		if all := strings.Join(got, " "); all != c.want {
			t.Errorf("%s: %q, want %q", c.what, all, c.want)
		}
	}
}
