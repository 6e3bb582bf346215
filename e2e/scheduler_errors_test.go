package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// recorded is a row of scheduler_errors.json: what EventBridge Scheduler was seen
// to answer. {x} in a message stands for what the request holds.
type recorded struct {
	Code    string `json:"code"`
	HTTP    int    `json:"http"`
	Message string `json:"message"`
}

// provoke is a request that a row answers, and what its message then says
// instead of the {x}.
type provoke struct {
	method, path, body string
	fill               []string // "{x}", value pairs
}

func vectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// deliverTo is goodBody with another target: ARN, and what follows RoleArn.
func deliverTo(arn, more string) string {
	return with(goodTarget, `{"Arn": "`+arn+`", "RoleArn": "arn:aws:iam::000000000000:role/scheduler"`+more+`}`)
}

const (
	ecsARN    = "arn:aws:ecs:us-east-1:000000000000:cluster/c"
	lambdaARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	sdkARN    = "arn:aws:scheduler:::aws-sdk:"
)

// provoked has the requests for each row, by its message.
func provoked() map[string][]provoke {
	create := func(body string, fill ...string) provoke {
		return provoke{http.MethodPost, "/schedules/bad", body, fill}
	}
	update := func(body string, fill ...string) provoke {
		return provoke{http.MethodPut, "/schedules/good", body, fill}
	}
	on := func(method, path, body string, fill ...string) provoke { return provoke{method, path, body, fill} }
	tags := func(group string) string {
		return "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A000000000000%3Aschedule-group%2F" + group
	}
	const someTags = `{"Tags": [{"Key": "k", "Value": "v"}]}`
	return map[string][]provoke{
		"Invalid Schedule Expression {expr}.": {
			create(with("rate(1 hour)", "every day"), "{expr}", "every day"), update(with("rate(1 hour)", "rate(0 hours)"), "{expr}", "rate(0 hours)"),
		},
		"MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.": {
			create(with(`"OFF"`, `"OFF", "MaximumWindowInMinutes": 1`)), update(with(`"OFF"`, `"OFF", "MaximumWindowInMinutes": 1`)),
		},
		"MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.": {
			create(with(`"OFF"`, `"FLEXIBLE"`)), update(with(`"OFF"`, `"FLEXIBLE"`)),
		},
		"The StartDate you specify must come before the EndDate.": {
			create(with(`{"Sch`, `{"StartDate": 4102444801, "EndDate": 4102444800, "Sch`)),
			create(with(`{"Sch`, `{"StartDate": 4102444800, "EndDate": 4102444800, "Sch`)),
			update(with(`{"Sch`, `{"StartDate": 4102444801.5, "EndDate": 4102444801.25, "Sch`)),
		},
		"The StartDate you specify cannot be earlier than 5 minutes ago.": {create(with(`{"Sch`, `{"StartDate": 1767225600, "Sch`))},
		"JSON syntax error in input for the target": {
			create(deliverTo(lambdaARN, `, "Input": "{"`)), create(deliverTo(lambdaARN, `, "Input": "hello"`)),
			create(deliverTo("arn:aws:states:us-east-1:000000000000:stateMachine:s", `, "Input": "{'a': 1}"`)),
			create(deliverTo("arn:aws:events:us-east-1:000000000000:event-bus/default", `, "Input": "x", "EventBridgeParameters": {"DetailType": "d", "Source": "s"}`)),
			create(deliverTo(sdkARN+"sqs:sendMessage", `, "Input": "not JSON"`)), update(deliverTo(lambdaARN, `, "Input": "[1,]"`)),
		},
		"Parameters {Block} not supported for the target.": {
			create(deliverTo(lambdaARN, `, "SqsParameters": {"MessageGroupId": "g"}`), "{Block}", "SqsParameters"),
			create(deliverTo(lambdaARN, `, "KinesisParameters": {"PartitionKey": "p"}`), "{Block}", "KinesisParameters"),
			create(deliverTo(lambdaARN, `, "EventBridgeParameters": {"DetailType": "d", "Source": "s"}`), "{Block}", "EventBridgeParameters"),
			create(deliverTo(lambdaARN, `, "SageMakerPipelineParameters": {}`), "{Block}", "SageMakerPipelineParameters"),
			create(deliverTo("arn:aws:sqs:us-east-1:000000000000:q", `, "EcsParameters": {"TaskDefinitionArn": "t"}`), "{Block}", "EcsParameters"),
			create(deliverTo(ecsARN, `, "EcsParameters": {"TaskDefinitionArn": "t"}, "KinesisParameters": {"PartitionKey": "p"}`), "{Block}", "KinesisParameters"),
			create(deliverTo(sdkARN+"sqs:sendMessage", `, "Input": "{}", "SqsParameters": {"MessageGroupId": "g"}`), "{Block}", "SqsParameters"),
		},
		"Parameters SqsParameters must be specified": {
			create(deliverTo("arn:aws:sqs:us-east-1:000000000000:q.fifo", "")), create(deliverTo("arn:aws:sqs:us-east-1:000000000000:q.fifo", `, "SqsParameters": {}`)),
		},
		"Parameters MessageGroupId not valid for the target": {
			create(deliverTo("arn:aws:sqs:us-east-1:000000000000:q", `, "SqsParameters": {"MessageGroupId": "g"}`)),
		},
		"Parameter NetworkConfiguration must be specified for the target when launch type is FARGATE": {
			create(deliverTo(ecsARN, `, "EcsParameters": {"TaskDefinitionArn": "t", "LaunchType": "FARGATE"}`)),
		},
		"The target ARN provided does not match the current region {region}.": {
			create(deliverTo("arn:aws:sqs:eu-west-1:000000000000:q", ""), "{region}", region),
			create(deliverTo("arn:aws:lambda:us-east-2:000000000000:function:f", ""), "{region}", region),
		},
		"{service} is not a supported service for a target.": {
			create(deliverTo("arn:aws:s3:us-east-1:000000000000:b", ""), "{service}", "s3"), create(deliverTo("arn:aws:dynamodb:us-east-1:000000000000:table/t", ""), "{service}", "dynamodb"),
		},
		"{apiAction} API is not supported": {
			create(deliverTo(sdkARN+"sqs:getQueueUrl", `, "Input": "{}"`), "{apiAction}", "getQueueUrl"),
			create(deliverTo(sdkARN+"sqs:listQueues", ""), "{apiAction}", "listQueues"),
			create(deliverTo(sdkARN+"ec2:describeInstances", `, "Input": "{}"`), "{apiAction}", "describeInstances"),
			create(deliverTo(sdkARN+"dynamodb:transactGetItems", `, "Input": "{}"`), "{apiAction}", "transactGetItems"),
		},
		"You must provide an input to set this target for your schedule": {create(deliverTo(sdkARN+"sqs:sendMessage", ""))},
		"Invalid RequestJson provided. Reason Request payload is missing the following field(s): {A}, {B}.": {
			create(deliverTo(sdkARN+"sqs:sendMessage", `, "Input": "{\"queueUrl\": \"u\", \"messageBody\": \"b\"}"`), "{A}", "QueueUrl", "{B}", "MessageBody"),
			create(deliverTo(sdkARN+"lambda:invoke", `, "Input": "{}"`), "{A}, {B}", "FunctionName"),
		},
		"Provided Arn is not in correct format": {
			create(deliverTo("arn:aws:events:us-east-1:000000000000:api-destination/a/b", `, "EventBridgeParameters": {"DetailType": "d", "Source": "s"}`)),
			create(deliverTo("hello", "")), create(deliverTo("arn:aws:lambda:us-east-1:000000000000:layer:l", "")), create(deliverTo("arn:aws:sqs:us-east-1:1234:q", "")),
		},
		"This operation cannot be performed on schedule group default.": {
			on("POST", "/schedule-groups/default", "{}"), on("DELETE", "/schedule-groups/default", ""),
			on("POST", tags("default"), someTags), on("DELETE", tags("default")+"?TagKeys=k", ""),
		},
		"Schedule {name} already exists.": {on("POST", "/schedules/good", goodBody, "{name}", "good")},
		"Schedule {name} does not exist.": {
			on("GET", "/schedules/none", "", "{name}", "none"), on("PUT", "/schedules/none", goodBody, "{name}", "none"),
			on("DELETE", "/schedules/none", "", "{name}", "none"), on("GET", "/schedules/good?groupName=other", "", "{name}", "good"),
		},
		"Schedule group {name} does not exist.": {
			on("GET", "/schedule-groups/none", "", "{name}", "none"), on("DELETE", "/schedule-groups/none", "", "{name}", "none"),
			on("GET", "/schedules?ScheduleGroup=none", "", "{name}", "none"), on("POST", "/schedules/bad", with(`{"Sch`, `{"GroupName": "none", "Sch`), "{name}", "none"),
			on("GET", tags("none"), "", "{name}", "none"), on("POST", tags("none"), someTags, "{name}", "none"), on("DELETE", tags("none")+"?TagKeys=k", "", "{name}", "none"),
		},
	}
}

