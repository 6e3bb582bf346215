package main

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// handler writes the service's interface and its routes.
func (g *generator) handler(f *file) {
	f.use("context")
	f.use(root)
	f.p("// Service is what an implementation of the service has to do. The requests\n// it gets satisfy the model: required members are never nil. A nil answer is an\n// empty one.")
	f.p("type Service interface {")
	for _, name := range g.Operations.names {
		op := g.Operations.by[name]
		f.p("%s(ctx context.Context, in *%s) (*%s, error)", name, g.goName[op.Input.Shape], g.goName[op.Output.Shape])
	}
	f.p("}\n")

	f.p("// Unimplemented answers every operation with UnknownOperationException. Embed it\n// to implement some of them.")
	f.p("type Unimplemented struct{}\n")
	for _, name := range g.Operations.names {
		op := g.Operations.by[name]
		f.p("// %s is not implemented.", name)
		f.p("func (Unimplemented) %s(context.Context, *%s) (*%s, error) { return nil, awswire.NotImplemented(%q) }\n",
			name, g.goName[op.Input.Shape], g.goName[op.Output.Shape], name)
	}

	f.p("type handler struct{ s Service }\n")
	md := g.Metadata
	f.p("// New returns the service as a router serves it.")
	f.p("func New(s Service) *awswire.Service {\nh := handler{s}\nreturn &awswire.Service{")
	f.p("Name: %q,\nVersion: %q,", cmp.Or(md.SigningName, md.EndpointPrefix), md.APIVersion)
	if md.TargetPrefix != "" {
		f.p("TargetPrefix: %q,\nJSONVersion: %q,\nNamespace: %q,", md.TargetPrefix, md.JSONVersion, cmp.Or(g.namespace, "com.amazonaws."+md.EndpointPrefix))
	}
	if g.form != nil {
		f.p("XMLNamespace: %q,", g.form.namespace)
	}
	f.p("Dialect: dialect(),\nOwnsPath: ownsPath,\nOperations: []awswire.Operation{")
	for _, name := range g.Operations.names {
		op := g.Operations.by[name]
		status := cmp.Or(g.status[name], op.HTTP.ResponseCode, http.StatusOK)
		limit := cmp.Or(g.limit[name], g.limit[""])
		if limit != "" {
			limit = ", Limit: " + limit
		}
		f.p("{Name: %q, Method: %q, Path: %q, Status: %d%s, Run: h.%s},", name, op.HTTP.Method, op.HTTP.RequestURI, status, limit, lower(name))
	}
	f.p("},\n}\n}\n")
	for _, name := range g.Operations.names {
		g.run(f, name, g.Operations.by[name])
	}
	g.errors(f)
	if len(g.named) > 0 {
		f.p("// named are the members of requests that name what an operation is on.")
		f.p("type named struct {")
		for _, m := range g.named {
			f.p("%s %s", m, g.namedType(m))
		}
		f.p("}\n")
	}
}

// run writes the method that serves one operation.
func (g *generator) run(f *file, name string, op *operation) {
	in, out := op.Input.Shape, op.Output.Shape
	si, so := g.Shapes.by[in], g.Shapes.by[out]
	f.p("func (h handler) %s(ctx context.Context, c *awswire.Call) error {", lower(name))
	f.p("in := new(%s)", g.goName[in])
	body := g.bodyMembers(si)
	switch {
	case g.formOnly():
		if len(body) > 0 {
			f.p("form%s(c.Form(), \"\", in)", upper(in))
		}
	case g.form != nil:
		f.p("if f := c.Form(); f != nil {")
		if len(body) > 0 {
			f.p("form%s(f, \"\", in)", upper(in))
		}
		f.p("} else if d := c.Decoder(); d != nil {\ndecode%s(d, in)\n}", upper(in))
	case len(body) > 0:
		f.p("if d := c.Decoder(); d != nil {\ndecode%s(d, in)\n}", upper(in))
	}
	g.decodeHTTP(f, si, op)
	if g.form != nil && si.requires("QueueUrl") {
		f.p("if in.QueueUrl == nil { in.QueueUrl = c.PathURL() }")
	}
	f.p("if err := c.DecodeErr(); err != nil { return err }")
	switch {
	case g.form != nil && !g.form.only:
		if g.needsMissing(in) {
			f.p("if m := missing%s(\"\", in); m != \"\" { return c.Missing(m) }", upper(in))
		}
	case g.needsCheck(in):
		f.p("check%s(c.Check(), in)\nif err := c.CheckErr(); err != nil { return err }", upper(in))
	}
	f.p("if c.Restricted() {\nif err := c.Authorize(ctx, %s); err != nil { return err }\n}", g.resource(name, si))
	f.p("out, err := h.s.%s(ctx, in)\nif err != nil { return err }", name)
	f.p("if out == nil { out = new(%s) }", g.goName[out])
	g.encodeHTTP(f, name, out, so)
	f.p("return nil\n}\n")
}

