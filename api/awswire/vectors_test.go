package awswire_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
)

type vector struct {
	Label   string
	Method  string
	Path    string
	Service string `json:"signing_service"`
	Headers map[string]string
	Body    string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/boto3_wire_requests.json")
	if err != nil {
		t.Fatal(err)
	}
	// The recording's variable is one that Lambda refuses: names have at least
	// two characters.
	b = bytes.Replace(b, []byte(`{\"A\": \"b\"}`), []byte(`{\"AB\": \"b\"}`), 1)
	var all []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// pascal turns boto3's name of an operation into AWS's.
func pascal(s string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(s, "_") {
		b.WriteString(strings.ToUpper(p[:1]) + p[1:])
	}
	return b.String()
}

// served says whether the operation is one of those that the fakes have.
func served(service, operation string) bool {
	fakes := map[string]any{"scheduler": fakeScheduler{}, "lambda": fakeLambda{}, "sqs": fakeSQS{}}
	f, ok := fakes[service]
	if !ok {
		return false
	}
	_, ok = reflect.TypeOf(f).MethodByName(operation)
	return ok
}

func TestWhatBoto3SendsReachesItsOperation(t *testing.T) {
	count := 0
	for _, v := range vectors(t) {
		service, name, _ := strings.Cut(v.Label, ".")
		operation := pascal(strings.SplitN(name, ".", 2)[0])
		for _, signed := range []bool{true, false} {
			b := newBench(t)
			r := request(v.Method, v.Path, v.Body)
			for k, s := range v.Headers {
				r.Header.Set(k, s)
			}
			if signed {
				r.Header.Set("Authorization", signedFor("123456789012", "eu-west-3", v.Service))
			}
			if v.Method == "" {
				continue
			}
			a := b.do(r)
			if !served(service, operation) {
				want(t, v.Label+": status of what is not served", a.status/100, 4)
				want(t, v.Label+": operation", b.operation, "")
				continue
			}
			count++
			if a.status/100 != 2 || b.operation != operation {
				t.Errorf("%s, signed %t: status %d, operation %q, body %s", v.Label, signed, a.status, b.operation, a.body)
			}
			scope := belfry.Scope{Account: "000000000000", Region: "us-east-1"}
			if signed {
				scope = belfry.Scope{Account: "123456789012", Region: "eu-west-3"}
			}
			want(t, v.Label+": scope", b.caller.Scope, scope)
			want(t, v.Label+": endpoint", b.endpoint, "http://belfry.test:7420")
		}
	}
	want(t, "requests served", count, 2*44)
}

func TestWhatBoto3SendsDecodesToAllItsMembers(t *testing.T) {
	at := new(time.Unix(1893553445, 0).UTC())
	zip := "PK\x03\x04\x14\x00\x00\x00\x00\x00"
	expect := map[string]any{
		"scheduler.create_schedule": &schedulerapi.CreateScheduleInput{
			Name: new("a.b-c_d"), GroupName: new("g"), ScheduleExpression: new("rate(5 minutes)"),
			ScheduleExpressionTimezone: new("America/New_York"), StartDate: at, EndDate: at,
			State: new("ENABLED"), Description: new("x"), ActionAfterCompletion: new("DELETE"),
			FlexibleTimeWindow: &schedulerapi.FlexibleTimeWindow{Mode: new("FLEXIBLE"), MaximumWindowInMinutes: new(15)},
			KmsKeyArn:          new("arn:aws:kms:us-east-1:123456789012:key/k"),
			Target: &schedulerapi.Target{
				Arn:              new("arn:aws:lambda:us-east-1:123456789012:function:f"),
				RoleArn:          new("arn:aws:iam::123456789012:role/r"),
				Input:            new("{}"),
				DeadLetterConfig: &schedulerapi.DeadLetterConfig{Arn: new("arn:aws:sqs:us-east-1:123456789012:q")},
				RetryPolicy:      &schedulerapi.RetryPolicy{MaximumEventAgeInSeconds: new(60), MaximumRetryAttempts: new(0)},
			},
			ClientToken: new("tok"),
		},
		"scheduler.list_schedules": &schedulerapi.ListSchedulesInput{
			GroupName: new("g"), NamePrefix: new("p"), State: new("ENABLED"), MaxResults: new(5), NextToken: new("t"),
		},
		"scheduler.delete_schedule": &schedulerapi.DeleteScheduleInput{Name: new("n"), GroupName: new("g"), ClientToken: new("tok")},
		"scheduler.untag_resource": &schedulerapi.UntagResourceInput{
			ResourceArn: new("arn:aws:scheduler:us-east-1:123456789012:schedule-group/g"), TagKeys: []string{"k", "k2"},
		},
		"scheduler.tag_resource": &schedulerapi.TagResourceInput{
			ResourceArn: new("arn:aws:scheduler:us-east-1:123456789012:schedule-group/g"),
			Tags:        []schedulerapi.Tag{{Key: new("k"), Value: new("v")}},
		},
		"lambda.create_function": &lambdaapi.CreateFunctionInput{
			FunctionName: new("f"), Runtime: new("python3.12"), Role: new("arn:aws:iam::123456789012:role/r"),
			Handler: new("a.h"), Code: &lambdaapi.FunctionCode{ZipFile: []byte(zip)}, Timeout: new(5), MemorySize: new(128),
			Environment: &lambdaapi.Environment{Variables: map[string]string{"AB": "b"}}, Publish: new(true),
			Tags:             map[string]string{"k": "v"},
			DeadLetterConfig: &lambdaapi.DeadLetterConfig{TargetArn: new("arn:aws:sqs:us-east-1:123456789012:q")},
			Architectures:    []string{"x86_64"},
		},
		"lambda.list_tags": &lambdaapi.ListTagsInput{Resource: new("arn:aws:lambda:us-east-1:123456789012:function:f")},
		"sqs.send_message": &sqsapi.SendMessageInput{
			QueueUrl: new("http://127.0.0.1:44511/123456789012/q"), MessageBody: new("hi"), DelaySeconds: new(1),
			MessageAttributes:       map[string]sqsapi.MessageAttributeValue{"ERROR_CODE": {DataType: new("String"), StringValue: new("x")}},
			MessageSystemAttributes: map[string]sqsapi.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: new("String"), StringValue: new("Root=1")}},
		},
		"sqs.receive_message": &sqsapi.ReceiveMessageInput{
			QueueUrl: new("http://127.0.0.1:44511/123456789012/q"), AttributeNames: []string{"All"},
			MessageAttributeNames: []string{"All"}, MaxNumberOfMessages: new(10), WaitTimeSeconds: new(20), VisibilityTimeout: new(5),
		},
		"sqs.create_queue": &sqsapi.CreateQueueInput{
			QueueName: new("q"), Attributes: map[string]string{"VisibilityTimeout": "30"}, Tags: map[string]string{"k": "v"},
		},
		"sqs.send_message_batch": &sqsapi.SendMessageBatchInput{
			QueueUrl: new("http://127.0.0.1:44511/123456789012/q"),
			Entries:  []sqsapi.SendMessageBatchRequestEntry{{Id: new("1"), MessageBody: new("b")}},
		},
	}
	for _, v := range vectors(t) {
		wanted, ok := expect[v.Label]
		if !ok {
			continue
		}
		delete(expect, v.Label)
		b := newBench(t)
		r := request(v.Method, v.Path, v.Body)
		for k, s := range v.Headers {
			r.Header.Set(k, s)
		}
		b.do(r)
		if in, ok := b.in.(*lambdaapi.CreateFunctionInput); ok {
			in.Code.ZipFile = in.Code.ZipFile[:len(zip)]
		}
		if d := cmp.Diff(wanted, b.in); d != "" {
			t.Errorf("%s (-want +got):\n%s", v.Label, d)
		}
	}
	want(t, "labels that no vector has", len(expect), 0)
}

