package auth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

func parse(t testing.TB, use auth.Use, text string) *auth.Document {
	t.Helper()
	d, err := auth.ParsePolicy(text, use)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// statements wraps statements into a policy.
func statements(list ...string) string {
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(list, ",") + `]}`
}

const (
	queueA = "arn:aws:sqs:eu-west-1:000000000001:orders"
	groupA = "arn:aws:scheduler:eu-west-1:000000000001:schedule-group/default"
)

func TestEvaluate(t *testing.T) {
	allow := func(rest string) string { return `{"Effect": "Allow", ` + rest + `}` }
	deny := func(rest string) string { return `{"Effect": "Deny", ` + rest + `}` }
	all := allow(`"Action": "*", "Resource": "*"`)
	cond := func(operator, key, value string) string {
		return allow(`"Action": "*", "Resource": "*", "Condition": {"` + operator + `": {"` + key + `": ` + value + `}}`)
	}
	for _, c := range []struct {
		name   string
		policy string
		want   auth.Effect
		reason string
	}{
		{"everything", statements(all), auth.Allowed, ""},
		{"the action itself", statements(allow(`"Action": "sqs:SendMessage", "Resource": "` + queueA + `"`)), auth.Allowed, ""},
		{"actions are compared without case", statements(allow(`"Action": "SQS:sendmessage", "Resource": "*"`)), auth.Allowed, ""},
		{"a list of actions", statements(allow(`"Action": ["sqs:ReceiveMessage", "sqs:Send*"], "Resource": "*"`)), auth.Allowed, ""},
		{"one character", statements(allow(`"Action": "sqs:SendMessag?", "Resource": "arn:aws:sqs:*:000000000001:order?"`)), auth.Allowed, ""},
		{"another action", statements(allow(`"Action": "sqs:SendMessageX", "Resource": "*"`)), auth.Unmentioned, "because no identity-based policy allows the sqs:SendMessage action"},
		{"a shorter action", statements(allow(`"Action": "sqs:SendMessag", "Resource": "*"`)), auth.Unmentioned, ""},
		{"another resource", statements(allow(`"Action": "sqs:*", "Resource": "` + queueA + `2"`)), auth.Unmentioned, ""},
		{"resources are compared with case", statements(allow(`"Action": "sqs:*", "Resource": "arn:aws:sqs:eu-west-1:000000000001:Orders"`)), auth.Unmentioned, ""},
		{"a resource in a list", statements(allow(`"Action": "sqs:*", "Resource": ["arn:aws:sqs:*:*:x", "arn:aws:sqs:*:*:o*s"]`)), auth.Allowed, ""},
		{"NotAction allows the others", statements(allow(`"NotAction": "iam:*", "Resource": "*"`)), auth.Allowed, ""},
		{"NotAction leaves out what it names", statements(allow(`"NotAction": ["iam:*", "sqs:*"], "Resource": "*"`)), auth.Unmentioned, ""},
		{"NotResource allows the others", statements(allow(`"Action": "*", "NotResource": "` + queueA + `2"`)), auth.Allowed, ""},
		{"NotResource leaves out what it names", statements(allow(`"Action": "*", "NotResource": "arn:aws:sqs:*"`)), auth.Unmentioned, ""},
		{"deny wins when it is last", statements(all, deny(`"Sid": "no", "Action": "sqs:*", "Resource": "*"`)), auth.Denied, "with an explicit deny in the statement no"},
		{"deny wins when it is first", statements(deny(`"Action": "sqs:*", "Resource": "*"`), all), auth.Denied, "with an explicit deny in the statement number 1"},
		{"a deny of something else", statements(all, deny(`"Action": "sqs:Delete*", "Resource": "*"`)), auth.Allowed, ""},
		{"a deny of all but", statements(all, deny(`"NotAction": "sqs:SendMessage", "Resource": "*"`)), auth.Allowed, ""},
		{"one statement without a list", `{"Statement": ` + all + `}`, auth.Allowed, ""},

		{"StringEquals", statements(cond("StringEquals", "aws:SourceAccount", `"000000000001"`)), auth.Allowed, ""},
		{"StringEquals, keys without case", statements(cond("StringEquals", "AWS:sourceaccount", `["x", "000000000001"]`)), auth.Allowed, ""},
		{"StringEquals of a number", statements(cond("StringEquals", "aws:SourceAccount", `1`)), auth.Unmentioned, ""},
		{"StringEquals knows no wildcards", statements(cond("StringEquals", "aws:SourceAccount", `"*"`)), auth.Unmentioned, ""},
		{"StringLike", statements(cond("StringLike", "aws:SourceArn", `"arn:aws:scheduler:*:schedule-group/*"`)), auth.Allowed, ""},
		{"StringLike that is not", statements(cond("StringLike", "aws:SourceArn", `"arn:aws:scheduler:*:schedule/*"`)), auth.Unmentioned, ""},
		{"StringNotLike that is", statements(cond("StringNotLike", "aws:SourceArn", `"arn:*"`)), auth.Unmentioned, ""},
		{"StringNotEquals of another", statements(cond("StringNotEquals", "aws:SourceAccount", `["x", "y"]`)), auth.Allowed, ""},
		{"StringNotEquals of one of them", statements(cond("StringNotEquals", "aws:SourceAccount", `["x", "000000000001"]`)), auth.Unmentioned, ""},
		{"ArnLike", statements(cond("ArnLike", "aws:SourceArn", `"arn:aws:scheduler:*:000000000001:schedule-group/*"`)), auth.Allowed, ""},
		{"ArnLike does not reach over a colon", statements(cond("ArnLike", "aws:SourceArn", `"arn:aws:scheduler:*:schedule-group/*"`)), auth.Unmentioned, ""},
		{"ArnEquals knows wildcards", statements(cond("ArnEquals", "aws:SourceArn", `"arn:aws:scheduler:eu-west-1:000000000001:*"`)), auth.Allowed, ""},
		{"ArnNotEquals", statements(cond("ArnNotEquals", "aws:SourceArn", `"`+groupA+`"`)), auth.Unmentioned, ""},
		{"a key that the request does not have", statements(cond("StringEquals", "sts:ExternalId", `"x"`)), auth.Unmentioned, ""},
		{"a negated operator holds without the key", statements(cond("StringNotEquals", "sts:ExternalId", `"x"`)), auth.Allowed, ""},
		{"IfExists holds without the key", statements(cond("StringEqualsIfExists", "sts:ExternalId", `"x"`)), auth.Allowed, ""},
		{"IfExists with another value", statements(cond("StringEqualsIfExists", "aws:SourceAccount", `"x"`)), auth.Unmentioned, ""},
		{"all conditions must hold", statements(allow(`"Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "000000000001"}, "ArnLike": {"aws:SourceArn": "arn:aws:sqs:*:*:*"}}`)), auth.Unmentioned, ""},
		{"a deny whose condition does not hold", statements(all, deny(`"Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "x"}}`)), auth.Allowed, ""},

		{"an unknown operator denies", statements(cond("IpAddress", "aws:SourceArn", `"x"`)), auth.Denied, "because the statement number 1 uses the condition operator IpAddress, which this server does not understand"},
		{"also beside a statement that allows", statements(all, cond("Bool", "aws:SourceArn", `true`)), auth.Denied, "the condition operator Bool"},
		{"an unknown key denies", statements(cond("StringEquals", "aws:PrincipalOrgID", `"o"`)), auth.Denied, "the condition key aws:PrincipalOrgID"},
		{"a set operator denies", statements(cond("ForAnyValue:StringEquals", "aws:SourceArn", `"o"`)), auth.Denied, "ForAnyValue:StringEquals"},
		{"a policy variable in a resource denies", statements(allow(`"Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:${aws:username}"`)), auth.Denied, "a policy variable"},
		{"a policy variable in a condition denies", statements(cond("StringLike", "aws:SourceArn", `"${aws:PrincipalArn}"`)), auth.Denied, "a policy variable"},
		{"an unknown deny denies", statements(all, deny(`"Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2027-01-01"}}`)), auth.Denied, "DateLessThan"},
		{"what is not understood does not matter elsewhere", statements(all, deny(`"Action": "iam:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}`)), auth.Allowed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := auth.Query{Action: "sqs:SendMessage", Resource: queueA, Context: auth.Context{SourceARN: groupA, SourceAccount: "000000000001"}}
			got := auth.Evaluate(&q, parse(t, auth.Identity, c.policy))
			if got.Effect != c.want || !strings.Contains(got.Reason, c.reason) || (got.Effect != auth.Allowed) != (got.Reason != "") {
				t.Errorf("%+v, want %v and %q", got, c.want, c.reason)
			}
		})
	}
	q := auth.Query{Action: "sqs:SendMessage", Resource: queueA}
	denial, grant := parse(t, auth.Identity, statements(deny(`"Action": "*", "Resource": "*"`))), parse(t, auth.Identity, statements(all))
	if got := auth.Evaluate(&q, grant, denial); got.Effect != auth.Denied {
		t.Errorf("over two policies: %+v", got)
	}
	if got := auth.Evaluate(&q); got.Effect != auth.Unmentioned {
		t.Errorf("without a policy: %+v", got)
	}
}

