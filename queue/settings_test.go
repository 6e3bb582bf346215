package queue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/queue"
)

func TestQueueNames(t *testing.T) {
	run(t, func(f *fixture) {
		const bad = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
		for _, c := range []struct{ what, name, code, message string }{
			{"one character", "a", "", ""},
			{"80 characters", strings.Repeat("a", 80), "", ""},
			{"every kind of character", "Az09-_", "", ""},
			{"81 characters", strings.Repeat("a", 81), "InvalidParameterValueException", bad},
			{"empty", "", "MissingRequiredParameterException", "The request must contain the parameter QueueName."},
			{"a dot", "a.b", "InvalidParameterValueException", bad},
			{"a slash", "a/b", "InvalidParameterValueException", bad},
			{"not ASCII", "é", "InvalidParameterValueException", bad},
			{"FIFO", "a.fifo", "UnsupportedOperation", "FIFO queues are not supported yet: a queue name cannot end in .fifo."},
		} {
			_, err := f.CreateQueue(f.Context(), scope, c.name, nil, nil)
			if c.code == "" {
				if err != nil {
					f.Errorf("%s: %v", c.what, err)
				}
				continue
			}
			f.refused(err, c.code, c.message)
		}
	})
}

func TestDefaultAttributes(t *testing.T) {
	run(t, func(f *fixture) {
		got, err := f.Attributes(f.Context(), scope, "q", []string{"All"})
		f.ok(err)
		now := "946684800" // synctest's epoch
		f.equal(got, map[string]string{
			"VisibilityTimeout": "30", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
			"MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
			"CreatedTimestamp": now, "LastModifiedTimestamp": now,
			"QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q",
		})
	})
}

func TestAttributesThatAreAskedFor(t *testing.T) {
	run(t, func(f *fixture) {
		for _, c := range []struct {
			names []string
			want  map[string]string
		}{
			{nil, nil},
			{[]string{"DelaySeconds", "QueueArn"}, map[string]string{"DelaySeconds": "0", "QueueArn": "arn:aws:sqs:eu-west-1:000000000000:q"}},
			{[]string{"Policy"}, map[string]string{}},
			{[]string{"FifoQueue"}, map[string]string{}},
		} {
			got, err := f.Attributes(f.Context(), scope, "q", c.names)
			f.ok(err)
			f.equal(got, c.want)
		}
		_, err := f.Attributes(f.Context(), scope, "q", []string{"All", "Nonsense"})
		f.refused(err, "InvalidAttributeName", "Unknown Attribute Nonsense.")
	})
}

func TestAttributeRanges(t *testing.T) {
	run(t, func(f *fixture) {
		for name, limits := range map[string][2]string{
			"VisibilityTimeout":             {"0 43200", "-1 43201 x 1.5"},
			"DelaySeconds":                  {"0 900", "-1 901 +5"},
			"MaximumMessageSize":            {"1024 1048576", "1023 1048577"},
			"MessageRetentionPeriod":        {"60 1209600", "59 1209601"},
			"ReceiveMessageWaitTimeSeconds": {"0 20", "-1 21"},
			"KmsDataKeyReusePeriodSeconds":  {"60 86400", "59 86401"},
			"SqsManagedSseEnabled":          {"true false", "yes"},
			"Policy":                        {`{"Version":"2012-10-17"}`, `[] {broken null`},
			"KmsMasterKeyId":                {"alias/aws/sqs", ""},
		} {
			for v := range strings.FieldsSeq(limits[0]) {
				f.set("q", map[string]string{name: v})
				if got := f.attribute("q", name); got != v {
					f.Errorf("%s=%s is echoed as %q", name, v, got)
				}
			}
			for v := range strings.FieldsSeq(limits[1]) {
				err := f.SetAttributes(f.Context(), scope, "q", map[string]string{name: v})
				f.refused(err, "InvalidAttributeValue", "Invalid value for the parameter "+name+".")
				_, err = f.CreateQueue(f.Context(), scope, "new", map[string]string{name: v}, nil)
				f.refused(err, "InvalidAttributeValue", "Invalid value for the parameter "+name+".")
			}
		}
		_, err := f.Queue(f.Context(), scope, "new")
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
	})
}

