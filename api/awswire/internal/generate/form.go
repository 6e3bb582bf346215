package main

import "slices"

// forms writes readers of forms and writers of XML.
func (g *generator) forms(f *file) {
	if g.form == nil {
		return
	}
	f.use(formwire)
	g.each(g.in, "structure", func(name string, s *shape) {
		if len(s.Members.names) == 0 {
			return
		}
		f.p("// form%s reads the parameters whose names start with p.", upper(name))
		f.p("func form%s(f *formwire.Form, p string, v *%s) {", upper(name), g.goName[name])
		for _, m := range s.Members.names {
			g.formMember(f, m, s.Members.by[m])
		}
		f.p("}\n")
	})
	g.each(g.out, "structure", func(name string, s *shape) {
		if len(s.Members.names) == 0 {
			return
		}
		f.p("func xml%s(b []byte, v *%s) []byte {", upper(name), g.goName[name])
		for _, m := range s.Members.names {
			g.xmlMember(f, m, s.Members.by[m])
		}
		f.p("return b\n}\n")
	})
}

func (g *generator) formMember(f *file, m string, r *ref) {
	s := g.Shapes.by[r.Shape]
	field := "v." + upper(m)
	switch s.Type {
	case "structure":
		f.p("if f.Has(p+%q) {\n%s = new(%s)\nform%s(f, p+%q, %s)\n}", m, field, g.goName[r.Shape], upper(r.Shape), m+".", field)
	case "list":
		name := m + ".member"
		if !g.form.only {
			name = g.form.lists[r.Shape]
		}
		must(name != "", "no form name for list %s", r.Shape)
		f.p("for i := 1; ; i++ {\nn, ok := f.Element(p+%q, i)\nif !ok { break }", name)
		g.formElement(f, s.Member.Shape, "n", func(e string) string { return field + " = append(" + field + ", " + e + ")" })
		f.p("}")
	case "map":
		n := g.form.maps[r.Shape]
		must(n.entry != "", "no form name for map %s", r.Shape)
		f.p("for i := 1; ; i++ {\nn, ok := f.Element(p+%q, i)\nif !ok { break }", n.entry)
		f.p("k := f.String(n+%q)\nif k == nil { continue }", "."+n.key)
		f.p("if %s == nil { %s = %s{} }", field, field, g.goType(r.Shape))
		g.formElement(f, s.Value.Shape, "n+\"."+n.value+"\"", func(e string) string { return field + "[*k] = " + e })
		f.p("}")
	default:
		f.p("%s = f.%s(p+%q)", field, method(s), m)
	}
}

func (g *generator) formElement(f *file, name, param string, store func(string) string) {
	switch s := g.Shapes.by[name]; s.Type {
	case "structure":
		f.p("var e %s\nform%s(f, %s+\".\", &e)\n%s", g.goName[name], upper(name), param, store("e"))
	case "string":
		f.p("if e := f.String(%s); e != nil { %s }", param, store("*e"))
	case "blob":
		f.p("if e := f.Blob(%s); e != nil { %s }", param, store("e"))
	default:
		panic("form element of type " + s.Type)
	}
}

func (g *generator) xmlMember(f *file, m string, r *ref) {
	s := g.Shapes.by[r.Shape]
	field := "v." + upper(m)
	switch s.Type {
	case "structure":
		f.p("if %s != nil {\nb = formwire.Open(b, %q)\nb = xml%s(b, %s)\nb = formwire.Close(b, %q)\n}", field, m, upper(r.Shape), field, m)
	case "list":
		if g.form.only {
			f.p("if %s != nil {\nb = formwire.Open(b, %q)\nfor i := range %s {", field, m, field)
			g.xmlElement(f, s.Member.Shape, "member", field+"[i]", "&"+field+"[i]")
			f.p("}\nb = formwire.Close(b, %q)\n}", m)
			break
		}
		name := g.form.lists[r.Shape]
		must(name != "", "no form name for list %s", r.Shape)
		f.p("for i := range %s {", field)
		g.xmlElement(f, s.Member.Shape, name, field+"[i]", "&"+field+"[i]")
		f.p("}")
	case "map":
		n := g.form.maps[r.Shape]
		must(n.entry != "", "no form name for map %s", r.Shape)
		f.use("maps")
		f.use("slices")
		f.p("for _, k := range slices.Sorted(maps.Keys(%s)) {\ne := %s[k]\nb = formwire.Open(b, %q)", field, field, n.entry)
		f.p("b = formwire.Text(b, %q, k)", n.key)
		g.xmlElement(f, s.Value.Shape, n.value, "e", "&e")
		f.p("b = formwire.Close(b, %q)\n}", n.entry)
	case "blob":
		f.p("if %s != nil { b = formwire.Blob(b, %q, %s) }", field, m, field)
	default:
		f.p("if %s != nil { b = formwire.%s(b, %q, *%s) }", field, xmlAppender(s), m, field)
	}
}

func (g *generator) xmlElement(f *file, shapeName, name, value, pointer string) {
	switch s := g.Shapes.by[shapeName]; s.Type {
	case "structure":
		f.p("b = formwire.Open(b, %q)\nb = xml%s(b, %s)\nb = formwire.Close(b, %q)", name, upper(shapeName), pointer, name)
	default:
		must(slices.Contains([]string{"string", "blob"}, s.Type), "XML element of type %s", s.Type)
		f.p("b = formwire.%s(b, %q, %s)", xmlAppender(s), name, value)
	}
}

func xmlAppender(s *shape) string {
	switch s.Type {
	case "string":
		return "Text"
	case "integer", "long":
		return "Int"
	case "boolean":
		return "Bool"
	case "blob":
		return "Blob"
	case "timestamp":
		return "Time"
	}
	panic("no XML for " + s.Type)
}
