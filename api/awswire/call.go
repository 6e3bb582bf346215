package awswire

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/internal/constraint"
	"github.com/belfry-run/belfry/api/awswire/internal/formwire"
	"github.com/belfry-run/belfry/api/awswire/internal/jsonwire"
	"github.com/belfry-run/belfry/auth"
)

// A Call is one request on its way through a Service. Its methods are for
// generated code, which reads the request with them in the order: members,
// DecodeErr, checks, CheckErr.
type Call struct {
	w       http.ResponseWriter
	r       *http.Request
	service *Service
	op      *Operation
	escaped bool // the labels are percent-encoded
	labels  [maxLabels]string
	id      *identity

	body *buffer // nil once taken
	form *formwire.Form

	decoder jsonwire.Decoder
	check   constraint.Check
	err     *belfry.Error // the first one found while reading members

	header http.Header
	status int
	out    []byte // the answer's body
}

func serialization(message string) *belfry.Error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "SerializationException", Message: message}
}

func (c *Call) fail(name, reason string) {
	if c.err == nil {
		c.err = serialization("The member '" + name + "' " + reason + ".")
	}
}

// Restricted says whether what the caller may do depends on policies.
func (c *Call) Restricted() bool { return c.id.authorizer != nil && c.id.caller.Session != nil }

// Scope is the account and region that the request is for.
func (c *Call) Scope() belfry.Scope { return c.id.caller.Scope }

// Authorize returns nil when the caller's policies allow the operation on the
// resource, "*" when it is on none; else Denied.
func (c *Call) Authorize(ctx context.Context, resource string) error {
	name := c.op.Name
	if c.service.Dialect.Action != nil {
		if name = c.service.Dialect.Action(name); name == "" {
			return nil
		}
	}
	return Authorize(ctx, auth.Query{
		Action: c.service.Name + ":" + name, Resource: resource,
		Context: auth.Context{RequestedRegion: c.id.caller.Region},
	})
}

// Form returns the request's form; nil when the request is JSON.
func (c *Call) Form() *formwire.Form { return c.form }

// Decoder returns a decoder of the body; nil when the body is empty.
func (c *Call) Decoder() *jsonwire.Decoder {
	c.decoder.Reset(c.body.bytes())
	if c.decoder.Empty() {
		return nil
	}
	return &c.decoder
}

// DecodeErr returns what was first found wrong with the request's form.
func (c *Call) DecodeErr() error {
	if c.form != nil {
		if err := c.form.Err(); err != nil {
			return malformedForm(err)
		}
	} else if err := c.decoder.End(); err != nil {
		return serialization(err.Error())
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// Payload takes the body as it is; nil when it is empty.
func (c *Call) Payload() []byte {
	b := c.body.bytes()
	c.decoder.Reset(nil)
	if len(b) == 0 {
		return nil
	}
	if cap(b) > keptBuffer { // nobody else would have used it
		c.body.b = nil
		return b
	}
	return bytes.Clone(b)
}

// Label returns the i-th label of the path, decoded.
func (c *Call) Label(i int, name string) *string {
	s := c.labels[i]
	if c.escaped {
		var err error
		if s, err = url.PathUnescape(s); err != nil {
			c.fail(name, "is not valid percent-encoding")
			return nil
		}
	}
	if !utf8.ValidString(s) {
		c.fail(name, "is not valid UTF-8")
		return nil
	}
	return &s
}

// LabelInt64 returns the i-th label of the path as an integer.
func (c *Call) LabelInt64(i int, name string) *int64 {
	s := c.Label(i, name)
	if s == nil {
		return nil
	}
	n, err := strconv.ParseInt(*s, 10, 64)
	if err != nil {
		c.fail(name, "must be an integer of 64 bits")
		return nil
	}
	return &n
}

// query calls yield with the values of the query parameter called name.
func (c *Call) query(name string, yield func(string)) {
	for rest := c.r.URL.RawQuery; rest != ""; {
		var p string
		p, rest, _ = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(p, "=")
		if key != name {
			k, err := url.QueryUnescape(key)
			if err != nil || k != name {
				continue
			}
		}
		value, err := url.QueryUnescape(value)
		if err != nil || !utf8.ValidString(value) {
			c.fail(name, "is not valid percent-encoded UTF-8")
			return
		}
		yield(value)
	}
}

// QueryString returns the last value of a query parameter; nil is absent.
func (c *Call) QueryString(name string) (v *string) {
	c.query(name, func(s string) { v = &s })
	return v
}

// QueryStrings returns all values of a query parameter; nil is absent.
func (c *Call) QueryStrings(name string) (v []string) {
	c.query(name, func(s string) { v = append(v, s) })
	return v
}

// QueryInt returns a query parameter as an integer; nil is absent.
func (c *Call) QueryInt(name string) *int {
	s := c.QueryString(name)
	if s == nil {
		return nil
	}
	n, err := strconv.ParseInt(*s, 10, 32)
	if err != nil {
		c.fail(name, "must be an integer of 32 bits")
		return nil
	}
	return new(int(n))
}

// QueryBool returns a query parameter as a boolean; nil is absent.
func (c *Call) QueryBool(name string) *bool {
	s := c.QueryString(name)
	if s == nil {
		return nil
	}
	if *s != "true" && *s != "false" {
		c.fail(name, "must be true or false")
		return nil
	}
	return new(*s == "true")
}

// HeaderString returns a header; nil is absent or empty.
func (c *Call) HeaderString(name string) *string {
	s := c.r.Header.Get(name)
	if s == "" {
		return nil
	}
	if !utf8.ValidString(s) {
		c.fail(name, "is not valid UTF-8")
		return nil
	}
	return &s
}

// PathURL returns the URL that the request was sent to, when that is not the
// service's root: old SQS clients name the queue so.
func (c *Call) PathURL() *string {
	if len(c.r.URL.Path) <= 1 {
		return nil
	}
	return new(c.id.endpoint + c.r.URL.EscapedPath())
}

// Check returns what collects the violations of the model's constraints.
func (c *Call) Check() *constraint.Check { return &c.check }

// CheckErr returns the violations as one error.
func (c *Call) CheckErr() error {
	if m := c.check.Message(); m != "" {
		return &belfry.Error{Kind: belfry.Invalid, Code: "ValidationException", Message: m}
	}
	return nil
}

// Missing returns SQS's refusal of a request without a required parameter.
func (c *Call) Missing(name string) error {
	return &belfry.Error{
		Kind: belfry.Invalid, Code: "MissingParameter", Field: name,
		Message: "The request must contain the parameter " + name + ".",
	}
}

// SetHeader sets a header of the answer, unless v is nil.
func (c *Call) SetHeader(name string, v *string) {
	if v != nil {
		c.header.Set(name, *v)
	}
}

// SetStatus sets the status of the answer, unless v is nil.
func (c *Call) SetStatus(v *int) {
	if v != nil {
		c.status = *v
	}
}

// Out returns the buffer to which the answer's body is appended.
func (c *Call) Out() []byte { return c.out[:0] }

// SetOut sets the answer's body.
func (c *Call) SetOut(b []byte) { c.out = b }

// SetPayload sets the answer's body to bytes that nobody changes any more.
func (c *Call) SetPayload(b []byte) {
	if cap(b) > keptBuffer { // it is not kept as a buffer
		c.out = b
		return
	}
	c.out = append(c.out[:0], b...)
}
