package storetest

import (
	"fmt"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// published publishes the function that is there, whose Change is replaces.
func (t *functions) published(name, change, replaces string) int {
	t.Helper()
	n, err := t.PublishVersion(t.ctx, newFunction(functionRef(name), change), replaces, newFunction(functionRef(name), "v-"+change))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (t *functions) publish() {
	ref := functionRef("f")
	f, v := newFunction(ref, "c1"), newFunction(ref, "v1")
	v.Memory, v.Source = 1024, "s"
	f.Aliases = map[string]*function.Alias{"live": {Name: "live", Version: 1, Other: 2, Weight: 0.25, Description: "d", Revision: "r"}}
	f.Attached = map[string]*function.Attachment{"live": {Policy: f.Policy, Events: f.Events}}
	_, err := t.PublishVersion(t.ctx, f, "c0", v)
	t.kind(err, belfry.NotFound)
	n, err := t.PublishVersion(t.ctx, f, "", v) // a new one
	if n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_, err = t.PublishVersion(t.ctx, f, "", v)
	t.kind(err, belfry.Conflict)
	f.Published, v.Version = 1, 1
	got, err := t.Function(t.ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	t.same(got, f)
	if got, err = t.Version(t.ctx, ref, 1); err != nil {
		t.Fatal(err)
	}
	t.same(got, v)
	if n := t.published("f", "c2", "c1"); n != 2 {
		t.Fatalf("the second version is %d", n)
	}
	_, err = t.Version(t.ctx, ref, 3)
	t.kind(err, belfry.NotFound)
	_, err = t.Version(t.ctx, functionRef("g"), 1)
	t.kind(err, belfry.NotFound)
}

func (t *functions) publishRace() {
	ref := functionRef("f")
	t.put(newFunction(ref, "r"), "")
	n := t.race(func(i int) error {
		_, err := t.PublishVersion(t.ctx, newFunction(ref, fmt.Sprint("r", i)), "r", newFunction(ref, fmt.Sprint("v", i)))
		return err
	})
	if n != 1 {
		t.Fatalf("%d publications won, want 1", n)
	}
	f, err := t.Function(t.ctx, ref)
	if err != nil || f.Published != 1 {
		t.Fatal(f, err)
	}
	if n := t.published("f", "next", f.Change); n != 2 {
		t.Fatalf("the next version is %d, want 2", n)
	}
}

func (t *functions) removeVersion() {
	ref := functionRef("f")
	t.published("f", "c1", "")
	t.published("f", "c2", "c1")
	f := newFunction(ref, "c3")
	t.kind(t.DeleteVersion(t.ctx, f, "c1", 1), belfry.Conflict)
	if _, err := t.Version(t.ctx, ref, 1); err != nil {
		t.Fatal(err)
	}
	if err := t.DeleteVersion(t.ctx, f, "c2", 1); err != nil {
		t.Fatal(err)
	}
	_, err := t.Version(t.ctx, ref, 1)
	t.kind(err, belfry.NotFound)
	if _, err := t.Version(t.ctx, ref, 2); err != nil {
		t.Fatal(err)
	}
	got, err := t.Function(t.ctx, ref)
	if err != nil || got.Change != "c3" {
		t.Fatal(got, err)
	}
}

func (t *functions) numbers() {
	ref := functionRef("f")
	t.published("f", "c1", "")
	t.published("f", "c2", "c1")
	if err := t.DeleteVersion(t.ctx, newFunction(ref, "c3"), "c2", 2); err != nil {
		t.Fatal(err)
	}
	if n := t.published("f", "c4", "c3"); n != 3 {
		t.Fatalf("after version 2 was deleted comes %d, want 3", n)
	}
	if err := t.DeleteFunction(t.ctx, ref, "c4"); err != nil {
		t.Fatal(err)
	}
	_, err := t.Version(t.ctx, ref, 1)
	t.kind(err, belfry.NotFound)
	if n := t.published("f", "c5", ""); n != 4 {
		t.Fatalf("after the function was deleted comes %d, want 4", n)
	}
	if n := t.published("other", "c1", ""); n != 1 {
		t.Fatalf("another function begins with %d, want 1", n)
	}
}

func (t *functions) listVersions() {
	t.published("b", "c1", "")
	t.published("b", "c2", "c1")
	t.put(newFunction(functionRef("a"), "c1"), "")
	other := functionRef("c")
	other.Region = "eu-west-2"
	t.put(newFunction(other, "c1"), "")
	scope := functionRef("").Scope
	for _, c := range []struct {
		what string
		q    function.Query
		want string
	}{
		{"everything", function.Query{Versions: true}, "1a0 1b0 1b1 1b2 2c0"},
		{"a scope", function.Query{Scope: scope, Versions: true}, "1a0 1b0 1b1 1b2"},
		{"one function", function.Query{Scope: scope, Name: "b", Versions: true, AfterVersion: -1}, "1b0 1b1 1b2"},
		{"without versions", function.Query{}, "1a0 1b0 2c0"},
	} {
		var got []string
		for c.q.Limit = 2; ; {
			page, err := t.Functions(t.ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page {
				got = append(got, fmt.Sprint(f.Region[len(f.Region)-1:], f.Name, f.Version))
				c.q.After, c.q.AfterVersion = f.Ref, f.Version
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
