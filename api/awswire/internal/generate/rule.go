package main

import (
	"fmt"
	"strings"
)

// A rule is one constraint of a scalar: the Go expression that holds when v
// breaks it, and AWS's text.
type rule struct{ broken, text string }

// rules returns a scalar's constraints in the order in which AWS lists them
// for one value.
func (g *generator) rules(s *shape) (rules []rule) {
	if s.Type == "string" {
		if s.Pattern != "" {
			rules = append(rules, rule{"!" + g.matcher(s.Pattern) + "(v)", "Member must satisfy regular expression pattern: " + s.Pattern})
		}
		if s.Max != nil {
			rules = append(rules, rule{fmt.Sprintf("constraint.Longer(v, %s)", *s.Max), lengthMax(s)})
		}
		if s.Min != nil && s.Min.String() != "0" {
			b := fmt.Sprintf("constraint.Shorter(v, %s)", *s.Min)
			if s.Min.String() == "1" {
				b = `v == ""`
			}
			rules = append(rules, rule{b, lengthMin(s)})
		}
		if len(s.Enum) > 0 {
			var b []string
			for _, v := range s.Enum {
				b = append(b, fmt.Sprintf("v != %q", v))
			}
			rules = append(rules, rule{strings.Join(b, " && "), "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"})
		}
		return rules
	}
	if s.Max != nil {
		rules = append(rules, rule{"v > " + s.Max.String(), "Member must have value less than or equal to " + s.Max.String()})
	}
	if s.Min != nil {
		rules = append(rules, rule{"v < " + s.Min.String(), "Member must have value greater than or equal to " + s.Min.String()})
	}
	return rules
}

// terms returns the constraints of list elements and map entries in one line;
// there AWS lists lengths first.
func (g *generator) terms(name string) string {
	var texts []string
	var pattern string
	for _, r := range g.rules(g.Shapes.by[name]) {
		if strings.HasPrefix(r.text, "Member must satisfy regular") {
			pattern = r.text
			continue
		}
		texts = append(texts, r.text)
	}
	if pattern != "" {
		texts = append(texts, pattern)
	}
	return strings.Join(texts, ", ")
}

func (g *generator) scalarChecks(f *file) {
	member, element := map[string]bool{}, map[string]bool{}
	for name := range g.in {
		s := g.Shapes.by[name]
		for _, r := range s.Members.by {
			member[r.Shape] = true
		}
		for _, r := range []*ref{s.Member, s.Key, s.Value} {
			if r != nil {
				element[r.Shape] = true
			}
		}
	}
	for _, name := range g.Shapes.names {
		s := g.Shapes.by[name]
		if !s.scalar() || !g.needsCheck(name) {
			continue
		}
		if !member[name] && !element[name] {
			continue
		}
		rules := g.rules(s)
		if member[name] {
			f.p("func check%s(c *constraint.Check, name string, v %s) {", upper(name), g.goType(name))
			for _, r := range rules {
				fail := "c.Fail(name, v, %q)"
				switch {
				case s.Sensitive:
					fail = "c.FailHidden(name, %q)"
				case s.Type == "double":
					f.use("strconv")
					fail = "c.Fail(name, strconv.FormatFloat(v, 'f', -1, 64), %q)"
				case s.Type != "string":
					fail = "c.FailInt(name, int64(v), %q)"
				}
				f.p("if %s { "+fail+" }", r.broken, r.text)
			}
			f.p("}\n")
		}
		if element[name] {
			var b []string
			for _, r := range rules {
				b = append(b, r.broken)
			}
			f.p("func ok%s(v %s) bool { return !(%s) }\n", upper(name), g.goType(name), strings.Join(b, " || "))
		}
	}
}
