package function_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// roles knows one role, until it is taken away.
type roles struct{ gone bool }

func (r *roles) CheckRole(_ context.Context, account, role string) error {
	if r.gone || role != "arn:aws:iam::"+account+":role/good" {
		return belfry.Errorf(belfry.Denied, "RoleArn", "no")
	}
	return nil
}

func (r *roles) Credentials(ctx context.Context, f *function.Function) (function.Credentials, error) {
	return function.Credentials{AccessKeyID: "ASIA" + f.Name, SecretAccessKey: "s", SessionToken: "t"}, r.CheckRole(ctx, f.Account, f.Role)
}

// TestFunctionsActAsTheirRole: the role must be there when it is set and when
// an instance starts, and the process gets credentials of it.
func TestFunctionsActAsTheirRole(t *testing.T) {
	t.Parallel()
	r := &roles{}
	b := newBench(t, func(c *function.Config) { c.Roles = r })
	const good, bad = "arn:aws:iam::123456789012:role/good", "arn:aws:iam::123456789012:role/bad"
	create := func(name, role string) error {
		_, err := b.Create(t.Context(), function.Creation{
			Ref: ref(name), Zip: zipped(t, files{"app.py": "import os\ndef handler(e, c): return [os.environ[k] for k in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')]"}),
			Settings: function.Settings{Runtime: "python3.11", Handler: "app.handler", Role: role, Timeout: function.MaxTimeout},
		})
		return err
	}
	refused := func(err error, kind belfry.Kind, code string) {
		t.Helper()
		e, _ := errors.AsType[*belfry.Error](err)
		if e == nil || e.Kind != kind || e.Code != code || e.Message != "The role defined for the function cannot be assumed by Lambda." {
			t.Fatalf("got %v (%+v), want kind %v, code %s", err, e, kind, code)
		}
	}
	refused(create("f", bad), belfry.Invalid, "InvalidParameterValueException")
	if err := create("f", good); err != nil {
		t.Fatal(err)
	}
	setRole := func(role string) error {
		_, err := b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error { s.Role = role; return nil })
		return err
	}
	refused(setRole(bad), belfry.Invalid, "InvalidParameterValueException")
	answer, err := b.Invoke(t.Context(), function.Request{Function: ref("f"), Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := json.Unmarshal(answer.Payload, &got); err != nil || len(got) != 3 || got[0] != "ASIAf" || got[1] != "s" || got[2] != "t" {
		t.Errorf("the process has %s", answer.Payload)
	}

	// Once the role has gone no instance starts any more; a change that leaves
	// the role alone is still possible.
	r.gone = true
	if _, err := b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error { s.Description = "new"; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = b.Invoke(t.Context(), function.Request{Function: ref("f"), Payload: []byte("{}")})
	refused(err, belfry.Denied, "AccessDeniedException")
}

// TestInstancesEndBeforeTheirCredentials: an instance is not used again 11
// hours after its start, however busy it is.
func TestInstancesEndBeforeTheirCredentials(t *testing.T) {
	clock := newHandClock()
	b := newBench(t, func(c *function.Config) { c.Clock, c.Idle = clock, 100*time.Hour })
	b.deploy(python("f", counter))
	first := b.count("f", "").PID
	clock.advance(11*time.Hour - time.Second)
	if got := b.count("f", "").PID; got != first {
		t.Fatal("the instance ended a second too early")
	}
	clock.advance(time.Second)
	b.count("f", "") // the last one that it may serve
	if got := b.count("f", "").PID; got == first {
		t.Error("the instance serves on")
	}
}
