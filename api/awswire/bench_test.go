package awswire_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
)

const createBody = `{"GroupName": "g", "ScheduleExpression": "cron(0 8 * * ? *)", "ScheduleExpressionTimezone": "Europe/Moscow", "StartDate": 1893553445, "State": "ENABLED", "Description": "x", "ActionAfterCompletion": "NONE", "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}, "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "{\"task_type\": \"daily_sales\", \"format\": \"pdf\"}", "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q"}, "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3}}, "ClientToken": "06d481b5-c1aa-4347-a462-926dfdec1c99"}`

type createOnly struct{ schedulerapi.Unimplemented }

func (createOnly) CreateSchedule(_ context.Context, in *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	return &schedulerapi.CreateScheduleOutput{ScheduleArn: new("arn:aws:scheduler:us-east-1:000000000000:schedule/g/" + *in.Name)}, nil
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

type body struct {
	s string
	n int
}

func (b *body) Read(p []byte) (int, error) {
	if b.n == len(b.s) {
		return 0, io.EOF
	}
	n := copy(p, b.s[b.n:])
	b.n += n
	return n, nil
}
func (b *body) Close() error { return nil }

// The whole way of a CreateSchedule but the socket: route, read, decode,
// check, call, encode. The budget is 15 microseconds.
func BenchmarkCreateSchedule(b *testing.B) {
	rt := awswire.NewRouter(awswire.Options{Auth: awswire.DevAuth{}}, schedulerapi.New(createOnly{}))
	r := request("POST", "/schedules/daily-report", createBody, "Authorization", signedFor("AKIDEXAMPLE", "us-east-1", "scheduler"))
	r.ContentLength = int64(len(createBody))
	src := &body{s: createBody}
	r.Body = src
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		src.n = 0
		rt.ServeHTTP(w, r)
	}
	if w.h.Get("Content-Type") != "application/json" {
		b.Fatal(w.h)
	}
}
