package awswire_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
)

// A bench is the three services behind one router, with an implementation that
// records what reaches it.
type bench struct {
	*recorder
	router *awswire.Router
	log    strings.Builder
	seen   []awswire.Observation
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{recorder: &recorder{answers: map[string]any{}}}
	b.serve()
	return b
}

// serve makes the router of the three services, and more.
func (b *bench) serve(more ...*awswire.Service) {
	b.router = awswire.NewRouter(
		awswire.Options{
			Auth:    awswire.DevAuth{},
			Logger:  slog.New(slog.NewTextHandler(&b.log, nil)),
			Observe: func(o awswire.Observation) { b.seen = append(b.seen, o) },
		},
		append(more, schedulerapi.New(fakeScheduler{b.recorder}), lambdaapi.New(fakeLambda{b.recorder}), sqsapi.New(fakeSQS{b.recorder}))...,
	)
}

// request returns a request with headers given as name, value, name, value.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://belfry.test:7420"+target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// signedFor returns an Authorization header with a credential scope.
func signedFor(key, region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=" + key + "/20261123/" + region + "/" + service +
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *bench) do(r *http.Request) reply {
	w := httptest.NewRecorder()
	b.router.ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(body)}
}

// sqsJSON is a request of the SQS operation in today's protocol.
func sqsJSON(operation, body string, more ...string) *http.Request {
	return request("POST", "/", body, append([]string{
		"X-Amz-Target", "AmazonSQS." + operation,
		"Content-Type", "application/x-amz-json-1.0",
		"X-Amzn-Query-Mode", "true",
	}, more...)...)
}

// sqsForm is a request of SQS's old protocol.
func sqsForm(path, body string) *http.Request {
	return request("POST", path, body, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
