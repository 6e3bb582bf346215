package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// A badRequest is one that no client of AWS's own would send, and what it must get.
type badRequest struct {
	name                          string
	service, method, path, target string
	body                          string
	status                        int
	code                          string // the error code, as a client reads it
	message                       string // the whole message, or a part of it
}

const (
	goodTarget = `{"Arn": "arn:aws:sqs:us-east-1:000000000000:inbox", "RoleArn": "arn:aws:iam::000000000000:role/scheduler"}`
	goodBody   = `{"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": ` + goodTarget + `}`
)

func createBad(name, body string, status int, code, message string) badRequest {
	return badRequest{"CreateSchedule: " + name, "scheduler", http.MethodPost, "/schedules/bad", "", body, status, code, message}
}

func functionBad(name, body string, status int, code, message string) badRequest {
	return badRequest{"CreateFunction: " + name, "lambda", http.MethodPost, "/2015-03-31/functions", "", body, status, code, message}
}

func settingsBad(name, body, message string) badRequest {
	return badRequest{"UpdateFunctionConfiguration: " + name, "lambda", http.MethodPut, "/2015-03-31/functions/good/configuration", "", body, 400, "ValidationException", message}
}

func sqsBad(name, operation, body string, status int, code, message string) badRequest {
	return badRequest{"SQS: " + name, "sqs", http.MethodPost, "/", "AmazonSQS." + operation, body, status, code, message}
}

// with replaces one piece of a body that is right.
func with(old, new string) string {
	if !strings.Contains(goodBody, old) {
		panic(old)
	}
	return strings.Replace(goodBody, old, new, 1)
}

