package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A generator holds a model and what it has found out about it.
type generator struct {
	config
	*model
	in, out map[string]bool   // the shapes that requests and answers are made of
	goName  map[string]string // of structures
	funcs   map[string]string // of pattern matchers, by pattern
	order   []string          // patterns as they were met
	checked map[string]bool   // memory of needsCheck
}

func newGenerator(c config, m *model) (*generator, error) {
	g := &generator{config: c, model: m, in: map[string]bool{}, out: map[string]bool{}, goName: map[string]string{}, funcs: map[string]string{}, checked: map[string]bool{}}
	if m.Metadata.Protocol == "query" {
		g.form = &formConfig{namespace: m.Metadata.XMLNamespace, only: true}
	}
	uses := map[string]int{} // of a structure, as member, input or output
	for _, s := range m.Shapes.by {
		for _, r := range s.Members.by {
			uses[r.Shape]++
		}
		for _, r := range []*ref{s.Member, s.Value} {
			if r != nil {
				uses[r.Shape]++
			}
		}
	}
	for _, name := range m.Operations.names {
		op := m.Operations.by[name]
		// Operations without input or output get an empty structure, so that
		// all methods look alike.
		for _, side := range []struct {
			ref    **ref
			suffix string
			seen   map[string]bool
		}{{&op.Input, "Input", g.in}, {&op.Output, "Output", g.out}} {
			if *side.ref == nil {
				*side.ref = &ref{Shape: name + side.suffix}
				m.Shapes.names = append(m.Shapes.names, name+side.suffix)
				m.Shapes.by[name+side.suffix] = &shape{Type: "structure"}
			}
			uses[(*side.ref).Shape]++
			g.reach((*side.ref).Shape, side.seen)
		}
	}
	for _, name := range m.Operations.names {
		op := m.Operations.by[name]
		for r, suffix := range map[*ref]string{op.Input: "Input", op.Output: "Output"} {
			if uses[r.Shape] == 1 {
				g.goName[r.Shape] = name + suffix
			}
		}
	}
	slices.Sort(m.Shapes.names)
	for _, name := range m.Shapes.names {
		s := m.Shapes.by[name]
		if slices.Contains(c.free, name) {
			s.Enum, s.Pattern = nil, ""
		}
		if v, ok := c.max[name]; ok {
			*s.Max = json.Number(v)
		}
		if s.Type == "structure" && !s.Exception && g.goName[name] == "" {
			g.goName[name] = upper(name)
		}
	}
	return g, nil
}

func (g *generator) reach(name string, seen map[string]bool) {
	if seen[name] {
		return
	}
	seen[name] = true
	if slices.Contains(g.own, name) {
		return
	}
	s := g.Shapes.by[name]
	for _, r := range s.Members.by {
		g.reach(r.Shape, seen)
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil {
			g.reach(r.Shape, seen)
		}
	}
}

// formOnly says whether the service has no protocol but the query protocol.
func (g *generator) formOnly() bool { return g.form != nil && g.form.only }

// each calls f with the shapes of a kind in name order, but those written by hand.
func (g *generator) each(of map[string]bool, kind string, f func(name string, s *shape)) {
	for _, name := range g.Shapes.names {
		if s := g.Shapes.by[name]; s.Type == kind && of[name] && !s.Exception && !slices.Contains(g.own, name) {
			f(name, s)
		}
	}
}

// goType returns the type of a list element or map value.
func (g *generator) goType(name string) string {
	s := g.Shapes.by[name]
	switch s.Type {
	case "structure":
		return g.goName[name]
	case "list":
		return "[]" + g.goType(s.Member.Shape)
	case "map":
		return "map[string]" + g.goType(s.Value.Shape)
	case "blob":
		return "[]byte"
	case "string":
		return "string"
	case "integer":
		return "int"
	case "long":
		return "int64"
	case "boolean":
		return "bool"
	case "double":
		return "float64"
	case "timestamp":
		return "time.Time"
	}
	panic("no Go type for " + s.Type + " " + name)
}

// memberType returns the type of a structure's member: what can be absent is
// a pointer, a slice or a map.
func (g *generator) memberType(name string) string {
	switch g.Shapes.by[name].Type {
	case "list", "map", "blob":
		return g.goType(name)
	}
	return "*" + g.goType(name)
}

// method returns the name that the scalar's type has in the codecs.
func method(s *shape) string {
	switch s.Type {
	case "string":
		return "String"
	case "integer":
		return "Int"
	case "long":
		return "Int64"
	case "boolean":
		return "Bool"
	case "double":
		return "Float"
	case "timestamp":
		return "Time"
	case "blob":
		return "Blob"
	}
	panic("no codec for " + s.Type)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func (g *generator) types(f *file) {
	all := map[string]bool{}
	for _, m := range []map[string]bool{g.in, g.out} {
		for name := range m {
			all[name] = true
		}
	}
	g.each(all, "structure", func(name string, s *shape) {
		f.p("// %s is AWS's %s. Absent members are nil.", g.goName[name], name)
		f.p("type %s struct {", g.goName[name])
		for _, m := range s.Members.names {
			r := s.Members.by[m]
			note := ""
			if s.requires(m) {
				note = " // required"
			}
			t := g.memberType(r.Shape)
			if strings.Contains(t, "time.") {
				f.use("time")
			}
			f.p("%s %s%s", upper(m), t, note)
		}
		f.p("}\n")
	})
	g.each(all, "string", func(name string, s *shape) {
		if len(s.Enum) == 0 {
			return
		}
		f.p("// The values of %s.", name)
		f.p("const (")
		for _, v := range s.Enum {
			f.p("%s = %q", upper(name)+constName(v), v)
		}
		f.p(")\n")
	})
}

// constName makes an identifier's tail of an enum value: FUNCTION_ERROR and
// Function.Error give FunctionError.
func constName(v string) string {
	if v == strings.ToUpper(v) {
		v = strings.ToLower(v)
	}
	var b strings.Builder
	for _, p := range strings.FieldsFunc(v, func(r rune) bool { return r == '_' || r == '.' || r == '-' }) {
		if b.Len() > 0 && p[0] >= '0' && p[0] <= '9' {
			b.WriteByte('_')
		}
		b.WriteString(upper(p))
	}
	return b.String()
}

func must(cond bool, format string, args ...any) {
	if !cond {
		panic(fmt.Sprintf(format, args...))
	}
}
