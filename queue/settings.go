package queue

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
)

// settings is what a queue's attributes say.
type settings struct {
	visibility time.Duration
	delay      time.Duration
	wait       time.Duration // a long poll's, when the call sets none
	retention  time.Duration
	maxSize    int // of a message, bytes
	redrive    redrive
	allow      redriveAllow
}

// The limits of semantics.md 4.3, in seconds where they are times.
const (
	maxVisibilitySeconds = 43200
	maxDelaySeconds      = 900
	maxWaitSeconds       = 20
	maxMessageSize       = 1 << 20
)

// A number is an attribute that clients set to a decimal number.
type number struct {
	name          string
	min, max, def int
}

// numbers are in the order in which they are checked and compared.
var numbers = [...]number{
	{"VisibilityTimeout", 0, maxVisibilitySeconds, 30},
	{"DelaySeconds", 0, maxDelaySeconds, 0},
	{"MaximumMessageSize", 1024, maxMessageSize, maxMessageSize},
	{"MessageRetentionPeriod", 60, 1209600, 345600},
	{"ReceiveMessageWaitTimeSeconds", 0, maxWaitSeconds, 0},
}

const (
	attrPolicy       = "Policy"
	attrRedrive      = "RedrivePolicy"
	attrRedriveAllow = "RedriveAllowPolicy"
	attrSSE          = "SqsManagedSseEnabled"
	attrKMSKey       = "KmsMasterKeyId"
	attrKMSReuse     = "KmsDataKeyReusePeriodSeconds"
	attrFIFO         = "FifoQueue"
)

// others are the attributes that are no number with a default.
var others = []string{attrPolicy, attrRedrive, attrRedriveAllow, attrSSE, attrKMSKey, attrKMSReuse}

// readOnly are the attributes that only the service sets.
var readOnly = []string{
	"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
	"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn",
}

// fifoOnly are the attributes of FIFO queues; a standard queue has none of them.
var fifoOnly = []string{attrFIFO, "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

func unknownAttribute(name string) error {
	return fail(codeAttrName, belfry.Invalid, name, "Unknown Attribute %s.", name)
}

func badAttribute(name string) error {
	return fail(codeAttrValue, belfry.Invalid, name, "Invalid value for the parameter %s.", name)
}

// checkAttributeNames refuses names that GetQueueAttributes does not know.
func checkAttributeNames(names []string) error {
	for _, n := range names {
		known := n == "All" || isNumber(n) || slices.Contains(others, n) ||
			slices.Contains(readOnly, n) || slices.Contains(fifoOnly, n)
		if !known {
			return unknownAttribute(n)
		}
	}
	return nil
}

func isNumber(name string) bool {
	return slices.ContainsFunc(numbers[:], func(n number) bool { return n.name == name })
}

// checkSet refuses attributes that a client cannot set or not to that value. An
// empty value takes back what was set.
func checkSet(set map[string]string, create bool) error {
	for _, name := range sortedKeys(set) {
		switch {
		case name == attrFIFO && create && set[name] == "true":
			return fail(codeUnsupported, belfry.Invalid, attrFIFO, "FIFO queues are not supported yet.")
		case name == attrFIFO && !create:
			return fail(codeAttrValue, belfry.Invalid, attrFIFO,
				"Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
		case !isNumber(name) && !slices.Contains(others, name):
			return unknownAttribute(name)
		case set[name] == "" && isNumber(name):
			return badAttribute(name)
		}
	}
	_, err := parseSettings(set)
	return err
}

// parseSettings reads attributes, with the defaults for those that are not set.
func parseSettings(set map[string]string) (settings, error) {
	var n [len(numbers)]int
	for i, a := range numbers {
		n[i] = a.def
		if v, ok := set[a.name]; ok {
			var valid bool
			if n[i], valid = decimal(v, a.min, a.max); !valid {
				return settings{}, badAttribute(a.name)
			}
		}
	}
	s := settings{
		visibility: time.Duration(n[0]) * time.Second,
		delay:      time.Duration(n[1]) * time.Second,
		maxSize:    n[2],
		retention:  time.Duration(n[3]) * time.Second,
		wait:       time.Duration(n[4]) * time.Second,
	}
	if v := set[attrKMSReuse]; v != "" {
		if _, ok := decimal(v, 60, 86400); !ok {
			return settings{}, badAttribute(attrKMSReuse)
		}
	}
	if v := set[attrSSE]; v != "" && v != "true" && v != "false" {
		return settings{}, badAttribute(attrSSE)
	}
	if v := set[attrPolicy]; v != "" {
		var m map[string]any
		if json.Unmarshal([]byte(v), &m) != nil || m == nil {
			return settings{}, badAttribute(attrPolicy)
		}
	}
	var err error
	if s.redrive, err = parseRedrive(set[attrRedrive]); err != nil {
		return settings{}, err
	}
	s.allow, err = parseRedriveAllow(set[attrRedriveAllow])
	return s, err
}

// decimal reads a number without sign in [lo, hi].
func decimal(s string, lo, hi int) (n int, ok bool) {
	if s == "" || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= lo && n <= hi
}

// effective returns the value of an attribute that a client can set.
func (q *Queue) effective(name string) (value string, ok bool) {
	if v, ok := q.Attributes[name]; ok {
		return v, true
	}
	for _, a := range numbers {
		if a.name == name {
			return strconv.Itoa(a.def), true
		}
	}
	if name == attrSSE {
		// A key of the client's own replaces the managed one.
		return strconv.FormatBool(q.Attributes[attrKMSKey] == ""), true
	}
	return "", false
}

// differs returns the first attribute in want that q has with another value,
// or "". JSON values are compared by what they say.
func (q *Queue) differs(want map[string]string) string {
	for _, name := range sortedKeys(want) {
		have, _ := q.effective(name)
		if have != want[name] && !sameJSON(have, want[name]) {
			return name
		}
	}
	return ""
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// describe returns the attributes that names ask for.
func (q *Queue) describe(names []string, n Counts) map[string]string {
	all := slices.Contains(names, "All")
	out := map[string]string{}
	put := func(name, value string) {
		if all || slices.Contains(names, name) {
			out[name] = value
		}
	}
	for _, a := range numbers {
		v, _ := q.effective(a.name)
		put(a.name, v)
	}
	for _, name := range others {
		if v, ok := q.effective(name); ok {
			put(name, v)
		}
	}
	put("QueueArn", q.ARN())
	put("CreatedTimestamp", strconv.FormatInt(q.Created.Unix(), 10))
	put("LastModifiedTimestamp", strconv.FormatInt(q.Modified.Unix(), 10))
	put("ApproximateNumberOfMessages", strconv.FormatInt(n.Visible, 10))
	put("ApproximateNumberOfMessagesNotVisible", strconv.FormatInt(n.InFlight, 10))
	put("ApproximateNumberOfMessagesDelayed", strconv.FormatInt(n.Delayed, 10))
	return out
}

// countsAsked reports whether names ask for a count, which costs a query.
func countsAsked(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return n == "All" || slices.Contains(readOnly[:3], n)
	})
}
