package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// npmZip is the code of npm/function.mjs with the packages that it imports.
func npmZip(t *testing.T) []byte {
	t.Helper()
	if _, err := os.Stat("npm/node_modules/@aws-sdk/client-sqs"); err != nil {
		t.Fatal(`what npm/package.json names is not installed: run "make setup", or "npm ci" in e2e/npm`)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	root := os.DirFS("npm")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		wanted := path == "function.mjs" || strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".js") || strings.HasSuffix(path, ".cjs") || strings.HasSuffix(path, ".mjs")
		if err != nil || !d.Type().IsRegular() || !wanted {
			return err
		}
		content, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		f, err := w.Create(path)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// roleFor makes a role for functions that allows the actions on everything.
func (s *server) roleFor(name string, actions ...string) string {
	s.t.Helper()
	var got struct{ Role struct{ Arn string } }
	s.aws(&got, "iam", "create-role", "--role-name", name, "--assume-role-policy-document",
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)
	policy, err := json.Marshal(map[string]any{
		"Version":   "2012-10-17",
		"Statement": []any{map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.aws(nil, "iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document", string(policy))
	return got.Role.Arn
}

// TestNodeFunctions runs unchanged handlers with the JavaScript SDK and
// Powertools, isolated, signed with the credentials of their roles.
func TestNodeFunctions(t *testing.T) {
	t.Parallel()
	s := startSigned(t, "--require-isolation", bestLevel())
	code := base64.StdEncoding.EncodeToString(npmZip(t))
	create := func(name, handler, role string) {
		s.must(nil, "lambda", http.MethodPost, "/2015-03-31/functions", "", map[string]any{
			"FunctionName": name, "Runtime": "nodejs20.x", "Handler": "function." + handler, "Role": role, "Timeout": 60, "MemorySize": 512,
			"Code": map[string]any{"ZipFile": code},
		})
	}
	invoke := func(name string, event any) (payload string, failed bool) {
		text, err := json.Marshal(event)
		if err != nil {
			t.Error(err)
		}
		got, err := s.do("lambda", http.MethodPost, "/2015-03-31/functions/"+name+"/invocations", "", text)
		if err != nil || got.status != http.StatusOK {
			t.Errorf("invoke %s: %d %s, %v", name, got.status, got.body, err)
			return "", true
		}
		return string(got.body), got.header.Get("X-Amz-Function-Error") != ""
	}
	queue := s.endpoint + "/" + account + "/paid"
	s.aws(nil, "sqs", "create-queue", "--queue-name", "paid")
	s.aws(nil, "dynamodb", "create-table", "--table-name", "idempotency", "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH")
	create("pay", "pay", s.roleFor("payer", "sqs:SendMessage", "sqs:GetQueueUrl", "dynamodb:*"))
	create("caller", "call", s.roleFor("caller", "sqs:SendMessage", "sqs:GetQueueUrl", "lambda:InvokeFunction"))

	// Of three deliveries of an event one does the work; all others have its answer,
	// or are told to come again.
	paid := func(payload string) bool {
		var answer struct {
			Paid   string
			Amount float64
		}
		return json.Unmarshal([]byte(payload), &answer) == nil && answer.Paid == "2026-03" && answer.Amount == 12.5
	}
	event := map[string]string{"invoice": "2026-03", "queue": "paid"}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			got, failed := invoke("pay", event)
			if failed && !strings.Contains(got, `"errorType":"IdempotencyAlreadyInProgressError"`) || !failed && !paid(got) {
				t.Errorf("one of three at once: %s", got)
			}
		})
	}
	all.Wait()
	if got, _ := invoke("pay", event); !paid(got) {
		t.Errorf("after them: %s", got)
	}
	var messages struct{ Messages []struct{ Body string } }
	s.aws(&messages, "sqs", "receive-message", "--queue-url", queue, "--max-number-of-messages", "10")
	if len(messages.Messages) != 1 || messages.Messages[0].Body != "paid 2026-03" {
		t.Errorf("messages %+v, want one", messages)
	}

	// A role allows what it allows.
	for _, c := range []struct{ service, target, want string }{
		{"sqs", "paid", `"done"`},
		{"dynamodb", "idempotency", `"AccessDeniedException"`},
		{"lambda", "pay", "200"},
	} {
		if got, _ := invoke("caller", map[string]string{"service": c.service, "target": c.target}); got != c.want {
			t.Errorf("%s as the role: %s, want %s", c.service, got, c.want)
		}
	}

	var runtimes struct {
		Items []struct{ Name, Interpreter string }
	}
	if err := json.Unmarshal([]byte(s.belfry("runtimes", "--json")), &runtimes); err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	for _, r := range runtimes.Items {
		served[r.Name] = r.Interpreter
	}
	if served["nodejs20.x"] != "Node.js" || served["python3.12"] != "Python" || served["provided.al2023"] != "" || len(served) < 10 {
		t.Errorf("the runtimes are %v", served)
	}
}
