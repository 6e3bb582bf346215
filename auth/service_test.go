package auth_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/store/sqlite"
)

const (
	admin    = auth.AdminAccount
	accountA = "000000000001"
	accountB = "000000000002"
)

type service struct {
	*auth.Service
	*testing.T
	ctx context.Context
	now time.Time
}

func newService(t *testing.T, edit ...func(*auth.Config)) *service {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	vault, err := auth.NewVault(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, ctx: t.Context(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c := auth.Config{Store: store, Vault: vault, Now: func() time.Time { return s.now }}
	for _, e := range edit {
		e(&c)
	}
	s.Service = auth.New(c)
	return s
}

func (s *service) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// refused wants an error of the kind whose code and message have the text.
func (s *service) refused(err error, kind belfry.Kind, text string) {
	s.Helper()
	e, _ := errors.AsType[*belfry.Error](err)
	if e == nil || e.Kind != kind || !strings.Contains(e.Code+": "+e.Message, text) {
		s.Fatalf("got %v (%+v), want kind %v with %q", err, e, kind, text)
	}
}

func root(account string) auth.Caller { return auth.Caller{Account: account} }

const trustScheduler = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

// role makes a role with one inline policy; either policy may be empty.
func (s *service) role(account, name, trust, policy string) *auth.Role {
	s.Helper()
	if trust == "" {
		trust = trustScheduler
	}
	r, err := s.CreateRole(s.ctx, auth.Role{Account: account, Name: name, Path: "/", MaxSession: 3600, Trust: trust})
	s.ok(err)
	if policy != "" {
		s.ok(s.PutInline(s.ctx, account, name, "p", policy))
	}
	return r
}

func TestKeys(t *testing.T) {
	s := newService(t)
	first, err := s.EnsureRoot(s.ctx)
	s.ok(err)
	if again, err := s.EnsureRoot(s.ctx); again != nil || err != nil {
		t.Fatalf("a second root key: %v, %v", again, err)
	}
	if first.Account != admin || len(first.ID) != 20 || len(first.Secret) != 40 {
		t.Errorf("root key %q of %s with a secret of %d characters", first.ID, first.Account, len(first.Secret))
	}
	secret, who, err := s.Credentials(s.ctx, first.ID, "")
	s.ok(err)
	if secret != first.Secret || who != root(admin) {
		t.Errorf("credentials of %+v", who)
	}

	a, err := s.CreateKey(s.ctx, root(admin), accountA)
	s.ok(err)
	a2, err := s.CreateKey(s.ctx, root(accountA), accountA)
	s.ok(err)
	b, err := s.CreateKey(s.ctx, root(admin), accountB)
	s.ok(err)
	_, err = s.CreateKey(s.ctx, root(accountA), accountB)
	s.refused(err, belfry.Denied, "that account only")
	_, err = s.CreateKey(s.ctx, root(admin), "12345678901")
	s.refused(err, belfry.Invalid, "12 digits")
	_, err = s.CreateKey(s.ctx, auth.Caller{Account: accountA, Session: &auth.Session{}}, accountA)
	s.refused(err, belfry.Denied, "temporary credentials")

	count := func(by auth.Caller, account string) int {
		t.Helper()
		keys, err := s.Keys(s.ctx, by, account, "", 100)
		s.ok(err)
		for _, k := range keys {
			if k.Secret != "" {
				t.Error("a list shows secrets")
			}
		}
		return len(keys)
	}
	for _, c := range []struct {
		by      string
		account string
		want    int
	}{{admin, "", 4}, {admin, accountA, 2}, {accountA, "", 2}, {accountA, accountA, 2}, {accountB, "", 1}} {
		if got := count(root(c.by), c.account); got != c.want {
			t.Errorf("%s sees %d keys of %q, want %d", c.by, got, c.account, c.want)
		}
	}
	_, err = s.Keys(s.ctx, root(accountB), accountA, "", 100)
	s.refused(err, belfry.Denied, "that account only")

	s.refused(s.RevokeKey(s.ctx, root(accountB), a.ID), belfry.NotFound, "There is no access key")
	s.refused(s.RevokeKey(s.ctx, root(accountB), first.ID), belfry.NotFound, "There is no access key")
	s.ok(s.RevokeKey(s.ctx, root(accountA), a2.ID))
	s.ok(s.RevokeKey(s.ctx, root(admin), b.ID))
	_, _, err = s.Credentials(s.ctx, b.ID, "")
	s.refused(err, belfry.Denied, "UnrecognizedClientException")
	s.refused(s.RevokeKey(s.ctx, root(admin), b.ID), belfry.NotFound, "There is no access key")
	if _, _, err = s.Credentials(s.ctx, a.ID, ""); err != nil {
		t.Errorf("another key went along: %v", err)
	}
}

func TestKeyLimit(t *testing.T) {
	s := newService(t)
	for range auth.MaxKeys {
		_, err := s.CreateKey(s.ctx, root(accountA), accountA)
		s.ok(err)
	}
	_, err := s.CreateKey(s.ctx, root(accountA), accountA)
	s.refused(err, belfry.Quota, "revoke one")
}

// TestRootFromTheEnvironment works beside the stored keys and cannot be revoked.
func TestRootFromTheEnvironment(t *testing.T) {
	s := newService(t, func(c *auth.Config) { c.RootKey, c.RootSecret = "operator", "a secret of the operator" })
	if k, err := s.EnsureRoot(s.ctx); k != nil || err != nil {
		t.Fatalf("made %v, %v", k, err)
	}
	secret, who, err := s.Credentials(s.ctx, "operator", "")
	s.ok(err)
	if secret != "a secret of the operator" || who != root(admin) {
		t.Errorf("credentials of %+v", who)
	}
	s.refused(s.RevokeKey(s.ctx, root(admin), "operator"), belfry.Conflict, "environment")
	s.refused(s.RevokeKey(s.ctx, root(accountA), "operator"), belfry.NotFound, "no access key")
	for _, c := range []struct {
		id, secret string
		ok         bool
	}{
		{"", "", true},
		{"x", "", false},
		{"", "x", false},
		{"1234567", "0123456789abcdef", false},
		{"12345678", "0123456789abcdef", true},
		{"12345678", "0123456789abcde", false},
		{"1234 678", "0123456789abcdef", false},
		{strings.Repeat("a", 128), strings.Repeat("a", 256), true},
		{strings.Repeat("a", 129), "0123456789abcdef", false},
		{"12345678", strings.Repeat("a", 257), false},
	} {
		if err := auth.CheckRootKey(c.id, c.secret); (err == nil) != c.ok {
			t.Errorf("%q, %q: %v", c.id, c.secret, err)
		}
	}
}

func TestVault(t *testing.T) {
	dir := t.TempDir()
	if _, err := auth.OpenVault(dir, ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "secret.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file: %v, %v", info, err)
	}
	if _, err := auth.OpenVault(dir, ""); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenVault(dir, ""); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := os.WriteFile(path, []byte("xyz"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"": false, strings.Repeat("0", 64): true, strings.Repeat("0", 62): false, strings.Repeat("A", 43) + "=": true, "secret": false,
	} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenVault(dir, text); (err == nil) != want {
			t.Errorf("BELFRY_SECRET_KEY=%q: %v", text, err)
		}
	}
}

// TestAnotherSecretKey: a server that cannot read its keys says so at its start.
func TestAnotherSecretKey(t *testing.T) {
	s := newService(t)
	_, err := s.EnsureRoot(s.ctx)
	s.ok(err)
	other, err := auth.NewVault([]byte(strings.Repeat("x", 32)))
	s.ok(err)
	s.Vault = other
	if _, err := s.EnsureRoot(s.ctx); err == nil || !strings.Contains(err.Error(), "BELFRY_SECRET_KEY") {
		t.Errorf("started with %v", err)
	}
}

func TestDefaultRole(t *testing.T) {
	s := newService(t)
	r, err := s.Role(s.ctx, accountA, "belfry")
	s.ok(err)
	other, err := s.Role(s.ctx, accountB, "belfry")
	s.ok(err)
	if r.ARN() != "arn:aws:iam::000000000001:role/belfry" || len(r.ID) != 21 || r.ID == other.ID {
		t.Errorf("%s with id %s, another account's %s", r.ARN(), r.ID, other.ID)
	}
	for _, service := range []string{"scheduler", "lambda", "events"} {
		s.ok(s.AuthorizeErrand(s.ctx, auth.Errand{Service: service + ".amazonaws.com", Account: accountA, RoleARN: r.ARN()}, "sqs:SendMessage", queueA))
	}
	s.ok(s.AuthorizeErrand(s.ctx, auth.Errand{Service: auth.SchedulerService, Account: accountA}, "sqs:SendMessage", queueA))
	s.refused(s.AuthorizeErrand(s.ctx, auth.Errand{Service: auth.SchedulerService, Account: accountB, RoleARN: other.ARN()}, "sqs:SendMessage", queueA),
		belfry.Denied, "the resource belongs to another account")

	for _, name := range []string{"a", "c", "belfry2"} {
		s.role(accountA, name, "", "")
	}
	names := func(after string, limit int) string {
		t.Helper()
		page, err := s.Roles(s.ctx, accountA, after, limit)
		s.ok(err)
		var n []string
		for _, r := range page {
			n = append(n, r.Name)
		}
		return strings.Join(n, " ")
	}
	for _, stored := range []bool{false, true} {
		for _, c := range []struct {
			after string
			limit int
			want  string
		}{{"", 9, "a belfry belfry2 c"}, {"", 1, "a"}, {"a", 1, "belfry"}, {"a", 2, "belfry belfry2"}, {"belfry", 9, "belfry2 c"}, {"c", 9, ""}} {
			if got := names(c.after, c.limit); got != c.want {
				t.Errorf("stored %t, after %q: %q, want %q", stored, c.after, got, c.want)
			}
		}
		if !stored {
			s.ok(s.DeleteInline(s.ctx, accountA, "belfry", "belfry"))
		}
	}
	s.refused(s.AuthorizeErrand(s.ctx, auth.Errand{Service: auth.SchedulerService, Account: accountA, RoleARN: r.ARN()}, "sqs:SendMessage", queueA),
		belfry.Denied, "no identity-based policy allows")
	changed, err := s.Role(s.ctx, accountA, "belfry")
	s.ok(err)
	if changed.ID != r.ID || changed.Revision != 1 {
		t.Errorf("changed to %+v", changed)
	}
	s.refused(s.DeleteRole(s.ctx, accountA, "belfry"), belfry.Invalid, "UnmodifiableEntity")
	_, err = s.CreateRole(s.ctx, auth.Role{Account: accountA, Name: "belfry", Trust: trustScheduler})
	s.refused(err, belfry.Conflict, "EntityAlreadyExists")
}

func TestErrands(t *testing.T) {
	s := newService(t)
	r := s.role(accountA, "sender", "", statements(`{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "`+queueA+`"}`))
	errand := auth.Errand{Service: auth.SchedulerService, Account: accountA, RoleARN: r.ARN(), SourceARN: groupA, Session: "default-x"}
	s.ok(s.CheckTrust(s.ctx, errand))
	s.ok(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA))
	s.refused(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA+"2"), belfry.Denied,
		"User: arn:aws:sts::000000000001:assumed-role/sender/default-x is not authorized to perform: sqs:SendMessage on resource: "+queueA+"2 because no identity-based policy allows the sqs:SendMessage action")

	other := errand
	other.Service = auth.LambdaService
	s.refused(s.CheckTrust(s.ctx, other), belfry.Denied, "trust policy")
	s.refused(s.AuthorizeErrand(s.ctx, other, "sqs:SendMessage", queueA), belfry.Denied, "trust policy")
	other = errand
	other.RoleARN = "arn:aws:iam::000000000001:role/none"
	s.refused(s.CheckTrust(s.ctx, other), belfry.Denied, "does not exist")
	other.RoleARN = "arn:aws:iam::000000000001:role/path/sender"
	s.refused(s.CheckTrust(s.ctx, other), belfry.Denied, "does not exist")
	other.RoleARN = "arn:aws:iam::000000000002:role/belfry"
	s.refused(s.CheckTrust(s.ctx, other), belfry.Denied, "not a role of the account")
	other.RoleARN = "role"
	s.refused(s.CheckTrust(s.ctx, other), belfry.Denied, "not a role of the account")

	// What is remembered follows every change at once.
	s.ok(s.PutInline(s.ctx, accountA, "sender", "p", statements(`{"Effect": "Deny", "Action": "*", "Resource": "*"}`)))
	s.refused(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA), belfry.Denied, "explicit deny")
	s.ok(s.DeleteInline(s.ctx, accountA, "sender", "p"))
	s.refused(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA), belfry.Denied, "no identity-based policy")
	p, err := s.CreatePolicy(s.ctx, auth.Policy{Account: accountA, Name: "send", Path: "/", Document: statements(`{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}`)})
	s.ok(err)
	s.ok(s.Attach(s.ctx, accountA, "sender", p.ARN()))
	s.ok(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA))
	s.refused(s.DeletePolicy(s.ctx, accountA, p.ARN()), belfry.Conflict, "DeleteConflict")
	s.refused(s.DeleteRole(s.ctx, accountA, "sender"), belfry.Conflict, "must detach all policies first")
	s.ok(s.Detach(s.ctx, accountA, "sender", p.ARN()))
	s.refused(s.Detach(s.ctx, accountA, "sender", p.ARN()), belfry.NotFound, "NoSuchEntity")
	s.ok(s.DeletePolicy(s.ctx, accountA, p.ARN()))
	s.refused(s.Attach(s.ctx, accountA, "sender", p.ARN()), belfry.NotFound, "does not exist or is not attachable.")
	s.refused(s.Attach(s.ctx, accountA, "sender", "arn:aws:iam::000000000002:policy/send"), belfry.NotFound, "does not exist or is not attachable.")
	s.refused(s.Attach(s.ctx, accountA, "sender", "x"), belfry.Invalid, "Invalid ARN:  Could not be parsed!")
	s.ok(s.Attach(s.ctx, accountA, "sender", "arn:aws:iam::aws:policy/AmazonSQSFullAccess"))
	s.ok(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA))
	s.ok(s.ChangeRole(s.ctx, accountA, "sender", func(r *auth.Role) error {
		r.Trust = statements(`{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}`)
		return nil
	}))
	s.refused(s.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA), belfry.Denied, "trust policy")
	s.ok(s.Detach(s.ctx, accountA, "sender", "arn:aws:iam::aws:policy/AmazonSQSFullAccess"))
	s.ok(s.DeleteRole(s.ctx, accountA, "sender"))
	s.refused(s.CheckTrust(s.ctx, errand), belfry.Denied, "does not exist")

	permissive := newService(t, func(c *auth.Config) { c.Permissive = true })
	s.ok(permissive.CheckTrust(s.ctx, errand))
	s.ok(permissive.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", queueA))
	s.refused(permissive.AuthorizeErrand(s.ctx, errand, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:000000000002:orders"), belfry.Denied, "another account")
}

func TestSessions(t *testing.T) {
	s := newService(t)
	r := s.role(accountA, "worker", statements(`{"Effect": "Allow", "Principal": {"AWS": "000000000001"}, "Action": "sts:AssumeRole", "Condition": {"StringEqualsIfExists": {"sts:ExternalId": "x"}}}`),
		statements(`{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}`))
	c, err := s.Assume(s.ctx, root(accountA), auth.Assumption{RoleARN: r.ARN(), Session: "me", ExternalID: "x"})
	s.ok(err)
	if c.Session.ARN() != "arn:aws:sts::000000000001:assumed-role/worker/me" || c.Session.ID() != r.ID+":me" || !c.Session.Expires.Equal(s.now.Add(time.Hour)) {
		t.Errorf("session %+v", c.Session)
	}
	_, err = s.Assume(s.ctx, root(accountA), auth.Assumption{RoleARN: r.ARN(), Session: "me", ExternalID: "y"})
	s.refused(err, belfry.Denied, "AccessDenied")
	_, err = s.Assume(s.ctx, root(accountB), auth.Assumption{RoleARN: r.ARN(), Session: "me"})
	s.refused(err, belfry.Denied, "AccessDenied")
	_, err = s.Assume(s.ctx, root(accountA), auth.Assumption{RoleARN: "arn:aws:iam::000000000001:role/belfry", Session: "me"})
	s.refused(err, belfry.Denied, "AccessDenied") // it trusts services only
	_, err = s.Assume(s.ctx, root(accountA), auth.Assumption{RoleARN: r.ARN(), Session: "me", Duration: 3601 * time.Second})
	s.refused(err, belfry.Invalid, "MaxSessionDuration")

	secret, who, err := s.Credentials(s.ctx, c.AccessKey, c.Token)
	s.ok(err)
	if secret != c.Secret || who.Account != accountA || who.ARN() != c.Session.ARN() {
		t.Errorf("credentials of %+v", who)
	}
	s.ok(s.Authorize(s.ctx, who, auth.Query{Action: "sqs:SendMessage", Resource: queueA}))
	s.refused(s.Authorize(s.ctx, who, auth.Query{Action: "iam:CreateRole", Resource: "*"}), belfry.Denied, "iam:CreateRole")
	s.refused(s.Authorize(s.ctx, who, auth.Query{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-west-1:000000000002:orders"}), belfry.Denied, "another account")
	s.ok(s.Authorize(s.ctx, root(accountA), auth.Query{Action: "iam:CreateRole", Resource: "*"}))
	s.refused(s.Authorize(s.ctx, root(accountA), auth.Query{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-west-1:000000000002:orders"}), belfry.Denied, "another account")

	// A session takes on another role only as its own policies allow.
	other := s.role(accountA, "other", statements(`{"Effect": "Allow", "Principal": {"AWS": "000000000001"}, "Action": "sts:AssumeRole"}`), "")
	_, err = s.Assume(s.ctx, who, auth.Assumption{RoleARN: other.ARN(), Session: "me"})
	s.refused(err, belfry.Denied, "no identity-based policy allows the sts:AssumeRole action")
	direct := s.role(accountA, "direct", statements(`{"Effect": "Allow", "Principal": {"AWS": "`+r.ARN()+`"}, "Action": "sts:AssumeRole"}`), "")
	_, err = s.Assume(s.ctx, who, auth.Assumption{RoleARN: direct.ARN(), Session: "me"})
	s.ok(err)

	last := c.Token[len(c.Token)-4:]
	for name, token := range map[string]string{
		"tampered": strings.TrimSuffix(c.Token, last) + strings.ToUpper(last) + "AAAA", "empty": " ", "long": strings.Repeat("A", 5000), "another's": "QUFBQQ==",
	} {
		_, _, err = s.Credentials(s.ctx, c.AccessKey, token)
		if belfry.KindOf(err) != belfry.Denied {
			t.Errorf("a token that is %s: %v", name, err)
		}
	}
	_, _, err = s.Credentials(s.ctx, "ASIA0000000000000000", c.Token)
	s.refused(err, belfry.Denied, "UnrecognizedClientException")
	_, _, err = s.Credentials(s.ctx, c.AccessKey, "")
	s.refused(err, belfry.Denied, "UnrecognizedClientException")

	s.now = c.Session.Expires.Add(-time.Second)
	_, _, err = s.Credentials(s.ctx, c.AccessKey, c.Token)
	s.ok(err)
	s.now = c.Session.Expires
	_, _, err = s.Credentials(s.ctx, c.AccessKey, c.Token)
	s.refused(err, belfry.Denied, "ExpiredTokenException")
	s.now = s.now.Add(-time.Hour)

	// A role that is deleted, even one made again, takes its sessions along.
	s.ok(s.DeleteInline(s.ctx, accountA, "worker", "p"))
	s.ok(s.DeleteRole(s.ctx, accountA, "worker"))
	_, _, err = s.Credentials(s.ctx, c.AccessKey, c.Token)
	s.refused(err, belfry.Denied, "UnrecognizedClientException")
	s.role(accountA, "worker", "", "")
	_, _, err = s.Credentials(s.ctx, c.AccessKey, c.Token)
	s.refused(err, belfry.Denied, "UnrecognizedClientException")
}

func TestRoleLimits(t *testing.T) {
	s := newService(t)
	s.role(accountA, "r", "", "")
	fill := func(n int) string {
		base := `{"Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:%s"}]}`
		return fmt.Sprintf(base, strings.Repeat("x", n-len(base)+2))
	}
	if n := len(fill(500)); n != 500 {
		t.Fatal(n)
	}
	s.ok(s.PutInline(s.ctx, accountA, "r", "a", fill(10_000)))
	s.ok(s.PutInline(s.ctx, accountA, "r", "b", "  "+fill(240)+"\n\t"))
	s.refused(s.PutInline(s.ctx, accountA, "r", "b", fill(241)), belfry.Quota, "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role r")
	create := func(name string, n int) error {
		_, err := s.CreatePolicy(s.ctx, auth.Policy{Account: accountA, Name: name, Path: "/", Document: fill(n)})
		return err
	}
	s.ok(create("p", 6144))
	s.refused(create("q", 6145), belfry.Quota, "PolicySize: 6144")
	tags := func(n int) error {
		return s.ChangeRole(s.ctx, accountA, "r", func(r *auth.Role) error {
			clear(r.Tags)
			for i := range n {
				r.Tags[fmt.Sprint(i)] = ""
			}
			return nil
		})
	}
	s.ok(tags(50))
	s.refused(tags(51), belfry.Quota, "LimitExceeded")
	for i := range 20 {
		s.ok(create(fmt.Sprint("p", i), 200))
		s.ok(s.Attach(s.ctx, accountA, "r", fmt.Sprint("arn:aws:iam::000000000001:policy/p", i)))
	}
	s.refused(s.Attach(s.ctx, accountA, "r", "arn:aws:iam::000000000001:policy/p"), belfry.Quota, "PoliciesPerRole: 20")
	trust := func(n int) error {
		text := statements(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"%"}}}`)
		text = strings.ReplaceAll(text, " ", "")
		text = strings.Replace(text, "%", strings.Repeat("x", n-len(text)+1), 1)
		return s.ChangeRole(s.ctx, accountA, "r", func(r *auth.Role) error { r.Trust = text; return nil })
	}
	s.ok(trust(4096))
	s.refused(trust(4097), belfry.Quota, "ACLSizePerRole: 4096")
}

// BenchmarkAuthorizeErrand is what every run passes through.
func BenchmarkAuthorizeErrand(b *testing.B) {
	store, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	vault, err := auth.NewVault(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	s := auth.New(auth.Config{Store: store, Vault: vault, Now: time.Now})
	e := auth.Errand{Service: auth.SchedulerService, Account: accountA, RoleARN: "arn:aws:iam::000000000001:role/belfry", SourceARN: groupA}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.AuthorizeErrand(b.Context(), e, "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f"); err != nil {
			b.Fatal(err)
		}
	}
}
