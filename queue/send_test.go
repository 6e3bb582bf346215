package queue_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/queue"
)

func text(name, value string) queue.Attribute {
	return queue.Attribute{Name: name, Type: "String", Value: value}
}

func TestSendIsReceivedAsSent(t *testing.T) {
	run(t, func(f *fixture) {
		sent := queue.Message{
			Body: "body", Sender: "123456789012", TraceHeader: "Root=1-2", GroupID: "g!",
			Attributes: []queue.Attribute{text("b", "2"), {Name: "a", Type: "Binary.png", Value: "\x00\xff"}, {Name: "c", Type: "Number", Value: "1.5"}},
		}
		r, err := f.Send(f.Context(), scope, "q", sent)
		f.ok(err)
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(r.ID.String()) {
			t.Errorf("message id %s is not a UUID", r.ID)
		}
		time.Sleep(1500 * time.Millisecond)
		got, err := f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{Attributes: []string{"All"}, System: []string{"All"}})
		f.ok(err)
		want := queue.Received{
			ID: r.ID, Handle: got[0].Handle, Body: "body", BodyMD5: "841a2d689ad86bd1611447453c22c6fc",
			Attributes:    []queue.Attribute{sent.Attributes[1], sent.Attributes[0], sent.Attributes[2]},
			AttributesMD5: r.AttributesMD5(),
			System: map[string]string{
				"SenderId": "123456789012", "SentTimestamp": "946684800000", "ApproximateReceiveCount": "1",
				"ApproximateFirstReceiveTimestamp": "946684801500", "MessageGroupId": "g!", "AWSTraceHeader": "Root=1-2",
			},
		}
		f.equal(got, []queue.Received{want})
		f.equal([]string{r.BodyMD5(), r.SystemMD5()}, []string{want.BodyMD5, "eea8f494e51df9c126b8b85f54ccabf7"})
	})
}

func TestMD5Vectors(t *testing.T) {
	var vectors struct {
		Attributes []struct {
			Attributes map[string]struct{ DataType, StringValue, BinaryHex string }
			MD5        string
		} `json:"attribute_vectors"`
		Body map[string]string `json:"body_md5"`
	}
	b, err := os.ReadFile("testdata/md5.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	run(t, func(f *fixture) {
		for _, v := range vectors.Attributes {
			m := queue.Message{Body: "b"}
			for name, a := range v.Attributes {
				value, err := hex.DecodeString(a.BinaryHex)
				f.ok(err)
				m.Attributes = append(m.Attributes, queue.Attribute{Name: name, Type: a.DataType, Value: a.StringValue + string(value)})
			}
			r, err := f.Send(f.Context(), scope, "q", m)
			f.ok(err)
			f.equal(r.AttributesMD5(), v.MD5)
			got, err := f.Receive(f.Context(), scope, "q", queue.ReceiveOptions{Attributes: []string{".*"}})
			f.ok(err)
			f.equal(got[0].AttributesMD5, v.MD5)
		}
		for body, want := range vectors.Body {
			f.equal(f.send("q", body).BodyMD5(), want)
		}
		f.equal(len(vectors.Attributes) >= 7 && len(vectors.Body) >= 8, true)
	})
}

