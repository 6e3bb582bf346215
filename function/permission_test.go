package function_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

func TestAPermissionIsAStatement(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	for _, c := range []struct {
		name string
		p    function.Permission
		want string // principal and condition
	}{
		{"a service", function.Permission{Principal: "events.amazonaws.com", SourceARN: "arn:x"}, `"Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f","Condition":{"ArnLike":{"AWS:SourceArn":"arn:x"}}`},
		{"an account", function.Permission{Principal: "000000000000"}, `"Principal":{"AWS":"arn:aws:iam::000000000000:root"},`},
		{"a role", function.Permission{Principal: "arn:aws:iam::000000000000:role/r"}, `"Principal":{"AWS":"arn:aws:iam::000000000000:role/r"},`},
		{"everybody of an organization", function.Permission{Principal: "*", OrganizationID: "o-1"}, `"Principal":"*","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`},
		{"a service with two conditions", function.Permission{Principal: "s3.amazonaws.com", SourceAccount: "000000000000", EventSourceToken: "t"}, `"Condition":{"StringEquals":{"AWS:SourceAccount":"000000000000","lambda:EventSourceToken":"t"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.StatementID, c.p.Action = "s", "lambda:InvokeFunction"
			if _, err := b.AddPermission(t.Context(), ref("f"), "", c.p); err != nil {
				t.Fatal(err)
			}
			p, err := b.Policy(t.Context(), ref("f"), "")
			if err != nil {
				t.Fatal(err)
			}
			text, err := p.Document()
			if err != nil || !strings.HasPrefix(string(text), `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow",`) || !strings.Contains(string(text), c.want) {
				t.Errorf("%s, %v", text, err)
			}
			if err := b.RemovePermission(t.Context(), ref("f"), "", "s", p.Revision); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPermissionsThatMayNotBe(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	add := func(p function.Permission) error {
		p.Action = "lambda:InvokeFunction"
		_, err := b.AddPermission(t.Context(), ref("f"), "", p)
		return err
	}
	_, err := b.Policy(t.Context(), ref("f"), "")
	refused(t, err, belfry.NotFound, "ResourceNotFoundException", "The resource you requested does not exist.")
	refused(t, add(function.Permission{StatementID: "s", Principal: "nobody"}), belfry.Invalid, "InvalidParameterValueException", "The provided principal was invalid")
	if err := add(function.Permission{StatementID: "s", Principal: "*"}); err != nil {
		t.Fatal(err)
	}
	refused(t, add(function.Permission{StatementID: "s", Principal: "*"}), belfry.Conflict, "ResourceConflictException", "The statement id (s) provided already exists.")
	refused(t, add(function.Permission{StatementID: "t", Principal: "*", Revision: "old"}), belfry.Conflict, "PreconditionFailedException", "does not match")
	refused(t, add(function.Permission{StatementID: "t", Principal: "*", SourceARN: strings.Repeat("x", 20_480)}), belfry.Quota, "PolicyLengthExceededException", "bigger than the limit")
	refused(t, b.RemovePermission(t.Context(), ref("f"), "", "t", ""), belfry.NotFound, "ResourceNotFoundException", "Statement t is not found in resource policy.")
	_, err = b.AddPermission(t.Context(), ref("f"), function.Latest, function.Permission{StatementID: "t", Principal: "*"})
	refused(t, err, belfry.Invalid, "InvalidParameterValueException", "adding policies for $LATEST")
	_, err = b.AddPermission(t.Context(), ref("absent"), "", function.Permission{StatementID: "t", Principal: "*"})
	refused(t, err, belfry.NotFound, "ResourceNotFoundException", "Function not found")
}

func TestPermissionsAndTagsOfManyWritersAllStay(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	var all sync.WaitGroup
	const writers = 8
	for i := range writers {
		all.Go(func() {
			p := function.Permission{StatementID: fmt.Sprint("s", i), Action: "lambda:*", Principal: "*"}
			if _, err := b.AddPermission(t.Context(), ref("f"), "", p); err != nil {
				t.Error(err)
			}
			if err := b.Tag(t.Context(), ref("f"), map[string]string{fmt.Sprint("k", i): "v"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f, err := b.Get(t.Context(), ref("f"), "")
	if err != nil || len(f.Policy.Statements) != writers || len(f.Tags) != writers {
		t.Errorf("%d statements, %d tags, %v; want %d of each", len(f.Policy.Statements), len(f.Tags), err, writers)
	}
}

func TestTagLimits(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", counter))
	most := map[string]string{strings.Repeat("k", 128): strings.Repeat("v", 256)}
	for i := range 49 {
		most[fmt.Sprint(i)] = ""
	}
	if err := b.Tag(t.Context(), ref("f"), most); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, key, value string }{
		{"one more than 50", "more", ""},
		{"an empty key", "", ""},
		{"a key that is too long", strings.Repeat("k", 129), ""},
		{"a value that is too long", "0", strings.Repeat("v", 257)},
		{"a key of AWS's own", "AWS:x", ""},
	} {
		if c.name != "one more than 50" {
			if err := b.Untag(t.Context(), ref("f"), []string{"1", "absent"}); err != nil {
				t.Fatal(err)
			}
		}
		err := b.Tag(t.Context(), ref("f"), map[string]string{c.key: c.value})
		t.Run(c.name, func(t *testing.T) { refused(t, err, belfry.Invalid, "InvalidParameterValueException", "ag") })
	}
	f, err := b.Get(t.Context(), ref("f"), "")
	if err != nil || len(f.Tags) != 49 {
		t.Errorf("%d tags, %v; want 49", len(f.Tags), err)
	}
}
