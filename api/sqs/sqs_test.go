package sqs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/sqs"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// serve starts a server on an empty store and returns its URL.
func serve(t *testing.T) string {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	srv := httptest.NewServer(awswire.NewRouter(
		awswire.Options{Auth: awswire.DevAuth{}, Logger: log}, sqs.New(queue.New(s, wallClock{}, log, nil))))
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.URL
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("python3", "testdata/client.py", serve(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The CLI takes a second to start: three commands show that it reads our
// answers; every operation is in the test with boto3, which it is made of.
func TestCLI(t *testing.T) {
	t.Parallel()
	endpoint := serve(t)
	ok := func(args ...string) (v map[string]any) {
		t.Helper()
		cmd := exec.Command("aws", append([]string{"sqs", "--endpoint-url", endpoint, "--output", "json"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatalf("%v printed %q", args, out)
		}
		return v
	}
	q := ok("create-queue", "--queue-name", "reports")["QueueUrl"].(string)
	if want := endpoint + "/000000000000/reports"; q != want {
		t.Fatalf("queue URL is %s, want %s", q, want)
	}
	ok("send-message", "--queue-url", q, "--message-body", "hello")
	m := ok("receive-message", "--queue-url", q, "--wait-time-seconds", "5")["Messages"].([]any)[0].(map[string]any)
	if m["Body"] != "hello" {
		t.Fatalf("received %v", m)
	}
}

// post sends a form, as old SDKs do, and returns status and body without the
// request id.
func post(t *testing.T, to string, form ...string) (int, string) {
	t.Helper()
	v := url.Values{"Version": {"2012-11-05"}}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	resp, err := http.PostForm(to, v)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, regexp.MustCompile(`(<RequestId>)[^<]+`).ReplaceAllString(string(b), "$1")
}

func TestQueryProtocol(t *testing.T) {
	endpoint := serve(t)
	q := endpoint + "/000000000000/q"
	wants := func(to string, status int, contains string, form ...string) string {
		t.Helper()
		s, body := post(t, to, form...)
		if s != status || !strings.Contains(body, contains) {
			t.Fatalf("%v: status %d\n%s\nwant %d with\n%s", form, s, body, status, contains)
		}
		return body
	}
	wants(endpoint, 200, `<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><CreateQueueResult><QueueUrl>`+q+`</QueueUrl></CreateQueueResult><ResponseMetadata><RequestId></RequestId></ResponseMetadata></CreateQueueResponse>`,
		"Action", "CreateQueue", "QueueName", "q", "Attribute.1.Name", "DelaySeconds", "Attribute.1.Value", "0", "Attribute.2.Name", "VisibilityTimeout", "Attribute.2.Value", "9")
	wants(endpoint, 200, `<Attribute><Name>VisibilityTimeout</Name><Value>9</Value></Attribute>`,
		"Action", "GetQueueAttributes", "QueueUrl", q, "AttributeName.1", "VisibilityTimeout")
	// The queue by the path, without QueueUrl.
	wants(q, 200, `<MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>`,
		"Action", "SendMessage", "MessageBody", "hello",
		"MessageAttribute.1.Name", "Foo", "MessageAttribute.1.Value.DataType", "String", "MessageAttribute.1.Value.StringValue", "Bar")
	body := wants(q, 200, `<MessageAttribute><Name>Foo</Name>`,
		"Action", "ReceiveMessage", "MaxNumberOfMessages", "10", "AttributeName.1", "All", "MessageAttributeName.1", "All")
	for _, s := range []string{"<Body>hello</Body>", "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>", "<MD5OfMessageAttributes>ae7155c6026991b6d54b11589678bf9c</MD5OfMessageAttributes>"} {
		if !strings.Contains(body, s) {
			t.Errorf("%s\nhas no %s", body, s)
		}
	}
	handle := regexp.MustCompile(`<ReceiptHandle>([^<]+)</ReceiptHandle>`).FindStringSubmatch(body)[1]
	wants(q, 200, `<ChangeMessageVisibilityResponse`, "Action", "ChangeMessageVisibility", "ReceiptHandle", handle, "VisibilityTimeout", "30")
	wants(q, 200, `<DeleteMessageResponse`, "Action", "DeleteMessage", "ReceiptHandle", handle)
	wants(q, 200, `<SendMessageBatchResultEntry><Id>a</Id>`,
		"Action", "SendMessageBatch", "SendMessageBatchRequestEntry.1.Id", "a", "SendMessageBatchRequestEntry.1.MessageBody", "1",
		"SendMessageBatchRequestEntry.2.Id", "b", "SendMessageBatchRequestEntry.2.MessageBody", "2")
	wants(endpoint, 200, `<QueueUrl>`+q+`</QueueUrl>`, "Action", "ListQueues")
	wants(q, 200, `<PurgeQueueResponse`, "Action", "PurgeQueue")
	wants(q, 403, `<Code>AWS.SimpleQueueService.PurgeQueueInProgress</Code>`, "Action", "PurgeQueue")
	wants(q, 200, `<DeleteQueueResponse`, "Action", "DeleteQueue")
	wants(q, 400, `<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist for this wsdl version.</Message>`,
		"Action", "DeleteQueue")
	wants(q, 400, `<Code>MissingParameter</Code><Message>The request must contain the parameter MessageBody.</Message>`, "Action", "SendMessage")
	wants(endpoint+"/111111111111/q", 403, `<Code>AccessDenied</Code>`, "Action", "DeleteQueue")
}

// call sends an operation as JSON and returns the status, the code that the
// query header has, and the body.
func call(t *testing.T, to, op, body string) (status int, legacy, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AmazonSQS."+op)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("x-amzn-query-mode", "true")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("x-amzn-query-error"), string(b)
}

func TestBadRequests(t *testing.T) {
	endpoint := serve(t)
	if status, _, answer := call(t, endpoint, "CreateQueue", `{"QueueName":"q"}`); status != 200 {
		t.Fatal(answer)
	}
	url := `"QueueUrl":"` + endpoint + `/000000000000/q"`
	for _, c := range []struct {
		what, op, body string
		status         int
		legacy, says   string
	}{
		{"no JSON", "SendMessage", `{`, 400, "", "SerializationException"},
		{"wrong type", "SendMessage", `{` + url + `,"MessageBody":7}`, 400, "", "SerializationException"},
		{"no queue", "SendMessage", `{"MessageBody":"x"}`, 400, "MissingParameter;Sender", "The request must contain the parameter QueueUrl."},
		{"no body", "SendMessage", `{` + url + `}`, 400, "MissingParameter;Sender", "The request must contain the parameter MessageBody."},
		{"no name", "CreateQueue", `{}`, 400, "MissingParameter;Sender", "The request must contain the parameter QueueName."},
		{"list values", "SendMessage", `{` + url + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringListValues":["x"]}}}`, 400, "AWS.SimpleQueueService.UnsupportedOperation;Sender", "are not supported"},
		{"an unknown system attribute", "SendMessage", `{` + url + `,"MessageBody":"x","MessageSystemAttributes":{"X":{"DataType":"String","StringValue":"x"}}}`, 400, "InvalidParameterValue;Sender", "Message system attribute name 'X' is invalid."},
		{"an empty trace header", "SendMessage", `{` + url + `,"MessageBody":"x","MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":""}}}`, 400, "InvalidParameterValue;Sender", "must contain a non-empty value"},
		{"too many results", "ListQueues", `{"MaxResults":1001}`, 400, "InvalidParameterValue;Sender", "between 1 and 1000"},
		{"no results", "ListQueues", `{"MaxResults":0}`, 400, "InvalidParameterValue;Sender", "between 1 and 1000"},
		{"a token that is none", "ListQueues", `{"NextToken":"%"}`, 400, "InvalidParameterValue;Sender", "next token"},
		{"a URL with more parts", "DeleteQueue", `{"QueueUrl":"http://h/x/000000000000/q"}`, 400, "InvalidAddress;Sender", "is not valid for this endpoint."},
		{"another account", "DeleteQueue", `{"QueueUrl":"http://h/999999999999/q"}`, 403, "AccessDenied;Sender", "is denied."},
		{"a queue that is not there", "DeleteQueue", `{"QueueUrl":"http://h/000000000000/absent"}`, 400, "AWS.SimpleQueueService.NonExistentQueue;Sender", `"com.amazonaws.sqs#QueueDoesNotExist"`},
	} {
		status, legacy, answer := call(t, endpoint, c.op, c.body)
		if status != c.status || c.legacy != "" && legacy != c.legacy || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %q %s, want %d %q %s", c.what, status, legacy, answer, c.status, c.legacy, c.says)
		}
	}
	if _, _, answer := call(t, endpoint, "GetQueueAttributes", `{`+url+`,"AttributeNames":["ApproximateNumberOfMessages"]}`); answer != `{"Attributes":{"ApproximateNumberOfMessages":"0"}}` {
		t.Errorf("a refused message is in the queue: %s", answer)
	}
}

func TestLargestMessagePasses(t *testing.T) {
	endpoint := serve(t)
	call(t, endpoint, "CreateQueue", `{"QueueName":"q"}`)
	for _, unit := range []string{"x", `"`, "€"} { // the last two grow on the wire
		body := strings.Repeat(unit, 1<<20/len(unit))
		request := fmt.Sprintf(`{"QueueUrl":"%s/000000000000/q","MessageBody":%s}`, endpoint, strconv.QuoteToASCII(body))
		if status, _, answer := call(t, endpoint, "SendMessage", request); status != 200 {
			t.Errorf("%s as JSON: %d %.200s", unit, status, answer)
		}
		if status, answer := post(t, endpoint+"/000000000000/q", "Action", "SendMessage", "MessageBody", body); status != 200 {
			t.Errorf("%s as a form: %d %.200s", unit, status, answer)
		}
	}
}
