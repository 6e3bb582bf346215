package app

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of 128 MiB for the test, which has to be root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128m,mode=700"); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("only root can mount a small disk")
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no byte of the disk.
func fill(t *testing.T, dir string) (release func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// zipped is a deployment package of 100 kB, in base64.
func zipped(t *testing.T) string {
	return zippedCode(t, "def f(event, context):\n    return 1\n"+strings.Repeat("#\n", 50_000))
}

// zippedCode is a deployment package with h.py, in base64.
func zippedCode(t *testing.T, code string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "h.py", Method: zip.Store})
	if err == nil {
		_, err = w.Write([]byte(code))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// post sends a request in a dialect and returns its status and answer.
func post(t *testing.T, url, target, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	prefix, _, json := strings.Cut(target, ".")
	service := target
	if json {
		req.Header.Set("X-Amz-Target", target)
		service = map[string]string{"AmazonSQS": "sqs", "AWSEvents": "events", "Logs_20140328": "logs", "DynamoDB_20120810": "dynamodb"}[prefix]
	}
	kind := "application/x-amz-json-1.0"
	switch service {
	case "iam":
		kind = "application/x-www-form-urlencoded"
	case "events", "logs":
		kind = "application/x-amz-json-1.1"
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=dev/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// TestAFullDiskIsSaidInEveryDialect fills the disk under a server: each API says
// that it cannot write, and why; nothing of it is there afterwards, and all goes on
// when there is space again.
func TestAFullDiskIsSaidInEveryDialect(t *testing.T) {
	dir := smallDisk(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	s, err := Start(ctx, Config{
		DataDir: dir, Listen: "127.0.0.1:0", Dev: true, Version: "test",
		Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})),
		Functions: Functions{Pool: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			s.Stop()
		}
	}()
	url := s.URL()
	const reason = "The disk that holds the data directory is full"
	writes := []struct {
		name, path, target, body string
		after                    int // the answer when there is space
	}{
		{"scheduler", "/schedules/s", "scheduler", `{"ScheduleExpression":"rate(1 hour)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:sqs:us-east-1:000000000000:q","RoleArn":"arn:aws:iam::000000000000:role/r"}}`, 200},
		{"events", "/", "AWSEvents.PutRule", `{"Name":"r","ScheduleExpression":"rate(1 hour)"}`, 200},
		{"sqs", "/", "AmazonSQS.CreateQueue", `{"QueueName":"q"}`, 200},
		{"dynamodb", "/", "DynamoDB_20120810.CreateTable", `{"TableName":"tab","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}`, 200},
		{"logs", "/", "Logs_20140328.CreateLogGroup", `{"logGroupName":"g"}`, 200},
		{"iam", "/", "iam", "Action=CreateRole&Version=2010-05-08&RoleName=full&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D", 200},
		{"native", "/belfry/v1/keys", "native", `{"account":"111111111111"}`, 200},
		{"lambda", "/2015-03-31/functions", "lambda", `{"FunctionName":"f","Runtime":"python3.11","Handler":"h.f","Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"` + zipped(t) + `"}}`, 201},
	}
	healthy := func(want int) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			res, err := http.Get(url + "/healthz?write=1") //nolint:noctx // a test
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == want {
				if want != 200 && !strings.Contains(string(text), reason) {
					t.Errorf("/healthz?write=1: %s", text)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("/healthz?write=1 answers %d %s, want %d", res.StatusCode, text, want)
			}
		}
	}
	healthy(200)
	if status, answer := post(t, url+"/", "AmazonSQS.CreateQueue", `{"QueueName":"ballast"}`); status != 200 {
		t.Fatal(answer)
	}
	release := fill(t, dir)
	message := `{"QueueUrl":"` + url + `/000000000000/ballast","MessageBody":"` + strings.Repeat("x", 250_000) + `"}`
	for sent := 0; ; sent++ { // what the log was given ahead has to be used up first
		status, answer := post(t, url+"/", "AmazonSQS.SendMessage", message)
		if status == 503 && strings.Contains(answer, reason) {
			for err == nil { // to its last page
				err = s.store.Writable(t.Context())
			}
			break
		}
		if status != 200 || sent == 1000 {
			t.Fatalf("the disk does not get full: %d %s", status, answer)
		}
	}
	for _, w := range writes {
		status, answer := post(t, url+w.path, w.target, w.body)
		if status != 503 || !strings.Contains(answer, reason) {
			t.Errorf("%s on a full disk answers %d %s", w.name, status, answer)
		}
	}
	healthy(503)
	if res, err := http.Get(url + "/healthz"); err != nil || res.StatusCode != 200 { //nolint:noctx // a test
		t.Errorf("/healthz: %v, %v; the server is alive", res, err)
	}
	release()
	healthy(200)
	for _, w := range writes {
		if status, answer := post(t, url+w.path, w.target, w.body); status != w.after {
			t.Errorf("%s with space again answers %d %s", w.name, status, answer)
		}
	}
	stopped = true
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}
