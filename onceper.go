package belfry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Settings is what only Belfry knows of a schedule. An update through AWS's API
// leaves it as it is.
type Settings struct {
	OncePer *OncePer `json:"once_per,omitempty"` // nil: every occurrence is delivered
}

// A OncePer lets one delivery of a window through: the others that come while it
// is under way, or after it has succeeded, are skipped.
type OncePer struct {
	// Window is "occurrence", the one scheduled time, or a number with m, h or d:
	// 15m, 1h, 1d. Windows are those of UTC: days begin at midnight, 7d on
	// Monday. A delivery belongs to the window of its scheduled time.
	Window string `json:"window"`
	// Key is where in the payload a value stands that tells deliveries of one
	// window apart, such as $.customer.id; empty: all are the same.
	Key string `json:"key,omitempty"`
}

// Limits of a OncePer.
const (
	OncePerOccurrence = "occurrence"
	MinOncePer        = time.Minute
	MaxOncePer        = 31 * 24 * time.Hour
	maxOnceKey        = 256 // bytes of a Key
)

// onceMargin is how long after the end of its window a claim is kept: a first
// attempt comes later than its scheduled time by the flexible window and by what
// catch-up reaches, which together are below this.
const onceMargin = 48 * time.Hour

// Check returns Invalid for what cannot be right.
func (o *OncePer) Check() error {
	if _, ok := o.span(); !ok {
		return Errorf(Invalid, "once_per.window", `once_per.window is %q; give "occurrence", or a number with m, h or d from 1m to 31d, such as "1h".`, o.Window)
	}
	if _, ok := o.path(); !ok {
		return Errorf(Invalid, "once_per.key", "once_per.key is %q; give a path into the payload of at most %d bytes, such as $.customer.id or $.orders[0].", o.Key, maxOnceKey)
	}
	return nil
}

// span is the length of the window; 0 is the occurrence.
func (o *OncePer) span() (time.Duration, bool) {
	if o.Window == OncePerOccurrence {
		return 0, true
	}
	number, unit := strings.CutSuffix(o.Window, "m")
	each := time.Minute
	if !unit {
		if number, unit = strings.CutSuffix(o.Window, "h"); unit {
			each = time.Hour
		} else if number, unit = strings.CutSuffix(o.Window, "d"); unit {
			each = 24 * time.Hour
		}
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if !unit || err != nil || n == 0 || number[0] == '0' || n > uint64(MaxOncePer/each) {
		return 0, false
	}
	return time.Duration(n) * each, true
}

// A pathStep is a member's name, or an index when the name is empty.
type pathStep struct {
	name  string
	index int
}

// path reads the Key: $ and then .name and [index], at least one.
func (o *OncePer) path() ([]pathStep, bool) {
	if o.Key == "" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(o.Key, "$")
	if !ok || rest == "" || len(o.Key) > maxOnceKey {
		return nil, false
	}
	var steps []pathStep
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "."); ok {
			end := strings.IndexAny(after, ".[]")
			if end < 0 {
				end = len(after)
			}
			if end == 0 {
				return nil, false
			}
			steps = append(steps, pathStep{name: after[:end]})
			rest = after[end:]
			continue
		}
		after, ok := strings.CutPrefix(rest, "[")
		number, after, closed := strings.Cut(after, "]")
		n, err := strconv.ParseUint(number, 10, 16)
		if !ok || !closed || err != nil {
			return nil, false
		}
		steps = append(steps, pathStep{index: int(n)})
		rest = after
	}
	return steps, true
}

// A OnceClaim is the right to deliver in one window. Of all deliveries with
// that Key the store gives it to one, until that one has failed.
type OnceClaim struct {
	Key     [16]byte
	Expires time.Time // it means nothing any more
	What    string    // it is for, for people
}

// Taken is why a delivery is skipped: holder, a run's id or a request's, has
// the claim, and is under way or has succeeded.
func (c *OnceClaim) Taken(holder string, underWay bool) string {
	state := "has succeeded"
	if underWay {
		state = "is under way"
	}
	return fmt.Sprintf("%s, and %s %s", c.What, holder, state)
}

// Claim returns the claim that a delivery scheduled for at with this payload
// must have; subject names whose windows they are, the ARN of a schedule or of a
// function. It is Invalid when the payload has no value at the Key.
func (o *OncePer) Claim(subject string, at time.Time, payload string) (OnceClaim, error) {
	span, ok := o.span()
	if !ok {
		return OnceClaim{}, o.Check()
	}
	value, err := o.value(payload)
	if err != nil {
		return OnceClaim{}, err
	}
	at = at.UTC()
	start := at
	if span > 0 {
		start = at.Truncate(span)
	}
	h := sha256.New()
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:], uint64(span/time.Second))
	binary.BigEndian.PutUint64(numbers[8:], uint64(start.UnixMilli()))
	h.Write(numbers[:])
	h.Write([]byte(subject))
	h.Write([]byte{0})
	h.Write([]byte(value))
	c := OnceClaim{Key: [16]byte(h.Sum(nil)[:16]), Expires: start.Add(span + onceMargin)}
	window := "once per " + o.Window + ", here from " + start.Format("2006-01-02 15:04:05 UTC")
	if span == 0 {
		window = "once for " + start.Format("2006-01-02 15:04:05 UTC")
	}
	c.What = shortName(subject) + " is to be delivered " + window
	if o.Key != "" {
		c.What += ", for " + o.Key + " = " + clipped(value, 100)
	}
	return c, nil
}

// value is the value at the Key, as compact JSON; empty without a Key.
func (o *OncePer) value(payload string) (string, error) {
	steps, ok := o.path()
	if !ok {
		return "", o.Check()
	}
	if len(steps) == 0 {
		return "", nil
	}
	missing := Errorf(Invalid, "once_per.key", "once_per cannot tell deliveries apart: the payload has no value at %s.", o.Key)
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber() // a long id is not to lose its last digits
	var v any
	if err := d.Decode(&v); err != nil {
		return "", missing
	}
	for _, step := range steps {
		switch at := v.(type) {
		case map[string]any:
			v = nil
			if step.name != "" {
				v = at[step.name]
			}
		case []any:
			v = nil
			if step.name == "" && step.index < len(at) {
				v = at[step.index]
			}
		default:
			v = nil
		}
	}
	if v == nil {
		return "", missing
	}
	text, err := json.Marshal(v) // members in the order of their names
	return string(text), err
}

// shortName is the kind and the name of the schedule or function with that ARN.
func shortName(arn string) string {
	a, ok := ParseARN(arn)
	if !ok {
		return arn
	}
	return strings.Replace(a.Resource, "function:", "function ", 1)
}

// clipped cuts s after n bytes at most, at the end of a character.
func clipped(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}
