package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestSchedulerAPIWithBoto3 goes through paging, client tokens, groups, tags and
// quotas, with a power cut in the middle of a group's deletion.
func TestSchedulerAPIWithBoto3(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	notes := filepath.Join(s.dir, "notes.json")
	s.boto3("scheduler_before.py", notes)
	s.kill()
	s.env = []string{"BELFRY_MAX_SCHEDULES=14", "BELFRY_MAX_SCHEDULE_GROUPS=2"}
	s.start()
	s.boto3("scheduler_after.py", notes)
}

func TestSchedulerAPIWithTheAWSCommandLine(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	create := func(name string, more ...string) []string {
		return append([]string{
			"scheduler", "create-schedule", "--name", name, "--schedule-expression", "rate(1 hour)", "--flexible-time-window", "Mode=OFF",
			"--target", "Arn=arn:aws:sqs:us-east-1:000000000000:inbox,RoleArn=" + role,
		}, more...)
	}
	var made struct{ ScheduleGroupArn, ScheduleArn string }
	s.aws(&made, "scheduler", "create-schedule-group", "--name", "g", "--tags", "Key=k,Value=v")
	for range 2 {
		s.aws(&made, create("once", "--group-name", "g", "--client-token", "t")...)
	}
	s.awsFails("ConflictException", create("other", "--group-name", "g", "--client-token", "t")...)
	s.awsFails("ConflictException", create("once", "--group-name", "g")...)
	s.awsFails("ResourceNotFoundException", create("other", "--group-name", "none")...)
	s.awsFails("ValidationException", create("other", "--schedule-expression-timezone", "Nowhere/At_All")...)
	for i := range 4 {
		s.aws(nil, create(fmt.Sprintf("s%d", i), "--group-name", "g")...)
	}
	// The command line follows the pages by itself.
	var list struct{ Schedules []struct{ Name string } }
	s.aws(&list, "scheduler", "list-schedules", "--group-name", "g", "--page-size", "2")
	if len(list.Schedules) != 5 {
		t.Errorf("schedules %v, want five", list.Schedules)
	}
	var tags struct{ Tags []struct{ Key, Value string } }
	s.aws(&tags, "scheduler", "list-tags-for-resource", "--resource-arn", made.ScheduleGroupArn)
	if len(tags.Tags) != 1 || tags.Tags[0].Value != "v" {
		t.Errorf("tags %v", tags)
	}
	s.aws(nil, "scheduler", "untag-resource", "--resource-arn", made.ScheduleGroupArn, "--tag-keys", "k")
	s.aws(nil, "scheduler", "delete-schedule-group", "--name", "g")
	s.eventually("the group is gone", 30*time.Second, func() bool {
		got, err := s.do("scheduler", http.MethodGet, "/schedule-groups/g", "", nil)
		return err == nil && got.status == http.StatusNotFound
	})
	s.awsFails("ResourceNotFoundException", "scheduler", "get-schedule", "--group-name", "g", "--name", "once")
	s.awsFails("ValidationException", "scheduler", "delete-schedule-group", "--name", "default")

	s.stop()
	s.env = []string{"BELFRY_CREATE_SCHEDULE_RATE=0.01"}
	s.start()
	s.aws(nil, create("first")...)
	s.awsFails("ThrottlingException", create("second")...)
}

// TestUniversalTargets sends to a queue by the API's own request, and finds the
// request in the dead-letter queue when there is no such queue.
func TestUniversalTargets(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	type queue struct{ QueueUrl string }
	var inbox, dead queue
	s.must(&inbox, "sqs", "POST", "/", "AmazonSQS.CreateQueue", map[string]string{"QueueName": "inbox"})
	s.must(&dead, "sqs", "POST", "/", "AmazonSQS.CreateQueue", map[string]string{"QueueName": "dead"})
	schedule := func(name, action, input string) {
		t.Helper()
		s.must(nil, "scheduler", "POST", "/schedules/"+name, "", map[string]any{
			"ScheduleExpression": "at(" + time.Now().UTC().Format("2006-01-02T15:04:05") + ")", "FlexibleTimeWindow": map[string]string{"Mode": "OFF"},
			"Target": map[string]any{
				"Arn": sdkARN + action, "RoleArn": role, "Input": input,
				"DeadLetterConfig": map[string]string{"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"},
			},
		})
	}
	type message struct {
		Body              string
		ReceiptHandle     string
		MessageAttributes map[string]struct{ StringValue string }
	}
	receive := func(q queue) message {
		t.Helper()
		var got struct{ Messages []message }
		s.eventually("a message in "+q.QueueUrl, 30*time.Second, func() bool {
			s.must(&got, "sqs", "POST", "/", "AmazonSQS.ReceiveMessage", map[string]any{
				"QueueUrl": q.QueueUrl, "WaitTimeSeconds": 1, "MessageAttributeNames": []string{"All"},
			})
			return len(got.Messages) == 1
		})
		s.must(nil, "sqs", "POST", "/", "AmazonSQS.DeleteMessage", map[string]string{"QueueUrl": q.QueueUrl, "ReceiptHandle": got.Messages[0].ReceiptHandle})
		return got.Messages[0]
	}
	schedule("send", "sqs:sendMessage", `{"QueueUrl": "`+inbox.QueueUrl+`", "MessageBody": "try <aws.scheduler.attempt-number> of <aws.scheduler.schedule-arn>",
		"MessageAttributes": {"color": {"DataType": "String", "StringValue": "red"}}}`)
	got := receive(inbox)
	if want := "try 1 of arn:aws:scheduler:us-east-1:000000000000:schedule/default/send"; got.Body != want || got.MessageAttributes["color"].StringValue != "red" {
		t.Errorf("message %+v, want %s", got, want)
	}
	for name, c := range map[string]struct{ action, input, code string }{
		"nowhere":  {"sqs:sendMessage", `{"QueueUrl":"http://127.0.0.1/000000000000/nowhere","MessageBody":"x"}`, "AWS.SimpleQueueService.NonExistentQueue"},
		"function": {"lambda:invoke", `{"FunctionName":"nowhere","Payload":"{}"}`, "Lambda.ResourceNotFoundException"},
	} {
		schedule(name, c.action, c.input)
		got := receive(dead)
		if a := got.MessageAttributes; got.Body != c.input || a["ERROR_CODE"].StringValue != c.code || a["TARGET_ARN"].StringValue != sdkARN+c.action {
			t.Errorf("%s: dead letter %+v, want the request and %s", name, got, c.code)
		}
	}
}
