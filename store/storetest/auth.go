package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

// Auth holds a store to what [auth.Store] promises. open returns an empty
// store, and closes it when the test ends.
func Auth(t *testing.T, open func(t *testing.T) auth.Store) {
	for _, c := range []struct {
		name string
		run  func(*authSuite)
	}{
		{"an access key comes back as it was put, and goes once", (*authSuite).key},
		{"an account has no more keys than the limit, also of many at once", (*authSuite).keyLimit},
		{"pages of keys follow the ids, of one account or of all", (*authSuite).keyPages},
		{"a role comes back as it was put", (*authSuite).role},
		{"a new role must be new, and within the limit", (*authSuite).newRole},
		{"of many changes to one revision of a role exactly one wins", (*authSuite).roleRace},
		{"a role is deleted with the revision that is there", (*authSuite).deleteRole},
		{"pages of roles and policies follow the names within the account", (*authSuite).pages},
		{"a policy comes back as it was put, and its name is taken once", (*authSuite).policy},
		{"a role attaches only policies that are there, which then stay", (*authSuite).attach},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&authSuite{t, open(t), t.Context()}) })
	}
}

type authSuite struct {
	*testing.T
	auth.Store
	ctx context.Context
}

const (
	accountA = "000000000001"
	accountB = "000000000002"
)

var authT0 = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)

func (t *authSuite) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *authSuite) kind(err error, want belfry.Kind) {
	t.Helper()
	if err == nil || belfry.KindOf(err) != want {
		t.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (t *authSuite) same(got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("not what was stored (-want +got):\n%s", d)
	}
}

// race runs op at once in many goroutines and returns how many gave nil; the
// others must fail with the kind.
func (t *authSuite) race(loser belfry.Kind, op func(i int) error) int {
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			switch err := op(i); {
			case err == nil:
				won.Add(1)
			case belfry.KindOf(err) != loser:
				t.Errorf("the loser's error is %v, want kind %v", err, loser)
			}
		})
	}
	all.Wait()
	return int(won.Load())
}

func newStoredKey(id, account string) auth.StoredKey {
	return auth.StoredKey{ID: id, Account: account, Sealed: []byte("\x00sealed\xff"), Created: authT0}
}

func (t *authSuite) key() {
	k := newStoredKey("AKIA1", accountA)
	t.ok(t.CreateAccessKey(t.ctx, k, 10))
	t.kind(t.CreateAccessKey(t.ctx, newStoredKey("AKIA1", accountB), 10), belfry.Conflict)
	got, err := t.AccessKey(t.ctx, "AKIA1")
	t.ok(err)
	t.same(got, k)
	_, err = t.AccessKey(t.ctx, "akia1")
	t.kind(err, belfry.NotFound)
	t.ok(t.DeleteAccessKey(t.ctx, "AKIA1"))
	t.kind(t.DeleteAccessKey(t.ctx, "AKIA1"), belfry.NotFound)
	_, err = t.AccessKey(t.ctx, "AKIA1")
	t.kind(err, belfry.NotFound)
}

func (t *authSuite) keyLimit() {
	t.ok(t.CreateAccessKey(t.ctx, newStoredKey("other", accountB), 1))
	if n := t.race(belfry.Quota, func(i int) error {
		return t.CreateAccessKey(t.ctx, newStoredKey(fmt.Sprint("k", i), accountA), 3)
	}); n != 3 {
		t.Fatalf("%d keys were made, want 3", n)
	}
}

func (t *authSuite) keyPages() {
	for _, k := range []auth.StoredKey{newStoredKey("c", accountA), newStoredKey("a", accountA), newStoredKey("b", accountB)} {
		t.ok(t.CreateAccessKey(t.ctx, k, 10))
	}
	ids := func(account, after string, limit int) (s string) {
		t.Helper()
		page, err := t.AccessKeys(t.ctx, account, after, limit)
		t.ok(err)
		for _, k := range page {
			s += k.ID
		}
		return s
	}
	t.same(ids(accountA, "", 10), "ac")
	t.same(ids(accountA, "a", 10), "c")
	t.same(ids("", "", 2), "ab")
	t.same(ids("", "b", 2), "c")
	t.same(ids("000000000009", "", 2), "")
}

func newRole(account, name string) *auth.Role {
	return &auth.Role{
		Account: account, Name: name, Path: "/a/b/", ID: "AROA", Revision: 1, Description: "täglich ☂", MaxSession: 3600,
		Trust: `{"Version": "2012-10-17"}`, Inline: map[string]string{"p": "{\n}"}, Tags: map[string]string{"k": "ü"}, Created: authT0,
	}
}

func (t *authSuite) putRole(r *auth.Role, replaces int64) {
	t.Helper()
	t.ok(t.PutRole(t.ctx, r, replaces, 100))
}

func (t *authSuite) role() {
	r := newRole(accountA, "r")
	t.putRole(r, 0)
	got, err := t.Role(t.ctx, accountA, "r")
	t.ok(err)
	t.same(got, r)
	_, err = t.Role(t.ctx, accountB, "r")
	t.kind(err, belfry.NotFound)
	r.Revision, r.Inline, r.Tags, r.Attached = 2, nil, nil, []string{"arn:aws:iam::aws:policy/X"}
	t.putRole(r, 1)
	got, err = t.Role(t.ctx, accountA, "r")
	t.ok(err)
	t.same(got, r)
}

