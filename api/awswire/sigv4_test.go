package awswire_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
	"github.com/belfry-run/belfry/auth"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testToken  = "token/with+signs=="
)

var signedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ring knows one key that stays and one that does not.
type ring struct{}

func (ring) Credentials(_ context.Context, key, token string) (string, auth.Caller, error) {
	switch {
	case key == testKey && token == "":
		return testSecret, auth.Caller{Account: "123456789012"}, nil
	case key == "ASIAEXAMPLE" && token == testToken:
		return testSecret, auth.Caller{Account: "123456789012", Session: &auth.Session{Role: "r"}}, nil
	case key == "ASIAEXPIRED":
		return "", auth.Caller{}, &belfry.Error{Kind: belfry.Denied, Code: "ExpiredTokenException", Message: "expired"}
	}
	return "", auth.Caller{}, &belfry.Error{Kind: belfry.Denied, Code: "UnrecognizedClientException", Message: "unknown"}
}

func verifier() *awswire.SigV4 {
	return &awswire.SigV4{Keys: ring{}, Now: func() time.Time { return signedAt }}
}

func sum(body string) string {
	h := sha256.Sum256([]byte(body))
	return hex.EncodeToString(h[:])
}

type signing struct {
	key, token, service string
	at                  time.Time
	payload             string // hash; empty: of the body
}

// sdkSigned has AWS's own SDK sign the request.
func sdkSigned(t testing.TB, r *http.Request, body string, s signing) *http.Request {
	t.Helper()
	setDefaults(&s, body)
	cred := aws.Credentials{AccessKeyID: s.key, SecretAccessKey: testSecret, SessionToken: s.token}
	if err := v4.NewSigner().SignHTTP(t.Context(), cred, r, s.payload, s.service, "eu-west-1", s.at); err != nil {
		t.Fatal(err)
	}
	return r
}

func setDefaults(s *signing, body string) {
	if s.key == "" {
		s.key = testKey
	}
	if s.service == "" {
		s.service = "scheduler"
	}
	if s.at.IsZero() {
		s.at = signedAt
	}
	if s.payload == "" {
		s.payload = sum(body)
	}
}

// sdkPresigned returns the request that AWS's own SDK makes a URL of.
func sdkPresigned(t testing.TB, method, target string, expires string, s signing) *http.Request {
	t.Helper()
	setDefaults(&s, "")
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	r := request(method, target+sep+"X-Amz-Expires="+expires, "")
	cred := aws.Credentials{AccessKeyID: s.key, SecretAccessKey: testSecret, SessionToken: s.token}
	link, _, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, s.payload, s.service, "eu-west-1", s.at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return request(method, u.RequestURI(), "")
}

// TestSignaturesOfTheSDK accepts what AWS's SDK signs.
func TestSignaturesOfTheSDK(t *testing.T) {
	v := verifier()
	for _, target := range []string{
		"/", "/schedules/daily-report", "/schedules?NamePrefix=a%20b&State=ENABLED&x=&MaxResults=2",
		"/tags/arn%3Aaws%3Ascheduler%3Aeu-west-1%3A123456789012%3Aschedule-group%2Fg",
		"/tags/x?TagKeys=b&TagKeys=a&TagKeys=%C3%A4%2B%7E", "/a%20b/c~d/%E2%98%82", "/2015-03-31/functions/",
	} {
		body := `{"a": "ü"}`
		r := sdkSigned(t, request("POST", target, body, "Content-Type", "application/json", "X-Amz-Target", "A.B",
			"X-Amz-Meta", "  two   blanks\t and a tab "), body, signing{})
		got, err := v.Authenticate(r, []byte(body))
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		want(t, target, got, awswire.Caller{Scope: belfry.Scope{Account: "123456789012", Region: "eu-west-1"}, AccessKey: testKey})
		if got, err = v.Authenticate(sdkPresigned(t, "GET", target, "60", signing{}), nil); err != nil || got.Account != "123456789012" {
			t.Errorf("presigned %s: %v", target, err)
		}
	}
	r := sdkSigned(t, request("POST", "/", "x"), "x", signing{key: "ASIAEXAMPLE", token: testToken})
	if got, err := v.Authenticate(r, []byte("x")); err != nil || got.Session == nil {
		t.Errorf("temporary credentials: %+v, %v", got, err)
	}
	r = sdkPresigned(t, "GET", "/", "60", signing{key: "ASIAEXAMPLE", token: testToken})
	if got, err := v.Authenticate(r, nil); err != nil || got.Session == nil {
		t.Errorf("presigned with temporary credentials: %+v, %v", got, err)
	}
	r = sdkSigned(t, request("PUT", "/", "", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), "", signing{payload: "UNSIGNED-PAYLOAD"})
	if _, err := v.Authenticate(r, []byte("anything")); err != nil {
		t.Errorf("unsigned payload: %v", err)
	}
}

