package awswire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
)

type tinyScheduler struct{ schedulerapi.Unimplemented }

func (tinyScheduler) CreateSchedule(ctx context.Context, in *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	c := awswire.CallerFrom(ctx)
	return &schedulerapi.CreateScheduleOutput{ScheduleArn: new("arn:aws:scheduler:" + c.Region + ":" + c.Account + ":schedule/default/" + *in.Name)}, nil
}

func (tinyScheduler) GetSchedule(_ context.Context, in *schedulerapi.GetScheduleInput) (*schedulerapi.GetScheduleOutput, error) {
	return &schedulerapi.GetScheduleOutput{
		Name: in.Name, CreationDate: new(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)),
		FlexibleTimeWindow: &schedulerapi.FlexibleTimeWindow{Mode: new(schedulerapi.FlexibleTimeWindowModeOff)},
	}, nil
}

func (tinyScheduler) ListSchedules(_ context.Context, in *schedulerapi.ListSchedulesInput) (*schedulerapi.ListSchedulesOutput, error) {
	if in.NextToken == nil {
		return &schedulerapi.ListSchedulesOutput{Schedules: []schedulerapi.ScheduleSummary{{Name: new("a")}}, NextToken: new("+/= %")}, nil
	}
	return &schedulerapi.ListSchedulesOutput{Schedules: []schedulerapi.ScheduleSummary{{Name: new("b after " + *in.NextToken)}}}, nil
}

func (tinyScheduler) ListTagsForResource(_ context.Context, in *schedulerapi.ListTagsForResourceInput) (*schedulerapi.ListTagsForResourceOutput, error) {
	return &schedulerapi.ListTagsForResourceOutput{Tags: []schedulerapi.Tag{{Key: new("arn"), Value: in.ResourceArn}}}, nil
}

func (tinyScheduler) DeleteSchedule(_ context.Context, in *schedulerapi.DeleteScheduleInput) (*schedulerapi.DeleteScheduleOutput, error) {
	return nil, belfry.Errorf(belfry.NotFound, "Name", "Schedule %s does not exist.", *in.Name)
}

type tinyLambda struct{ lambdaapi.Unimplemented }

func (tinyLambda) Invoke(_ context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	return &lambdaapi.InvokeOutput{
		StatusCode: new(200), Payload: in.Payload, ExecutedVersion: new("$LATEST"),
		LogResult: new("bG9n"), FunctionError: new("Unhandled"),
	}, nil
}

func (tinyLambda) CreateFunction(_ context.Context, in *lambdaapi.CreateFunctionInput) (*lambdaapi.FunctionConfiguration, error) {
	return &lambdaapi.FunctionConfiguration{FunctionName: in.FunctionName, CodeSize: new(int64(len(in.Code.ZipFile)))}, nil
}

func (tinyLambda) DeleteFunction(context.Context, *lambdaapi.DeleteFunctionInput) (*lambdaapi.DeleteFunctionOutput, error) {
	return nil, nil
}

func (tinyLambda) GetFunction(_ context.Context, in *lambdaapi.GetFunctionInput) (*lambdaapi.GetFunctionOutput, error) {
	return nil, belfry.Errorf(belfry.NotFound, "", "Function not found: %s", *in.FunctionName)
}

type tinySQS struct{ sqsapi.Unimplemented }

func (tinySQS) SendMessage(context.Context, *sqsapi.SendMessageInput) (*sqsapi.SendMessageOutput, error) {
	// The digest of "hi", which boto3 checks.
	return &sqsapi.SendMessageOutput{MessageId: new("m"), MD5OfMessageBody: new("49f68a5c8493ec2c0bf489821c21fc3b")}, nil
}

func (tinySQS) ReceiveMessage(context.Context, *sqsapi.ReceiveMessageInput) (*sqsapi.ReceiveMessageOutput, error) {
	return &sqsapi.ReceiveMessageOutput{Messages: []sqsapi.Message{{
		MessageId: new("m"), Body: new("hi"), MD5OfBody: new("49f68a5c8493ec2c0bf489821c21fc3b"),
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"k": {DataType: new("Binary"), BinaryValue: []byte{1, 2}}},
	}}}, nil
}

func (tinySQS) DeleteMessage(context.Context, *sqsapi.DeleteMessageInput) (*sqsapi.DeleteMessageOutput, error) {
	return nil, nil
}

func (tinySQS) GetQueueUrl(context.Context, *sqsapi.GetQueueUrlInput) (*sqsapi.GetQueueUrlOutput, error) {
	return nil, belfry.Errorf(belfry.NotFound, "QueueName", "The specified queue does not exist.")
}

func (tinySQS) CreateQueue(ctx context.Context, in *sqsapi.CreateQueueInput) (*sqsapi.CreateQueueOutput, error) {
	return &sqsapi.CreateQueueOutput{QueueUrl: new(awswire.EndpointFrom(ctx) + "/" + awswire.CallerFrom(ctx).Account + "/" + *in.QueueName)}, nil
}

