package main

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