// trust is the one row that needs a server that enforces roles.
const trust = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."

// TestRecordedErrors provokes every refusal that was recorded, word for word.
func TestRecordedErrors(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.must(nil, "scheduler", "POST", "/schedules/good", "", json.RawMessage(goodBody))
	var rows []recorded
	vectors(t, "scheduler_errors.json", &rows)
	requests := provoked()
	if len(rows) != len(requests)+1 {
		t.Errorf("%d rows, and requests for %d", len(rows), len(requests))
	}
	for _, row := range rows {
		if row.Message != trust && len(requests[row.Message]) == 0 {
			t.Errorf("no request provokes %q", row.Message)
		}
		for _, p := range requests[row.Message] {
			want := strings.NewReplacer(p.fill...).Replace(row.Message)
			got, err := s.do("scheduler", p.method, p.path, "", []byte(p.body))
			code, message := refusal(got)
			if err != nil || got.status != row.HTTP || code != row.Code || message != want {
				t.Errorf("%s %s %s:\n got %d %s %q, %v\nwant %d %s %q", p.method, p.path, p.body, got.status, code, message, err, row.HTTP, row.Code, want)
			}
			if id := got.header.Get("X-Amzn-Requestid"); len(id) != 36 {
				t.Errorf("%s %s: request id %q", p.method, p.path, id)
			}
		}
	}
	var schedules struct{ Schedules []struct{ Name string } }
	s.must(&schedules, "scheduler", "GET", "/schedules", "", nil)
	if len(schedules.Schedules) != 1 {
		t.Errorf("left behind: %v, want good alone", schedules.Schedules)
	}
}

