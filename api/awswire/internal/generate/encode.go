package main

// encoders writes one function for each structure, list and map of answers.
func (g *generator) encoders(f *file) {
	if g.formOnly() {
		return
	}
	f.use(jsonwire)
	g.each(g.out, "structure", func(name string, s *shape) {
		f.p("func append%s(b []byte, v *%s) []byte {", upper(name), g.goName[name])
		f.p("b = append(b, '{')")
		for _, m := range g.bodyMembers(s) {
			r := s.Members.by[m]
			field := "v." + upper(m)
			f.p("if %s != nil {", field)
			f.p("b = jsonwire.Name(b, %q)", m)
			switch t := g.Shapes.by[r.Shape]; t.Type {
			case "structure", "list", "map":
				f.p("b = append%s(b, %s)", upper(r.Shape), field)
			case "blob":
				f.p("b = jsonwire.Blob(b, %s)", field)
			default:
				f.p("b = jsonwire.%s(b, *%s)", appender(t), field)
			}
			f.p("}")
		}
		f.p("return append(b, '}')\n}\n")
	})
	g.each(g.out, "list", func(name string, s *shape) {
		f.p("func append%s(b []byte, v %s) []byte {", upper(name), g.goType(name))
		f.p("b = append(b, '[')\nfor i := range v {\nb = jsonwire.Sep(b)")
		g.appendElement(f, s.Member.Shape, "v[i]", "&v[i]")
		f.p("}\nreturn append(b, ']')\n}\n")
	})
	g.each(g.out, "map", func(name string, s *shape) {
		f.use("maps")
		f.use("slices")
		f.p("func append%s(b []byte, v %s) []byte {", upper(name), g.goType(name))
		f.p("b = append(b, '{')\nfor _, k := range slices.Sorted(maps.Keys(v)) {\nb = jsonwire.Key(b, k)\ne := v[k]")
		g.appendElement(f, s.Value.Shape, "e", "&e")
		f.p("}\nreturn append(b, '}')\n}\n")
	})
}

func (g *generator) appendElement(f *file, name, value, pointer string) {
	switch s := g.Shapes.by[name]; s.Type {
	case "structure":
		f.p("b = append%s(b, %s)", upper(name), pointer)
	case "list", "map":
		f.p("b = append%s(b, %s)", upper(name), value)
	default:
		f.p("b = jsonwire.%s(b, %s)", appender(s), value)
	}
}

func appender(s *shape) string {
	if s.Type == "long" {
		return "Int"
	}
	return method(s)
}
