package certify

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A model is what Belfry serves of one AWS service.
type model struct {
	Metadata struct {
		Protocol, TargetPrefix, EndpointPrefix, ServiceFullName, SigningName string
	}
	Operations map[string]struct {
		HTTP struct{ Method, RequestURI string } `json:"http"`
	}

	name   string // of the service, as in the file's name
	routes []route
}

type route struct {
	method    string
	path      *regexp.Regexp
	query     string // that the request has, beside others; empty: any
	operation string
}

// models are those that the server's interfaces are generated from.
func models(t *testing.T) []*model {
	t.Helper()
	files, err := filepath.Glob("../../api/awswire/models/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no service models: %v", err)
	}
	var all []*model
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		if err := json.Unmarshal(text, m); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if m.Metadata.Protocol == "rest-json" {
			m.route()
		}
		all = append(all, m)
	}
	return all
}

var label = regexp.MustCompile(`\\\{\w+\\\}`)

func (m *model) route() {
	for _, name := range m.operations() {
		h := m.Operations[name].HTTP
		path, query, _ := strings.Cut(h.RequestURI, "?")
		pattern := label.ReplaceAllString(regexp.QuoteMeta(strings.TrimSuffix(path, "/")), `[^/]+`)
		m.routes = append(m.routes, route{h.Method, regexp.MustCompile("^" + pattern + "/?$"), query, name})
	}
	// The last that matches counts: of two with the same path the one that asks for more.
	slices.SortStableFunc(m.routes, func(a, b route) int { return cmp.Compare(len(a.query), len(b.query)) })
}

func (m *model) operations() []string { return slices.Sorted(maps.Keys(m.Operations)) }

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// identify says which operation of which service a request is; empty when it is
// none that is served.
func identify(all []*model, r *http.Request, body []byte) (service, operation string) {
	signedFor := ""
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		signedFor = m[1]
	}
	prefix, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ = url.ParseQuery(string(body))
	}
	for _, m := range all {
		candidate := ""
		switch {
		case target != "":
			if prefix == m.Metadata.TargetPrefix {
				candidate = target
			}
		case form.Has("Action"):
			if signedFor == m.signingName() {
				candidate = form.Get("Action")
			}
		case signedFor == m.signingName():
			for _, rt := range m.routes {
				if rt.method == r.Method && rt.path.MatchString(r.URL.EscapedPath()) && strings.Contains("&"+r.URL.RawQuery+"&", rt.query) {
					candidate = rt.operation
				}
			}
		}
		if _, ok := m.Operations[candidate]; ok {
			return m.name, candidate
		}
	}
	return "", ""
}

func (m *model) signingName() string {
	if m.Metadata.SigningName != "" {
		return m.Metadata.SigningName
	}
	return m.Metadata.EndpointPrefix
}

// errorCode reads the code of a refusal in the dialects of all protocols.
func errorCode(header http.Header, body []byte) string {
	code := header.Get("X-Amzn-Errortype")
	if code == "" {
		var j struct {
			Type string `json:"__type"`
		}
		var x struct {
			Code string `xml:"Error>Code"`
		}
		if json.Unmarshal(body, &j) == nil {
			code = j.Type
		} else if xml.Unmarshal(body, &x) == nil {
			code = x.Code
		}
	}
	code, _, _ = strings.Cut(code, ":")
	return code[strings.LastIndex(code, "#")+1:]
}