// TestOwnSignature: what Belfry's clients sign, the server accepts, with and
// without a token.
func TestOwnSignature(t *testing.T) {
	for key, token := range map[string]string{testKey: "", "ASIAEXAMPLE": testToken} {
		r := request("GET", "/belfry/v1/runs?schedule=arn%3Aaws%3Ax&limit=3", "", "Content-Type", "application/json")
		if err := awswire.Sign(r, nil, key, testSecret, token, "eu-west-1", "belfry", signedAt); err != nil {
			t.Fatal(err)
		}
		if _, err := verifier().Authenticate(r, nil); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestRefusedSignatures(t *testing.T) {
	post := func(t *testing.T, s signing) *http.Request {
		return sdkSigned(t, request("POST", "/schedules/x?a=b", "{}", "Content-Type", "application/json", "X-Amz-Target", "A.B"), "{}", s)
	}
	edit := func(old, new string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			r := post(t, signing{})
			h := r.Header.Get("Authorization")
			if !strings.Contains(h, old) {
				t.Fatalf("no %q in %q", old, h)
			}
			r.Header.Set("Authorization", strings.Replace(h, old, new, 1))
			return r
		}
	}
	change := func(f func(*http.Request)) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			r := post(t, signing{})
			f(r)
			return r
		}
	}
	link := func(expires string, s signing) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request { return sdkPresigned(t, "GET", "/schedules", expires, s) }
	}
	query := func(f func(url.Values)) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			r := sdkPresigned(t, "GET", "/schedules", "60", signing{})
			q := r.URL.Query()
			f(q)
			r.URL.RawQuery = q.Encode()
			return r
		}
	}
	for _, c := range []struct {
		name, code string
		request    func(*testing.T) *http.Request
	}{
		{"not signed", "MissingAuthenticationTokenException", func(*testing.T) *http.Request { return request("POST", "/", "{}") }},
		{"unknown key", "UnrecognizedClientException", func(t *testing.T) *http.Request { return post(t, signing{key: "AKIDOTHER"}) }},
		{"expired session", "ExpiredTokenException", func(t *testing.T) *http.Request { return post(t, signing{key: "ASIAEXPIRED", token: testToken}) }},
		{"a token that does not belong to the key", "UnrecognizedClientException", func(t *testing.T) *http.Request { return post(t, signing{token: "x"}) }},
		{"a second too old", "RequestExpired", func(t *testing.T) *http.Request {
			return post(t, signing{at: signedAt.Add(-15*time.Minute - time.Second)})
		}},
		{"a second too new", "InvalidSignatureException", func(t *testing.T) *http.Request {
			return post(t, signing{at: signedAt.Add(15*time.Minute + time.Second)})
		}},
		{"another body", "InvalidSignatureException", func(t *testing.T) *http.Request {
			return sdkSigned(t, request("POST", "/", "{}"), "{ }", signing{})
		}},
		{"another body than the hash that was signed", "InvalidSignatureException", func(t *testing.T) *http.Request {
			return sdkSigned(t, request("POST", "/", "{}", "X-Amz-Content-Sha256", sum("x")), "x", signing{})
		}},
		{"another method", "InvalidSignatureException", change(func(r *http.Request) { r.Method = "PUT" })},
		{"another path", "InvalidSignatureException", change(func(r *http.Request) { r.URL.Path = "/schedules/y" })},
		{"another query", "InvalidSignatureException", change(func(r *http.Request) { r.URL.RawQuery = "a=c" })},
		{"another host", "InvalidSignatureException", change(func(r *http.Request) { r.Host = "elsewhere" })},
		{"another target", "InvalidSignatureException", change(func(r *http.Request) { r.Header.Set("X-Amz-Target", "A.C") })},
		{"a second value of a header", "InvalidSignatureException", change(func(r *http.Request) { r.Header.Add("X-Amz-Target", "A.C") })},
		{"a header of AWS's that is not signed", "InvalidSignatureException", change(func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "Event") })},
		{"a signed header that is not there", "IncompleteSignatureException", change(func(r *http.Request) { r.Header.Del("Content-Type") })},
		{"another region", "InvalidSignatureException", edit("/eu-west-1/", "/us-east-1/")},
		{"another service", "InvalidSignatureException", edit("/scheduler/", "/lambda/")},
		{"a region that is none", "IncompleteSignatureException", edit("/eu-west-1/", "/eu:west/")},
		{"another day", "IncompleteSignatureException", edit("/20260301/", "/20260302/")},
		{"another terminator", "IncompleteSignatureException", edit("/aws4_request", "/aws5_request")},
		{"another algorithm", "IncompleteSignatureException", edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")},
		{"the host is not signed", "InvalidSignatureException", edit("host;", "")},
		{"unsorted headers", "IncompleteSignatureException", edit("content-type;host;", "host;content-type;")},
		{"no signature", "IncompleteSignatureException", edit(", Signature=", ", Sig=")},
		{"two credentials", "IncompleteSignatureException", edit("Credential=", "Credential=a/20260301/b/c/aws4_request, Credential=")},
		{"half a signature", "InvalidSignatureException", func(t *testing.T) *http.Request {
			r := post(t, signing{})
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-32])
			return r
		}},
		{"two Authorization headers", "IncompleteSignatureException", change(func(r *http.Request) { r.Header.Add("Authorization", "x") })},
		{"no date", "IncompleteSignatureException", change(func(r *http.Request) { r.Header.Del("X-Amz-Date") })},
		{"an expired link", "RequestExpired", link("60", signing{at: signedAt.Add(-61 * time.Second)})},
		{"a link of the future", "InvalidSignatureException", link("60", signing{at: signedAt.Add(16 * time.Minute)})},
		{"a link for more than a week", "IncompleteSignatureException", link("604801", signing{})},
		{"a link for no time", "IncompleteSignatureException", link("0", signing{})},
		{"a link with a longer life than was signed", "InvalidSignatureException", query(func(q url.Values) { q.Set("X-Amz-Expires", "3600") })},
		{"a link with one more parameter", "InvalidSignatureException", query(func(q url.Values) { q.Set("NamePrefix", "x") })},
		{"a link with two keys", "IncompleteSignatureException", query(func(q url.Values) { q.Add("X-Amz-Credential", "x") })},
		{"a link without a date", "IncompleteSignatureException", query(func(q url.Values) { q.Del("X-Amz-Date") })},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := verifier().Authenticate(c.request(t), []byte("{}"))
			want(t, "kind", belfry.KindOf(err), belfry.Denied)
			e, _ := errors.AsType[*belfry.Error](err)
			if e == nil || e.Code != c.code {
				t.Errorf("refused with %v, want %s", err, c.code)
			}
			if e != nil && strings.Contains(e.Message, testSecret) {
				t.Error("the secret is in the message")
			}
		})
	}
}

