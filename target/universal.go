package target

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
)

// universalPrefix begins the ARN of a universal target; service and action
// follow: sqs:sendMessage.
const universalPrefix = "aws-sdk:"

// An action is an API action that universal targets may call.
type action struct {
	// required are the members that its request must have.
	required []string
	// call makes the request; the required members are there.
	call func(t *Targets, ctx context.Context, in *belfry.Invocation, r request) belfry.Result
}

// A request is the members of a universal target's input.
type request map[string]json.RawMessage

// actions are those that Belfry carries out, by service:action. One more needs
// an interface among those of Targets and a row here.
var actions = map[string]action{
	"dynamodb:putItem": {[]string{"TableName", "Item"}, (*Targets).universalPut},
	"lambda:invoke":    {[]string{"FunctionName"}, (*Targets).universalInvoke},
	"sqs:sendMessage":  {[]string{"QueueUrl", "MessageBody"}, (*Targets).universalSend},
}

// runsService reports whether Belfry carries out any action of the service.
func runsService(service string) bool {
	for name := range actions {
		if strings.HasPrefix(name, service+":") {
			return true
		}
	}
	return false
}

// readPrefixes begin the names of actions that a universal target refuses
// (semantics.md 1.10).
var readPrefixes = []string{
	"get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
	"discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet", "adminGet", "adminList",
	"testMigration", "retrieve", "testConnection", "translateDocument", "isAuthorized", "invokeModel",
}

// apiName is what names of services and actions are made of.
var apiName = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)

// checkUniversal refuses a universal target that cannot be right. In permissive
// mode an action that Belfry does not carry out is accepted; its runs fail.
func checkUniversal(s *belfry.Schedule, resource string, permissive bool) error {
	service, name, _ := strings.Cut(strings.TrimPrefix(resource, universalPrefix), ":")
	if !apiName.MatchString(service) || !apiName.MatchString(name) {
		return badARN()
	}
	if slices.ContainsFunc(readPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return invalid("Target.Arn", "%s API is not supported", name)
	}
	if s.Target.Input == "" {
		return noInput()
	}
	act, known := actions[service+":"+name]
	switch {
	case known || permissive:
	case runsService(service):
		return invalid("Target.Arn", "%s API is not supported", name)
	default:
		return invalid("Target.Arn", "%s is not a supported service for a target.", service)
	}
	_, err := requestOf(payloadOf(sample(s)), act.required)
	return err
}

func noInput() error {
	return invalid("Target.Input", "You must provide an input to set this target for your schedule")
}

// requestOf reads the input of a universal target: an object with at least the
// required members. Their names are told apart by case, as AWS does.
func requestOf(input string, required []string) (request, error) {
	var r request
	if err := json.Unmarshal([]byte(input), &r); err != nil || r == nil {
		return nil, badJSON()
	}
	missing := slices.DeleteFunc(slices.Clone(required), func(name string) bool {
		v, ok := r[name]
		return ok && string(v) != "null"
	})
	if len(missing) > 0 {
		return nil, invalid("Target.Input", "Invalid RequestJson provided. Reason Request payload is missing the following field(s): %s.", strings.Join(missing, ", "))
	}
	return r, nil
}

// invokeUniversal calls the action that a universal target names.
func (t *Targets) invokeUniversal(ctx context.Context, in *belfry.Invocation, resource, payload string) belfry.Result {
	name := strings.TrimPrefix(resource, universalPrefix)
	act, ok := actions[name]
	if !ok {
		return permanent("Belfry.UnsupportedTarget", name+" is not an action that this server carries out; nothing was delivered.")
	}
	r, err := requestOf(payload, act.required)
	if err != nil {
		return unreadable(err)
	}
	return act.call(t, ctx, in, r)
}

// read reads members by their exact names into where they go, and says which
// one has the wrong form.
func (r request) read(into map[string]any) error {
	for name, to := range into {
		if v, ok := r[name]; ok && json.Unmarshal(v, to) != nil {
			return invalid("Target.Input", "The member %s of the request has the wrong type.", name)
		}
	}
	return nil
}

