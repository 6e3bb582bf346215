package awswire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

// The table of kinds, as each dialect has it on the wire.
func TestKindsOfErrorInEachDialect(t *testing.T) {
	scheduler := func(b *bench) reply { return b.do(request("GET", "/schedules/n", "")) }
	lambda := func(b *bench) reply { return b.do(request("GET", "/2015-03-31/functions/f", "")) }
	sqs := func(b *bench) reply { return b.do(sqsJSON("PurgeQueue", `{"QueueUrl":"u"}`)) }
	query := func(b *bench) reply { return b.do(sqsForm("/000000000000/q", "Action=PurgeQueue")) }
	sqsBody := func(code string) string { return `{"__type":"com.amazonaws.sqs#` + code + `","message":"m"}` }
	for _, c := range []struct {
		name   string
		call   func(*bench) reply
		kind   belfry.Kind
		code   string // of the belfry.Error
		status int
		body   string
		header string // x-amzn-ErrorType or x-amzn-query-error
	}{
		{"scheduler invalid", scheduler, belfry.Invalid, "", 400, `{"Message":"m"}`, "ValidationException"},
		{"scheduler missing", scheduler, belfry.NotFound, "", 404, `{"Message":"m"}`, "ResourceNotFoundException"},
		{"scheduler conflict", scheduler, belfry.Conflict, "", 409, `{"Message":"m"}`, "ConflictException"},
		{"scheduler quota", scheduler, belfry.Quota, "", 402, `{"Message":"m"}`, "ServiceQuotaExceededException"},
		{"scheduler throttled", scheduler, belfry.Throttled, "", 429, `{"Message":"m"}`, "ThrottlingException"},
		{"scheduler denied", scheduler, belfry.Denied, "", 403, `{"Message":"m"}`, "AccessDeniedException"},
		{"scheduler unavailable", scheduler, belfry.Unavailable, "", 503, `{"Message":"m"}`, "ServiceUnavailableException"},
		{"scheduler's own code decides", scheduler, belfry.Invalid, "ConflictException", 409, `{"Message":"m"}`, "ConflictException"},
		{"a code of signatures", scheduler, belfry.Denied, "InvalidSignatureException", 403, `{"Message":"m"}`, "InvalidSignatureException"},

		{"lambda invalid", lambda, belfry.Invalid, "", 400, `{"Type":"User","message":"m"}`, "InvalidParameterValueException"},
		{"lambda missing", lambda, belfry.NotFound, "", 404, `{"Type":"User","Message":"m"}`, "ResourceNotFoundException"},
		{"lambda conflict", lambda, belfry.Conflict, "", 409, `{"Type":"User","message":"m"}`, "ResourceConflictException"},
		{"lambda throttled", lambda, belfry.Throttled, "", 429, `{"Type":"User","message":"m","Reason":"ConcurrentInvocationLimitExceeded"}`, "TooManyRequestsException"},
		{"lambda too large", lambda, belfry.TooLarge, "", 413, `{"Type":"User","message":"m"}`, "RequestEntityTooLargeException"},
		{"lambda unavailable", lambda, belfry.Unavailable, "", 503, `{"Type":"Service","Message":"m"}`, "ServiceUnavailableException"},
		{"lambda's own code decides", lambda, belfry.Invalid, "InvalidRequestContentException", 400, `{"Type":"User","message":"m"}`, "InvalidRequestContentException"},
		{"lambda precondition", lambda, belfry.Conflict, "PreconditionFailedException", 412, `{"Type":"User","message":"m"}`, "PreconditionFailedException"},

		{"sqs invalid", sqs, belfry.Invalid, "", 400, sqsBody("InvalidParameterValueException"), "InvalidParameterValue;Sender"},
		{"sqs missing", sqs, belfry.NotFound, "", 400, sqsBody("QueueDoesNotExist"), "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"sqs conflict", sqs, belfry.Conflict, "", 400, sqsBody("QueueNameExists"), "QueueAlreadyExists;Sender"},
		{"sqs too large", sqs, belfry.TooLarge, "", 400, sqsBody("InvalidParameterValueException"), "InvalidParameterValue;Sender"},
		{"sqs denied", sqs, belfry.Denied, "", 403, sqsBody("AccessDeniedException"), "AccessDenied;Sender"},
		{"sqs unavailable", sqs, belfry.Unavailable, "", 503, sqsBody("ServiceUnavailable"), "ServiceUnavailable;Receiver"},
		{"sqs code by its name in JSON", sqs, belfry.Throttled, "PurgeQueueInProgress", 403, sqsBody("PurgeQueueInProgress"), "AWS.SimpleQueueService.PurgeQueueInProgress;Sender"},
		{"sqs code by its old name", sqs, belfry.Invalid, "AWS.SimpleQueueService.EmptyBatchRequest", 400, sqsBody("EmptyBatchRequest"), "AWS.SimpleQueueService.EmptyBatchRequest;Sender"},

		{"query missing", query, belfry.NotFound, "", 400, "AWS.SimpleQueueService.NonExistentQueue", ""},
		{"query conflict", query, belfry.Conflict, "", 400, "QueueAlreadyExists", ""},
		{"query code by its name in JSON", query, belfry.Invalid, "MissingRequiredParameterException", 400, "MissingParameter", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.err = fmt.Errorf("wrapped: %w", &belfry.Error{Kind: c.kind, Code: c.code, Message: "m", Err: errors.New("cause")})
			a := c.call(b)
			want(t, "status", a.status, c.status)
			if strings.HasPrefix(c.name, "query") {
				want(t, "body", a.body, `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>`+c.body+
					`</Code><Message>m</Message><Detail/></Error><RequestId>`+a.header.Get("X-Amzn-Requestid")+`</RequestId></ErrorResponse>`)
				want(t, "content type", a.header.Get("Content-Type"), "text/xml")
				return
			}
			want(t, "body", a.body, c.body)
			name := "X-Amzn-Errortype"
			if strings.HasPrefix(c.name, "sqs") {
				name = "X-Amzn-Query-Error"
			}
			want(t, name, a.header.Get(name), c.header)
			if a.header.Get("X-Amzn-Requestid") == "" {
				t.Error("no request id")
			}
		})
	}
}

func TestFailuresOfOursStayInTheLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		panics bool
	}{
		{"a plain error", errors.New("secret"), false},
		{"an internal belfry.Error", &belfry.Error{Kind: belfry.Internal, Message: "secret"}, false},
		{"an internal belfry.Error with a code", &belfry.Error{Kind: belfry.Internal, Code: "ConflictException", Message: "secret"}, false},
		{"a panic", nil, true},
	} {
		for _, r := range []struct {
			service, code string
			do            func(*bench) reply
		}{
			{"scheduler", "", func(b *bench) reply { return b.do(request("GET", "/schedules/n", "")) }},
			{"lambda", "", func(b *bench) reply { return b.do(request("GET", "/2015-03-31/functions/f", "")) }},
			{"sqs", "", func(b *bench) reply { return b.do(sqsJSON("PurgeQueue", `{"QueueUrl":"u"}`)) }},
			{"sqs, form", "", func(b *bench) reply { return b.do(sqsForm("/000000000000/q", "Action=PurgeQueue")) }},
		} {
			t.Run(r.service+", "+c.name, func(t *testing.T) {
				b := newBench(t)
				b.err, b.panics = c.err, c.panics
				a := r.do(b)
				if strings.Contains(a.body, "secret") || !strings.Contains(a.body, "internal error") {
					t.Errorf("the client reads %s", a.body)
				}
				log := b.log.String()
				if !strings.Contains(log, "secret") || !strings.Contains(log, a.header.Get("X-Amzn-Requestid")) {
					t.Errorf("the log has neither cause nor id: %s", log)
				}
				want(t, "status", a.status, 500)
			})
		}
	}
}

func TestAnErrorCarriesMoreMembers(t *testing.T) {
	b := newBench(t)
	b.err = awswire.WithReason(belfry.Errorf(belfry.Throttled, "", "Rate Exceeded."), "ReservedFunctionConcurrentInvocationLimitExceeded")
	a := b.do(request("POST", "/2015-03-31/functions/f/invocations", "{}"))
	want(t, "body", a.body, `{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}`)
	want(t, "status", a.status, 429)
	b.err = awswire.WithMember(awswire.WithMember(belfry.Errorf(belfry.Invalid, "", "m"), "Item", []byte(`{"k":1}`)), "More", []byte("2"))
	a = b.do(request("GET", "/schedules/n", ""))
	want(t, "body", a.body, `{"Message":"m","More":2,"Item":{"k":1}}`)
}

func TestTheQueryProtocolHasItsOwnWordsForAMissingQueue(t *testing.T) {
	b := newBench(t)
	b.err = belfry.Errorf(belfry.NotFound, "", "The specified queue does not exist.")
	a := b.do(sqsForm("/000000000000/q", "Action=PurgeQueue"))
	if !strings.Contains(a.body, "<Message>The specified queue does not exist for this wsdl version.</Message>") {
		t.Error(a.body)
	}
	a = b.do(sqsJSON("PurgeQueue", `{"QueueUrl":"u"}`))
	if !strings.Contains(a.body, `"The specified queue does not exist."`) {
		t.Error(a.body)
	}
}

func TestQueryErrorIsOnlyForThoseWhoAsk(t *testing.T) {
	b := newBench(t)
	b.err = belfry.Errorf(belfry.NotFound, "", "m")
	a := b.do(request("POST", "/", `{"QueueUrl":"u"}`, "X-Amz-Target", "AmazonSQS.PurgeQueue"))
	want(t, "header", a.header.Get("X-Amzn-Query-Error"), "")
	want(t, "type", a.header.Get("Content-Type"), "application/x-amz-json-1.0")
}