// TestSignatureLimits is the other side of the limits in TestRefusedSignatures.
func TestSignatureLimits(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"15 minutes old":     sdkSigned(t, request("GET", "/", ""), "", signing{at: signedAt.Add(-15 * time.Minute)}),
		"15 minutes early":   sdkSigned(t, request("GET", "/", ""), "", signing{at: signedAt.Add(15 * time.Minute)}),
		"a link at its end":  sdkPresigned(t, "GET", "/", "60", signing{at: signedAt.Add(-time.Minute)}),
		"a link for a week":  sdkPresigned(t, "GET", "/", "604800", signing{at: signedAt.Add(-604800 * time.Second)}),
		"a link of a second": sdkPresigned(t, "GET", "/", "1", signing{}),
	} {
		if _, err := verifier().Authenticate(r, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wide := verifier()
	wide.Skew = time.Hour
	if _, err := wide.Authenticate(sdkSigned(t, request("GET", "/", ""), "", signing{at: signedAt.Add(-time.Hour)}), nil); err != nil {
		t.Errorf("a skew of an hour: %v", err)
	}
}

// TestRefusalsInEveryProtocol: the same refusal under the names that the
// clients of each protocol know.
func TestRefusalsInEveryProtocol(t *testing.T) {
	rec := &recorder{answers: map[string]any{}}
	rt := awswire.NewRouter(awswire.Options{Auth: verifier()},
		schedulerapi.New(fakeScheduler{rec}), lambdaapi.New(fakeLambda{rec}), sqsapi.New(fakeSQS{rec}))
	b := &bench{recorder: rec, router: rt}
	rest := func() *http.Request { return request("GET", "/schedules", "") }
	rpc := func() *http.Request { return sqsJSON("ListQueues", "{}") }
	form := func() *http.Request { return sqsForm("/", "Action=ListQueues&Version=2012-11-05") }
	for _, c := range []struct {
		name, json, query string
		status            int
		s                 signing
	}{
		{"unknown key", "UnrecognizedClientException", "InvalidClientTokenId", 403, signing{key: "AKIDOTHER"}},
		{"wrong signature", "InvalidSignatureException", "SignatureDoesNotMatch", 403, signing{payload: sum("other")}},
		{"too old", "RequestExpired", "RequestExpired", 403, signing{at: signedAt.Add(-time.Hour)}},
		{"expired session", "ExpiredTokenException", "ExpiredToken", 403, signing{key: "ASIAEXPIRED", token: "x"}},
		{"not signed", "MissingAuthenticationTokenException", "MissingAuthenticationToken", 403, signing{key: "-"}},
		{"half signed", "IncompleteSignatureException", "IncompleteSignature", 400, signing{key: "half"}},
	} {
		do := func(r *http.Request, body, service string) reply {
			s := c.s
			s.service = service
			switch s.key {
			case "-":
			case "half":
				r.Header.Set("Authorization", signedFor(testKey, "eu-west-1", service))
			default:
				sdkSigned(t, r, body, s)
			}
			return b.do(r)
		}
		got := do(rest(), "", "scheduler")
		want(t, c.name+" in REST", got.header.Get("X-Amzn-Errortype"), c.json)
		want(t, c.name+" in REST", got.status, c.status)
		got = do(rpc(), "{}", "sqs")
		if !strings.Contains(got.body, `"__type":"com.amazonaws.sqs#`+c.json+`"`) || got.status != c.status {
			t.Errorf("%s in JSON: %d %s", c.name, got.status, got.body)
		}
		want(t, c.name+" in query mode", got.header.Get("X-Amzn-Query-Error"), c.query+";Sender")
		got = do(form(), "Action=ListQueues&Version=2012-11-05", "sqs")
		if !strings.Contains(got.body, "<Code>"+c.query+"</Code>") || got.status != c.status {
			t.Errorf("%s in the query protocol: %d %s", c.name, got.status, got.body)
		}
		want(t, c.name+" reaches nobody", rec.operation, "")
	}
}

// A small request, as the verifier meets it all day. The budget is 10
// microseconds.
func BenchmarkSigV4(b *testing.B) {
	body := `{"QueueUrl": "http://127.0.0.1:7420/123456789012/q", "MessageBody": "hello"}`
	r := sdkSigned(b, request("POST", "/", body, "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS.SendMessage"),
		body, signing{service: "sqs"})
	v := verifier()
	text := []byte(body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Authenticate(r, text); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzSigV4: whatever stands in the headers and the query, nothing that was not
// signed with the secret gets in, and every refusal is one.
func FuzzSigV4(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/eu-west-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20260301T120000Z", "", "a=b")
	f.Add("AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", "x", "t", "%zz")
	f.Add("", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260301%2Fr%2Fs%2Faws4_request&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00")
	f.Fuzz(func(t *testing.T, header, date, token, query string) {
		r := request("GET", "/", "")
		r.URL.RawQuery = query
		for name, v := range map[string]string{"Authorization": header, "X-Amz-Date": date, "X-Amz-Security-Token": token} {
			if v != "" {
				r.Header.Set(name, v)
			}
		}
		_, err := verifier().Authenticate(r, nil)
		if belfry.KindOf(err) != belfry.Denied {
			t.Fatalf("%v is no refusal", err)
		}
	})
}