func TestInvokeTakesTheBodyAsItIs(t *testing.T) {
	b := newBench(t)
	b.answers["Invoke"] = &lambdaapi.InvokeOutput{
		StatusCode: new(200), FunctionError: new("Unhandled"), LogResult: new("bG9n"),
		ExecutedVersion: new("$LATEST"), Payload: []byte(`{"errorMessage":"x"}`),
	}
	a := b.do(request("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Alab-1%3A123456789012%3Afunction%3Af%3A1/invocations?Qualifier=1",
		"not json\x00\xff", "X-Amz-Invocation-Type", "RequestResponse", "X-Amz-Log-Type", "Tail", "X-Amz-Client-Context", "e30="))
	if d := cmp.Diff(&lambdaapi.InvokeInput{
		FunctionName: new("arn:aws:lambda:lab-1:123456789012:function:f:1"), Qualifier: new("1"),
		InvocationType: new("RequestResponse"), LogType: new("Tail"), ClientContext: new("e30="),
		Payload: []byte("not json\x00\xff"),
	}, b.in); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want(t, "status", a.status, 200)
	want(t, "body", a.body, `{"errorMessage":"x"}`)
	want(t, "function error", a.header.Get("X-Amz-Function-Error"), "Unhandled")
	want(t, "log", a.header.Get("X-Amz-Log-Result"), "bG9n")
	want(t, "version", a.header.Get("X-Amz-Executed-Version"), "$LATEST")

	b.answers["Invoke"] = &lambdaapi.InvokeOutput{StatusCode: new(202)}
	a = b.do(request("POST", "/2015-03-31/functions/f/invocations", "", "X-Amz-Invocation-Type", "Event"))
	want(t, "status of an event", a.status, 202)
	want(t, "body of an event", a.body, "")
	if in := b.in.(*lambdaapi.InvokeInput); in.Payload != nil {
		t.Errorf("payload of an empty body is %q, want nil", in.Payload)
	}
	b.answers["Invoke"] = &lambdaapi.InvokeOutput{StatusCode: new(204)}
	a = b.do(request("POST", "/2015-03-31/functions/f/invocations", "{}", "X-Amz-Invocation-Type", "DryRun"))
	want(t, "status of a dry run", a.status, 204)
}