func TestRefusedMessages(t *testing.T) {
	many := func(n int) (a []queue.Attribute) {
		for i := range n {
			a = append(a, text(fmt.Sprint("a", i), "v"))
		}
		return a
	}
	one := func(a queue.Attribute) queue.Message {
		return queue.Message{Body: "b", Attributes: []queue.Attribute{a}}
	}
	name := func(n string) string {
		return "The message attribute name '" + n + "' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters; it cannot start with AWS. or Amazon., start or end with a period, have two periods in succession, or be longer than 256 characters."
	}
	const (
		param    = "InvalidParameterValueException"
		contents = "InvalidMessageContents"
		badText  = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."
		notType  = "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
		notNum   = "Can't cast the value of message (user) attribute 'a' to a number."
	)
	group := func(g string) string {
		return "Value " + g + " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
	}
	long := strings.Repeat("n", 257)
	for _, c := range []struct {
		what          string
		m             queue.Message
		code, message string // empty: accepted
	}{
		{"no body", queue.Message{}, "MissingRequiredParameterException", "The request must contain the parameter MessageBody."},
		{"a body of the largest size", queue.Message{Body: strings.Repeat("x", 1<<20)}, "", ""},
		{"a body beyond it", queue.Message{Body: strings.Repeat("x", 1<<20+1)}, param, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."},
		{"attributes count, just within", queue.Message{Body: strings.Repeat("x", 1<<20-8), Attributes: []queue.Attribute{text("a", "v")}}, "", ""},
		{"attributes count, one beyond", queue.Message{Body: strings.Repeat("x", 1<<20-7), Attributes: []queue.Attribute{text("a", "v")}}, param, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."},
		{"tab, line feed, return", queue.Message{Body: "\t\n\r"}, "", ""},
		{"the last allowed characters", queue.Message{Body: "\ud7ff\ue000\ufffd\U00010000\U0010ffff"}, "", ""},
		{"NUL", queue.Message{Body: "a\x00"}, contents, badText},
		{"a control character", queue.Message{Body: "\x1f"}, contents, badText},
		{"U+FFFE", queue.Message{Body: "\ufffe"}, contents, badText},
		{"U+FFFF", queue.Message{Body: "\uffff"}, contents, badText},
		{"not UTF-8", queue.Message{Body: "\xff"}, contents, badText},
		{"delay 0", queue.Message{Body: "b", DelaySeconds: new(0)}, "", ""},
		{"delay 900", queue.Message{Body: "b", DelaySeconds: new(900)}, "", ""},
		{"delay 901", queue.Message{Body: "b", DelaySeconds: new(901)}, param, "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		{"delay -1", queue.Message{Body: "b", DelaySeconds: new(-1)}, param, "Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		{"10 attributes", queue.Message{Body: "b", Attributes: many(10)}, "", ""},
		{"11 attributes", queue.Message{Body: "b", Attributes: many(11)}, param, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		{"an attribute name of 256", one(text(long[:256], "v")), "", ""},
		{"an attribute name of 257", one(text(long, "v")), param, name(long)},
		{"an attribute name with a period", one(text("a.b-c_D9", "v")), "", ""},
		{"an attribute name that begins with a period", one(text(".a", "v")), param, name(".a")},
		{"an attribute name that ends with a period", one(text("a.", "v")), param, name("a.")},
		{"an attribute name with two periods", one(text("a..b", "v")), param, name("a..b")},
		{"an attribute name of AWS", one(text("aWs.x", "v")), param, name("aWs.x")},
		{"an attribute name of Amazon", one(text("Amazon.x", "v")), param, name("Amazon.x")},
		{"an attribute name that only begins like it", one(text("AWSx", "v")), "", ""},
		{"an attribute name with a space", one(text("a b", "v")), param, name("a b")},
		{"an attribute without a name", one(text("", "v")), param, name("")},
		{"no type", one(queue.Attribute{Name: "a", Value: "v"}), param, "The message attribute 'a' must contain non-empty message attribute type."},
		{"another type", one(queue.Attribute{Name: "a", Type: "Strings", Value: "v"}), param, notType},
		{"a type of lower case", one(queue.Attribute{Name: "a", Type: "string", Value: "v"}), param, notType},
		{"a type with a suffix of 256", one(queue.Attribute{Name: "a", Type: "String." + strings.Repeat("x", 249), Value: "v"}), "", ""},
		{"a type with a suffix of 257", one(queue.Attribute{Name: "a", Type: "String." + strings.Repeat("x", 250), Value: "v"}), param, "The type of the message attribute 'a' is longer than 256 characters or has invalid ones."},
		{"no text", one(text("a", "")), param, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."},
		{"no bytes", one(queue.Attribute{Name: "a", Type: "Binary"}), param, "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'."},
		{"any bytes", one(queue.Attribute{Name: "a", Type: "Binary", Value: "\x00\xff"}), "", ""},
		{"a text that is none", one(text("a", "\x00")), param, "Message (user) attribute 'a' has characters that are not allowed: #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."},
		{"a number", one(queue.Attribute{Name: "a", Type: "Number.int", Value: "-12.5e3"}), "", ""},
		{"not a number", one(queue.Attribute{Name: "a", Type: "Number", Value: "12x"}), param, notNum},
		{"infinity is no number", one(queue.Attribute{Name: "a", Type: "Number", Value: "Inf"}), param, notNum},
		{"a group of 128", queue.Message{Body: "b", GroupID: strings.Repeat("g", 128)}, "", ""},
		{"a group of 129", queue.Message{Body: "b", GroupID: strings.Repeat("g", 129)}, param, group(strings.Repeat("g", 129))},
		{"a group with a space", queue.Message{Body: "b", GroupID: "a b"}, param, group("a b")},
		{"a deduplication id", queue.Message{Body: "b", DeduplicationID: "d"}, param, "Value d for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."},
		{"a trace header that is no text", queue.Message{Body: "b", TraceHeader: "\x00"}, param, "The value of the system attribute AWSTraceHeader is invalid."},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, func(f *fixture) {
				_, err := f.Send(f.Context(), scope, "q", c.m)
				held := f.attribute("q", "ApproximateNumberOfMessages") == "1" || f.attribute("q", "ApproximateNumberOfMessagesDelayed") == "1"
				f.equal(held, c.code == "")
				if c.code == "" {
					f.ok(err)
					return
				}
				f.refused(err, c.code, c.message)
			})
		})
	}
}

func TestMaximumMessageSizeIsTheQueues(t *testing.T) {
	run(t, func(f *fixture) {
		f.set("q", map[string]string{"MaximumMessageSize": "1024"})
		f.send("q", strings.Repeat("x", 1024))
		_, err := f.Send(f.Context(), scope, "q", queue.Message{Body: strings.Repeat("x", 1025)})
		f.refused(err, "InvalidParameterValueException", "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.")
	})
}

func TestSendBatch(t *testing.T) {
	run(t, func(f *fixture) {
		results, err := f.SendBatch(f.Context(), scope, "q", []queue.SendEntry{
			{ID: "good", Message: queue.Message{Body: "1"}},
			{ID: "bad", Message: queue.Message{Body: "\x00"}},
			{ID: "Also-good_2", Message: queue.Message{Body: "2"}},
		})
		f.ok(err)
		f.equal([]any{results[0].ID, results[0].Err, results[2].ID, results[2].Err}, []any{"good", nil, "Also-good_2", nil})
		f.refused(results[1].Err, "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.")
		got := f.take("q")
		f.equal([]any{len(got), got[0].ID, got[0].Body, got[1].ID, got[1].Body}, []any{2, results[0].Value.ID, "1", results[2].Value.ID, "2"})
	})
}

func TestBatchesAsAWhole(t *testing.T) {
	entries := func(n int) (e []queue.SendEntry) {
		for i := range n {
			e = append(e, queue.SendEntry{ID: fmt.Sprint("e", i), Message: queue.Message{Body: "b"}})
		}
		return e
	}
	id := func(s string) []queue.SendEntry { return []queue.SendEntry{{ID: s, Message: queue.Message{Body: "b"}}} }
	sized := func(extra int) []queue.SendEntry {
		e := entries(2)
		e[0].Message.Body = strings.Repeat("x", 1<<19)
		e[1].Message.Body = strings.Repeat("x", 1<<19+extra)
		return e
	}
	const badID = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
	run(t, func(f *fixture) {
		for _, c := range []struct {
			what          string
			entries       []queue.SendEntry
			code, message string // empty: accepted
		}{
			{"none", nil, "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."},
			{"ten", entries(10), "", ""},
			{"eleven", entries(11), "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."},
			{"an id of 80", id(strings.Repeat("i", 80)), "", ""},
			{"an id of 81", id(strings.Repeat("i", 81)), "InvalidBatchEntryId", badID},
			{"an empty id", id(""), "InvalidBatchEntryId", badID},
			{"an id with a dot", id("a.b"), "InvalidBatchEntryId", badID},
			{"an id twice", append(entries(2), entries(1)...), "BatchEntryIdsNotDistinct", "Id e0 repeated."},
			{"the largest", sized(0), "", ""},
			{"too large", sized(1), "BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."},
		} {
			results, err := f.SendBatch(f.Context(), scope, "q", c.entries)
			if c.code != "" {
				f.refused(err, c.code, c.message)
				continue
			}
			f.ok(err)
			for _, r := range results {
				f.ok(r.Err)
			}
		}
		_, err := f.DeleteBatch(f.Context(), scope, "q", nil)
		f.refused(err, "EmptyBatchRequest", "There should be at least one DeleteMessageBatchRequestEntry in the request.")
		_, err = f.ChangeVisibilityBatch(f.Context(), scope, "q", nil)
		f.refused(err, "EmptyBatchRequest", "There should be at least one ChangeMessageVisibilityBatchRequestEntry in the request.")
		_, err = f.SendBatch(f.Context(), scope, "absent", nil)
		f.refused(err, "QueueDoesNotExist", "The specified queue does not exist.")
	})
}
