package main

// decoders writes one function for each structure, list and map of requests.
func (g *generator) decoders(f *file) {
	if g.formOnly() {
		return
	}
	f.use(jsonwire)
	g.each(g.in, "structure", func(name string, s *shape) {
		body := g.bodyMembers(s)
		if len(body) == 0 && g.isInput(name) {
			return
		}
		f.p("func decode%s(d *jsonwire.Decoder, v *%s) bool {", upper(name), g.goName[name])
		f.p("if !d.Object() { return false }")
		f.p("for d.Member() {")
		f.p("switch string(d.Key()) {")
		for _, m := range body {
			r := s.Members.by[m]
			f.p("case %q:", m)
			switch t := g.Shapes.by[r.Shape]; t.Type {
			case "structure":
				f.p("v.%s = new(%s)", upper(m), g.goName[r.Shape])
				f.p("if !decode%s(d, v.%s) { v.%s = nil }", upper(r.Shape), upper(m), upper(m))
			case "list", "map":
				f.p("v.%s = decode%s(d)", upper(m), upper(r.Shape))
			default:
				f.p("v.%s = d.%s()", upper(m), method(t))
			}
		}
		f.p("default: d.Skip()\n}\n}\nreturn true\n}\n")
	})
	g.each(g.in, "list", func(name string, s *shape) {
		f.p("func decode%s(d *jsonwire.Decoder) %s {", upper(name), g.goType(name))
		f.p("if !d.Array() { return nil }")
		f.p("v := %s{}", g.goType(name))
		f.p("for d.Element() {")
		g.decodeInto(f, s.Member.Shape, "v = append(v, e)")
		f.p("}\nreturn v\n}\n")
	})
	g.each(g.in, "map", func(name string, s *shape) {
		f.p("func decode%s(d *jsonwire.Decoder) %s {", upper(name), g.goType(name))
		f.p("if !d.Object() { return nil }")
		f.p("v := %s{}", g.goType(name))
		f.p("for d.Member() {")
		f.p("k := string(d.Key())")
		g.decodeInto(f, s.Value.Shape, "v[k] = e")
		f.p("}\nreturn v\n}\n")
	})
}

// decodeInto reads a list element or map value e and stores it; null entries
// are left out.
func (g *generator) decodeInto(f *file, name, store string) {
	switch s := g.Shapes.by[name]; s.Type {
	case "structure":
		f.p("var e %s\nif decode%s(d, &e) { %s }", g.goName[name], upper(name), store)
	case "list", "map":
		f.p("if e := decode%s(d); e != nil { %s }", upper(name), store)
	case "string":
		f.p("if e, ok := d.Text(); ok { %s }", store)
	case "blob":
		f.p("if e := d.Blob(); e != nil { %s }", store)
	default:
		f.p("if p := d.%s(); p != nil { e := *p; %s }", method(s), store)
	}
}

// bodyMembers returns the members that stand in the body.
func (g *generator) bodyMembers(s *shape) (names []string) {
	for _, m := range s.Members.names {
		if s.Members.by[m].Location == "" && m != s.Payload {
			names = append(names, m)
		}
	}
	return names
}

func (g *generator) isInput(name string) bool {
	for _, op := range g.Operations.by {
		if op.Input.Shape == name {
			return true
		}
	}
	return false
}
