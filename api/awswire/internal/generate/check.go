package main

import (
	"fmt"
	"strings"
)

// checks writes the checks of the model's constraints; for services of the
// query family, whose models have none, only those of required members.
func (g *generator) checks(f *file) {
	if g.form != nil {
		g.missing(f)
		return
	}
	f.use(constraint)
	g.each(g.in, "structure", func(name string, s *shape) {
		f.p("func check%s(c *constraint.Check, v *%s) {", upper(name), g.goName[name])
		for _, m := range s.Members.names {
			g.checkMember(f, s, m)
		}
		f.p("}\n")
	})
	g.each(g.in, "list", func(name string, s *shape) { g.checkList(f, name, s) })
	g.each(g.in, "map", func(name string, s *shape) { g.checkMap(f, name, s) })
	g.scalarChecks(f)
	g.matchers(f)
}

func (g *generator) checkMember(f *file, s *shape, m string) {
	r := s.Members.by[m]
	t := g.Shapes.by[r.Shape]
	field := "v." + upper(m)
	path := lower(m)
	need := s.requires(m)
	if need {
		f.p("if %s == nil { c.Null(%q) }", field, path)
		if g.needsCheck(r.Shape) {
			f.p("if %s != nil {", field)
		}
	} else if g.needsCheck(r.Shape) {
		f.p("if %s != nil {", field)
	}
	if !g.needsCheck(r.Shape) {
		return
	}
	switch t.Type {
	case "structure":
		f.p("c.Enter(%q)\ncheck%s(c, %s)\nc.Leave()", path, upper(r.Shape), field)
	case "list", "map":
		f.p("check%s(c, %q, %s)", upper(r.Shape), path, field)
	default:
		f.p("check%s(c, %q, *%s)", upper(r.Shape), path, field)
	}
	f.p("}")
}

// needsCheck says whether the shape or one below it has a constraint.
func (g *generator) needsCheck(name string) bool {
	if known, ok := g.checked[name]; ok {
		return known
	}
	g.checked[name] = false // while a recursive shape is being looked at
	g.checked[name] = g.constrained(name)
	return g.checked[name]
}

func (g *generator) constrained(name string) bool {
	s := g.Shapes.by[name]
	if len(s.Required) > 0 || s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0 {
		return s.Type != "blob"
	}
	for _, r := range s.Members.by {
		if g.needsCheck(r.Shape) {
			return true
		}
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil && g.needsCheck(r.Shape) {
			return true
		}
	}
	return false
}

func (g *generator) checkList(f *file, name string, s *shape) {
	if !g.needsCheck(name) {
		return
	}
	e := g.Shapes.by[s.Member.Shape]
	f.p("func check%s(c *constraint.Check, name string, v %s) {", upper(name), g.goType(name))
	fail := "c.FailHidden(name, %q)"
	if e.Type == "string" && !e.Sensitive {
		fail = "c.Fail(name, constraint.List(v), %q)"
	}
	if s.Max != nil {
		f.p("if len(v) > %s {\n"+fail+"\nreturn\n}", *s.Max, lengthMax(s))
	}
	if s.Min != nil && s.Min.String() != "0" {
		f.p("if len(v) < %s { "+fail+" }", *s.Min, lengthMin(s))
	}
	switch {
	case !g.needsCheck(s.Member.Shape):
	case e.Type == "structure":
		f.p("c.Enter(name)\nfor i := range v {\nif c.Full() { break }\nc.EnterElement(i)\ncheck%s(c, &v[i])\nc.Leave()\n}\nc.Leave()", upper(s.Member.Shape))
	case e.Type == "map" || e.Type == "list":
		f.p("for i := range v {\nif c.Full() { break }\ncheck%s(c, name+constraint.Element(i), v[i])\n}", upper(s.Member.Shape))
	default:
		f.p("for i := range v {\nif !ok%s(v[i]) {\n"+fail+"\nbreak\n}\n}", upper(s.Member.Shape),
			"Member must satisfy constraint: ["+g.terms(s.Member.Shape)+", Member must not be null]")
	}
	f.p("}\n")
}

func (g *generator) checkMap(f *file, name string, s *shape) {
	if !g.needsCheck(name) {
		return
	}
	f.p("func check%s(c *constraint.Check, name string, v %s) {", upper(name), g.goType(name))
	if s.Max != nil {
		f.p("if len(v) > %s {\nc.FailHidden(name, %q)\nreturn\n}", *s.Max, lengthMax(s))
	}
	for _, part := range []struct {
		shape, loop, value, text string
	}{
		{s.Key.Shape, "for k := range v", "k", "Map keys must satisfy constraint: ["},
		{s.Value.Shape, "for _, e := range v", "e", "Map value must satisfy constraint: ["},
	} {
		if !g.needsCheck(part.shape) {
			continue
		}
		must(g.Shapes.by[part.shape].scalar(), "check of map of %s", part.shape)
		f.p("%s {\nif !ok%s(%s) {\nc.FailHidden(name, %q)\nbreak\n}\n}", part.loop, upper(part.shape), part.value, part.text+g.terms(part.shape)+"]")
	}
	f.p("}\n")
}

func lengthMax(s *shape) string {
	return fmt.Sprintf("Member must have length less than or equal to %s", *s.Max)
}

func lengthMin(s *shape) string {
	return fmt.Sprintf("Member must have length greater than or equal to %s", *s.Min)
}

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

// missing writes functions that return the first required parameter that is
// absent, by its name in a form, after the prefix p.
func (g *generator) missing(f *file) {
	g.each(g.in, "structure", func(name string, s *shape) {
		if !g.needsMissing(name) {
			return
		}
		f.p("func missing%s(p string, v *%s) string {", upper(name), g.goName[name])
		for _, m := range s.Members.names {
			r := s.Members.by[m]
			t := g.Shapes.by[r.Shape]
			field, label := "v."+upper(m), m
			switch t.Type {
			case "list":
				label = g.form.lists[r.Shape]
			case "map":
				label = g.form.maps[r.Shape].entry
			}
			if s.requires(m) {
				f.p("if %s == nil { return p+%q }", field, label)
			}
			switch {
			case t.Type == "list" && g.needsMissing(t.Member.Shape):
				f.use("strconv")
				f.p("for i := range %s {\nif m := missing%s(p+%q+strconv.Itoa(i+1)+\".\", &%s[i]); m != \"\" { return m }\n}", field, upper(t.Member.Shape), label+".", field)
			case t.Type == "structure" && g.needsMissing(r.Shape):
				f.p("if %s != nil {\nif m := missing%s(p+%q, %s); m != \"\" { return m }\n}", field, upper(r.Shape), m+".", field)
			}
		}
		f.p("return \"\"\n}\n")
	})
}

// needsMissing says whether the structure, or one below it, has required
// members. Values of maps are left to the implementation: SQS words the lack
// of a DataType otherwise.
func (g *generator) needsMissing(name string) bool {
	s := g.Shapes.by[name]
	if s.Type != "structure" {
		return false
	}
	if len(s.Required) > 0 {
		return true
	}
	for _, r := range s.Members.by {
		t := g.Shapes.by[r.Shape]
		if t.Type == "list" && g.needsMissing(t.Member.Shape) || g.needsMissing(r.Shape) {
			return true
		}
	}
	return false
}