// TestRecordedExpressions creates a schedule with every expression whose
// acceptance was recorded.
func TestRecordedExpressions(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var file struct {
		Scheduler struct {
			Cases []struct {
				Expression string `json:"expression"`
				Accepted   bool   `json:"accepted"`
			} `json:"cases"`
		} `json:"scheduler_CreateSchedule"`
	}
	vectors(t, "schedule_expression_validity.json", &file)
	if len(file.Scheduler.Cases) < 39 {
		t.Fatalf("%d expressions", len(file.Scheduler.Cases))
	}
	for i, c := range file.Scheduler.Cases {
		quoted, err := json.Marshal(c.Expression)
		if err != nil {
			t.Fatal(err)
		}
		name := "/schedules/s" + strings.Repeat("x", i)
		got, err := s.do("scheduler", "POST", name, "", []byte(with(`"rate(1 hour)"`, string(quoted))))
		if err != nil {
			t.Fatal(err)
		}
		if c.Accepted {
			var back struct{ ScheduleExpression string }
			s.must(&back, "scheduler", "GET", name, "", nil)
			if got.status != 200 || back.ScheduleExpression != c.Expression {
				t.Errorf("%s: %d %s, and reads back as %s", c.Expression, got.status, got.body, back.ScheduleExpression)
			}
			continue
		}
		if code, message := refusal(got); got.status != 400 || code != "ValidationException" || message != "Invalid Schedule Expression "+c.Expression+"." {
			t.Errorf("%s: %d %s %q", c.Expression, got.status, code, message)
		}
	}
}
