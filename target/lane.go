package target

import (
	"net/url"
	"strings"

	"github.com/belfry-run/belfry"
)

// Lane returns what the schedule's deliveries share with those of other
// schedules, and how many of them there can be at once: the connections to one
// host ("http:" and host:port), or the instances of one function (its ARN). More
// than those wait for each other here, so whoever has many to deliver keeps the
// rest back. The name of a target without such a limit is empty.
//
// It is asked for each schedule that is due, and so does not decode the input,
// but looks for the endpoint in it.
func (t *Targets) Lane(s *belfry.Schedule) (name string, limit int) {
	if s.Target.ARN == HTTPInvokeARN {
		return t.httpLane(s.Target.Input)
	}
	if t.perFunction == 0 || !strings.Contains(s.Target.ARN, "lambda:") {
		return "", 0
	}
	call, ok := FunctionOf(s)
	if !ok {
		return "", 0
	}
	return functionLane(call), t.perFunction
}

// functionLane is the ARN of the function that is called, whatever its version.
func functionLane(call FunctionCall) string {
	const fields = 7 // of a function's ARN: the name is the last one
	name := call.Function
	if !strings.HasPrefix(name, "arn:") {
		name, _, _ = strings.Cut(name, ":")
		return belfry.ARN{Partition: "aws", Service: "lambda", Region: call.Scope.Region, Account: call.Scope.Account, Resource: "function:" + name}.String()
	}
	for i, n := 0, 0; i < len(name); i++ {
		if name[i] != ':' {
			continue
		}
		if n++; n == fields {
			return name[:i]
		}
	}
	return name
}

func (t *Targets) httpLane(input string) (name string, limit int) {
	endpoint, ok := endpointIn(input)
	if !ok {
		r, err := parseRequest(input)
		if err != nil {
			return "", 0 // the attempt says what is wrong
		}
		endpoint = r.APIEndpoint
	}
	scheme, host, ok := authority(endpoint)
	if !ok {
		return "", 0
	}
	host, port := hostPort(scheme, host)
	return "http:" + host + port, t.http.hosts.limit
}

// authority returns scheme and host of an HTTP URL as [url.Parse] does.
func authority(endpoint string) (scheme, host string, ok bool) {
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok {
		return "", "", false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	host = rest[strings.LastIndexByte(rest, '@')+1:]
	if strings.IndexByte(host, '%') >= 0 {
		u, err := url.Parse(endpoint)
		if err != nil {
			return "", "", false
		}
		host = u.Host
	}
	scheme = strings.ToLower(scheme)
	return scheme, host, host != "" && (scheme == "http" || scheme == "https")
}

// hostPort names the connections to a URL's host: host and ":port" together.
func hostPort(scheme, host string) (name, port string) {
	if strings.IndexByte(host, '%') < 0 { // the zone of an address tells case apart
		host = strings.ToLower(host)
	}
	i := strings.LastIndexByte(host, ':')
	if i >= 0 && i < len(host)-1 && !strings.HasSuffix(host, "]") {
		return host, ""
	}
	host = strings.TrimSuffix(host, ":")
	if scheme == "https" {
		return host, ":443"
	}
	return host, ":80"
}

const endpointMember = "ApiEndpoint"

// endpointIn finds the value of ApiEndpoint among the members of a JSON object.
// When it cannot say for sure what a decoder would take, ok is false: a name or
// the value is written with escapes, or the text is no object.
func endpointIn(text string) (endpoint string, ok bool) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return "", false
	}
	for i++; ; i++ { // over the members
		name, end := plainString(text, skipSpace(text, i))
		if end < 0 {
			return "", false
		}
		if i = skipSpace(text, end); i == len(text) || text[i] != ':' {
			return "", false
		}
		i = skipSpace(text, i+1)
		if len(name) == len(endpointMember) && strings.EqualFold(name, endpointMember) {
			if endpoint, end = plainString(text, i); end < 0 {
				return "", false
			}
			ok = true // a later one of the same name comes before it
		}
		if i = skipValue(text, i); i < 0 || i == len(text) {
			return "", false
		}
		if text[i] != ',' {
			return endpoint, ok && text[i] == '}'
		}
	}
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// plainString returns the JSON string without escapes that begins at i, and where
// it has ended; -1: there is none.
func plainString(s string, i int) (text string, end int) {
	if i >= len(s) || s[i] != '"' {
		return "", -1
	}
	n := strings.IndexByte(s[i+1:], '"')
	if n < 0 {
		return "", -1
	}
	text = s[i+1 : i+1+n]
	if strings.IndexByte(text, '\\') >= 0 {
		return "", -1
	}
	return text, i + n + 2
}

// skipValue returns where the comma or the brace after the JSON value at i is;
// -1: there is none.
func skipValue(s string, i int) int {
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = skipString(s, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// skipString returns where the quote is that ends the JSON string at i.
func skipString(s string, i int) int {
	for i++; ; i++ {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		escapes := 0
		for s[i-1-escapes] == '\\' { // ends at the quote that begins the string
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}