func TestAttributesThatCannotBeSet(t *testing.T) {
	run(t, func(f *fixture) {
		for _, c := range []struct{ what, name, value, code, message string }{
			{"unknown", "Nonsense", "1", "InvalidAttributeName", "Unknown Attribute Nonsense."},
			{"read-only", "QueueArn", "arn", "InvalidAttributeName", "Unknown Attribute QueueArn."},
			{"All", "All", "1", "InvalidAttributeName", "Unknown Attribute All."},
			{"FIFO's own", "ContentBasedDeduplication", "true", "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."},
			{"the type", "FifoQueue", "true", "InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."},
			{"a number taken back", "DelaySeconds", "", "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."},
		} {
			f.refused(f.SetAttributes(f.Context(), scope, "q", map[string]string{c.name: c.value}), c.code, c.message)
		}
		f.refused(f.SetAttributes(f.Context(), scope, "q", nil), "MissingRequiredParameterException",
			"The request must contain the parameter Attribute.Name.")
		_, err := f.CreateQueue(f.Context(), scope, "x", map[string]string{"FifoQueue": "true"}, nil)
		f.refused(err, "UnsupportedOperation", "FIFO queues are not supported yet.")
		_, err = f.CreateQueue(f.Context(), scope, "x", map[string]string{"FifoQueue": "false"}, nil)
		f.refused(err, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	})
}

func TestSetAttributesLeavesTheOthers(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"DelaySeconds": "5", "KmsMasterKeyId": "k", "Policy": `{"a":1}`})
		time.Sleep(3 * time.Second)
		f.set("q", map[string]string{"VisibilityTimeout": "7", "Policy": ""})
		got, err := f.Attributes(f.Context(), scope, "q", []string{
			"DelaySeconds", "KmsMasterKeyId", "Policy", "VisibilityTimeout", "SqsManagedSseEnabled", "CreatedTimestamp", "LastModifiedTimestamp",
		})
		f.ok(err)
		f.equal(got, map[string]string{
			"DelaySeconds": "5", "KmsMasterKeyId": "k", "VisibilityTimeout": "7", "SqsManagedSseEnabled": "false",
			"CreatedTimestamp": "946684800", "LastModifiedTimestamp": "946684803",
		})
	})
}

func TestCreateIsIdempotentWithEqualAttributes(t *testing.T) {
	run(t, func(f *fixture) {
		first := f.create("x", map[string]string{"DelaySeconds": "5", "Policy": `{"a": 1, "b": 2}`})
		for _, same := range []map[string]string{
			nil,
			{"DelaySeconds": "5"},
			{"VisibilityTimeout": "30"}, // the default
			{"Policy": `{"b":2,"a":1}`},
		} {
			if q := f.create("x", same); q.ID != first.ID {
				f.Errorf("create with %v made another queue", same)
			}
		}
		for name, value := range map[string]string{"DelaySeconds": "6", "VisibilityTimeout": "31", "Policy": `{"a":2}`, "KmsMasterKeyId": "k"} {
			_, err := f.CreateQueue(f.Context(), scope, "x", map[string]string{name: value}, nil)
			f.refused(err, "QueueNameExists", "A queue already exists with the same name and a different value for attribute "+name)
		}
	})
}

