package queue

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// A Message is what a client sends.
type Message struct {
	Body         string
	Attributes   []Attribute // in any order
	DelaySeconds *int        // nil: the queue's
	Sender       string      // the sender's account
	TraceHeader  string      // the system attribute AWSTraceHeader
	// GroupID is kept and echoed; standard queues do not order by it.
	GroupID string
	// DeduplicationID is for FIFO queues; a standard queue refuses it.
	DeduplicationID string
}

// SendResult is the answer to a Send. Its digests are computed when asked for.
type SendResult struct {
	ID     ID
	stored Stored
}

// BodyMD5 returns the digest of the body.
func (r SendResult) BodyMD5() string { return bodyMD5(r.stored.Body) }

// AttributesMD5 returns the digest of the attributes; "" when there are none.
func (r SendResult) AttributesMD5() string { return attributesMD5(r.stored.Attributes) }

// SystemMD5 returns the digest of the trace header; "" when there is none.
func (r SendResult) SystemMD5() string { return traceMD5(r.stored.Trace) }

// size is what counts against the limits, in bytes: the body and the names,
// types and values of the attributes.
func (m *Message) size() int {
	n := len(m.Body)
	for _, a := range m.Attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value)
	}
	return n
}

// accept applies q's rules to m as sent at now.
func (q *Queue) accept(m *Message, id ID, now time.Time) (Stored, error) {
	if m.Body == "" {
		return Stored{}, missing("MessageBody")
	}
	if m.size() > q.settings.maxSize {
		return Stored{}, invalid("MessageBody", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.settings.maxSize)
	}
	if !validText(m.Body) {
		return Stored{}, fail(codeContents, belfry.Invalid, "MessageBody",
			"Invalid characters found. Valid unicode characters are %s.", allowedText)
	}
	if err := checkAttributes(m.Attributes); err != nil {
		return Stored{}, err
	}
	if !validText(m.TraceHeader) || len(m.TraceHeader) > maxMessageSize {
		return Stored{}, invalid("MessageSystemAttributes", "The value of the system attribute %s is invalid.", traceHeader)
	}
	delay := q.settings.delay
	if d := m.DelaySeconds; d != nil {
		if *d < 0 || *d > maxDelaySeconds {
			return Stored{}, badValue(*d, "DelaySeconds", "DelaySeconds must be >= 0 and <= "+strconv.Itoa(maxDelaySeconds)+".")
		}
		delay = time.Duration(*d) * time.Second
	}
	if m.GroupID != "" && !validGroupID(m.GroupID) {
		return Stored{}, badValue(m.GroupID, "MessageGroupId", "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	if m.DeduplicationID != "" {
		return Stored{}, badValue(m.DeduplicationID, "MessageDeduplicationId", "The request include parameter that is not valid for this queue type.")
	}
	return Stored{
		ID: id, Body: m.Body, Attributes: encodeAttributes(m.Attributes),
		Sender: m.Sender, Trace: m.TraceHeader, Group: m.GroupID,
		Visible: now.Add(delay),
	}, nil
}

// validGroupID takes 1 to 128 printable ASCII characters without space.
func validGroupID(s string) bool {
	const limit = 128
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Received is a message as it is handed out.
type Received struct {
	ID            ID
	Handle        string
	Body, BodyMD5 string
	Attributes    []Attribute // those that were asked for
	AttributesMD5 string      // of those
	System        map[string]string
}

// systemAttributes returns those that the names ask for.
func (m *Stored) systemAttributes(names []string) map[string]string {
	if len(names) == 0 {
		return nil
	}
	out := map[string]string{}
	put := func(name, value string) {
		if value == "" {
			return
		}
		for _, n := range names {
			if n == "All" || n == name {
				out[name] = value
				return
			}
		}
	}
	put("SenderId", m.Sender)
	put("SentTimestamp", milli(m.ID.Time()))
	put("ApproximateReceiveCount", strconv.Itoa(m.Earlier+m.Receives))
	put("ApproximateFirstReceiveTimestamp", milli(m.FirstReceived))
	put("MessageGroupId", m.Group)
	put(traceHeader, m.Trace)
	put("DeadLetterQueueSourceArn", m.Source)
	return out
}

func milli(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

var systemNames = [...]string{
	"All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
	"SequenceNumber", "MessageDeduplicationId", "MessageGroupId", traceHeader, "DeadLetterQueueSourceArn",
}

func checkSystemNames(names []string) error {
	for _, n := range names {
		known := false
		for _, s := range systemNames {
			known = known || s == n
		}
		if !known {
			return unknownAttribute(n)
		}
	}
	return nil
}

// checkAttributePatterns bounds what a receive can ask for.
func checkAttributePatterns(patterns []string) error {
	const limit = 100
	if len(patterns) > limit {
		return invalid("MessageAttributeNames", "At most %d message attribute names can be asked for; you have sent %d.", limit, len(patterns))
	}
	for _, p := range patterns {
		if p == "" || len(p) > maxAttributeNameLen+2 || !utf8.ValidString(p) {
			return invalid("MessageAttributeNames", "A message attribute name has 1 to %d characters.", maxAttributeNameLen)
		}
	}
	return nil
}
