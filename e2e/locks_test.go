package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// codeBlock returns the first block of code in this language in a document.
func codeBlock(t *testing.T, document, language string) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no block of %s", document, language)
	}
	return string(m[1])
}

// shell runs a script in which aws is the AWS CLI, on the server.
func (s *server) shell(script string) {
	s.t.Helper()
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		s.t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %q --endpoint-url %q \"$@\"\n", tools.aws, s.endpoint)
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(wrapper), 0o700); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euc", script)
	cmd.Env = s.clientEnv("PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// TestLocksDocument runs what docs/locks.md tells people to copy: of several
// processes that call the guarded handler at once, one does the work.
func TestLocksDocument(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.shell(codeBlock(t, "../docs/locks.md", "sh"))
	s.file("handler.py", []byte(codeBlock(t, "../docs/locks.md", "python")))
	const call = `import json, sys, handler; print(json.dumps(handler.handler({"task_key": sys.argv[1]}, None)))`
	var mu sync.Mutex // guards count
	count := map[string]int{}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			cmd := exec.Command(tools.python, "-c", call, fmt.Sprint("report#", i%2))
			cmd.Dir, cmd.Env = s.dir, s.clientEnv("PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("the handler: %v\n%s", err, out)
				return
			}
			// The last line is what the handler returned; before it is its log.
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			var result struct{ Status string }
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil {
				t.Errorf("%v in %s", err, out)
			}
			mu.Lock()
			defer mu.Unlock()
			count[result.Status]++
		})
	}
	wg.Wait()
	if count["done"] != 2 || count["skipped"] != 4 {
		t.Errorf("6 calls for 2 locks came to %v, want 2 done and 4 skipped", count)
	}
}

// TestLocksWithBoto3 lets 50 clients ask for one lock at once, again and again.
func TestLocksWithBoto3(t *testing.T) {
	t.Parallel()
	startServer(t).boto3("locks.py")
}

const (
	lockKills   = 8
	lockClients = 8
)

// TestKillGivesNoLockTwice kills the server in the middle of conditional puts.
// Every lock that was given is held by whom it was given to, after the restart
// and ever after.
func TestKillGivesNoLockTwice(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.must(nil, "dynamodb", http.MethodPost, "/", "DynamoDB_20120810.CreateTable", map[string]any{
		"TableName": "locks", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "task_key", "AttributeType": "S"}},
		"KeySchema":            []any{map[string]any{"AttributeName": "task_key", "KeyType": "HASH"}},
	})
	var mu sync.Mutex // guards holder
	holder := map[string]string{}
	var next atomic.Int64
	for cycle := range lockKills {
		var given atomic.Int64
		var wg sync.WaitGroup
		for c := range lockClients {
			wg.Go(func() {
				for i := 0; ; i++ {
					// Each lock is asked for by about four clients, and over the kill.
					key, me := fmt.Sprint("lock-", next.Add(1)/4), fmt.Sprintf("%d.%d.%d", cycle, c, i)
					taken, err := s.takeLock(key, me)
					if err != nil {
						return // the server has gone
					}
					if !taken {
						continue
					}
					given.Add(1)
					mu.Lock()
					if other, ok := holder[key]; ok {
						t.Errorf("%s was given to %s and to %s", key, other, me)
					}
					holder[key] = me
					mu.Unlock()
				}
			})
		}
		s.eventually("50 locks were given", 5*time.Minute, func() bool { return given.Load() >= 50 })
		s.kill()
		wg.Wait()
		s.start()
		for key, me := range holder {
			var got struct {
				Item map[string]map[string]string
			}
			s.must(&got, "dynamodb", http.MethodPost, "/", "DynamoDB_20120810.GetItem", map[string]any{
				"TableName": "locks", "Key": map[string]any{"task_key": map[string]string{"S": key}},
			})
			if got.Item["owner"]["S"] != me {
				t.Fatalf("after kill %d %s is held by %v, and was given to %s", cycle+1, key, got.Item, me)
			}
		}
	}
	t.Logf("%d kills, %d locks given", lockKills, len(holder))
}

// takeLock says whether the lock was given; an error is that the server has gone.
func (s *server) takeLock(key, owner string) (bool, error) {
	body := fmt.Sprintf(`{"TableName": "locks", "Item": {"task_key": {"S": %q}, "owner": {"S": %q}}, "ConditionExpression": "attribute_not_exists(task_key)"}`, key, owner)
	got, err := s.do("dynamodb", http.MethodPost, "/", "DynamoDB_20120810.PutItem", []byte(body))
	switch {
	case err != nil:
		return false, err
	case got.status == http.StatusOK:
		return true, nil
	case strings.Contains(string(got.body), "ConditionalCheckFailedException"):
		return false, nil
	}
	return false, errors.New(string(got.body))
}
