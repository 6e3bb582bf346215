package auth

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// A Role is what services and callers act as.
type Role struct {
	Account     string            `json:"account"`
	Name        string            `json:"name"`
	Path        string            `json:"path"` // begins and ends with a slash
	ID          string            `json:"id"`
	Revision    int64             `json:"revision"`
	Description string            `json:"description,omitempty"`
	MaxSession  int               `json:"max_session"` // seconds
	Trust       string            `json:"trust"`       // the policy as the client wrote it
	Inline      map[string]string `json:"inline,omitempty"`
	Attached    []string          `json:"attached,omitempty"` // ARNs of policies, in order
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
}

// ARN returns the role's Amazon Resource Name.
func (r *Role) ARN() string { return roleARN(r.Account, r.Path, r.Name) }

func roleARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":role" + path + name
}

// A Policy is one that roles can attach; it has one version, v1.
type Policy struct {
	Account     string            `json:"account"` // aws: every server has it
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	ID          string            `json:"id"`
	Description string            `json:"description,omitempty"`
	Document    string            `json:"document"` // as the client wrote it
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
}

// ARN returns the policy's Amazon Resource Name.
func (p *Policy) ARN() string {
	return "arn:aws:iam::" + p.Account + ":policy" + p.Path + p.Name
}

// ParseRoleARN returns the account and the name of the role, without its path.
func ParseRoleARN(arn string) (account, name string, ok bool) { return parseIAM(arn, "role/") }

// ParsePolicyARN returns the account, aws for one that every server has, and
// the name of the policy, without its path.
func ParsePolicyARN(arn string) (account, name string, ok bool) { return parseIAM(arn, "policy/") }

func parseIAM(arn, kind string) (account, name string, ok bool) {
	a, ok := belfry.ParseARN(arn)
	name, is := strings.CutPrefix(a.Resource, kind)
	if !ok || !is || a.Service != "iam" || a.Region != "" {
		return "", "", false
	}
	return a.Account, name[strings.LastIndexByte(name, '/')+1:], true
}

// DefaultRole is the name of the role that every account has.
const DefaultRole = "belfry"

// What the default role is until somebody changes it: scheduler, functions and
// rules may act as it, and as it do anything in its account.
const (
	defaultTrust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["scheduler.amazonaws.com","lambda.amazonaws.com","events.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
	defaultPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// defaultRole returns the default role as it is before any change; it is in no
// store, so its revision is 0.
func defaultRole(account string, created time.Time) *Role {
	return &Role{
		Account: account, Name: DefaultRole, Path: "/", ID: fixedID(rolePrefix, account),
		Description: "Made by Belfry: schedules, functions and rules may act as it, and do anything in this account.",
		MaxSession:  int(DefaultSession / time.Second),
		Trust:       defaultTrust, Inline: map[string]string{DefaultRole: defaultPolicy}, Created: created,
	}
}

// managed are the policies of AWS's own that servers have, those that common
// configurations attach.
var managed = map[string]string{
	"arn:aws:iam::aws:policy/AdministratorAccess":                         defaultPolicy,
	"arn:aws:iam::aws:policy/AmazonSQSFullAccess":                         `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:*"],"Resource":"*"}]}`,
	"arn:aws:iam::aws:policy/service-role/AWSLambdaRole":                  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["*"]}]}`,
	"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
	"arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`,
}

// managedPolicy returns a policy of AWS's own.
func managedPolicy(arn string, created time.Time) (*Policy, bool) {
	document, ok := managed[arn]
	if !ok {
		return nil, false
	}
	rest := strings.TrimPrefix(arn, "arn:aws:iam::aws:policy")
	i := strings.LastIndexByte(rest, '/') + 1
	return &Policy{Account: "aws", Name: rest[i:], Path: rest[:i], ID: fixedID(policyPrefix, arn), Document: document, Created: created}, true
}

// clone returns a copy that shares nothing that can change.
func (r *Role) clone() *Role {
	c := *r
	c.Inline, c.Tags = cloneMap(r.Inline), cloneMap(r.Tags)
	c.Attached = slices.Clone(r.Attached)
	return &c
}

func cloneMap(m map[string]string) map[string]string {
	c := make(map[string]string, len(m)+1)
	maps.Copy(c, m)
	return c
}