func TestAnswersAreWordedAsAWSDoes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	whole := at.Truncate(time.Second)
	b := newBench(t)
	b.answers["GetSchedule"] = &schedulerapi.GetScheduleOutput{
		Name: new("n"), CreationDate: &at, LastModificationDate: &whole,
		FlexibleTimeWindow: &schedulerapi.FlexibleTimeWindow{Mode: new("OFF")},
		Target:             &schedulerapi.Target{Input: new("\"\\\n\t\x01é\xff<&>")},
	}
	a := b.do(request("GET", "/schedules/n", ""))
	want(t, "schedule", a.body, `{"CreationDate":1767323045.678,"FlexibleTimeWindow":{"Mode":"OFF"},"LastModificationDate":1767323045,"Name":"n","Target":{"Input":"\"\\\n\t\u0001é`+"\uFFFD"+`<&>"}}`)
	want(t, "content type", a.header.Get("Content-Type"), "application/json")

	b.answers["ListTagsForResource"] = &schedulerapi.ListTagsForResourceOutput{Tags: []schedulerapi.Tag{}}
	a = b.do(request("GET", "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A123456789012%3Aschedule-group%2Fg", ""))
	want(t, "empty list", a.body, `{"Tags":[]}`)

	a = b.do(request("DELETE", "/schedules/n", ""))
	want(t, "empty answer", a.body, `{}`)
	a = b.do(request("DELETE", "/2015-03-31/functions/f", ""))
	want(t, "status of a deleted function", a.status, 204)
	want(t, "body of a deleted function", a.body, "")
	a = b.do(request("POST", "/2015-03-31/functions", `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{}}`))
	want(t, "status of a created function", a.status, 201)

	msg := &sqsapi.ReceiveMessageOutput{Messages: []sqsapi.Message{{
		MessageId: new("m"), Body: new("<a>&\x02\r"), Attributes: map[string]string{"SenderId": "s"},
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"b": {DataType: new("Binary"), BinaryValue: []byte{1, 2}}},
	}}}
	b.answers["ReceiveMessage"] = msg
	a = b.do(sqsJSON("ReceiveMessage", `{"QueueUrl":"u"}`))
	want(t, "message in JSON", a.body, `{"Messages":[{"MessageId":"m","Body":"<a>&\u0002\r","Attributes":{"SenderId":"s"},"MessageAttributes":{"b":{"BinaryValue":"AQI=","DataType":"Binary"}}}]}`)
	want(t, "content type", a.header.Get("Content-Type"), "application/x-amz-json-1.0")
	a = b.do(sqsForm("/000000000000/q", "Action=ReceiveMessage&Version=2012-11-05"))
	id := a.header.Get("X-Amzn-Requestid")
	want(t, "message in XML", a.body, `<?xml version="1.0"?><ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult><Message><MessageId>m</MessageId><Body>&lt;a&gt;&amp;`+"\uFFFD"+`&#13;</Body><Attribute><Name>SenderId</Name><Value>s</Value></Attribute><MessageAttribute><Name>b</Name><Value><BinaryValue>AQI=</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute></Message></ReceiveMessageResult><ResponseMetadata><RequestId>`+id+`</RequestId></ResponseMetadata></ReceiveMessageResponse>`)
	want(t, "content type", a.header.Get("Content-Type"), "text/xml")
	a = b.do(sqsForm("/000000000000/q", "Action=DeleteMessage&ReceiptHandle=r"))
	want(t, "empty answer in XML", a.body, `<?xml version="1.0"?><DeleteMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ResponseMetadata><RequestId>`+a.header.Get("X-Amzn-Requestid")+`</RequestId></ResponseMetadata></DeleteMessageResponse>`)
}