func unreadable(err error) belfry.Result { return permanent("SerializationException", err.Error()) }

// universalInvoke is lambda:invoke. The run lasts until the function has
// answered, unless the request asks for an event: then it is done when the
// function's host has accepted it.
func (t *Targets) universalInvoke(ctx context.Context, in *belfry.Invocation, r request) belfry.Result {
	call := FunctionCall{Scope: in.Scope, OccurrenceID: in.OccurrenceID(), Attempt: in.Attempt}
	var kind, payload, clientContext string
	err := r.read(map[string]any{
		"FunctionName": &call.Function, "Qualifier": &call.Qualifier,
		"InvocationType": &kind, "Payload": &payload, "ClientContext": &clientContext,
	})
	if err != nil {
		return unreadable(err)
	}
	call.Payload = []byte(payload)
	if clientContext != "" {
		if call.ClientContext, err = base64.StdEncoding.DecodeString(clientContext); err != nil {
			return permanent("Lambda.InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
		}
	}
	switch kind {
	case "", "RequestResponse":
	case "Event":
		call.Event = true
	case "DryRun":
		call.DryRun = true
	default:
		return permanent("Lambda.ValidationException", "InvocationType must be one of RequestResponse, Event and DryRun.")
	}
	return t.call(ctx, call)
}

// universalPut is dynamodb:putItem. A condition that does not hold is permanent:
// it is how an item says that the work was done before.
func (t *Targets) universalPut(ctx context.Context, in *belfry.Invocation, r request) belfry.Result {
	body, err := json.Marshal(r)
	if err != nil {
		return unreadable(err)
	}
	err = t.tables.PutItem(ctx, in.Scope, body)
	if e, ok := errors.AsType[*belfry.Error](err); ok && e.Code != "" && e.Kind == belfry.Invalid {
		return permanent("DynamoDB."+e.Code, e.Message)
	}
	if err != nil {
		return failed(err, "DynamoDB")
	}
	return belfry.Result{Status: belfry.AttemptSucceeded}
}

// universalSend is sqs:sendMessage.
func (t *Targets) universalSend(ctx context.Context, in *belfry.Invocation, r request) belfry.Result {
	var m Message
	var queueURL string
	type attribute struct {
		DataType    string
		StringValue string
		BinaryValue []byte
	}
	var attributes, system map[string]attribute
	err := r.read(map[string]any{
		"QueueUrl": &queueURL, "MessageBody": &m.Body, "DelaySeconds": &m.DelaySeconds,
		"MessageGroupId": &m.GroupID, "MessageDeduplicationId": &m.DeduplicationID,
		"MessageAttributes": &attributes, "MessageSystemAttributes": &system,
	})
	if err != nil {
		return unreadable(err)
	}
	for name, a := range attributes {
		value := a.StringValue
		if strings.HasPrefix(a.DataType, "Binary") {
			value = string(a.BinaryValue)
		}
		m.Attributes = append(m.Attributes, Attribute{Name: name, Type: a.DataType, Value: value})
	}
	m.TraceHeader = system["AWSTraceHeader"].StringValue
	queue, ok := queueOf(queueURL, in.Scope)
	if !ok {
		return noQueue()
	}
	return t.send(ctx, queue, m)
}

// queueHost is how AWS calls the host of its queues.
var queueHost = regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$|^([a-z0-9-]+)\.queue\.amazonaws\.com$`)

// queueOf returns the ARN of the queue with that URL: the path ends with
// account and name. The region is the one that AWS's own hosts name, else the
// schedule's.
func queueOf(queueURL string, scope belfry.Scope) (arn string, ok bool) {
	u, err := url.Parse(queueURL)
	if err != nil {
		return "", false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || !account.MatchString(parts[len(parts)-2]) {
		return "", false
	}
	region := scope.Region
	if m := queueHost.FindStringSubmatch(u.Hostname()); m != nil {
		region = m[1] + m[3]
	}
	return belfry.ARN{
		Partition: "aws", Service: "sqs", Region: region,
		Account: parts[len(parts)-2], Resource: parts[len(parts)-1],
	}.String(), true
}