func TestRedrivePolicyRefusals(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("closed", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
		f.create("choosy", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:eu-west-1:000000000000:q"]}`})
		const arn = `"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:`
		for _, c := range []struct{ raw, reason string }{
			{`{` + arn + `q"}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
			{`{"maxReceiveCount":1}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
			{`{` + arn + `q","maxReceiveCount":0}`, "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."},
			{`{` + arn + `q","maxReceiveCount":1001}`, "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."},
			{`{` + arn + `q","maxReceiveCount":"x"}`, "Invalid value for maxReceiveCount: x, valid values are from 1 to 1000 both inclusive."},
			{`{"deadLetterTargetArn":"arn:aws:sns:eu-west-1:000000000000:q","maxReceiveCount":1}`, "Only SQS queues are valid resources for deadLetterTargetArn"},
			{`{"deadLetterTargetArn":"q","maxReceiveCount":1}`, "Only SQS queues are valid resources for deadLetterTargetArn"},
			{`{"deadLetterTargetArn":7,"maxReceiveCount":1}`, "Only SQS queues are valid resources for deadLetterTargetArn"},
			{`{` + arn + `q.fifo","maxReceiveCount":1}`, "Dead-letter queue must be same type of queue as the source.."},
			{`{` + arn + `absent","maxReceiveCount":1}`, "Dead letter target does not exist."},
			{`{"deadLetterTargetArn":"arn:aws:sqs:eu-west-2:000000000000:q","maxReceiveCount":1}`, "Dead-letter queue must be in the same account and region as the source."},
			{`{` + arn + `closed","maxReceiveCount":1}`, "The dead-letter queue's RedriveAllowPolicy does not allow this source queue."},
			{`{` + arn + `choosy","maxReceiveCount":1}`, "The dead-letter queue's RedriveAllowPolicy does not allow this source queue."},
			{`[]`, "Redrive policy is not a valid JSON map."},
			{`{`, "Redrive policy is not a valid JSON map."},
		} {
			_, err := f.CreateQueue(f.Context(), scope, "source", map[string]string{"RedrivePolicy": c.raw}, nil)
			f.refused(err, "InvalidParameterValueException", "Value "+c.raw+" for parameter RedrivePolicy is invalid. Reason: "+c.reason)
		}
		for _, raw := range []string{
			`{` + arn + `q","maxReceiveCount":1}`, `{` + arn + `q","maxReceiveCount":1000}`, `{` + arn + `q","maxReceiveCount":"3"}`,
		} {
			f.create("ok", nil)
			f.set("ok", map[string]string{"RedrivePolicy": raw})
			if got := f.attribute("ok", "RedrivePolicy"); got != raw {
				f.Errorf("RedrivePolicy %s is echoed as %s", raw, got)
			}
		}
		f.set("q", map[string]string{"RedrivePolicy": `{` + arn + `choosy","maxReceiveCount":1}`})
	})
}

func TestRedriveAllowPolicy(t *testing.T) {
	run(t, func(f *fixture) {
		arns := func(n int) string {
			return `["arn:q"` + strings.Repeat(`,"arn:q"`, n-1) + `]`
		}
		for _, raw := range []string{
			`{"redrivePermission":"allowAll"}`,
			`{"redrivePermission":"byQueue","sourceQueueArns":` + arns(1) + `}`,
			`{"redrivePermission":"byQueue","sourceQueueArns":` + arns(10) + `}`,
		} {
			f.set("q", map[string]string{"RedriveAllowPolicy": raw})
			if got := f.attribute("q", "RedriveAllowPolicy"); got != raw {
				f.Errorf("%s is echoed as %s", raw, got)
			}
		}
		for raw, reason := range map[string]string{
			`{"redrivePermission":"byQueue","sourceQueueArns":` + arns(11) + `}`: "The redrivePermission byQueue needs 1 to 10 sourceQueueArns.",
			`{"redrivePermission":"byQueue"}`:                                    "The redrivePermission byQueue needs 1 to 10 sourceQueueArns.",
			`{"redrivePermission":"denyAll","sourceQueueArns":["a"]}`:            "sourceQueueArns goes with the redrivePermission byQueue only.",
			`{}`:   "redrivePermission must be allowAll, denyAll or byQueue.",
			`null`: "RedriveAllowPolicy is not a valid JSON map.",
		} {
			f.refused(f.SetAttributes(f.Context(), scope, "q", map[string]string{"RedriveAllowPolicy": raw}),
				"InvalidParameterValueException", "Value "+raw+" for parameter RedriveAllowPolicy is invalid. Reason: "+reason)
		}
	})
}

func TestTags(t *testing.T) {
	run(t, func(f *fixture) {
		tags := func() map[string]string {
			q, err := f.Queue(f.Context(), scope, "q")
			f.ok(err)
			return q.Tags
		}
		f.ok(f.TagQueue(f.Context(), scope, "q", map[string]string{"a": "1", "b": "2"}))
		f.ok(f.TagQueue(f.Context(), scope, "q", map[string]string{"b": "3", "c": ""}))
		f.equal(tags(), map[string]string{"a": "1", "b": "3", "c": ""})
		f.ok(f.UntagQueue(f.Context(), scope, "q", []string{"a", "absent"}))
		f.equal(tags(), map[string]string{"b": "3", "c": ""})
		many := map[string]string{}
		for i := range 49 {
			many["k"+strings.Repeat("x", i)] = "v"
		}
		f.refused(f.TagQueue(f.Context(), scope, "q", many), "InvalidParameterValueException",
			"Too many tags added for queue. Maximum number of tags is 50.")
		delete(many, "k")
		f.ok(f.TagQueue(f.Context(), scope, "q", many))
		f.equal(len(tags()), 50)
		f.ok(f.UntagQueue(f.Context(), scope, "q", []string{"b", "c"}))
		f.ok(f.TagQueue(f.Context(), scope, "q", map[string]string{strings.Repeat("k", 128): strings.Repeat("v", 256)}))
		f.refused(f.TagQueue(f.Context(), scope, "q", map[string]string{strings.Repeat("k", 129): ""}),
			"InvalidParameterValueException", "Tag keys must be between 1 and 128 characters in length.")
		f.refused(f.TagQueue(f.Context(), scope, "q", map[string]string{"k": strings.Repeat("v", 257)}),
			"InvalidParameterValueException", "Tag values must be between 0 and 256 characters in length.")
	})
}

func TestListQueues(t *testing.T) {
	run(t, func(f *fixture) {
		f.create("r", nil)
		f.create("qq", nil)
		_, err := f.CreateQueue(f.Context(), belfry.Scope{Account: scope.Account, Region: "us-east-1"}, "qx", nil, nil)
		f.ok(err)
		names, more, err := f.ListQueues(f.Context(), scope, "q", "", 2)
		f.ok(err)
		f.equal([]any{names, more}, []any{[]string{"q", "qq"}, false})
		names, more, err = f.ListQueues(f.Context(), scope, "", "", 2)
		f.ok(err)
		f.equal([]any{names, more}, []any{[]string{"q", "qq"}, true})
		names, more, err = f.ListQueues(f.Context(), scope, "", "qq", 2)
		f.ok(err)
		f.equal([]any{names, more}, []any{[]string{"r"}, false})
	})
}

func TestSourcesOfADeadLetterQueue(t *testing.T) {
	run(t, func(f *fixture) {
		dead := f.create("dead", nil)
		sources := func(name, after string, limit int) ([]string, bool) {
			t.Helper()
			names, more, err := f.Sources(f.Context(), scope, name, after, limit)
			f.ok(err)
			return names, more
		}
		if names, more := sources("dead", "", 10); names != nil || more {
			t.Errorf("sources %v, %v, want none", names, more)
		}
		policy := map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + dead.ARN() + `","maxReceiveCount":3}`}
		for _, name := range []string{"a", "c", "b"} {
			f.create(name, policy)
		}
		for _, c := range []struct {
			after string
			limit int
			want  string
			more  bool
		}{
			{"", 3, "[a b c]", false},
			{"", 2, "[a b]", true},
			{"b", 2, "[c]", false},
			{"c", 2, "[]", false},
		} {
			if names, more := sources("dead", c.after, c.limit); fmt.Sprint(names) != c.want || more != c.more {
				t.Errorf("%d after %q: %v, %v; want %s, %v", c.limit, c.after, names, more, c.want, c.more)
			}
		}
		f.set("b", map[string]string{"RedrivePolicy": ""})
		if names, _ := sources("dead", "", 3); fmt.Sprint(names) != "[a c]" {
			t.Errorf("after b's policy was taken back: %v", names)
		}
		_, _, err := f.Sources(f.Context(), scope, "absent", "", 1)
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
	})
}

