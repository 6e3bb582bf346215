package awswire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schedule returns a valid request to create a schedule with members replaced:
// "Target.Input", value; nil removes.
func schedule(t *testing.T, changes ...any) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(createBody), &v); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		at := v
		path := strings.Split(changes[i].(string), ".")
		for _, p := range path[:len(path)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		last := path[len(path)-1]
		if changes[i+1] == nil {
			delete(at, last)
		} else {
			at[last] = changes[i+1]
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func message(t *testing.T, a reply) string {
	t.Helper()
	var v struct{ Message string }
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v.Message
}

func TestConstraintsOfTheModelOnBothSides(t *testing.T) {
	const one = "1 validation error detected: "
	long := func(n int) string { return strings.Repeat("x", n) }
	role := "arn:aws:iam::123456789012:role/"
	for _, c := range []struct {
		name    string
		path    string
		good    any
		bad     any
		message string
	}{
		{"longest expression", "ScheduleExpression", long(256), long(257), one + "Value '" + long(257) + "' at 'scheduleExpression' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{"shortest expression", "ScheduleExpression", "x", "", one + "Value '' at 'scheduleExpression' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"lengths count characters", "Description", strings.Repeat("é", 512), strings.Repeat("é", 513), one + "Value '" + strings.Repeat("é", 513) + "' at 'description' failed to satisfy constraint: Member must have length less than or equal to 512"},
		{"no description", "Description", "", 7, "The member 'Description' must be a string, not a number."},
		{"enum", "State", "DISABLED", "enabled", one + "Value 'enabled' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"required", "FlexibleTimeWindow", map[string]any{"Mode": "OFF"}, nil, one + "Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null"},
		{"required within", "FlexibleTimeWindow.Mode", "OFF", nil, one + "Value null at 'flexibleTimeWindow.mode' failed to satisfy constraint: Member must not be null"},
		{"largest number", "Target.RetryPolicy.MaximumRetryAttempts", 185, 186, one + "Value '186' at 'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 185"},
		{"least number that may be 0", "Target.RetryPolicy.MaximumRetryAttempts", 0, -1, one + "Value '-1' at 'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value greater than or equal to 0"},
		{"least number", "Target.RetryPolicy.MaximumEventAgeInSeconds", 60, 59, one + "Value '59' at 'target.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"},
		{"class pattern", "GroupName", "a.b-c_D9", "a b", one + "Value 'a b' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"},
		{"class pattern is for the whole string", "GroupName", "a", "a\n", one + "Value 'a\n' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"},
		{"pattern", "Target.RoleArn", role + "path/r+=,.@-_", role + "é", one + "Value '" + role + "é' at 'target.roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$"},
		{"pattern is for the whole string", "Target.RoleArn", role + "r", "x" + role + "r", one + "Value 'x" + role + "r' at 'target.roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$"},
		{"a FIFO queue is no dead-letter queue", "Target.DeadLetterConfig.Arn", "arn:aws:sqs:lab-1:123456789012:q_-9", "arn:aws:sqs:lab-1:123456789012:q.fifo", one + "Value 'arn:aws:sqs:lab-1:123456789012:q.fifo' at 'target.deadLetterConfig.arn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:sqs:[a-z0-9\\-]+:\\d{12}:[a-zA-Z0-9\\-_]+$"},
		{"pattern with a look-ahead", "Target.EventBridgeParameters", map[string]any{"DetailType": "d", "Source": "awesome"}, map[string]any{"DetailType": "d", "Source": "aws.x"}, one + "Value 'aws.x' at 'target.eventBridgeParameters.source' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=[/\\.\\-_A-Za-z0-9]+)((?!aws\\.).*)|(\\$(\\.[\\w_-]+(\\[(\\d+|\\*)\\])*)*)$"},
		{"a JSON path", "Target.EventBridgeParameters", map[string]any{"DetailType": "d", "Source": "$.a[0].b-c[*]"}, map[string]any{"DetailType": "d", "Source": "$.a[0"}, one + "Value '$.a[0' at 'target.eventBridgeParameters.source' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=[/\\.\\-_A-Za-z0-9]+)((?!aws\\.).*)|(\\$(\\.[\\w_-]+(\\[(\\d+|\\*)\\])*)*)$"},
		{"member of a list", "Target.SageMakerPipelineParameters.PipelineParameterList", []any{map[string]any{"Name": "", "Value": "v"}, map[string]any{"Name": "n", "Value": "v"}}[1:], []any{map[string]any{"Name": "n", "Value": "v"}, map[string]any{"Name": "n!", "Value": "v"}}, one + "Value 'n!' at 'target.sageMakerPipelineParameters.pipelineParameterList.2.member.name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[A-Za-z0-9\\-_]*$"},
		{"scalars of a list", "Target.EcsParameters", map[string]any{"TaskDefinitionArn": "t", "NetworkConfiguration": map[string]any{"awsvpcConfiguration": map[string]any{"Subnets": []string{"a"}}}}, map[string]any{"TaskDefinitionArn": "t", "NetworkConfiguration": map[string]any{"awsvpcConfiguration": map[string]any{"Subnets": []string{"a", ""}}}}, one + "Value '[a, ]' at 'target.ecsParameters.networkConfiguration.awsvpcConfiguration.subnets' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1000, Member must have length greater than or equal to 1, Member must not be null]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			a := b.do(request("POST", "/schedules/n", schedule(t, c.path, c.good)))
			want(t, "status of the good one: "+a.body, a.status, 200)
			a = b.do(request("POST", "/schedules/n", schedule(t, c.path, c.bad)))
			want(t, "status", a.status, 400)
			want(t, "message", message(t, a), c.message)
		})
	}
}

func TestAllViolationsAreListedAtOnce(t *testing.T) {
	b := newBench(t)
	a := b.do(request("POST", "/schedules/a%20b", `{"State":"x"}`))
	want(t, "code", a.header.Get("X-Amzn-Errortype"), "ValidationException")
	want(t, "message", message(t, a), "5 validation errors detected: "+strings.Join([]string{
		"Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null",
		"Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$",
		"Value null at 'scheduleExpression' failed to satisfy constraint: Member must not be null",
		"Value 'x' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]",
		"Value null at 'target' failed to satisfy constraint: Member must not be null",
	}, "; "))
	a = b.do(request("POST", "/schedules/n", ""))
	want(t, "an empty body is one without members", strings.Count(message(t, a), "must not be null"), 3)
}

func TestAListBeyondItsLengthIsRefusedOnce(t *testing.T) {
	b := newBench(t)
	tags := func(n int) string {
		return `{"Tags":[` + strings.TrimSuffix(strings.Repeat(`{"Key":"k","Value":"v"},`, n), ",") + `]}`
	}
	a := b.do(request("POST", "/schedule-groups/g", tags(200)))
	want(t, "status of 200", a.status, 200)
	a = b.do(request("POST", "/schedule-groups/g", tags(201)))
	want(t, "message of 201", message(t, a), "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200")
	bad := `{"Tags":[` + strings.TrimSuffix(strings.Repeat(`{},`, 200), ",") + `]}`
	a = b.do(request("POST", "/schedule-groups/g", bad))
	if m := message(t, a); !strings.HasPrefix(m, "100 validation errors detected: ") {
		t.Errorf("400 violations: %.60s", m)
	}
	a = b.do(request("DELETE", "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A123456789012%3Aschedule-group%2Fg?TagKeys=a&TagKeys=", ""))
	want(t, "list in the query", message(t, a), "1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must not be null]")
}

func TestWhatLambdaChecks(t *testing.T) {
	for _, c := range []struct{ name, with, message string }{
		{"the recorded maximum of memory", `"MemorySize":10241`, "1 validation error detected: Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240"},
		{"memory at its maximum", `"MemorySize":10240`, ""},
		{"runtimes are the implementation's to refuse", `"Runtime":"cobol"`, ""},
		{"names of variables", `"Environment":{"Variables":{"1A":"secret"}}`, "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
		{"architecture", `"Architectures":["vax"]`, "1 validation error detected: Value '[vax]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		{"bucket without a dot at its end", `"Code":{"S3Bucket":"a.b"}`, ""},
		{"bucket with a dot at its end", `"Code":{"S3Bucket":"ab."}`, "1 validation error detected: Value 'ab.' at 'code.s3Bucket' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9A-Za-z\\.\\-_]*(?<!\\.)"},
		{"an empty dead-letter ARN", `"DeadLetterConfig":{"TargetArn":""}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			body := `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},` + c.with + `}`
			a := b.do(request("POST", "/2015-03-31/functions", body))
			if c.message == "" {
				want(t, "status: "+a.body, a.status, 201)
				return
			}
			want(t, "status", a.status, 400)
			want(t, "message", message(t, a), c.message)
			want(t, "code", a.header.Get("X-Amzn-Errortype"), "ValidationException")
		})
	}
	b := newBench(t)
	a := b.do(request("GET", "/2015-03-31/functions?MaxItems=0&FunctionVersion=SOME", ""))
	want(t, "query parameters", message(t, a), "2 validation errors detected: Value 'SOME' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]; Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")
	a = b.do(request("GET", "/2015-03-31/functions?MaxItems=many", ""))
	want(t, "a number that is none", message(t, a), "The member 'MaxItems' must be an integer of 32 bits.")
}

func TestWhatSQSMisses(t *testing.T) {
	for _, c := range []struct{ operation, json, form, name string }{
		{"CreateQueue", `{}`, "", "QueueName"},
		{"SendMessage", `{"QueueUrl":"u"}`, "QueueUrl=u", "MessageBody"},
		{"SendMessage", `{"MessageBody":"u"}`, "MessageBody=u", "QueueUrl"},
		{"SendMessageBatch", `{"QueueUrl":"u"}`, "QueueUrl=u", "SendMessageBatchRequestEntry"},
		{
			"SendMessageBatch", `{"QueueUrl":"u","Entries":[{"Id":"a","MessageBody":"b"},{"Id":"c"}]}`,
			"QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b&SendMessageBatchRequestEntry.2.Id=c", "SendMessageBatchRequestEntry.2.MessageBody",
		},
	} {
		b := newBench(t)
		a := b.do(sqsJSON(c.operation, c.json))
		want(t, c.operation, a.body, `{"__type":"com.amazonaws.sqs#MissingRequiredParameterException","message":"The request must contain the parameter `+c.name+`."}`)
		want(t, c.operation, a.header.Get("X-Amzn-Query-Error"), "MissingParameter;Sender")
		a = b.do(sqsForm("/", "Action="+c.operation+"&"+c.form))
		if !strings.Contains(a.body, "<Code>MissingParameter</Code><Message>The request must contain the parameter "+c.name+".</Message>") {
			t.Errorf("%s: %s", c.operation, a.body)
		}
		want(t, "status", a.status, 400)
		if d := cmp.Diff("", b.operation); d != "" {
			t.Error(d)
		}
	}
}