func TestEvaluateTrust(t *testing.T) {
	const role = "arn:aws:iam::000000000001:role/worker"
	scheduler := auth.Principal{Service: "scheduler.amazonaws.com"}
	root := auth.Principal{Account: "000000000001"}
	session := auth.Principal{Account: "000000000001", RoleARN: role, SessionARN: "arn:aws:sts::000000000001:assumed-role/worker/s"}
	stranger := auth.Principal{Account: "000000000002"}
	trust := func(principal string, more ...string) string {
		return statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": ` + principal + strings.Join(more, "") + `}`)
	}
	for _, c := range []struct {
		name   string
		policy string
		who    auth.Principal
		want   auth.Effect
		itself bool
	}{
		{"the service", trust(`{"Service": "scheduler.amazonaws.com"}`), scheduler, auth.Allowed, true},
		{"one of the services", trust(`{"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]}`), scheduler, auth.Allowed, true},
		{"another service", trust(`{"Service": "lambda.amazonaws.com"}`), scheduler, auth.Unmentioned, false},
		{"an account is no service", trust(`{"AWS": "000000000001"}`), scheduler, auth.Unmentioned, false},
		{"the account's root by number", trust(`{"AWS": "000000000001"}`), root, auth.Allowed, true},
		{"the account's root by ARN", trust(`{"AWS": "arn:aws:iam::000000000001:root"}`), root, auth.Allowed, true},
		{"a session through its account", trust(`{"AWS": "000000000001"}`), session, auth.Allowed, false},
		{"a session through its role", trust(`{"AWS": "` + role + `"}`), session, auth.Allowed, true},
		{"a session itself", trust(`{"AWS": ["` + session.SessionARN + `"]}`), session, auth.Allowed, true},
		{"the root is no role", trust(`{"AWS": "` + role + `"}`), root, auth.Unmentioned, false},
		{"another account", trust(`{"AWS": "000000000001"}`), stranger, auth.Unmentioned, false},
		{"everybody", trust(`"*"`), stranger, auth.Allowed, false},
		{"everybody of AWS", trust(`{"AWS": "*"}`), stranger, auth.Allowed, false},
		{"nobody here is federated", trust(`{"Federated": "accounts.google.com"}`), root, auth.Unmentioned, false},
		{"a condition that holds", trust(`{"Service": "scheduler.amazonaws.com"}`, `, "Condition": {"StringEquals": {"aws:SourceAccount": "000000000001", "aws:SourceArn": "`+groupA+`"}}`), scheduler, auth.Allowed, true},
		{"a condition on one schedule", trust(`{"Service": "scheduler.amazonaws.com"}`, `, "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:scheduler:eu-west-1:000000000001:schedule/default/x"}}`), scheduler, auth.Unmentioned, false},
		{"NotPrincipal denies", statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "000000000009"}}`), scheduler, auth.Denied, false},
		{"another action", statements(`{"Effect": "Allow", "Action": "sts:TagSession", "Principal": "*"}`), root, auth.Unmentioned, false},
		{"deny wins", statements(`{"Effect": "Allow", "Action": "sts:*", "Principal": "*"}`, `{"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": "000000000002"}}`), stranger, auth.Denied, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := auth.Query{Action: "sts:AssumeRole", Context: auth.Context{SourceARN: groupA, SourceAccount: "000000000001"}}
			got := auth.EvaluateTrust(&q, &c.who, parse(t, auth.Trust, c.policy))
			if got.Effect != c.want || got.Itself != c.itself || (got.Effect != auth.Allowed) != (got.Reason != "") {
				t.Errorf("%+v, want %v, itself %t", got, c.want, c.itself)
			}
		})
	}
}

func TestMalformedPolicies(t *testing.T) {
	const ok = `"Effect": "Allow", "Action": "sqs:*", "Resource": "*"`
	for _, c := range []struct {
		policy, message string
		use             auth.Use
	}{
		{``, "This policy contains invalid Json", auth.Identity},
		{`{"Statement": [}`, "This policy contains invalid Json", auth.Identity},
		{`null`, "Syntax errors in policy.", auth.Identity},
		{`[]`, "Syntax errors in policy.", auth.Identity},
		{`{}`, "Syntax errors in policy.", auth.Identity},
		{`{"Statement": []}`, "Syntax errors in policy.", auth.Identity},
		{`{"Statement": [null]}`, "Syntax errors in policy.", auth.Identity},
		{`{"Version": "2012-10-18", "Statement": {` + ok + `}}`, "Version", auth.Identity},
		{`{"version": "2012-10-17", "Statement": {` + ok + `}}`, "Syntax errors in policy.", auth.Identity},
		{`{"Statement": {` + ok + `, "Effect": "Deny"}}`, "twice", auth.Identity},
		{`{"Statement": [{` + ok + `, "Condition": {"StringEquals": {"a": "1", "a": "2"}}}]}`, "twice", auth.Identity},
		{statements(`{` + ok + `, "Extra": 1}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{"Effect": "allow", "Action": "sqs:*", "Resource": "*"}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{"Action": "sqs:*", "Resource": "*"}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{"Effect": "Allow", "Resource": "*"}`), "must contain actions", auth.Identity},
		{statements(`{"Effect": "Allow", "Action": [], "Resource": "*"}`), "must contain actions", auth.Identity},
		{statements(`{"Effect": "Allow", "Action": "SendMessage", "Resource": "*"}`), "prefaced by a vendor", auth.Identity},
		{statements(`{"Effect": "Allow", "Action": "sqs:*"}`), "must contain resources", auth.Identity},
		{statements(`{"Effect": "Allow", "Action": "sqs:*", "Resource": "orders"}`), "must be in ARN format", auth.Identity},
		{statements(`{` + ok + `, "NotAction": "x:y"}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{` + ok + `, "NotResource": "*"}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{` + ok + `, "Condition": []}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{` + ok + `, "Condition": {"StringEquals": {"aws:SourceArn": {}}}}`), "Syntax errors in policy.", auth.Identity},
		{statements(`{` + ok + `, "Principal": "*"}`), "should not specify a principal", auth.Identity},
		{statements(`{"Sid": "a", `+ok+`}`, `{"Sid": "a", `+ok+`}`), "must be unique", auth.Identity},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Resource": "*"}`), "Has prohibited field Resource", auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole"}`), "Principal", auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": "*"}`), "may only specify STS AssumeRole actions", auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler"}}`), `Invalid principal in policy: "SERVICE":"scheduler"`, auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "12345"}}`), `Invalid principal in policy: "AWS":"12345"`, auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Robot": "x"}}`), "Invalid principal", auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "everybody"}`), "Syntax errors in policy.", auth.Trust},
		{statements(`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "NotPrincipal": "*"}`), "Syntax errors in policy.", auth.Trust},
	} {
		_, err := auth.ParsePolicy(c.policy, c.use)
		e, _ := errors.AsType[*belfry.Error](err)
		if e == nil || e.Code != "MalformedPolicyDocument" || !strings.Contains(e.Message, c.message) {
			t.Errorf("%s:\n%v, want %q", c.policy, err, c.message)
		}
	}
}

// FuzzPolicy: no text makes the evaluator fall over, and one that denies
// everything explicitly denies whatever else stands beside it.
func FuzzPolicy(f *testing.F) {
	f.Add(statements(`{"Effect": "Allow", "Action": "*", "Resource": "*"}`), "sqs:SendMessage", queueA)
	f.Add(statements(`{"Effect": "Allow", "NotAction": ["a:b*?"], "NotResource": ["arn:*"], "Condition": {"ArnLike": {"aws:SourceArn": "*:*"}}}`), "a:b", "*")
	f.Add(statements(`{"Effect": "Deny", "Action": "sts:*", "Principal": {"AWS": ["*", "000000000001"]}}`), "sts:AssumeRole", "")
	denial := parse(f, auth.Identity, statements(`{"Effect": "Deny", "Action": "*", "Resource": "*"}`))
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		q := auth.Query{Action: action, Resource: resource, Context: auth.Context{SourceARN: resource}}
		for _, use := range []auth.Use{auth.Identity, auth.Trust} {
			d, err := auth.ParsePolicy(text, use)
			if err != nil {
				if belfry.KindOf(err) != belfry.Invalid {
					t.Fatal(err)
				}
				continue
			}
			got := auth.EvaluateTrust(&q, &auth.Principal{Account: action}, d)
			if use == auth.Identity {
				got = auth.Evaluate(&q, d)
				if with := auth.Evaluate(&q, d, denial); with.Effect != auth.Denied {
					t.Fatalf("beside a denial: %+v", with)
				}
			}
			if (got.Effect == auth.Allowed) == (got.Reason != "") {
				t.Fatalf("%+v", got)
			}
		}
	})
}