// resource is the expression for the ARN of what an operation is on.
func (g *generator) resource(operation string, in *shape) string {
	var members []string
	for _, m := range g.named {
		if g.naming(in, m) != nil {
			members = append(members, m+": in."+m)
		}
	}
	if len(members) == 0 {
		return `"*"`
	}
	return fmt.Sprintf("resource(c.Scope(), %q, named{%s})", operation, strings.Join(members, ", "))
}

// naming returns the member m of a request, if it names something: then it is a
// string, or a number in the path.
func (g *generator) naming(in *shape, m string) *ref {
	r := in.Members.by[m]
	if r == nil { // some services begin their members in lower case
		r = in.Members.by[lower(m)]
	}
	if r != nil && (g.Shapes.by[r.Shape].Type == "string" || r.Location == "uri") {
		return r
	}
	return nil
}

// namedType is the type that a member of that name has in requests.
func (g *generator) namedType(m string) string {
	for _, name := range g.Operations.names {
		if r := g.naming(g.Shapes.by[g.Operations.by[name].Input.Shape], m); r != nil {
			return g.memberType(r.Shape)
		}
	}
	panic("no request has a member " + m)
}

func (g *generator) decodeHTTP(f *file, si *shape, op *operation) {
	labels := []string{}
	path, _, _ := strings.Cut(op.HTTP.RequestURI, "?")
	for seg := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(seg, "{") {
			labels = append(labels, strings.Trim(seg, "{}"))
		}
	}
	for _, m := range si.Members.names {
		r := si.Members.by[m]
		t := g.Shapes.by[r.Shape]
		field := "in." + upper(m)
		switch {
		case m == si.Payload:
			must(t.Type == "blob", "payload of type %s", t.Type)
			f.p("%s = c.Payload()", field)
		case r.Location == "uri":
			must(t.Type == "string" || t.Type == "long", "label of type %s", t.Type)
			read := "Label"
			if t.Type != "string" {
				read += method(t)
			}
			for i, l := range labels {
				if l == r.LocationName {
					f.p("%s = c.%s(%d, %q)", field, read, i, m)
				}
			}
		case r.Location == "querystring" && t.Type == "list":
			f.p("%s = c.QueryStrings(%q)", field, r.LocationName)
		case r.Location == "querystring":
			must(t.Type == "string" || t.Type == "integer" || t.Type == "boolean", "query parameter of type %s", t.Type)
			f.p("%s = c.Query%s(%q)", field, method(t), r.LocationName)
		case r.Location == "header":
			must(t.Type == "string", "header of type %s", t.Type)
			f.p("%s = c.HeaderString(%q)", field, r.LocationName)
		case r.Location != "":
			panic("location " + r.Location)
		}
	}
}

func (g *generator) encodeHTTP(f *file, name, out string, so *shape) {
	if g.form != nil {
		open, end := "if c.Form() != nil {\n", "return nil\n}"
		if g.form.only {
			open, end = "", ""
		}
		f.p("%sb := c.XMLOpen(c.Out())", open)
		switch {
		case len(so.Members.names) > 0:
			f.p("b = append(b, \"<%sResult>\"...)\nb = xml%s(b, out)\nb = append(b, \"</%sResult>\"...)", name, upper(out), name)
		case g.Operations.by[name].Output.ResultWrapper != "":
			f.p("b = append(b, \"<%sResult></%sResult>\"...)", name, name)
		}
		f.p("c.SetOut(c.XMLClose(b))\n%s", end)
		if g.form.only {
			return
		}
	}
	for _, m := range so.Members.names {
		r := so.Members.by[m]
		switch r.Location {
		case "header":
			must(g.Shapes.by[r.Shape].Type == "string", "header of another type")
			f.p("c.SetHeader(%q, out.%s)", r.LocationName, upper(m))
		case "statusCode":
			f.p("c.SetStatus(out.%s)", upper(m))
		}
	}
	if so.Payload != "" {
		f.p("c.SetPayload(out.%s)", upper(so.Payload))
		return
	}
	f.p("c.SetOut(append%s(c.Out(), out))", upper(out))
}

// errors writes what the model says about errors: their status and how the
// member that holds the message is called.
func (g *generator) errors(f *file) {
	f.p("// modelled returns the status of an error that the model has, and whether its\n// message stands in a member called message rather than Message.")
	f.p("func modelled(code string) (status int, lower, ok bool) {\nswitch code {")
	for _, name := range g.Shapes.names {
		s := g.Shapes.by[name]
		if !s.Exception {
			continue
		}
		_, low := s.Members.by["message"]
		if g.formOnly() {
			name = cmp.Or(s.Error.Code, name)
		}
		f.p("case %q: return %d, %t, true", name, cmp.Or(s.Error.Status, http.StatusBadRequest), low)
	}
	f.p("}\nreturn 0, false, false\n}")
}