func (t *authSuite) newRole() {
	t.putRole(newRole(accountA, "r"), 0)
	t.kind(t.PutRole(t.ctx, newRole(accountA, "r"), 0, 100), belfry.Conflict)
	t.kind(t.PutRole(t.ctx, newRole(accountA, "none"), 3, 100), belfry.NotFound)
	t.kind(t.PutRole(t.ctx, newRole(accountA, "s"), 0, 1), belfry.Quota)
	t.putRole(newRole(accountB, "r"), 0)
	if n := t.race(belfry.Conflict, func(int) error { return t.PutRole(t.ctx, newRole(accountB, "new"), 0, 100) }); n != 1 {
		t.Fatalf("%d creates won, want 1", n)
	}
}

func (t *authSuite) roleRace() {
	t.putRole(newRole(accountA, "r"), 0)
	if n := t.race(belfry.Conflict, func(i int) error {
		r := newRole(accountA, "r")
		r.Revision = 2
		r.Description = fmt.Sprint(i)
		return t.PutRole(t.ctx, r, 1, 100)
	}); n != 1 {
		t.Fatalf("%d changes won, want 1", n)
	}
}

func (t *authSuite) deleteRole() {
	t.kind(t.DeleteRole(t.ctx, accountA, "r", 1), belfry.NotFound)
	t.putRole(newRole(accountA, "r"), 0)
	t.kind(t.DeleteRole(t.ctx, accountA, "r", 2), belfry.Conflict)
	t.kind(t.DeleteRole(t.ctx, accountB, "r", 1), belfry.NotFound)
	t.ok(t.DeleteRole(t.ctx, accountA, "r", 1))
	_, err := t.Role(t.ctx, accountA, "r")
	t.kind(err, belfry.NotFound)
}

func newPolicy(account, name string) *auth.Policy {
	return &auth.Policy{
		Account: account, Name: name, Path: "/p/", ID: "ANPA", Description: "ü", Document: "{ }",
		Tags: map[string]string{"k": "v"}, Created: authT0,
	}
}

func (t *authSuite) pages() {
	for _, name := range []string{"b", "B", "a"} {
		t.putRole(newRole(accountA, name), 0)
		t.ok(t.CreatePolicy(t.ctx, newPolicy(accountA, name), 100))
	}
	t.putRole(newRole(accountB, "c"), 0)
	t.ok(t.CreatePolicy(t.ctx, newPolicy(accountB, "c"), 100))
	for _, c := range []struct {
		after string
		limit int
		want  string
	}{{"", 2, "Ba"}, {"a", 9, "b"}, {"b", 9, ""}} {
		roles, err := t.Roles(t.ctx, accountA, c.after, c.limit)
		t.ok(err)
		policies, err := t.Policies(t.ctx, accountA, c.after, c.limit)
		t.ok(err)
		var r, p string
		for i := range roles {
			r += roles[i].Name
		}
		for i := range policies {
			p += policies[i].Name
		}
		t.same([]string{r, p}, []string{c.want, c.want})
	}
}

func (t *authSuite) policy() {
	p := newPolicy(accountA, "p")
	t.ok(t.CreatePolicy(t.ctx, p, 1))
	got, err := t.Policy(t.ctx, accountA, "p")
	t.ok(err)
	t.same(got, p)
	t.kind(t.CreatePolicy(t.ctx, newPolicy(accountA, "p"), 100), belfry.Conflict)
	t.kind(t.CreatePolicy(t.ctx, newPolicy(accountA, "q"), 1), belfry.Quota)
	_, err = t.Policy(t.ctx, accountB, "p")
	t.kind(err, belfry.NotFound)
	t.kind(t.DeletePolicy(t.ctx, accountB, "p"), belfry.NotFound)
	t.ok(t.DeletePolicy(t.ctx, accountA, "p"))
	t.kind(t.DeletePolicy(t.ctx, accountA, "p"), belfry.NotFound)
}

func (t *authSuite) attach() {
	p := newPolicy(accountA, "p")
	r := newRole(accountA, "r")
	r.Attached = []string{p.ARN(), "arn:aws:iam::aws:policy/X"}
	err := t.PutRole(t.ctx, r, 0, 100)
	t.kind(err, belfry.NotFound)
	_, err = t.Role(t.ctx, accountA, "r")
	t.kind(err, belfry.NotFound)
	t.ok(t.CreatePolicy(t.ctx, p, 100))
	t.putRole(r, 0)
	n, err := t.Attachments(t.ctx, accountA, p.ARN())
	t.ok(err)
	t.same(n, 1)
	t.kind(t.DeletePolicy(t.ctx, accountA, "p"), belfry.Conflict)
	r.Attached, r.Revision = nil, 2
	t.putRole(r, 1)
	t.ok(t.DeletePolicy(t.ctx, accountA, "p"))
	t.ok(t.CreatePolicy(t.ctx, p, 100))
	r.Attached, r.Revision = []string{p.ARN()}, 3
	t.putRole(r, 2)
	t.ok(t.DeleteRole(t.ctx, accountA, "r", 3))
	n, err = t.Attachments(t.ctx, accountA, p.ARN())
	t.ok(err)
	t.same(n, 0)
	t.ok(t.DeletePolicy(t.ctx, accountA, "p"))
}