func badRequests() []badRequest {
	function := func(runtime, handler, zip string) string {
		return fmt.Sprintf(`{"FunctionName": "bad", "Runtime": %q, "Handler": %q, "Role": %q, "Code": {"ZipFile": %q}}`, runtime, handler, functionRole, zip)
	}
	noZip := base64.StdEncoding.EncodeToString([]byte("this is not a zip"))
	holding := func(names ...string) string { return function("python3.12", "handler.handler", zipWith(names...)) }
	handledBy := func(handler string) string { return function("python3.12", handler, zipWith("handler.py")) }
	environment := func(variables string) string {
		return strings.TrimSuffix(holding("handler.py"), "}") + `, "Environment": {"Variables": {` + variables + `}}}`
	}
	return []badRequest{
		createBad("no body", "", 400, "ValidationException", ""),
		createBad("JSON that ends early", goodBody[:40], 400, "SerializationException", ""),
		createBad("JSON that is no object", `[1, 2]`, 400, "SerializationException", ""),
		createBad("two values", goodBody+goodBody, 400, "SerializationException", ""),
		createBad("bad UTF-8", with("rate(1 hour)", "rate(1 \xff\xfehour)"), 400, "", ""),
		createBad("number instead of text", with(`"rate(1 hour)"`, "60"), 400, "SerializationException", ""),
		createBad("text instead of an object", with(`{"Mode": "OFF"}`, `"OFF"`), 400, "SerializationException", ""),
		createBad("nested too deep", strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000), 400, "", ""),
		createBad("body over the limit", with("rate(1 hour)", strings.Repeat("x", 8<<20)), 413, "", ""),
		createBad("nothing but the name", `{}`, 400, "ValidationException", "Member must not be null"),
		createBad("no target", `{"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}}`, 400, "ValidationException", "target"),
		createBad("unknown mode", with("OFF", "SOMETIMES"), 400, "ValidationException", "Member must satisfy enum value set"),
		createBad("expression that is none", with("rate(1 hour)", "rate(1 fortnight)"), 400, "ValidationException", "Invalid Schedule Expression rate(1 fortnight)."),
		createBad("expression with both days", with("rate(1 hour)", "cron(0 8 * * * *)"), 400, "ValidationException", "Invalid Schedule Expression cron(0 8 * * * *)."),
		createBad("expression over 256 characters", with("rate(1 hour)", "rate("+strings.Repeat("1", 300)+" hours)"), 400, "ValidationException", "Member must have length less than or equal to 256"),
		createBad("time zone that is none", with(`"FlexibleTimeWindow"`, `"ScheduleExpressionTimezone": "Europe/Atlantis", "FlexibleTimeWindow"`), 400, "ValidationException", "Europe/Atlantis"),
		createBad("window while off", with(`"OFF"`, `"OFF", "MaximumWindowInMinutes": 5`), 400, "ValidationException", "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF."),
		createBad("no window while flexible", with(`"OFF"`, `"FLEXIBLE"`), 400, "ValidationException", "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE"),
		createBad("window of 1441 minutes", with(`"OFF"`, `"FLEXIBLE", "MaximumWindowInMinutes": 1441`), 400, "ValidationException", "1440"),
		createBad("start after end", with(`"FlexibleTimeWindow"`, `"StartDate": 4102444800, "EndDate": 4102441200, "FlexibleTimeWindow"`), 400, "ValidationException", "The StartDate you specify must come before the EndDate."),
		createBad("an ARN of nothing", with("arn:aws:sqs:us-east-1:000000000000:inbox", "nothing"), 400, "ValidationException", "Provided Arn is not in correct format"),
		createBad("a target in another region", with("arn:aws:sqs:us-east-1", "arn:aws:sqs:eu-west-1"), 400, "ValidationException", "The target ARN provided does not match the current region"),
		createBad("a role that is none", with("arn:aws:iam::000000000000:role/scheduler", "scheduler"), 400, "ValidationException", "Member must satisfy regular expression pattern"),
		createBad("186 retries", with(`"RoleArn"`, `"RetryPolicy": {"MaximumRetryAttempts": 186}, "RoleArn"`), 400, "ValidationException", "185"),
		createBad("an age of 59 seconds", with(`"RoleArn"`, `"RetryPolicy": {"MaximumEventAgeInSeconds": 59}, "RoleArn"`), 400, "ValidationException", "60"),
		createBad("a dead-letter queue that is none", with(`"RoleArn"`, `"DeadLetterConfig": {"Arn": "nowhere"}, "RoleArn"`), 400, "ValidationException", ""),
		createBad("input for a function that is not JSON", with("arn:aws:sqs:us-east-1:000000000000:inbox\"", "arn:aws:lambda:us-east-1:000000000000:function:f\", \"Input\": \"{\""), 400, "ValidationException", "JSON syntax error in input for the target"),
		createBad("a group that is not there", with(`"FlexibleTimeWindow"`, `"GroupName": "nowhere", "FlexibleTimeWindow"`), 404, "ResourceNotFoundException", "Schedule group nowhere does not exist."),
		{"CreateSchedule: a name with a blank", "scheduler", "POST", "/schedules/a%20b", "", goodBody, 400, "ValidationException", "Member must satisfy regular expression pattern"},
		{"CreateSchedule: a name of 65 characters", "scheduler", "POST", "/schedules/" + strings.Repeat("n", 65), "", goodBody, 400, "ValidationException", "Member must have length less than or equal to 64"},
		{"GetSchedule: not there", "scheduler", "GET", "/schedules/nowhere", "", "", 404, "ResourceNotFoundException", "Schedule nowhere does not exist."},
		{"DeleteSchedule: not there", "scheduler", "DELETE", "/schedules/nowhere", "", "", 404, "ResourceNotFoundException", "Schedule nowhere does not exist."},
		{"UpdateSchedule: not there", "scheduler", "PUT", "/schedules/nowhere", "", goodBody, 404, "ResourceNotFoundException", "Schedule nowhere does not exist."},
		{"ListSchedules: a page of 0", "scheduler", "GET", "/schedules?MaxResults=0", "", "", 400, "ValidationException", ""},
		{"ListSchedules: a page of words", "scheduler", "GET", "/schedules?MaxResults=many", "", "", 400, "", ""},
		{"ListSchedules: a token of ours that is none", "scheduler", "GET", "/schedules?NextToken=%00%ff", "", "", 400, "", ""},
		{"ListSchedules: an unknown state", "scheduler", "GET", "/schedules?State=ASLEEP", "", "", 400, "ValidationException", ""},
		{"CreateScheduleGroup: default", "scheduler", "POST", "/schedule-groups/default", "", "{}", 400, "ValidationException", "This operation cannot be performed on schedule group default."},
		{"DeleteScheduleGroup: not there", "scheduler", "DELETE", "/schedule-groups/nowhere", "", "", 404, "ResourceNotFoundException", "Schedule group nowhere does not exist."},
		{"TagResource: an ARN of nothing", "scheduler", "POST", "/tags/nothing", "", `{"Tags": []}`, 400, "ValidationException", ""},
		{"an operation that is not there", "scheduler", "PATCH", "/schedules/bad", "", "{}", 404, "UnknownOperationException", ""},
		{"a service that is not there", "kinesis", "POST", "/", "Kinesis_20131202.PutRecord", "{}", 404, "UnknownOperationException", ""},

		functionBad("a zip that is no zip", function("python3.12", "handler.handler", noZip), 400, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."),
		functionBad("a zip that is no base64", function("python3.12", "handler.handler", "%%%"), 400, "", ""),
		functionBad("a path out of the zip", holding("handler.py", "../../evil.py"), 400, "InvalidParameterValueException", `The zip entry name "../../evil.py" is not allowed`),
		functionBad("a link in the zip", holding("handler.py", "link@"), 400, "InvalidParameterValueException", "is a symbolic link; links are not allowed."),
		functionBad("names that differ in case", holding("handler.py", "Handler.py"), 400, "InvalidParameterValueException", "differ only in case"),
		functionBad("an empty zip", holding(), 400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"),
		functionBad("an environment over 4 KB", environment(`"AA": "`+strings.Repeat("x", 4096)+`"`), 400, "InvalidParameterValueException", "exceeded the 4KB limit"),
		functionBad("a reserved variable", environment(`"AWS_REGION": "x"`), 400, "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"),
		functionBad("a variable with a blank", environment(`"A B": "x"`), 400, "ValidationException", "Member must satisfy regular expression pattern"),
		functionBad("a handler of 129 characters", handledBy(strings.Repeat("h", 129)), 400, "ValidationException", "Member must have length less than or equal to 128"),
		functionBad("a handler with a blank", handledBy("a b"), 400, "ValidationException", "Member must satisfy regular expression pattern"),
		functionBad("an unknown runtime", function("cobol85", "handler.handler", noZip), 400, "InvalidParameterValueException", "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"),
		functionBad("no name", `{"Role": "`+functionRole+`", "Code": {}}`, 400, "ValidationException", "functionName"),
		functionBad("wrong type", `{"FunctionName": 1}`, 400, "SerializationException", ""),
		functionBad("JSON that ends early", `{"FunctionName": "bad", "Ro`, 400, "SerializationException", ""),
		functionBad("a role that is none", `{"FunctionName": "bad", "Runtime": "python3.12", "Handler": "h.h", "Role": "me", "Code": {"ZipFile": ""}}`, 400, "ValidationException", "Member must satisfy regular expression pattern"),
		{"Invoke: not there", "lambda", "POST", "/2015-03-31/functions/nowhere/invocations", "", "{}", 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nowhere"},
		{"Invoke: payload that is not JSON", "lambda", "POST", "/2015-03-31/functions/good/invocations", "", "{", 400, "InvalidRequestContentException", "Could not parse request body into json"},
		{"GetFunction: not there", "lambda", "GET", "/2015-03-31/functions/nowhere", "", "", 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nowhere"},
		{"UpdateFunctionCode: a zip that is no zip", "lambda", "PUT", "/2015-03-31/functions/good/code", "", `{"ZipFile": "` + noZip + `"}`, 400, "InvalidParameterValueException", "Could not unzip uploaded file."},
		settingsBad("no time at all", `{"Timeout": 0}`, "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
		settingsBad("127 MB", `{"MemorySize": 127}`, "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"),
		settingsBad("511 MB of /tmp", `{"EphemeralStorage": {"Size": 511}}`, "Member must have value greater than or equal to 512"),
		{"UpdateFunctionConfiguration: 901 seconds", "lambda", "PUT", "/2015-03-31/functions/good/configuration", "", `{"Timeout": 901}`, 400, "ValidationException", "900"},

		sqsBad("an operation that is not there", "Sing", "{}", 404, "", ""),
		sqsBad("JSON that ends early", "CreateQueue", `{"QueueName": "b`, 400, "", ""),
		sqsBad("no name", "CreateQueue", `{}`, 400, "", "QueueName"),
		sqsBad("a name with a blank", "CreateQueue", `{"QueueName": "a b"}`, 400, "", ""),
		sqsBad("an unknown attribute", "CreateQueue", `{"QueueName": "bad", "Attributes": {"Color": "red"}}`, 400, "InvalidAttributeName", "Unknown Attribute Color."),
		sqsBad("a queue that is not there", "SendMessage", `{"QueueUrl": "http://127.0.0.1/000000000000/nowhere", "MessageBody": "x"}`, 400, "QueueDoesNotExist", "The specified queue does not exist."),
		sqsBad("no message", "SendMessage", `{"QueueUrl": "http://127.0.0.1/000000000000/good"}`, 400, "MissingRequiredParameterException", "MessageBody"),
		sqsBad("eleven messages", "ReceiveMessage", `{"QueueUrl": "http://127.0.0.1/000000000000/good", "MaxNumberOfMessages": 11}`, 400, "InvalidParameterValueException", "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."),
		sqsBad("a handle that is none", "DeleteMessage", `{"QueueUrl": "http://127.0.0.1/000000000000/good", "ReceiptHandle": "x"}`, 400, "ReceiptHandleIsInvalid", "The input receipt handle is invalid."),

		{"runs without a schedule", "", "GET", "/belfry/v1/runs", "", "", 400, "invalid", "schedule"},
		{"runs of an ARN of nothing", "", "GET", "/belfry/v1/runs?schedule=nothing", "", "", 400, "invalid", "nothing"},
		{"runs of a schedule that never was", "", "GET", "/belfry/v1/runs?schedule=" + scheduleARN("nowhere"), "", "", 404, "not_found", "nowhere"},
		{"runs: a page of 0", "", "GET", "/belfry/v1/runs?limit=0&schedule=" + scheduleARN("good"), "", "", 400, "invalid", "limit"},
		{"why: a time that is none", "", "GET", "/belfry/v1/why?time=noon&schedule=" + scheduleARN("good"), "", "", 400, "invalid", "time"},
		{"a path of nothing", "", "GET", "/belfry/v1/nothing", "", "", 404, "not_found", ""},
	}
}

// TestBadInputIsRefusedAndLeavesNothing sends each bad request, and then looks
// for anything that one of them left behind.
func TestBadInputIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.createFunction("good", functionZip(t))
	s.createQueue("good")
	s.createSchedule("good", "cron(0 0 1 1 ? 2199)", map[string]any{"Arn": "arn:aws:sqs:us-east-1:000000000000:good"})

	for _, b := range badRequests() {
		got, err := s.do(b.service, b.method, b.path, b.target, []byte(b.body))
		if err != nil {
			t.Errorf("%s: %v", b.name, err)
			continue
		}
		code, message := refusal(got)
		if got.status != b.status || !strings.Contains(code, b.code) || !strings.Contains(message, b.message) || message == "" {
			t.Errorf("%s:\n got %d %s %q\nwant %d %s %q", b.name, got.status, code, message, b.status, b.code, b.message)
		}
	}
	s.wantOnlyTheGood()
}

// TestDamagedRequestsAreNeverA500 damages good requests at random: cut, doubled,
// with bytes changed. Whatever comes of one, it is not our failure.
func TestDamagedRequestsAreNeverA500(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	function := fmt.Sprintf(`{"FunctionName": "f", "Runtime": "python3.12", "Handler": "handler.handler", "Role": %q, "Code": {"ZipFile": %q}}`,
		functionRole, base64.StdEncoding.EncodeToString(functionZip(t)))
	good := []badRequest{
		{service: "scheduler", method: "POST", path: "/schedules/s", body: goodBody},
		{service: "scheduler", method: "PUT", path: "/schedules/s", body: goodBody},
		{service: "scheduler", method: "POST", path: "/schedule-groups/g", body: `{"Tags": [{"Key": "k", "Value": "v"}], "ClientToken": "t"}`},
		{service: "scheduler", method: "GET", path: "/schedules?MaxResults=5&NamePrefix=s"},
		{service: "lambda", method: "POST", path: "/2015-03-31/functions", body: function},
		{service: "lambda", method: "PUT", path: "/2015-03-31/functions/f/configuration", body: `{"Timeout": 9, "Environment": {"Variables": {"A": "b"}}}`},
		{service: "sqs", method: "POST", path: "/", target: "AmazonSQS.CreateQueue", body: `{"QueueName": "q", "Attributes": {"VisibilityTimeout": "5"}}`},
		{service: "sqs", method: "POST", path: "/", target: "AmazonSQS.SendMessage", body: `{"QueueUrl": "http://127.0.0.1/000000000000/q", "MessageBody": "m", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v"}}}`},
		{service: "sqs", method: "POST", path: "/", target: "AmazonSQS.ReceiveMessage", body: `{"QueueUrl": "http://127.0.0.1/000000000000/q", "MaxNumberOfMessages": 1}`},
		{method: "GET", path: "/belfry/v1/runs?schedule=" + scheduleARN("s")},
	}
	const seed = 20260308
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 1500 {
		b := good[i%len(good)]
		body := damage(r, []byte(b.body))
		got, err := s.do(b.service, b.method, b.path, b.target, body)
		if err != nil {
			t.Fatalf("request %d: %s %s: %v", i, b.method, b.path, err)
		}
		if got.status >= 500 {
			t.Errorf("request %d: %s %s%s answered %d %s to %q", i, b.method, b.path, b.target, got.status, got.body, clip(body))
		}
		if got.status/100 != 2 {
			if code, message := refusal(got); code == "" || message == "" {
				t.Errorf("request %d: %s %s%s refused without code and message: %d %q to %q", i, b.method, b.path, b.target, got.status, got.body, clip(body))
			}
		}
	}
}

// zipWith is a zip with such entries, in base64; a name that ends with @ is a link.
func zipWith(names ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		h := &zip.FileHeader{Name: strings.TrimSuffix(name, "@")}
		if h.SetMode(0o644); h.Name != name {
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		if _, err := z.CreateHeader(h); err != nil {
			panic(err) // the names are this test's own
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func clip(b []byte) []byte { return b[:min(len(b), 500)] }

func damage(r *rand.Rand, body []byte) []byte {
	if len(body) == 0 {
		return []byte{byte(r.IntN(256))}
	}
	body = bytes.Clone(body)
	at := r.IntN(len(body))
	switch r.IntN(5) {
	case 0:
		return body[:at]
	case 1:
		body[at] = byte(r.IntN(256))
	case 2:
		return append(body[:at:at], body[min(len(body), at+1+r.IntN(8)):]...)
	case 3:
		return append(body, body[at:]...)
	case 4:
		const odd = `{}[]",:\0eE+-.` + "\x00\xff\u2028"
		for range 4 {
			body[r.IntN(len(body))] = odd[r.IntN(len(odd))]
		}
	}
	return body
}

// refusal returns code and message of an error in any of the dialects.
func refusal(got answer) (code, message string) {
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Error   struct{ Code, Message string }
	}
	if json.Unmarshal(got.body, &body) != nil {
		return "", ""
	}
	if body.Error.Code != "" {
		return body.Error.Code, body.Error.Message
	}
	code, _, _ = strings.Cut(got.header.Get("X-Amzn-Errortype"), ":")
	if code == "" {
		code = body.Type[strings.LastIndex(body.Type, "#")+1:]
	}
	return code, body.Message
}

// wantOnlyTheGood looks for a half-made schedule, group, function or queue.
func (s *server) wantOnlyTheGood() {
	s.t.Helper()
	var schedules struct{ Schedules []struct{ Name string } }
	s.must(&schedules, "scheduler", "GET", "/schedules", "", nil)
	var groups struct{ ScheduleGroups []struct{ Name string } }
	s.must(&groups, "scheduler", "GET", "/schedule-groups", "", nil)
	var functions struct {
		Functions []struct{ FunctionName, CodeSha256 string }
	}
	s.must(&functions, "lambda", "GET", "/2015-03-31/functions", "", nil)
	if len(schedules.Schedules) != 1 || len(groups.ScheduleGroups) != 1 || len(functions.Functions) != 1 {
		s.t.Errorf("left behind: schedules %v, groups %v, functions %v; want one of each", schedules.Schedules, groups.ScheduleGroups, functions.Functions)
	}
	got, err := s.do("sqs", http.MethodPost, "/", "AmazonSQS.GetQueueUrl", []byte(`{"QueueName": "bad"}`))
	if err != nil || got.status != http.StatusBadRequest {
		s.t.Errorf("the queue of a refused request is there: %d %s, %v", got.status, got.body, err)
	}
}
