// Package constraint checks requests against the constraints of AWS's models
// and words the refusals as AWS does.
//
// What it keeps true: all violations are reported at once, in the order of the
// model (semantics.md 0); a string matches a pattern as a whole; lengths count
// characters; and a check that passes allocates nothing.
package constraint

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxViolations is how many violations one answer lists. No request that is
// made in good faith has more.
const MaxViolations = 100

// maxEcho is the number of bytes of a refused value that the answer repeats.
const maxEcho = 4096

// A Check collects the violations of one request.
type Check struct {
	path       []step
	violations []string
}

type step struct {
	name  string
	index int // of a list element, from 1; the name is then empty
}

// Enter descends into the member called name, in camel case.
func (c *Check) Enter(name string) { c.path = append(c.path, step{name: name}) }

// EnterElement descends into the list element with index i, from 0.
func (c *Check) EnterElement(i int) { c.path = append(c.path, step{index: i + 1}) }

// Leave goes back up.
func (c *Check) Leave() { c.path = c.path[:len(c.path)-1] }

// Full says that looking further is of no use.
func (c *Check) Full() bool { return len(c.violations) >= MaxViolations }

// Message returns the text for the client; it is empty when all is well.
func (c *Check) Message() string {
	n := len(c.violations)
	if n == 0 {
		return ""
	}
	s := " validation errors detected: "
	if n == 1 {
		s = " validation error detected: "
	}
	return strconv.Itoa(n) + s + strings.Join(c.violations, "; ")
}

// at returns the path of the member called name.
func (c *Check) at(name string) string {
	var b strings.Builder
	for _, s := range c.path {
		if s.name == "" {
			b.WriteString(strconv.Itoa(s.index))
			b.WriteString(".member.")
			continue
		}
		b.WriteString(s.name)
		b.WriteByte('.')
	}
	b.WriteString(name)
	return b.String()
}

func (c *Check) add(value, name, must string) {
	if !c.Full() {
		c.violations = append(c.violations, value+" at '"+c.at(name)+"' failed to satisfy constraint: "+must)
	}
}

// Null reports a required member that is absent.
func (c *Check) Null(name string) { c.add("Value null", name, "Member must not be null") }

// Fail reports a value that breaks a constraint; must is the constraint's text.
func (c *Check) Fail(name, value, must string) { c.add("Value '"+echo(value)+"'", name, must) }

// FailHidden reports a value that is secret, or that has no short form.
func (c *Check) FailHidden(name, must string) { c.add("Value", name, must) }

// FailInt reports a number that breaks a constraint.
func (c *Check) FailInt(name string, value int64, must string) {
	c.Fail(name, strconv.FormatInt(value, 10), must)
}

func echo(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	n := maxEcho
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// Length returns the number of characters of s.
func Length(s string) int { return utf8.RuneCountInString(s) }

// Longer says whether s has more than n characters.
func Longer(s string, n int) bool { return len(s) > n && utf8.RuneCountInString(s) > n }

// Shorter says whether s has fewer than n characters.
func Shorter(s string, n int) bool {
	return len(s) < n || (len(s) < 4*n && utf8.RuneCountInString(s) < n)
}

// List returns the form in which AWS repeats a list of strings.
func List(v []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range v {
		if b.Len() > maxEcho {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(echo(s))
	}
	b.WriteByte(']')
	return b.String()
}

// Reset makes c ready for another request.
func (c *Check) Reset() {
	clear(c.violations)
	c.path, c.violations = c.path[:0], c.violations[:0]
}

// Element returns the tail of the path of the i-th element, from 0.
func Element(i int) string { return "." + strconv.Itoa(i+1) + ".member" }
