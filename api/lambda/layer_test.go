package lambda_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/auth"
)

// asRole makes every caller a session of a role, which may do all but read the
// layer version that it is named for.
type asRole string

func (asRole) Authenticate(r *http.Request, body []byte) (awswire.Caller, error) {
	c, err := awswire.DevAuth{}.Authenticate(r, body)
	c.Session = &auth.Session{Account: c.Account, Role: "r", Name: "s"}
	return c, err
}

func (hidden asRole) Authorize(_ context.Context, c auth.Caller, q auth.Query) error {
	if q.Action == "lambda:GetLayerVersion" && q.Resource == string(hidden) {
		return &belfry.Error{Kind: belfry.Denied, Code: "AccessDeniedException", Message: c.ARN() + " may not read " + q.Resource}
	}
	return nil
}

// TestLayersThatTheCallerMayNotRead cannot be given to functions either.
func TestLayersThatTheCallerMayNotRead(t *testing.T) {
	const hidden, absent = "arn:aws:lambda:us-east-1:000000000000:layer:l:1", "arn:aws:lambda:us-east-1:000000000000:layer:l:2"
	s := newServer(t, func(o *awswire.Options) { o.Auth, o.Authorizer = asRole(hidden), asRole(hidden) })
	const create = `{"FunctionName": "f", "Runtime": "provided.al2023", "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": "UEs="}, "Layers": ["LAYER"]}`
	for _, c := range []struct{ method, path, body string }{
		{"POST", "", create},
		{"PUT", "/f/configuration", `{"Layers": ["LAYER"]}`},
	} {
		for layer, forbidden := range map[string]bool{hidden: true, absent: false} {
			r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+"/2015-03-31/functions"+c.path, strings.NewReader(strings.ReplaceAll(c.body, "LAYER", layer)))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if denied := answer.StatusCode == http.StatusForbidden; err != nil || denied != forbidden {
				t.Errorf("%s %s: %d %s, %v", c.method, layer, answer.StatusCode, text, err)
			}
		}
	}
}
