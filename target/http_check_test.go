package target_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

func check(arn, input string) error {
	return target.Check(&belfry.Schedule{
		ID: occurrence.Schedule, Scope: scope, Group: "default", Name: "s",
		Target: belfry.Target{ARN: arn, Input: input},
	}, false)
}

func TestAnHTTPTargetThatIsRight(t *testing.T) {
	for _, in := range []string{
		`{"ApiEndpoint":"https://example.com","Method":"GET"}`,
		`{"ApiEndpoint":"http://example.com:1/a?b=c","Method":"POST","RequestBody":[1],"Headers":{"A":"b\tc"}}`,
		`{"ApiEndpoint":"http://[::1]:65535","Method":"HEAD","QueryParameters":{"a":"<aws.scheduler.execution-id>"}}`,
		`{"ApiEndpoint":"http://a","Method":"PUT","Authentication":{"Type":"Basic","Username":"u"}}`,
		`{"ApiEndpoint":"http://a","Method":"PUT","Authentication":{"Type":"Bearer","Token":"t"},"RequestBody":<aws.scheduler.attempt-number>}`,
	} {
		if err := check(target.HTTPInvokeARN, in); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestAnHTTPTargetThatIsRefused(t *testing.T) {
	tests := []struct{ name, input, says string }{
		{"no input", ``, "You must provide an input"},
		{"no JSON", `{`, "JSON syntax error"},
		{"no object", `[]`, "must be a JSON object, not a JSON array"},
		{"unknown member", `{"ApiEndpoint":"http://a","Method":"GET","Body":"b"}`, `"Body" is not a member`},
		{"member of another type", `{"ApiEndpoint":"http://a","Method":1}`, "Method in the input of an HTTP target must not be a JSON number"},
		{"no endpoint", `{"Method":"GET"}`, "ApiEndpoint is missing"},
		{"another scheme", `{"ApiEndpoint":"ftp://a","Method":"GET"}`, "ApiEndpoint is not an http or https URL"},
		{"no host", `{"ApiEndpoint":"http://:80/","Method":"GET"}`, "ApiEndpoint is not an http or https URL"},
		{"port 0", `{"ApiEndpoint":"http://a:0","Method":"GET"}`, "port"},
		{"port 65536", `{"ApiEndpoint":"http://a:65536","Method":"GET"}`, "port"},
		{"no method", `{"ApiEndpoint":"http://a"}`, "Method is missing"},
		{"another method", `{"ApiEndpoint":"http://a","Method":"get"}`, `Method "get" is not one of`},
		{"another authentication", `{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"Type":"Digest"}}`, `Authentication.Type "Digest"`},
		{"Basic without a name", `{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"Type":"Basic","Password":"sesame"}}`, "Authentication.Username"},
		{"Basic with a colon in the name", `{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"Type":"Basic","Username":"a:sesame"}}`, "Authentication.Username"},
		{"Bearer without a token", `{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"Type":"Bearer"}}`, "Authentication.Token"},
		{"Bearer that breaks out", `{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"Type":"Bearer","Token":"sesame\r\nA: b"}}`, "Authentication.Token"},
		{"header that breaks out", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"A":"sesame\r\nB: c"}}`, `HTTP does not allow: "A"`},
		{"header without a name", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"":"b"}}`, "HTTP does not allow"},
		{"header twice", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"x-a":"b","X-A":"c"}}`, "Headers has X-A twice"},
		{"Content-Length", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"content-length":"3"}}`, "Headers may not set Content-Length"},
		{"Transfer-Encoding", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"Transfer-Encoding":"chunked"}}`, "Headers may not set Transfer-Encoding"},
		{"Host that is no host", `{"ApiEndpoint":"http://a","Method":"GET","Headers":{"Host":"a/b"}}`, "HTTP does not allow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := check(target.HTTPInvokeARN, tt.input)
			var e *belfry.Error
			if !errors.As(err, &e) || e.Kind != belfry.Invalid || e.Field != "Target.Input" || !strings.Contains(e.Message, tt.says) {
				t.Fatalf("got %v, want a refusal of Target.Input that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the message repeats what may be a secret: %v", err)
			}
		})
	}
}

// What was accepted before a rule was made is refused when it is delivered.
func TestAnAttemptWithAnInputThatIsRefusedIsPermanent(t *testing.T) {
	r := newTargets(t).Invoke(t.Context(), invocation(target.HTTPInvokeARN, `{"Method":"GET"}`))
	wantResult(t, r, belfry.AttemptPermanent, "ValidationException")
}
