// Package expr says when a schedule is due. It reads schedule expressions in
// the dialect of EventBridge Scheduler, cron(...), rate(...) and at(...), and, as
// a [Calendar], what people write for cron and for systemd's timers. It answers
// one question about them: what is the first occurrence after a given instant?
//
// What it keeps true for others:
//
//   - An [Expression] or a [Calendar] never changes, so it may be shared by any
//     number of goroutines, and the same question always has the same answer.
//   - Next is a pure function of its arguments, is monotone in the instant asked
//     about, allocates nothing and has a bounded cost. That an expression never
//     fires again is known without a search through the years.
//   - Instants come out in UTC. A time zone matters only to read the wall clock
//     that cron(...) and at(...) speak of.
//
// # Wall clock and daylight saving
//
// This is for an [Expression]; see [ParseUnix] and [ParseOnCalendar] for theirs.
//
// A cron occurrence whose wall time does not exist, because clocks were set
// forward over it, is skipped. Where clocks are set back and a wall time comes
// twice, an expression whose hours cover all 24 is a cadence and fires in both
// passes; any other fires once, in the first. A one-time at(...) whose wall
// time does not exist fires at the first instant after the gap, and one whose
// wall time comes twice at the first of the two.
//
// Source: "Schedule types in EventBridge Scheduler" and "Daylight savings time"
// in the Amazon EventBridge Scheduler user guide; where those are silent, the
// decisions of this project's architecture document.
package expr

import (
	"fmt"
	"strings"
	"time"
)

// An Expression is a parsed schedule expression. It is immutable and safe for
// concurrent use. The zero value is of no use; see [Parse].
type Expression struct {
	text string
	kind Kind

	cron  cron          // Cron only
	zone  *zone         // Cron only
	every time.Duration // Rate only: whole minutes
	at    int64         // At only: Unix seconds
}

// A Kind is one of the three forms of a schedule expression.
type Kind uint8

// The forms of a schedule expression.
const (
	Cron Kind = iota + 1 // cron(...): a calendar pattern in a time zone
	Rate                 // rate(...): a fixed interval
	At                   // at(...): one instant
)

// String returns the keyword that begins an expression of this kind.
func (k Kind) String() string {
	switch k {
	case Cron:
		return "cron"
	case Rate:
		return "rate"
	case At:
		return "at"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A SyntaxError says why a text is not a schedule expression.
type SyntaxError struct {
	Expression string // as written
	Field      string // the part at fault, such as "day-of-month" or "rate"; empty for the whole
	Reason     string // what is wrong with it and what to write instead
}

func (e *SyntaxError) Error() string {
	text := e.Expression
	const most = 256 // the longest expression that a schedule may have
	if len(text) > most {
		text = text[:most] + "..."
	}
	if e.Field == "" {
		return fmt.Sprintf("schedule expression %q: %s", text, e.Reason)
	}
	return fmt.Sprintf("schedule expression %q: %s: %s", text, e.Field, e.Reason)
}

// Parse reads s, which is one of
//
//	cron(minutes hours day-of-month month day-of-week [year])
//	rate(value minutes|hours|days)
//	at(yyyy-mm-ddThh:mm[:ss])
//
// in the dialect of EventBridge Scheduler. Keywords, units and names of days
// and months may be in any case; no blanks stand outside or just inside the
// parentheses. loc is the zone in which cron and at read the wall clock, nil
// for UTC; rate ignores it. A loc that comes from [LoadZone] is cheap, for any
// other its offsets are tabulated anew by each call, which takes about half a
// millisecond.
//
// The error is a [*SyntaxError]. An expression that can be read but never
// fires, such as cron(0 0 31 2 ? *), is no error here: Next says so.
func Parse(s string, loc *time.Location) (*Expression, error) {
	if loc == nil {
		loc = time.UTC
	}
	keyword, body, err := split(s)
	if err != nil {
		err.Expression = s
		return nil, err
	}
	return build(s, keyword, body, loc, yearField)
}

// build makes the expression s of its keyword and body.
func build(s, keyword, body string, loc *time.Location, years *field) (*Expression, error) {
	e := &Expression{text: s}
	var err *SyntaxError
	switch keyword {
	case "cron":
		e.kind = Cron
		e.cron, err = parseCron(body, years)
	case "rate":
		e.kind = Rate
		e.every, err = parseRate(body)
	case "at":
		e.kind = At
		e.at, err = parseAt(body, loc)
	}
	if err != nil {
		err.Expression = s
		return nil, err
	}
	if e.kind == Cron {
		e.zone = zoneOf(loc)
		e.cron.dropSwallowed(e.zone)
	}
	return e, nil
}

// split takes an expression apart into its keyword, in lower case, and what
// stands between the parentheses. How a body reads is up to each keyword's
// parser, so that another dialect can choose among them.
func split(s string) (keyword, body string, err *SyntaxError) {
	if strings.TrimSpace(s) != s {
		return "", "", refuse("", "has blanks around it; remove them")
	}
	keyword, rest, found := strings.Cut(s, "(")
	keyword = strings.ToLower(keyword)
	switch keyword {
	case "cron", "rate", "at":
	default:
		return "", "", refuse("", "does not begin with cron(, rate( or at(")
	}
	if !found {
		return "", "", refuse("", "has no parenthesis after %s; write %s(...)", keyword, keyword)
	}
	body, found = strings.CutSuffix(rest, ")")
	if !found {
		return "", "", refuse("", "does not end with a closing parenthesis")
	}
	if strings.ContainsAny(body, "()") {
		return "", "", refuse("", "has more than one pair of parentheses")
	}
	if body == "" {
		return "", "", refuse("", "has nothing between its parentheses")
	}
	if strings.TrimSpace(body) != body {
		return "", "", refuse("", "has blanks just inside its parentheses; remove them")
	}
	return keyword, body, nil
}

// refuse makes the error of a field; Parse adds the expression.
func refuse(field, format string, args ...any) *SyntaxError {
	return &SyntaxError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Kind returns the form of e.
func (e *Expression) Kind() Kind { return e.kind }

// String returns the expression as it was written.
func (e *Expression) String() string { return e.text }

// Every returns the interval of a rate, 0 for the other kinds.
func (e *Expression) Every() time.Duration { return e.every }
