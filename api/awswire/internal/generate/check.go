package main

import (
	"fmt"
	"slices"
)

// checks writes the checks of the model's constraints; for services that have
// left the query family, whose models have none, only those of required members.
func (g *generator) checks(f *file) {
	if g.form != nil && !g.form.only {
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
	if slices.Contains(g.own, name) {
		return false
	}
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
		if !g.Shapes.by[part.shape].scalar() {
			g.checkValues(f, part.shape)
			continue
		}
		f.p("%s {\nif !ok%s(%s) {\nc.FailHidden(name, %q)\nbreak\n}\n}", part.loop, upper(part.shape), part.value, part.text+g.terms(part.shape)+"]")
	}
	f.p("}\n")
}

// checkValues writes the checks of a map's values that are structures or lists.
func (g *generator) checkValues(f *file, name string) {
	f.use("maps")
	f.use("slices")
	f.p("for _, k := range slices.Sorted(maps.Keys(v)) {\nif c.Full() { break }\ne := v[k]")
	if g.Shapes.by[name].Type == "structure" {
		f.p("c.Enter(name)\nc.Enter(k)\nc.Enter(\"member\")\ncheck%s(c, &e)\nc.Leave()\nc.Leave()\nc.Leave()", upper(name))
	} else {
		f.p("check%s(c, name+\".\"+k+\".member\", e)", upper(name))
	}
	f.p("}")
}

func lengthMax(s *shape) string {
	return fmt.Sprintf("Member must have length less than or equal to %s", *s.Max)
}

func lengthMin(s *shape) string {
	return fmt.Sprintf("Member must have length greater than or equal to %s", *s.Min)
}
