package e2e

import (
	"strings"
	"testing"
)

// TestStep2QueueWithAWSCLI is a queue that is written, read and emptied.
func TestStep2QueueWithAWSCLI(t *testing.T) {
	t.Parallel()
	s := startServer(t)

	var queue struct{ QueueURL string }
	s.aws(&queue, "sqs", "create-queue", "--queue-name", "inbox")
	if !strings.HasSuffix(queue.QueueURL, "/"+account+"/inbox") {
		t.Fatalf("QueueUrl is %q, want it to end in /%s/inbox", queue.QueueURL, account)
	}
	var sent struct{ MessageID, MD5OfMessageBody string }
	s.aws(&sent, "sqs", "send-message", "--queue-url", queue.QueueURL, "--message-body", "hello",
		"--message-attributes", `{"kind": {"DataType": "String", "StringValue": "greeting"}}`)
	if want := "5d41402abc4b2a76b9719d911017c592"; sent.MD5OfMessageBody != want {
		t.Errorf("MD5OfMessageBody is %q, want %q", sent.MD5OfMessageBody, want)
	}
	wantCount := func(visible, inFlight string) {
		t.Helper()
		var got struct{ Attributes map[string]string }
		s.aws(&got, "sqs", "get-queue-attributes", "--queue-url", queue.QueueURL, "--attribute-names", "All")
		if v, f := got.Attributes["ApproximateNumberOfMessages"], got.Attributes["ApproximateNumberOfMessagesNotVisible"]; v != visible || f != inFlight {
			t.Errorf("%s visible and %s in flight, want %s and %s", v, f, visible, inFlight)
		}
	}
	wantCount("1", "0")

	var received struct {
		Messages []struct {
			MessageID, Body, ReceiptHandle string
			MessageAttributes              map[string]struct{ StringValue string }
		}
	}
	s.aws(&received, "sqs", "receive-message", "--queue-url", queue.QueueURL, "--message-attribute-names", "All")
	if len(received.Messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(received.Messages))
	}
	m := received.Messages[0]
	if m.MessageID != sent.MessageID || m.Body != "hello" || m.MessageAttributes["kind"].StringValue != "greeting" {
		t.Errorf("received %+v", m)
	}
	wantCount("0", "1")
	s.aws(nil, "sqs", "delete-message", "--queue-url", queue.QueueURL, "--receipt-handle", m.ReceiptHandle)
	wantCount("0", "0")
}

// TestStep2QueueWithBoto3 adds visibility, long polls and checksums.
func TestStep2QueueWithBoto3(t *testing.T) {
	t.Parallel()
	startServer(t).boto3("step2.py")
}