func TestDeletedQueueIsGoneAtOnce(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "m")
		m := f.takeOne("q")
		f.ok(f.DeleteQueue(f.Context(), scope, "q"))
		_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: "m"})
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
		f.refused(f.DeleteQueue(f.Context(), scope, "q"), "QueueDoesNotExist", "The specified queue does not exist.")
		f.create("q", nil)
		f.empty("q")
		f.refused(f.Delete(f.Context(), scope, "q", m.Handle), "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	})
}

func TestPurge(t *testing.T) {
	run(t, func(f *fixture) {
		f.send("q", "before")
		f.send("q", "received")
		f.take("q")
		f.send("q", "visible")
		f.ok(f.PurgeQueue(f.Context(), scope, "q"))
		f.equal(f.attribute("q", "ApproximateNumberOfMessages"), "0")
		f.equal(f.attribute("q", "ApproximateNumberOfMessagesNotVisible"), "0")
		f.send("q", "after")
		time.Sleep(59 * time.Second)
		f.refused(f.PurgeQueue(f.Context(), scope, "q"), "PurgeQueueInProgress",
			"Only one PurgeQueue operation on q is allowed every 60 seconds.")
		f.equal(f.takeOne("q").Body, "after")
		time.Sleep(time.Second)
		f.ok(f.PurgeQueue(f.Context(), scope, "q"))
		time.Sleep(time.Minute)
		f.empty("q")
	})
}
