package awswire_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
)

func TestRouting(t *testing.T) {
	tag := "arn%3Aaws%3Ascheduler%3Aus-east-1%3A123456789012%3Aschedule-group%2Fg"
	fn := "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af"
	signed := func(service string) []string {
		return []string{"Authorization", signedFor("AK", "us-east-1", service)}
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		operation                string // empty: unknown
	}{
		{"tags are Scheduler's", "GET", "/tags/" + tag, "", nil, "ListTagsForResource"},
		{"dated tags are Lambda's", "GET", "/2017-03-31/tags/" + fn, "", nil, "ListTags"},
		{"an old SDK's slash at the end", "GET", "/2015-03-31/functions/", "", nil, "ListFunctions"},
		{"without its query", "GET", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=live", "", nil, "GetProvisionedConcurrencyConfig"},
		{"with it", "GET", "/2019-09-30/functions/f/provisioned-concurrency?List=ALL&MaxItems=2", "", nil, "ListProvisionedConcurrencyConfigs"},
		{"one of two operations by its query", "GET", "/2018-10-31/layers?Arn=arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Alayer%3Al%3A1&find=LayerVersion", "", nil, "GetLayerVersionByArn"},
		{"the other one", "GET", "/2018-10-31/layers?Marker=find%3DLayerVersion", "", nil, "ListLayers"},
		{"a number in the path", "GET", "/2018-10-31/layers/l/versions/9223372036854775807", "", nil, "GetLayerVersion"},
		{"scope before path", "GET", "/schedules", "", signed("lambda"), ""},
		{"scope of a service that is not here", "GET", "/schedules", "", signed("iam"), ""},
		{"scope in the query", "GET", "/schedules?X-Amz-Credential=AK%2F20261123%2Fus-east-1%2Fscheduler%2Faws4_request", "", nil, "ListSchedules"},
		{"target before path", "POST", "/schedules", "{}", []string{"X-Amz-Target", "AmazonSQS.ListQueues"}, "ListQueues"},
		{"target of another service", "POST", "/", "{}", []string{"X-Amz-Target", "AWSEvents.PutRule"}, ""},
		{"target with another prefix, signed", "POST", "/", "{}", append(signed("sqs"), "X-Amz-Target", "AmazonSQSx.ListQueues"), ""},
		{"target of an operation that is not served", "POST", "/", "{}", []string{"X-Amz-Target", "AmazonSQS.ListQueueTags"}, ""},
		{"target without an operation", "POST", "/", "{}", []string{"X-Amz-Target", "AmazonSQS"}, ""},
		{"form with a version", "POST", "/", "Action=ListQueues&Version=2012-11-05", form, "ListQueues"},
		{"form without a version", "POST", "/", "Action=ListQueues", form, "ListQueues"},
		{"form of another version", "POST", "/", "Action=ListQueues&Version=2010-05-08", form, ""},
		{"form, signed", "POST", "/", "Action=ListQueues", append(signed("sqs"), form...), "ListQueues"},
		{"form to the queue", "POST", "/000000000000/q", "Action=PurgeQueue", form, "PurgeQueue"},
		{"action in the query", "GET", "/?Action=ListQueues", "", nil, "ListQueues"},
		{"queue without an action", "GET", "/000000000000/q", "", nil, ""},
		{"unknown action", "POST", "/", "Action=Nothing&Version=2012-11-05", form, ""},
		{"what curl says about its body", "POST", "/schedule-groups/g", "{}", form, "CreateScheduleGroup"},
		{"action in a value", "GET", "/schedules?NextToken=Action=", "", nil, "ListSchedules"},
		{"method that is not there", "PATCH", "/schedules/n", "", nil, ""},
		{"path that is not there", "GET", "/schedules/a/b", "", nil, ""},
		{"two slashes", "GET", "//schedules", "", nil, ""},
		{"two slashes within are an empty label", "GET", "/schedules//", "", nil, ""},
		{"a dot is a name", "GET", "/schedules/..", "", nil, "GetSchedule"},
		{"nothing", "GET", "/", "", nil, ""},
		{"something else", "GET", "/index.html", "", nil, ""},
		{"an escaped slash stays in its label", "GET", "/schedules%2Fn", "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := b.do(request(c.method, c.path, c.body, c.headers...))
			want(t, "operation: "+a.body, b.operation, c.operation)
			if c.operation != "" {
				want(t, "status", a.status, 200)
				want(t, "observed", b.seen[0].Operation, c.operation)
				return
			}
			if a.status != 400 && a.status != 404 {
				t.Errorf("status %d", a.status)
			}
			if !strings.HasPrefix(a.body, "{") && !strings.HasPrefix(a.body, "<?xml") {
				t.Errorf("body %q is of no dialect", a.body)
			}
			if a.header.Get("X-Amzn-Requestid") == "" || len(b.seen) != 1 || b.seen[0].Status != a.status {
				t.Errorf("request id %q, observed %v", a.header.Get("X-Amzn-Requestid"), b.seen)
			}
		})
	}
}

func TestANumberInThePathThatIsNone(t *testing.T) {
	b := newBench(t)
	for _, version := range []string{"x", "1.0", "9223372036854775808", ""} {
		a := b.do(request("GET", "/2018-10-31/layers/l/versions/"+version+"/policy", ""))
		want(t, "code", a.header.Get("X-Amzn-Errortype"), "SerializationException")
		want(t, "status", a.status, 400)
		want(t, "message", message(t, a), "The member 'VersionNumber' must be an integer of 64 bits.")
	}
}

