package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestExamplesAreComplete wants of every example what a reader needs: how to
// follow it, a handler, and a schedule that deploys with it.
func TestExamplesAreComplete(t *testing.T) {
	folders, err := os.ReadDir("../examples")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile("../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		count++
		dir := filepath.Join("..", "examples", f.Name())
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil || !strings.Contains(string(readme), "belfry deploy") {
			t.Errorf("%s: its README.md does not show how to deploy it: %v", f.Name(), err)
		}
		if !strings.Contains(string(index), "("+f.Name()+"/README.md)") {
			t.Errorf("examples/README.md does not name %s", f.Name())
		}
		var manifest struct{ Schedules []struct{ Expression string } }
		text, err := os.ReadFile(filepath.Join(dir, "belfry.json"))
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		} else if err := json.Unmarshal(text, &manifest); err != nil || len(manifest.Schedules) == 0 || manifest.Schedules[0].Expression == "" {
			t.Errorf("%s: belfry.json has no schedule: %v", f.Name(), err)
		}
		handlers := 0
		for _, name := range []string{"handler.py", "index.mjs", "main.go"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				handlers++
			}
		}
		if handlers != 1 {
			t.Errorf("%s has %d handlers, want one", f.Name(), handlers)
		}
	}
	if count < 6 {
		t.Errorf("there are %d examples, want 6 or more", count)
	}
}

var expression = regexp.MustCompile(`"expression": "[^"]*"`)

// deployExample deploys an example as its README says, save that its schedule is
// due at once, and once. change is old and new text of belfry.json.
func (s *server) deployExample(t *testing.T, name string, change []string, env ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "examples", name))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "belfry.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	due := time.Now().UTC().Add(30 * time.Second).Format("2006-01-02T15:04:05")
	changed := expression.ReplaceAllString(string(text), `"expression": "at(`+due+`)"`)
	changed = regexp.MustCompile(`"timezone": "[^"]*"`).ReplaceAllString(changed, `"timezone": "UTC"`)
	changed = regexp.MustCompile(`"window": [0-9]+`).ReplaceAllString(changed, `"window": 0`)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(change...).Replace(changed)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"deploy", dir, "--timeout", "300"} // the machine is busy with other tests
	if _, err := os.Stat(filepath.Join(dir, "handler.py")); err == nil {
		args = append(args, "--runtime", "python"+tools.pythonVersion)
	}
	for _, e := range env {
		args = append(args, "--env", e)
	}
	if arn := "arn:aws:lambda:" + region + ":" + account + ":function:" + name; strings.TrimSpace(s.belfry(args...)) != arn {
		t.Errorf("belfry deploy does not print %s", arn)
	}
	if out := s.belfry(args...); !strings.HasPrefix(out, "unchanged\n") {
		t.Errorf("deployed again, %s is not unchanged: %s", name, out)
	}
}

// ran waits for the run of an example's schedule.
func (s *server) ran(t *testing.T, name, outcome string) ledgerRun {
	t.Helper()
	r := s.ended(name, 1, 5*time.Minute)[0]
	if r.Outcome != outcome {
		t.Errorf("the run of %s: %+v, want %s", name, r, outcome)
	}
	return r
}

// table makes a table, with a sort key if there is one, and puts items into it.
func (s *server) table(name, key, sort string, items ...map[string]any) {
	s.t.Helper()
	keys := []map[string]string{{"AttributeName": key, "KeyType": "HASH"}}
	attributes := []map[string]string{{"AttributeName": key, "AttributeType": "S"}}
	if sort != "" {
		keys = append(keys, map[string]string{"AttributeName": sort, "KeyType": "RANGE"})
		attributes = append(attributes, map[string]string{"AttributeName": sort, "AttributeType": "S"})
	}
	s.must(nil, "dynamodb", http.MethodPost, "/", "DynamoDB_20120810.CreateTable", map[string]any{
		"TableName": name, "KeySchema": keys, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST",
	})
	for _, item := range items {
		s.must(nil, "dynamodb", http.MethodPost, "/", "DynamoDB_20120810.PutItem", map[string]any{"TableName": name, "Item": item})
	}
}

// items returns all of a small table, by key.
func (s *server) items(name, key string) map[string]map[string]map[string]any {
	s.t.Helper()
	var got struct{ Items []map[string]map[string]any }
	s.must(&got, "dynamodb", http.MethodPost, "/", "DynamoDB_20120810.Scan", map[string]any{"TableName": name})
	all := map[string]map[string]map[string]any{}
	for _, item := range got.Items {
		id, _ := item[key]["S"].(string)
		all[id] = item
	}
	return all
}

func text(s string) map[string]any   { return map[string]any{"S": s} }
func number(s string) map[string]any { return map[string]any{"N": s} }
