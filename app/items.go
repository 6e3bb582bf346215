package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/dynamodb"
	"github.com/belfry-run/belfry/table"
)

// items lets targets put items through DynamoDB's own API, whose language a
// universal target's input is. Whether the schedule's role may has been asked.
type items struct{ api *awswire.Router }

func newItems(tables *table.Service, log *slog.Logger) items {
	return items{awswire.NewRouter(awswire.Options{Auth: inScope{}, Logger: log}, dynamodb.New(tables))}
}

// inScope takes the caller from the request's context.
type inScope struct{}

type scopeKey struct{}

func inScopeOf(ctx context.Context, s belfry.Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

func (inScope) Authenticate(r *http.Request, _ []byte) (awswire.Caller, error) {
	s, _ := r.Context().Value(scopeKey{}).(belfry.Scope)
	return awswire.Caller{Scope: s}, nil
}

// PutItem implements [target.Tables].
func (i items) PutItem(ctx context.Context, s belfry.Scope, request []byte) error {
	r, err := http.NewRequestWithContext(inScopeOf(ctx, s), http.MethodPost, "/", bytes.NewReader(request))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	a := answer{header: http.Header{}, status: http.StatusOK}
	i.api.ServeHTTP(&a, r)
	if a.status < 300 {
		return nil
	}
	var refusal struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(a.body.Bytes(), &refusal); err != nil || a.status >= 500 {
		return fmt.Errorf("put an item: %d %s", a.status, a.body.Bytes())
	}
	_, code, _ := strings.Cut(refusal.Type, "#")
	return &belfry.Error{Kind: belfry.Invalid, Code: code, Message: refusal.Message}
}

// answer is the answer to a request that stays in the process.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
