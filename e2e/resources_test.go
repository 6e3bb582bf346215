package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// The helpers below make and read resources by plain HTTP, where it is not the
// client that is tested.

// createFunction creates a Python function from a zip; env is its environment.
func (s *server) createFunction(name string, code []byte, env ...string) (arn string) {
	s.t.Helper()
	variables := map[string]string{}
	for i := 0; i+1 < len(env); i += 2 {
		variables[env[i]] = env[i+1]
	}
	var got struct{ FunctionArn string }
	s.must(&got, "lambda", http.MethodPost, "/2015-03-31/functions", "", map[string]any{
		"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Role": functionRole, "Timeout": 20,
		"Code":        map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(code)},
		"Environment": map[string]any{"Variables": variables},
	})
	return got.FunctionArn
}

func (s *server) createQueue(name string) (arn string) {
	s.t.Helper()
	s.must(nil, "sqs", http.MethodPost, "/", "AmazonSQS.CreateQueue", map[string]any{"QueueName": name})
	return "arn:aws:sqs:" + region + ":" + account + ":" + name
}

// createSchedule creates a schedule without a flexible window.
func (s *server) createSchedule(name, expression string, target map[string]any, more ...map[string]any) {
	s.t.Helper()
	s.must(nil, "scheduler", http.MethodPost, "/schedules/"+name, "", scheduleBody(expression, target, more...))
}

func scheduleBody(expression string, target map[string]any, more ...map[string]any) map[string]any {
	body := map[string]any{
		"ScheduleExpression": expression,
		"FlexibleTimeWindow": map[string]any{"Mode": "OFF"},
		"Target":             withRole(target),
	}
	for _, m := range more {
		maps.Copy(body, m)
	}
	return body
}

func (s *server) queueURL(queue string) string { return s.endpoint + "/" + account + "/" + queue }

type message struct {
	MessageID, Body, ReceiptHandle string
	MessageAttributes              map[string]struct{ DataType, StringValue string }
}

// receive waits for one message of a queue, and deletes it.
func (s *server) receive(queue string) message {
	s.t.Helper()
	var got struct{ Messages []message }
	s.eventually("a message in "+queue, 30*time.Second, func() bool {
		s.must(&got, "sqs", http.MethodPost, "/", "AmazonSQS.ReceiveMessage", map[string]any{
			"QueueUrl": s.queueURL(queue), "MessageAttributeNames": []string{"All"}, "WaitTimeSeconds": 5,
		})
		return len(got.Messages) > 0
	})
	s.must(nil, "sqs", http.MethodPost, "/", "AmazonSQS.DeleteMessage", map[string]any{
		"QueueUrl": s.queueURL(queue), "ReceiptHandle": got.Messages[0].ReceiptHandle,
	})
	return got.Messages[0]
}

// must makes a request with a JSON body and wants a 2xx answer, decoded into out.
func (s *server) must(out any, service, method, path, target string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := s.do(service, method, path, target, text)
	if err != nil || got.status/100 != 2 {
		s.t.Fatalf("%s %s%s: %d %s, %v", method, path, target, got.status, got.body, err)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		s.t.Fatalf("%s %s%s: %v in %s", method, path, target, err, got.body)
	}
}

// A ledgerRun is a run as the native API shows it.
type ledgerRun struct {
	ID            string     `json:"id"`
	Schedule      string     `json:"schedule"`
	ScheduledTime time.Time  `json:"scheduled_time"`
	Revision      int64      `json:"revision"`
	Outcome       string     `json:"outcome"`
	Reason        string     `json:"reason"`
	StartedAt     *time.Time `json:"started_at"`
	EndedAt       *time.Time `json:"ended_at"`
	Attempts      []struct {
		Number       int        `json:"number"`
		StartedAt    time.Time  `json:"started_at"`
		EndedAt      *time.Time `json:"ended_at"`
		Result       string     `json:"result"`
		ErrorCode    string     `json:"error_code"`
		ErrorMessage string     `json:"error_message"`
	} `json:"attempts"`
}

func (r *ledgerRun) final() bool { return r.Outcome != "pending" && r.Outcome != "running" }

// runs returns the runs of a schedule of the default group, newest first.
func (s *server) runs(name string) []ledgerRun {
	s.t.Helper()
	var got struct{ Items []ledgerRun }
	s.native("runs", url.Values{"schedule": {scheduleARN(name)}}, &got)
	return got.Items
}

// ended waits until a schedule has n runs that ended, and returns them, newest first.
func (s *server) ended(name string, n int, limit time.Duration) []ledgerRun {
	s.t.Helper()
	var ended []ledgerRun
	s.eventually(name+" has run", limit, func() bool {
		ended = nil
		for _, r := range s.runs(name) {
			if r.final() {
				ended = append(ended, r)
			}
		}
		return len(ended) >= n
	})
	return ended
}

func scheduleARN(name string) string {
	return "arn:aws:scheduler:" + region + ":" + account + ":schedule/default/" + name
}

// at is the expression of a one-time schedule, in UTC.
func at(t time.Time) string { return "at(" + t.UTC().Format("2006-01-02T15:04:05") + ")" }

func withRole(target map[string]any) map[string]any {
	if target["RoleArn"] == nil {
		target["RoleArn"] = role
	}
	return target
}

// target is a target as an argument of the AWS CLI.
func target(t testing.TB, members map[string]any) string {
	t.Helper()
	text, err := json.Marshal(withRole(members))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