func TestUnknownOperationsInEachDialect(t *testing.T) {
	b := newBench(t)
	a := b.do(request("PATCH", "/schedules/n", ""))
	want(t, "REST", a.body, `{"Message":"Unknown operation: PATCH /schedules/n."}`)
	want(t, "REST", a.header.Get("X-Amzn-Errortype"), "UnknownOperationException")
	want(t, "REST", a.status, 404)
	a = b.do(sqsJSON("Nothing", "{}"))
	want(t, "JSON", a.body, `{"__type":"com.amazonaws.sqs#UnknownOperationException","message":"Unknown operation: AmazonSQS.Nothing."}`)
	want(t, "JSON", a.status, 404)
	a = b.do(request("GET", "/nowhere", ""))
	want(t, "no service", a.body, `{"__type":"UnknownOperationException","Message":"Unknown operation: GET /nowhere."}`)
	want(t, "no service", a.status, 404)
	a = b.do(sqsForm("/", "Action=Nothing&Version=2012-11-05"))
	if !strings.Contains(a.body, "<Code>InvalidAction</Code><Message>The action Nothing is not valid for this endpoint.</Message>") {
		t.Error(a.body)
	}
	a = b.do(sqsForm("/000000000000/q", "Version=2012-11-05"))
	if !strings.Contains(a.body, "<Code>MissingAction</Code>") {
		t.Error(a.body)
	}

	rt := awswire.NewRouter(awswire.Options{Auth: awswire.DevAuth{}}, schedulerapi.New(createOnly{}))
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, request("GET", "/schedules/n", ""))
	want(t, "not implemented", w.Body.String(), `{"Message":"Unknown operation: GetSchedule."}`)
	want(t, "not implemented", w.Code, 404)
}

func TestMatchLeavesOtherPathsToOthers(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		r    *http.Request
		want bool
	}{
		{request("GET", "/schedules", ""), true},
		{request("GET", "/schedules/n", ""), true},
		{request("GET", "/schedule-groups/g", ""), true},
		{request("GET", "/tags/x", ""), true},
		{request("GET", "/2015-03-31/functions", ""), true},
		{request("GET", "/2019-09-25/functions/f/event-invoke-config", ""), true},
		{request("GET", "/000000000000/q", ""), true},
		{request("POST", "/", "", "X-Amz-Target", "A.B"), true},
		{request("POST", "/", "", "Content-Type", "application/x-www-form-urlencoded"), true},
		{request("GET", "/?Action=ListQueues", ""), true},
		{request("GET", "/x", "", "Authorization", signedFor("AK", "r", "iam")), true},
		{request("GET", "/", ""), false},
		{request("GET", "/healthz", ""), false},
		{request("GET", "/metrics", ""), false},
		{request("GET", "/belfry/v1/runs", ""), false},
		{request("GET", "/schedulesx", ""), false},
		{request("GET", "/00000000000/q", ""), false},
		{request("GET", "/000000000000/q/x", ""), false},
		{request("GET", "/x", "", "Authorization", "Bearer x"), false},
	} {
		want(t, c.r.Method+" "+c.r.URL.String(), b.router.Match(c.r), c.want)
	}
}

func TestDevAuth(t *testing.T) {
	for _, c := range []struct{ name, header, key, account, region string }{
		{"unsigned", "", "", "000000000000", "us-east-1"},
		{"any key", signedFor("AKIDEXAMPLE", "eu-west-1", "scheduler"), "AKIDEXAMPLE", "000000000000", "eu-west-1"},
		{"a key that is an account", signedFor("123456789012", "lab", "scheduler"), "123456789012", "123456789012", "lab"},
		{"eleven digits", signedFor("12345678901", "lab", "scheduler"), "12345678901", "000000000000", "lab"},
		{"a key with slashes", signedFor("a/b", "lab", "scheduler"), "a/b", "000000000000", "lab"},
		{"a region that no ARN could hold", signedFor("k", "a:b", "scheduler"), "k", "000000000000", "us-east-1"},
		{"another scheme", "Bearer x", "", "000000000000", "us-east-1"},
		{"a broken scope", "AWS4-HMAC-SHA256 Credential=a/b", "", "000000000000", "us-east-1"},
	} {
		r := request("GET", "/schedules", "")
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		got, err := awswire.DevAuth{}.Authenticate(r, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		want(t, c.name, got, awswire.Caller{Scope: belfry.Scope{Account: c.account, Region: c.region}, AccessKey: c.key})
	}
	ctx := awswire.WithCaller(context.Background(), awswire.Caller{AccessKey: "k"})
	want(t, "caller in a context", awswire.CallerFrom(ctx).AccessKey, "k")
	want(t, "caller in no context", awswire.CallerFrom(context.Background()), awswire.Caller{})
}

type refusing struct{}

func (refusing) Authenticate(_ *http.Request, body []byte) (awswire.Caller, error) {
	return awswire.Caller{}, &belfry.Error{Kind: belfry.Denied, Code: "InvalidSignatureException", Message: "no: " + string(body)}
}

func TestWhoIsRefusedReachesNothing(t *testing.T) {
	r := &recorder{}
	rt := awswire.NewRouter(awswire.Options{Auth: refusing{}}, schedulerapi.New(fakeScheduler{r}))
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, request("POST", "/schedules/n", createBody))
	want(t, "status", w.Code, 403)
	want(t, "code", w.Header().Get("X-Amzn-Errortype"), "InvalidSignatureException")
	if !strings.Contains(w.Body.String(), "no: {") {
		t.Error("the authenticator did not see the body")
	}
	want(t, "operation", r.operation, "")
}