func TestFormsDecodeToTheSameMembers(t *testing.T) {
	b := newBench(t)
	b.do(sqsForm("/000000000000/q", "Action=SendMessageBatch&Version=2012-11-05"+
		"&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=hello+world%21"+
		"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Number"+
		"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=7"+
		"&SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=x&SendMessageBatchRequestEntry.2.DelaySeconds=3"))
	if d := cmp.Diff(&sqsapi.SendMessageBatchInput{
		QueueUrl: new("http://belfry.test:7420/000000000000/q"),
		Entries: []sqsapi.SendMessageBatchRequestEntry{
			{Id: new("a"), MessageBody: new("hello world!"), MessageAttributes: map[string]sqsapi.MessageAttributeValue{"n": {DataType: new("Number"), StringValue: new("7")}}},
			{Id: new("b"), MessageBody: new("x"), DelaySeconds: new(3)},
		},
	}, b.in); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b.do(sqsForm("/", "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=1&Attribute.2.Name=FifoQueue&Attribute.2.Value=true&Tag.1.Key=k&Tag.1.Value=v"))
	if d := cmp.Diff(&sqsapi.CreateQueueInput{
		QueueName: new("q"), Attributes: map[string]string{"DelaySeconds": "1", "FifoQueue": "true"}, Tags: map[string]string{"k": "v"},
	}, b.in); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b.do(request("GET", "/000000000000/q?Action=GetQueueAttributes&AttributeName=All", ""))
	if d := cmp.Diff(&sqsapi.GetQueueAttributesInput{QueueUrl: new("http://belfry.test:7420/000000000000/q"), AttributeNames: []string{"All"}}, b.in); d != "" {
		t.Errorf("a GET, and a list of one without a number (-want +got):\n%s", d)
	}
	b.do(request("POST", "/000000000000/q", `{"MessageBody":"x"}`, "X-Amz-Target", "AmazonSQS.SendMessage"))
	if d := cmp.Diff(&sqsapi.SendMessageInput{QueueUrl: new("http://belfry.test:7420/000000000000/q"), MessageBody: new("x")}, b.in); d != "" {
		t.Errorf("JSON to the queue's path (-want +got):\n%s", d)
	}
}

func TestRequestIDsAreUUIDs(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	for range 100 {
		id := b.do(request("GET", "/schedules", "")).header.Get("X-Amzn-Requestid")
		if len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) || seen[id] {
			t.Fatalf("%q is not a new version 4 UUID", id)
		}
		seen[id] = true
	}
	want(t, "value of nothing", awswire.Value[string](nil), "")
	want(t, "value or default", awswire.Or(nil, "d"), "d")
	want(t, "value", awswire.Or(new("v"), "d"), awswire.Value(new("v")))
}
