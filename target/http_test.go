package target_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
)

func TestWhatAnEndpointIsSent(t *testing.T) {
	type members = map[string]any
	tests := []struct {
		name    string
		input   members
		method  string // and path with query
		body    string
		headers map[string]string // "" must not be there
	}{
		{"identity and agent", members{"Method": "GET"}, "GET /", "", map[string]string{"Idempotency-Key": occurrence.OccurrenceID(), "User-Agent": agent, "Authorization": "", "Content-Type": ""}},
		{"PUT without a body", members{"Method": "PUT"}, "PUT /", "", map[string]string{"Content-Length": "0"}},
		{"DELETE", members{"Method": "DELETE"}, "DELETE /", "", nil},
		{"OPTIONS", members{"Method": "OPTIONS"}, "OPTIONS /", "", nil},
		{"HEAD", members{"Method": "HEAD"}, "HEAD /", "", nil},
		{"an object as JSON", members{"Method": "POST", "RequestBody": members{"a": 1}}, "POST /", `{"a":1}`, map[string]string{"Content-Type": "application/json", "Content-Length": "7"}},
		{"JSON in a text as it stands", members{"Method": "PATCH", "RequestBody": `{"a": 1}`}, "PATCH /", `{"a": 1}`, map[string]string{"Content-Type": "application/json"}},
		{"plain text", members{"Method": "POST", "RequestBody": "hello"}, "POST /", "hello", map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{"null is no body", members{"Method": "POST", "RequestBody": nil}, "POST /", "", map[string]string{"Content-Type": ""}},
		{"headers come before ours", members{"Method": "POST", "RequestBody": "a=b", "Headers": members{"content-type": "application/x-www-form-urlencoded", "User-Agent": "mine", "X-A": "1"}}, "POST /", "a=b", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "mine", "X-A": "1"}},
		{"query", members{"Method": "GET", "QueryParameters": members{"q": "a b&c"}}, "GET /?q=a+b%26c", "", nil},
		{"Basic", members{"Method": "GET", "Authentication": members{"Type": "Basic", "Username": "u", "Password": "p:w"}}, "GET /", "", map[string]string{"Authorization": "Basic dTpwOnc="}},
		{"Bearer", members{"Method": "GET", "Authentication": members{"Type": "Bearer", "Token": "abc"}}, "GET /", "", map[string]string{"Authorization": "Bearer abc"}},
		{"a Host of its own", members{"Method": "GET", "Headers": members{"host": "inner.example"}}, "GET /", "", map[string]string{"Host": "inner.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			}))
			defer s.Close()
			tt.input["ApiEndpoint"] = s.URL + "/"
			wantResult(t, send(t, newTargets(t), tt.input), belfry.AttemptSucceeded, "")
			if m := got.Method + " " + got.URL.String(); m != tt.method || string(body) != tt.body {
				t.Errorf("got %s with %q, want %s with %q", m, body, tt.method, tt.body)
			}
			got.Header.Set("Host", got.Host)
			for k, want := range tt.headers {
				if v := got.Header.Get(k); v != want {
					t.Errorf("%s is %q, want %q", k, v, want)
				}
			}
		})
	}
}