func tinyServer(t *testing.T) string {
	s := httptest.NewServer(awswire.NewRouter(
		awswire.Options{Auth: awswire.DevAuth{}, Logger: slog.New(slog.DiscardHandler)},
		schedulerapi.New(tinyScheduler{}), lambdaapi.New(tinyLambda{}), sqsapi.New(tinySQS{}),
	))
	t.Cleanup(s.Close)
	return s.URL
}

// run starts a client and returns what it prints; a client that is not there
// is a failure, because without it nothing is proved.
func run(t *testing.T, name string, args ...string) (out, stderr string, err error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed for this test (on Debian: apt-get install python3-boto3 awscli): %v", name, err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_DEFAULT_REGION=eu-central-1", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	url := tinyServer(t)
	out, stderr, err := run(t, "python3", "testdata/clients.py", url)
	if err != nil {
		t.Fatalf("python3 with boto3 is needed for this test (on Debian: apt-get install python3-boto3): %v\n%s", err, stderr)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	failure := func(class, code, message string, status float64) map[string]any {
		return map[string]any{"class": class, "code": code, "message": message, "status": status}
	}
	digest := "49f68a5c8493ec2c0bf489821c21fc3b"
	if d := cmp.Diff(map[string]any{
		"create_schedule": map[string]any{"ScheduleArn": "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/n"},
		"get_schedule": map[string]any{
			"Name": "n", "CreationDate": got["get_schedule"].(map[string]any)["CreationDate"], // in local time
			"FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
		},
		"list_tags_for_resource": map[string]any{"Tags": []any{map[string]any{"Key": "arn", "Value": "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/g"}}},
		"pages":                  []any{"a", "b after +/= %"},
		"no_schedule":            failure("ResourceNotFoundException", "ResourceNotFoundException", "Schedule missing does not exist.", 404),
		"bad_schedule": failure("ValidationException", "ValidationException",
			"1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", 400),
		"invoke": map[string]any{
			"StatusCode": 200.0, "Payload": `{"a": 1}`, "ExecutedVersion": "$LATEST", "LogResult": "bG9n", "FunctionError": "Unhandled",
		},
		"create_function": map[string]any{"FunctionName": "f", "CodeSize": 2.0},
		"delete_function": map[string]any{"StatusCode": 204.0},
		"no_function":     failure("ResourceNotFoundException", "ResourceNotFoundException", "Function not found: missing", 404),
		"send_message":    map[string]any{"MessageId": "m", "MD5OfMessageBody": digest},
		"receive_message": map[string]any{"Messages": []any{map[string]any{
			"MessageId": "m", "Body": "hi", "MD5OfBody": digest,
			"MessageAttributes": map[string]any{"k": map[string]any{"DataType": "Binary", "BinaryValue": "0102"}},
		}}},
		"delete_message": map[string]any{},
		"no_queue":       failure("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", 400),
		"no_operation":   failure("ClientError", "UnknownOperationException", "Unknown operation: AmazonSQS.RemovePermission.", 404),
	}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	at, err := time.Parse(time.RFC3339Nano, got["get_schedule"].(map[string]any)["CreationDate"].(string))
	if err != nil || !at.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)) {
		t.Errorf("creation date is %v, %v", at, err)
	}
}

func TestAWSCommandLine(t *testing.T) {
	t.Parallel()
	url := tinyServer(t)
	for _, c := range []struct {
		name, out, stderr string
		args              []string
	}{
		{"scheduler", `{"ScheduleArn":"arn:aws:scheduler:eu-central-1:123456789012:schedule/default/n"}`, "", []string{
			"scheduler", "create-schedule", "--name", "n", "--schedule-expression", "rate(1 minute)", "--flexible-time-window", "Mode=OFF",
			"--start-date", "2026-12-01T00:00:00Z",
			"--target", `{"Arn":"arn:aws:lambda:eu-central-1:123456789012:function:f","RoleArn":"arn:aws:iam::123456789012:role/r"}`,
		}},
		{"lambda", `{"ExecutedVersion":"$LATEST","FunctionError":"Unhandled","LogResult":"bG9n","StatusCode":200}`, "", []string{
			"lambda", "invoke", "--function-name", "f", "--log-type", "Tail", "--payload", "{}", os.DevNull,
		}},
		{"sqs", `{"QueueUrl":"` + url + `/123456789012/q"}`, "", []string{"sqs", "create-queue", "--queue-name", "q"}},
		{"a refusal", "", "An error occurred (AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl operation: The specified queue does not exist.", []string{
			"sqs", "get-queue-url", "--queue-name", "q",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, stderr, err := run(t, "aws", append([]string{"--endpoint-url", url, "--output", "json"}, c.args...)...)
			if c.stderr != "" {
				if err == nil || !bytes.Contains([]byte(stderr), []byte(c.stderr)) {
					t.Errorf("want a refusal, got %v\n%s%s", err, out, stderr)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			var got, want any
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if err := json.Unmarshal([]byte(c.out), &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
