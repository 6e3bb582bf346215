package awswire

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/internal/formwire"
	"github.com/belfry-run/belfry/api/awswire/internal/jsonwire"
	"github.com/belfry-run/belfry/memory"
)

// internalMessage is all that a client learns of a failure of ours.
const internalMessage = "An internal error occurred. The server's log has the details under this request's id."

func unknownOperation(what string) *belfry.Error {
	return &belfry.Error{
		Kind: belfry.NotFound, Code: "UnknownOperationException",
		Message: "Unknown operation: " + what + ".",
	}
}

func malformedForm(err error) *belfry.Error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "MalformedQueryString", Message: err.Error()}
}

// refuse turns err into the answer.
func (rt *Router) refuse(c *Call, err error) {
	var e *belfry.Error
	if !errors.As(err, &e) {
		e = &belfry.Error{Kind: belfry.Internal}
	}
	message := e.Message
	f := c.fault(e)
	if e.Kind == belfry.Internal {
		message = internalMessage
	}
	if f.Status >= 500 {
		level, op := slog.LevelError, ""
		if e.Kind == belfry.Unavailable { // no failure of ours: the server stops, or is not ready yet
			level = slog.LevelWarn
		}
		if c.op != nil {
			op = c.op.Name
		}
		rt.log.Log(c.r.Context(), level, "request failed", "operation", op,
			"request_id", c.id.requestID, "error", err)
	}
	c.status = f.Status
	if c.form != nil {
		c.refuseXML(f, message)
		return
	}
	c.refuseJSON(f, message, membersOf(err))
}

func (c *Call) refuseJSON(f Fault, message string, members []member) {
	b := append(c.out[:0], '{')
	namespace := ""
	if c.service != nil && c.service.TargetPrefix != "" {
		namespace = cmp.Or(f.Namespace, c.service.Namespace) + "#"
		if c.service.XMLNamespace != "" && c.r.Header.Get("X-Amzn-Query-Mode") == "true" {
			c.header.Set("X-Amzn-Query-Error", f.legacy()+";"+f.side())
		}
	} else {
		c.header.Set("X-Amzn-Errortype", f.Code)
	}
	if namespace != "" || c.service == nil {
		b = jsonwire.String(jsonwire.Name(b, "__type"), namespace+f.Code)
	}
	if c.service != nil && c.service.Dialect.Type {
		who := "User"
		if f.Status >= 500 {
			who = "Service"
		}
		b = jsonwire.String(jsonwire.Name(b, "Type"), who)
	}
	name := "Message"
	if f.Lower {
		name = "message"
	}
	b = jsonwire.String(jsonwire.Name(b, name), message)
	if f.Reason != "" && !has(members, "Reason") {
		b = jsonwire.String(jsonwire.Name(b, "Reason"), f.Reason)
	}
	for _, m := range members {
		b = append(jsonwire.Name(b, m.name), m.raw...)
	}
	c.out = append(b, '}')
}

func (c *Call) refuseXML(f Fault, message string) {
	if rewrite := c.service.Dialect.Rewrite; rewrite != nil {
		message = rewrite(f.Code, message)
	}
	b := append(c.out[:0], `<?xml version="1.0"?><ErrorResponse xmlns="`...)
	b = append(b, c.service.XMLNamespace...)
	b = append(b, `"><Error>`...)
	b = formwire.Text(b, "Type", f.side())
	b = formwire.Text(b, "Code", f.legacy())
	b = formwire.Text(b, "Message", message)
	b = append(b, `<Detail/></Error>`...)
	b = formwire.Text(b, "RequestId", c.id.requestID)
	c.out = formwire.Close(b, "ErrorResponse")
}

// XMLOpen appends what comes before the members of an answer to a form.
func (c *Call) XMLOpen(b []byte) []byte {
	b = append(b, `<?xml version="1.0"?><`...)
	b = append(b, c.op.Name...)
	b = append(b, `Response xmlns="`...)
	b = append(b, c.service.XMLNamespace...)
	return append(b, `">`...)
}

// XMLClose appends what comes after the result.
func (c *Call) XMLClose(b []byte) []byte {
	b = formwire.Open(b, "ResponseMetadata")
	b = formwire.Text(b, "RequestId", c.id.requestID)
	b = formwire.Close(b, "ResponseMetadata")
	return formwire.Close(b, c.op.Name+"Response")
}

func (c *Call) contentType() string {
	switch {
	case c.form != nil:
		return "text/xml"
	case c.service != nil && c.service.TargetPrefix != "":
		return "application/x-amz-json-" + c.service.JSONVersion
	}
	return "application/json"
}

func (rt *Router) write(c *Call, w http.ResponseWriter) {
	h := c.header
	h.Set("X-Amzn-Requestid", c.id.requestID)
	if c.status == http.StatusNoContent {
		w.WriteHeader(c.status)
		return
	}
	if len(c.out) > 0 {
		h.Set("Content-Type", c.contentType())
	}
	h.Set("Content-Length", strconv.Itoa(len(c.out)))
	if len(c.out) > memory.Small {
		// Writers of tests know no deadline.
		conn := http.NewResponseController(w)
		_ = conn.SetWriteDeadline(time.Now().Add(answerPatience + time.Duration(len(c.out))*time.Second/answerRate))
		defer func() { _ = conn.SetWriteDeadline(time.Time{}) }()
	}
	w.WriteHeader(c.status)
	if c.r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(c.out); err != nil {
		rt.log.DebugContext(c.r.Context(), "answer not delivered", "request_id", c.id.requestID, "error", err)
	}
}

// NotImplemented returns the error of an operation that the server does not have.
func NotImplemented(operation string) error { return unknownOperation(operation) }