func TestWhatAStatusMeans(t *testing.T) {
	tests := []struct {
		code   int
		status belfry.AttemptStatus
	}{
		{200, belfry.AttemptSucceeded},
		{201, belfry.AttemptSucceeded},
		{204, belfry.AttemptSucceeded},
		{299, belfry.AttemptSucceeded},
		{301, belfry.AttemptPermanent},
		{304, belfry.AttemptPermanent},
		{307, belfry.AttemptPermanent},
		{400, belfry.AttemptPermanent},
		{401, belfry.AttemptPermanent},
		{404, belfry.AttemptPermanent},
		{410, belfry.AttemptPermanent},
		{407, belfry.AttemptPermanent},
		{408, belfry.AttemptRetryable},
		{409, belfry.AttemptPermanent},
		{424, belfry.AttemptPermanent},
		{425, belfry.AttemptRetryable},
		{429, belfry.AttemptRetryable},
		{499, belfry.AttemptPermanent},
		{500, belfry.AttemptRetryable},
		{503, belfry.AttemptRetryable},
		{599, belfry.AttemptRetryable},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.code), func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.code) }))
			defer s.Close()
			if r := get(t, newTargets(t), s.URL); r.Status != tt.status {
				t.Errorf("%d is %s, want %s", tt.code, r.Status, tt.status)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	inAnHour := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	tests := []struct {
		value    string
		min, max time.Duration
	}{
		{"", 0, 0},
		{"7", 7 * time.Second, 7 * time.Second},
		{"-7", 0, 0},
		{"86400", 24 * time.Hour, 24 * time.Hour},
		{"86401", 24 * time.Hour, 24 * time.Hour},
		{"soon", 0, 0},
		{inAnHour, 30 * time.Minute, time.Hour},
		{"Thu, 01 Jan 2015 00:00:00 GMT", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.value)
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			defer s.Close()
			r := get(t, newTargets(t), s.URL)
			wantResult(t, r, belfry.AttemptRetryable, "HTTP.503")
			if r.RetryAfter < tt.min || r.RetryAfter > tt.max {
				t.Errorf("got %v, want %v to %v", r.RetryAfter, tt.min, tt.max)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("%s was asked for", r.URL.Path)
		}
		http.Redirect(w, r, "/next?token=hidden", http.StatusFound)
	}))
	defer s.Close()
	r := get(t, newTargets(t), s.URL+"/")
	wantResult(t, r, belfry.AttemptPermanent, "HTTP.302")
	if !strings.Contains(r.ErrorMessage, "to "+s.URL+"/next; redirects are not followed") {
		t.Errorf("message: %s", r.ErrorMessage)
	}
}

func TestARefusedConnectionIsRetryable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := get(t, newTargets(t), "http://"+l.Addr().String())
	wantResult(t, r, belfry.AttemptRetryable, "HTTP.ConnectionFailed")
	if !strings.Contains(r.ErrorMessage, "connection refused") {
		t.Errorf("message: %s", r.ErrorMessage)
	}
}

func TestHTTPSWithACertificateThatNobodyKnows(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	r := get(t, newTargets(t), s.URL)
	wantResult(t, r, belfry.AttemptRetryable, "HTTP.ConnectionFailed")
	if !strings.Contains(r.ErrorMessage, "certificate signed by unknown authority") {
		t.Errorf("message: %s", r.ErrorMessage)
	}
}

func TestNoMessageRepeatsASecret(t *testing.T) {
	// The endpoints answer with all that they were sent.
	echo := map[string]func(int, net.Conn, *bufio.Reader){
		"in the body": func(_ int, c net.Conn, r *bufio.Reader) {
			req, _ := http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 400 Bad\r\n\r\n"+req.URL.RawQuery+" ")
			req.Header.Write(c)
		},
		"in the status": func(_ int, c net.Conn, r *bufio.Reader) {
			req, _ := http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 400 "+req.URL.RawQuery+req.Header.Get("Authorization")+req.Header.Get("X-Api-Key")+"\r\n\r\n")
		},
		"in place of HTTP": func(_ int, c net.Conn, r *bufio.Reader) {
			req, _ := http.ReadRequest(r)
			io.WriteString(c, req.URL.RawQuery+req.Header.Get("Authorization")+req.Header.Get("X-Api-Key")+"\r\n\r\n")
		},
	}
	for name, serve := range echo {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, serve)
			r := send(t, newTargets(t), map[string]any{
				"ApiEndpoint": p.url, "Method": "GET", "QueryParameters": map[string]string{"access_token": "sesame/1"},
				"Headers": map[string]string{"X-Api-Key": "sesame2"}, "Authentication": map[string]string{"Type": "Bearer", "Token": "sesame3"},
			})
			if r.Status == belfry.AttemptSucceeded || strings.Contains(r.ErrorMessage, "sesame") || !strings.Contains(r.ErrorMessage, "***") {
				t.Errorf("got %s: %s", r.Status, r.ErrorMessage)
			}
		})
	}
}
