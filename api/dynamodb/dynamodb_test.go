package dynamodb_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/dynamodb"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/table"
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// serve starts a server on an empty store and returns its URL.
func serve(t *testing.T) string {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	srv := httptest.NewServer(awswire.NewRouter(
		awswire.Options{Auth: awswire.DevAuth{}, Logger: log}, dynamodb.New(table.New(s, wallClock{}, log, nil))))
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.URL
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("python3", "testdata/client.py", serve(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The CLI takes a second to start: these commands show that it reads our
// answers and our errors, and that its waiters end.
func TestCLI(t *testing.T) {
	t.Parallel()
	endpoint := serve(t)
	aws := func(args ...string) (out, errs string, err error) {
		cmd := exec.Command("aws", append([]string{"dynamodb", "--endpoint-url", endpoint, "--output", "json"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=")
		var o, e bytes.Buffer
		cmd.Stdout, cmd.Stderr = &o, &e
		err = cmd.Run()
		return o.String(), e.String(), err
	}
	ok := func(args ...string) (v map[string]any) {
		t.Helper()
		out, errs, err := aws(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs)
		}
		if out == "" {
			return nil
		}
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("%v printed %q", args, out)
		}
		return v
	}
	fails := func(code string, args ...string) {
		t.Helper()
		if _, errs, err := aws(args...); err == nil || !strings.Contains(errs, "("+code+")") {
			t.Fatalf("%v: %v, %q, want a failure with %s", args, err, errs, code)
		}
	}
	ok("create-table", "--table-name", "locks", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=k,AttributeType=S", "--key-schema", "AttributeName=k,KeyType=HASH")
	ok("wait", "table-exists", "--table-name", "locks")
	put := []string{"put-item", "--table-name", "locks", "--item", `{"k": {"S": "a"}, "n": {"N": "1.0"}}`, "--condition-expression", "attribute_not_exists(k)"}
	ok(put...)
	fails("ConditionalCheckFailedException", put...)
	got := ok("get-item", "--table-name", "locks", "--key", `{"k": {"S": "a"}}`)
	if s := fmt.Sprint(got["Item"]); s != "map[k:map[S:a] n:map[N:1]]" {
		t.Fatalf("got %s", s)
	}
	got = ok("query", "--table-name", "locks", "--key-condition-expression", "k = :k", "--expression-attribute-values", `{":k": {"S": "a"}}`)
	if s := fmt.Sprint(got["Items"]); s != "[map[k:map[S:a] n:map[N:1]]]" {
		t.Fatalf("got %s", s)
	}
	fails("ResourceNotFoundException", "describe-table", "--table-name", "nope")
}

// post sends one request as a client that checks nothing would.
func post(t *testing.T, endpoint, operation, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestWire(t *testing.T) {
	t.Parallel()
	endpoint := serve(t)
	wants := func(operation, body string, status int, want string) {
		t.Helper()
		if s, got := post(t, endpoint, operation, body); s != status || got != want {
			t.Errorf("%s %.300s\ngot  %d %.2000s\nwant %d %s", operation, body, s, got, status, want)
		}
	}
	const validation = `{"__type":"com.amazon.coral.validate#ValidationException","message":"`
	if s, got := post(t, endpoint, "CreateTable", `{"TableName": "locks", "BillingMode": "PAY_PER_REQUEST",
		"KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]}`); s != http.StatusOK {
		t.Fatal(s, got)
	}
	wants("PutItem", `{"TableName": "locks", "Item": {"k": {"S": "a"}, "b": {"B": "/w=="}, "n": {"NULL": true}, "l": {"L": []}}}`, 200, `{}`)
	wants("PutItem", `{"TableName": "locks", "Item": {"k": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(k)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}`, 400,
		`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed",`+
			`"Item":{"b":{"B":"/w=="},"k":{"S":"a"},"l":{"L":[]},"n":{"NULL":true}}}`)
	wants("GetItem", `{"TableName": "nope", "Key": {"k": {"S": "a"}}}`, 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`)
	wants("GetItem", `{"Key": {"k": {"S": "a"}}}`, 400, validation+`1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"}`)
	wants("PutItem", `{"TableName": "locks", "Item": {"k": {"S": "a", "N": "1"}}}`, 400,
		validation+`Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"}`)
	wants("PutItem", `{"TableName": "locks", "Item": {"k": {"S": 1}}}`, 400, `{"__type":"com.amazon.coral.service#SerializationException","message":"The member 'Item.k.S' must be a string, not a number."}`)
	wants("BatchGetItem", `{"RequestItems": {"locks": {}}}`, 400,
		validation+`1 validation error detected: Value null at 'requestItems.locks.member.keys' failed to satisfy constraint: Member must not be null"}`)
	wants("BatchWriteItem", `{"RequestItems": {"locks": []}}`, 400,
		validation+`1 validation error detected: Value at 'requestItems.locks.member' failed to satisfy constraint: Member must have length greater than or equal to 1"}`)
	wants("BatchWriteItem", `{"RequestItems": {"locks": [{}]}}`, 400, validation+`Supplied write request must have exactly one of PutRequest and DeleteRequest"}`)
	wants("TransactWriteItems", `{"TransactItems": [{}]}`, 400, validation+`TransactItems can only contain one of Check, Put, Update or Delete"}`)
	wants("PutItem", `{"TableName": "locks", "Item": {"k": {"S": "`+strings.Repeat("x", 4<<20)+`"}}}`, 400, validation+`Request size exceeded 4194304 bytes"}`)
	wants("ExecuteStatement", `{}`, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"Unknown operation: DynamoDB_20120810.ExecuteStatement."}`)

	// 32 levels of lists and maps are stored and come back; JSON has two for each.
	nested := `{"S":"x"}`
	for range 16 {
		nested = `{"M":{"m":{"L":[` + nested + `]}}}`
	}
	item := `{"k":{"S":"deep"},"v":` + nested + `}`
	wants("TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "locks", "Item": `+item+`}}]}`, 200, `{}`)
	wants("GetItem", `{"TableName": "locks", "Key": {"k": {"S": "deep"}}}`, 200, `{"Item":`+item+`}`)
	deeper := `{"k":{"S":"deep"},"v":{"L":[` + nested + `]}}`
	wants("PutItem", `{"TableName": "locks", "Item": `+deeper+`}`, 400, validation+`Nesting Levels have exceeded supported limits"}`)
}
