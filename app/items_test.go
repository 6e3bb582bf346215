package app

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/table"
)

func TestItemsArePutThroughTheirAPI(t *testing.T) {
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	log := slog.New(slog.DiscardHandler)
	tables := table.New(st, wallClock{}, log, nil)
	items, scope := newItems(tables, log), belfry.Scope{Account: "000000000001", Region: "eu-west-1"}
	put := func(request, wantCode string) {
		t.Helper()
		err := items.PutItem(t.Context(), scope, []byte(request))
		code := ""
		if e, ok := err.(*belfry.Error); ok { //nolint:errorlint // it comes as it is
			code = e.Code
		}
		if code != wantCode || (err == nil) != (wantCode == "") {
			t.Errorf("%s: %v, want %q", request, err, wantCode)
		}
	}
	item := `{"TableName":"tab","Item":{"k":{"S":"a"}},"ConditionExpression":"attribute_not_exists(k)"}`
	put(item, "ResourceNotFoundException")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(
		`{"TableName":"tab","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.CreateTable")
	a := answer{header: http.Header{}, status: http.StatusOK}
	items.api.ServeHTTP(&a, r.WithContext(inScopeOf(t.Context(), scope)))
	if a.status != http.StatusOK {
		t.Fatalf("create the table: %d %s", a.status, a.body.String())
	}
	put(item, "")
	put(item, "ConditionalCheckFailedException")
	put(`{"TableName":"tab","Item":{"other":{"S":"a"}}}`, "ValidationException")
	put(`{"TableName":"tab","Item":"a"}`, "SerializationException")
}
