package awswire

import (
	"errors"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/internal/formwire"
)

func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// hasAction says whether the query has a form's Action.
func hasAction(r *http.Request) bool {
	return strings.HasPrefix(r.URL.RawQuery, "Action=") || strings.Contains(r.URL.RawQuery, "&Action=")
}

// escapedPath returns the path as it came, and whether it is percent-encoded.
func escapedPath(r *http.Request) (path string, escaped bool) {
	if r.URL.RawPath != "" {
		return r.URL.RawPath, true
	}
	return r.URL.Path, false
}

func (rt *Router) byName(name string) *Service {
	for _, s := range rt.services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (rt *Router) byPath(r *http.Request) *Service {
	path, _ := escapedPath(r)
	for _, s := range rt.services {
		if s.OwnsPath != nil && s.OwnsPath(path) {
			return s
		}
	}
	return nil
}

// pick finds the service by what stands outside the body. A credential scope
// is final: a request signed for a service that is not here is unknown.
func (rt *Router) pick(r *http.Request) (s *Service, final bool) {
	if cred, ok := CredentialOf(r); ok {
		return rt.byName(cred.Service), true
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, _, _ := strings.Cut(target, ".")
		for _, s := range rt.services {
			if s.TargetPrefix == prefix {
				return s, true
			}
		}
		return nil, true
	}
	s = rt.byPath(r)
	// curl calls every body a form; one for a path of a REST service is none.
	if (isForm(r) || hasAction(r)) && (s == nil || s.TargetPrefix != "") {
		return nil, false
	}
	return s, true
}

// byForm finds the service whose API version or action the form names.
func (rt *Router) byForm(f *formwire.Form) *Service {
	version, _ := f.Get("Version")
	action, _ := f.Get("Action")
	for _, s := range rt.services {
		if s.XMLNamespace != "" && (version == s.Version || version == "" && s.byName(action) != nil) {
			return s
		}
	}
	return nil
}

// formService returns the service that a form to r's path is probably for.
func (rt *Router) formService(r *http.Request) *Service {
	if s := rt.byPath(r); s != nil {
		return s
	}
	for _, s := range rt.services {
		if s.XMLNamespace != "" {
			return s
		}
	}
	return nil
}

// route finds service and operation and reads the body.
func (rt *Router) route(c *Call) error {
	s, final := rt.pick(c.r)
	c.service = s
	if s != nil && s.rest() {
		path, escaped := escapedPath(c.r)
		c.escaped = escaped
		if c.op = s.byPath(c.r.Method, path, c.r.URL.RawQuery, &c.labels); c.op == nil {
			return unknownOperation(c.r.Method + " " + clip(path))
		}
		return rt.read(c, c.op.Limit)
	}
	if s == nil && final {
		return unknownOperation(c.r.Method + " " + clip(c.r.URL.Path))
	}
	if target := c.r.Header.Get("X-Amz-Target"); s != nil && target != "" {
		_, name, _ := strings.Cut(target, ".")
		if c.op = s.byName(name); c.op == nil || !strings.HasPrefix(target, s.TargetPrefix+".") {
			c.op = nil
			return unknownOperation(clip(target))
		}
		return rt.read(c, c.op.Limit)
	}
	return rt.routeForm(c)
}

// routeForm routes a request whose operation stands in its parameters.
func (rt *Router) routeForm(c *Call) error {
	limit := int64(DefaultLimit)
	for _, s := range rt.services {
		if s.XMLNamespace != "" {
			for i := range s.Operations {
				limit = max(limit, s.Operations[i].Limit)
			}
		}
	}
	signed := c.service
	// Until the form has said whose it is, refusals are worded by its likely owner.
	if c.service == nil {
		c.service = rt.formService(c.r)
	}
	if c.service == nil || c.service.XMLNamespace == "" {
		return unknownOperation(c.r.Method + " " + clip(c.r.URL.Path))
	}
	c.form = &formwire.Form{}
	if err := rt.read(c, limit); err != nil {
		return err
	}
	body := ""
	if isForm(c.r) {
		body = string(c.body.bytes())
	}
	f, err := formwire.Parse(c.r.URL.RawQuery, body)
	if err != nil {
		return malformedForm(err)
	}
	action, _ := f.Get("Action")
	if signed == nil {
		if c.service = rt.byForm(f); c.service == nil {
			c.form = nil
			return unknownOperation(clip(action))
		}
	}
	c.form = f
	if action == "" {
		return &belfry.Error{Kind: belfry.Invalid, Code: "MissingAction", Message: "The request must contain the parameter Action."}
	}
	if c.op = c.service.byName(action); c.op == nil {
		return &belfry.Error{
			Kind: belfry.Invalid, Code: "InvalidAction",
			Message: "The action " + clip(action) + " is not valid for this endpoint.",
		}
	}
	return nil
}

func (rt *Router) read(c *Call, limit int64) error {
	var err error
	budget := rt.bodies
	if c.op != nil && c.op.calls {
		budget = rt.callers
	}
	if c.body, c.id.body, err = readBody(c.w, c.r, limit, budget); !errors.Is(err, errTooLarge) {
		return err
	}
	if c.service != nil && c.service.Dialect.TooLarge != nil {
		name := ""
		if c.op != nil {
			name = c.op.Name
		}
		return c.service.Dialect.TooLarge(name, limit)
	}
	return belfry.Errorf(belfry.TooLarge, "", "The request body must not be larger than %d bytes.", limit)
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 256)], "\uFFFD") }
