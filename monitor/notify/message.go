package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// An Event is why a message is sent.
type Event string

// The events.
const (
	Down       Event = "down"       // something is wrong
	Up         Event = "up"         // it is well again
	Reminder   Event = "reminder"   // it is still wrong
	Escalation Event = "escalation" // it is still wrong, and nobody has acknowledged it
	Test       Event = "test"       // somebody pressed the button
)

// A Message is what one channel is told.
type Message struct {
	ID       string // of the delivery: the same at each try
	Event    Event
	Severity string // info, warning, error, critical
	At       time.Time
	Items    []Item // what it is about, one at least; the first of Total
	Total    int
	AckURL   string // where it is acknowledged; empty: nowhere
}

// An Item is one subject in a message.
type Item struct {
	Alert   string `json:"alert"`   // names the alert from its opening to its end
	Kind    string `json:"kind"`    // check, schedule, channel, server
	Subject string `json:"subject"` // its id: a UUID, an ARN, a name
	Name    string `json:"name"`
	Status  string `json:"status"` // up, down, grace
	// Since is when it became wrong, At when this happened; in UTC.
	Since  time.Time `json:"since"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	Run    string    `json:"run,omitempty"`

	Facts *Facts `json:"-"` // of a check
}

// Facts are what Healthchecks' placeholders tell about a check.
type Facts struct {
	Slug       string
	Tags       []string
	Body       string          // of the last ping
	ExitStatus int             // of the last ping; -1 when it had none
	JSON       json.RawMessage // the check as the management API shows it
}

// listed is how many subjects a message for people names.
const listed = 20

var heads = map[Event]string{
	Down: "DOWN", Up: "UP", Reminder: "STILL DOWN", Escalation: "NOT ACKNOWLEDGED", Test: "TEST",
}

var nouns = map[string][2]string{
	"check": {"check", "checks"}, "schedule": {"schedule", "schedules"}, "channel": {"alert channel", "alert channels"}, "server": {"self-check", "self-checks"},
}

// said is what a reason means for a person, after a name.
var said = map[string]string{
	"timeout": "did not ping in time", "fail": "signalled a failure", "success": "is up", "late": "is late", "missed": "missed a run",
	"failed": "failed", "too_long": "is running too long", "dead_lettered": "gave up; the event went to the dead-letter queue",
	"never_fired": "has never fired", "recovered": "is back to normal", "delivery_failed": "cannot be delivered to", "delivered": "can be delivered to again",
}

func phrase(reason string) string {
	if s, ok := said[reason]; ok {
		return s
	}
	return strings.ReplaceAll(reason, "_", " ")
}

// noun names n subjects of the items' kind.
func (m *Message) noun(n int) string {
	kind := m.Items[0].Kind
	for i := range m.Items {
		if m.Items[i].Kind != kind {
			kind = ""
		}
	}
	w, ok := nouns[kind]
	switch {
	case !ok && n == 1:
		return "subject"
	case !ok:
		return "subjects"
	case n == 1:
		return w[0]
	}
	return w[1]
}

// Subject is the message in a line.
func (m *Message) Subject() string {
	head := heads[m.Event] + ": "
	if m.Event == Test {
		return head + "a message from Belfry"
	}
	first := &m.Items[0]
	if m.Total > 1 {
		return head + fmt.Sprintf("%d %s: %s and others: %s", m.Total, m.noun(m.Total), oneLine(first.Name), first.Reason)
	}
	s := head + oneLine(first.Name) + " " + phrase(first.Reason)
	if m.Event == Reminder || m.Event == Escalation {
		s += ", for " + Span(m.At.Sub(first.Since))
	}
	return s
}

// Text is the message for people, in lines.
func (m *Message) Text() string {
	var b strings.Builder
	if m.Event == Test {
		b.WriteString("This is a test. When something is wrong, its message will arrive here.\n")
		return b.String()
	}
	if m.Total == 1 {
		m.one(&b)
	} else {
		m.many(&b)
	}
	if m.AckURL != "" && m.Event != Up {
		fmt.Fprintf(&b, "\nAcknowledge: %s\n", m.AckURL)
	}
	return b.String()
}

func (m *Message) one(b *strings.Builder) {
	it := &m.Items[0]
	fmt.Fprintf(b, "The %s %s %s.\n\n", m.noun(1), oneLine(it.Name), phrase(it.Reason))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%-10s%s\n", name+":", value)
		}
	}
	line("What", it.Detail)
	if m.Event == Up {
		line("Down", Clock(it.Since)+", for "+Span(it.At.Sub(it.Since)))
		line("Up", Clock(it.At))
	} else {
		line("Since", Clock(it.Since))
		line("Severity", m.Severity)
	}
	line("Subject", it.Subject)
	line("Run", it.Run)
}

func (m *Message) many(b *strings.Builder) {
	fmt.Fprintf(b, "%d %s: %s.\n", m.Total, m.noun(m.Total), phrase(m.Items[0].Reason))
	if m.Event != Up {
		fmt.Fprintf(b, "Severity: %s\n", m.Severity)
	}
	b.WriteByte('\n')
	for i := range m.Items[:min(listed, len(m.Items))] {
		it := &m.Items[i]
		fmt.Fprintf(b, "- %s %s, %s", oneLine(it.Name), phrase(it.Reason), Clock(it.At))
		if it.Detail != "" {
			fmt.Fprintf(b, ": %s", Cut(oneLine(it.Detail), 200))
		}
		b.WriteByte('\n')
	}
	if rest := m.Total - min(listed, len(m.Items)); rest > 0 {
		fmt.Fprintf(b, "- and %d more\n", rest)
	}
}

// Clock writes a time for people.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Span writes a length of time for people, with its two largest units.
func Span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, h, m, s := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, h)
	case h > 0:
		return fmt.Sprintf("%dh %dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm %ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}

// oneLine keeps a name from breaking the line, or a header, that it stands in.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// Cut shortens s to at most n bytes, at a rune's border.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:max(n-len("…"), 0)]
	for s != "" {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "…"
}
