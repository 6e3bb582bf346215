package awswire_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/logsapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
	"github.com/belfry-run/belfry/auth"
)

// asRole makes every caller a session of a role.
type asRole struct{}

func (asRole) Authenticate(r *http.Request, body []byte) (awswire.Caller, error) {
	c, err := awswire.DevAuth{}.Authenticate(r, body)
	c.Session = &auth.Session{Account: c.Account, Role: "r", Name: "s"}
	return c, err
}

// judge refuses everything, and keeps what it was asked.
type judge struct{ asked []auth.Query }

func (j *judge) Authorize(_ context.Context, c auth.Caller, q auth.Query) error {
	j.asked = append(j.asked, q)
	return &belfry.Error{Kind: belfry.Denied, Code: "AccessDeniedException", Message: c.ARN() + " may not " + q.Action}
}

// unreached is a service whose operations must not be called.
type unreached struct{ logsapi.Service }

func logsJSON(operation, body string) *http.Request {
	return request("POST", "/", body, "X-Amz-Target", "Logs_20140328."+operation, "Content-Type", "application/x-amz-json-1.1")
}

// TestWhatRolesAreAskedFor: action and resource of a request, as policies name
// them; a refused request reaches nobody.
func TestWhatRolesAreAskedFor(t *testing.T) {
	rec, j := &recorder{answers: map[string]any{}}, &judge{}
	b := &bench{recorder: rec, router: awswire.NewRouter(awswire.Options{Auth: asRole{}, Authorizer: j},
		schedulerapi.New(fakeScheduler{rec}), lambdaapi.New(fakeLambda{rec}), sqsapi.New(fakeSQS{rec}), logsapi.New(unreached{}))}
	rest := func(method, path string) *http.Request { return request(method, path, "") }
	const s, l, q = "arn:aws:scheduler:us-east-1:000000000000:", "arn:aws:lambda:us-east-1:000000000000:function:", "arn:aws:sqs:us-east-1:000000000000:"
	const layers = "arn:aws:lambda:us-east-1:000000000000:layer:"
	const g = "arn:aws:logs:us-east-1:000000000000:log-group:"
	for _, c := range []struct {
		request          *http.Request
		action, resource string
	}{
		{rest("GET", "/schedules/x"), "scheduler:GetSchedule", s + "schedule/default/x"},
		{rest("DELETE", "/schedules/x?groupName=g"), "scheduler:DeleteSchedule", s + "schedule/g/x"},
		{request("POST", "/schedules/x", createBody), "scheduler:CreateSchedule", s + "schedule/g/x"},
		{rest("GET", "/schedules"), "scheduler:ListSchedules", "*"},
		{rest("GET", "/schedule-groups/g"), "scheduler:GetScheduleGroup", s + "schedule-group/g"},
		{rest("GET", "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A000000000000%3Aschedule-group%2Fg"), "scheduler:ListTagsForResource", s + "schedule-group/g"},
		{rest("GET", "/2015-03-31/functions/f"), "lambda:GetFunction", l + "f"},
		{request("POST", "/2015-03-31/functions/f/invocations", "{}"), "lambda:InvokeFunction", l + "f"},
		{rest("GET", "/2015-03-31/functions/f%3A$LATEST"), "lambda:GetFunction", l + "f"},
		{rest("GET", "/2015-03-31/functions/function%3Af"), "lambda:GetFunction", l + "f"},
		{rest("GET", "/2015-03-31/functions/111111111111%3Afunction%3Af"), "lambda:GetFunction", "arn:aws:lambda:us-east-1:111111111111:function:f"},
		{rest("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111111111111%3Afunction%3Af%3Alive"), "lambda:GetFunction", "arn:aws:lambda:eu-west-1:111111111111:function:f"},
		{rest("GET", "/2015-03-31/functions"), "lambda:ListFunctions", "*"},
		{request("POST", "/2018-10-31/layers/y/versions", `{"Content": {}}`), "lambda:PublishLayerVersion", layers + "y"},
		{rest("GET", "/2018-10-31/layers/y/versions/7"), "lambda:GetLayerVersion", layers + "y:7"},
		{rest("DELETE", "/2018-10-31/layers/arn%3Aaws%3Alambda%3Aeu-west-1%3A111111111111%3Alayer%3Ay/versions/7"), "lambda:DeleteLayerVersion", "arn:aws:lambda:eu-west-1:111111111111:layer:y:7"},
		{rest("GET", "/2018-10-31/layers?find=LayerVersion&Arn=arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Alayer%3Ay%3A7"), "lambda:GetLayerVersion", layers + "y:7"},
		{rest("GET", "/2018-10-31/layers"), "lambda:ListLayers", "*"},
		{sqsJSON("SendMessage", `{"QueueUrl": "http://h/000000000000/q", "MessageBody": "x"}`), "sqs:SendMessage", q + "q"},
		{sqsJSON("DeleteMessageBatch", `{"QueueUrl": "http://h/111111111111/q", "Entries": []}`), "sqs:DeleteMessage", "arn:aws:sqs:us-east-1:111111111111:q"},
		{sqsJSON("ReceiveMessage", `{"QueueUrl": "q"}`), "sqs:ReceiveMessage", q + "q"},
		{sqsJSON("CreateQueue", `{"QueueName": "q"}`), "sqs:CreateQueue", q + "q"},
		{sqsJSON("ListQueues", `{}`), "sqs:ListQueues", "*"},
		{logsJSON("FilterLogEvents", `{"logGroupName": "g"}`), "logs:FilterLogEvents", g + "g:log-stream:"},
		{logsJSON("GetLogEvents", `{"logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:g", "logStreamName": "s"}`), "logs:GetLogEvents", g + "g:log-stream:s"},
		{logsJSON("PutLogEvents", `{"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]}`), "logs:PutLogEvents", g + "g:log-stream:s"},
		{logsJSON("DeleteLogGroup", `{"logGroupName": "g"}`), "logs:DeleteLogGroup", g + "g:log-stream:"},
		{logsJSON("ListTagsForResource", `{"resourceArn": "arn:aws:logs:us-east-1:000000000000:log-group:g"}`), "logs:ListTagsForResource", g + "g"},
		{logsJSON("DescribeLogGroups", `{}`), "logs:DescribeLogGroups", "*"},
		{sqsForm("/000000000000/q", "Action=PurgeQueue&Version=2012-11-05"), "sqs:PurgeQueue", q + "q"},
	} {
		j.asked = nil
		got := b.do(c.request)
		status := 403
		if strings.HasPrefix(c.action, "logs:") {
			status = 400 // of every refusal in this protocol
		}
		want(t, c.action+" status", got.status, status)
		if len(j.asked) != 1 || j.asked[0].Action != c.action || j.asked[0].Resource != c.resource {
			t.Errorf("asked %+v, want %s on %s (%s)", j.asked, c.action, c.resource, got.body)
		}
		want(t, c.action+" reaches nobody", rec.operation, "")
	}
}
