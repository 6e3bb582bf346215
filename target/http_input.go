package target

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// httpRequest is the Input of an HTTP target, with the member names that Step
// Functions' http:invoke has.
type httpRequest struct {
	APIEndpoint     string            `json:"ApiEndpoint"`
	Method          string            `json:"Method"`
	Headers         map[string]string `json:"Headers"`
	QueryParameters map[string]string `json:"QueryParameters"`
	RequestBody     json.RawMessage   `json:"RequestBody"`
	Authentication  *httpAuth         `json:"Authentication"`

	url *url.URL
}

// httpAuth adds an Authorization header; one among the Headers comes before it.
type httpAuth struct {
	Type     string `json:"Type"` // Basic or Bearer
	Username string `json:"Username"`
	Password string `json:"Password"`
	Token    string `json:"Token"`
}

// checkRequest refuses an input that parseRequest refuses, and members that it
// does not know: a misspelled RequestBody would be delivered as no body at all.
func checkRequest(input string) error {
	d := json.NewDecoder(strings.NewReader(input))
	d.DisallowUnknownFields()
	if err := d.Decode(&httpRequest{}); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return invalid("Target.Input", "%s is not a member of the input of an HTTP target; its members are ApiEndpoint, Method, Headers, QueryParameters, RequestBody and Authentication {Type, Username, Password, Token}", name)
		}
	}
	_, err := parseRequest(input)
	return err
}

// parseRequest reads and checks an HTTP target's input. An error names the
// member at fault and never its value, which may be a secret.
func parseRequest(input string) (*httpRequest, error) {
	r := &httpRequest{}
	if err := json.Unmarshal([]byte(input), r); err != nil {
		var wrong *json.UnmarshalTypeError
		if !errors.As(err, &wrong) {
			return nil, badJSON()
		}
		if wrong.Field == "" {
			return nil, invalid("Target.Input", "The input of an HTTP target must be a JSON object, not a JSON %s", wrong.Value)
		}
		return nil, invalid("Target.Input", "%s in the input of an HTTP target must not be a JSON %s", wrong.Field, wrong.Value)
	}
	if err := r.parseURL(); err != nil {
		return nil, err
	}
	switch r.Method {
	case "":
		return nil, invalid("Target.Input", "Method is missing in the input of the HTTP target; give GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
	default:
		return nil, invalid("Target.Input", "Method %.32q is not one of GET, POST, PUT, PATCH, DELETE, HEAD and OPTIONS", r.Method)
	}
	if err := r.Authentication.check(); err != nil {
		return nil, err
	}
	return r, checkHeaders(r.Headers)
}

func (r *httpRequest) parseURL() error {
	if r.APIEndpoint == "" {
		return invalid("Target.Input", "ApiEndpoint is missing in the input of the HTTP target; give a URL such as https://example.com/hook")
	}
	u, err := url.Parse(r.APIEndpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return invalid("Target.Input", "ApiEndpoint is not an http or https URL; give one such as https://example.com/hook")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return invalid("Target.Input", "The port in ApiEndpoint is not a number from 1 to 65535")
		}
	}
	if len(r.QueryParameters) > 0 {
		q := u.Query()
		for k, v := range r.QueryParameters {
			q.Set(k, v)
		}
		u.RawQuery = q.Encode()
	}
	r.url = u
	return nil
}

func (a *httpAuth) check() error {
	switch {
	case a == nil:
		return nil
	case a.Type != "Basic" && a.Type != "Bearer":
		return invalid("Target.Input", "Authentication.Type %.32q is not one of Basic and Bearer", a.Type)
	case a.Type == "Basic" && (a.Username == "" || strings.Contains(a.Username, ":")):
		return invalid("Target.Input", "Authentication.Username is missing or has a colon, which Basic authentication cannot carry")
	case a.Type == "Bearer" && (a.Token == "" || !fieldValue(a.Token)):
		return invalid("Target.Input", "Authentication.Token is missing or has characters that HTTP does not allow")
	}
	return nil
}

// checkHeaders refuses what would break out of its header, and what describes
// the connection or the body, which is not for the sender of a message to say.
func checkHeaders(headers map[string]string) error {
	seen := make(map[string]bool, len(headers))
	for k, v := range headers {
		name := http.CanonicalHeaderKey(k)
		switch name {
		case "Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			return invalid("Target.Input", "Headers may not set %s; it follows from the connection and the body", name)
		}
		if !fieldName(k) || !fieldValue(v) || name == "Host" && (v == "" || strings.ContainsAny(v, " \t/?#@\\")) {
			return invalid("Target.Input", "Headers has a name or value that HTTP does not allow: %.64q", k)
		}
		if seen[name] {
			return invalid("Target.Input", "Headers has %s twice, in different spellings", name)
		}
		seen[name] = true
	}
	return nil
}

// fieldName reports whether s is a token (RFC 9110, 5.6.2).
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.Contains("!#$%&'*+-.^_`|~", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}

// fieldValue reports whether s holds no control character but the tab (RFC
// 9110, 5.5).
func fieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// body returns what is sent, and as what: a JSON text as it stands between its
// quotes, anything else as JSON.
func (r *httpRequest) body() (content, contentType string) {
	const asJSON = "application/json"
	raw := bytes.TrimSpace(r.RequestBody)
	var text string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", ""
	case raw[0] != '"' || json.Unmarshal(raw, &text) != nil:
		return string(raw), asJSON
	case json.Valid([]byte(text)):
		return text, asJSON
	}
	return text, "text/plain; charset=utf-8"
}

// secrets are the credentials in the request, which no message may repeat.
func (r *httpRequest) secrets(header http.Header) []string {
	var all []string
	add := func(s string) {
		if len(s) >= secretMin {
			all = append(all, s)
		}
	}
	if a := r.Authentication; a != nil {
		add(a.Token)
		add(a.Password)
	}
	if password, ok := r.url.User.Password(); ok {
		add(password)
	}
	for name, values := range header {
		if !secretName.MatchString(name) || name == idempotencyKey {
			continue
		}
		for _, v := range values {
			add(v)
			_, credentials, _ := strings.Cut(v, " ")
			add(credentials)
		}
	}
	for name, values := range r.url.Query() {
		if !secretName.MatchString(name) {
			continue
		}
		for _, v := range values {
			add(v)
			add(url.QueryEscape(v))
		}
	}
	return all
}

// secretName matches the names of headers and query parameters whose values are
// taken for secrets.
var secretName = regexp.MustCompile(`(?i)auth|cookie|key|pass|secret|signature|token`)

// secretMin is the length, in bytes, below which a secret is too short to be
// told from other text.
const secretMin = 4
