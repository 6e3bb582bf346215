package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	role    = "arn:aws:iam::" + account + ":role/scheduler"
)

// startTimeout is how long a server may take to be ready, on a machine that is
// busy with the other tests.
const startTimeout = 30 * time.Second

// A server is one belfry process after the other on the same data directory and
// address.
type server struct {
	t        testing.TB
	dir      string // of the test: data, log, files of functions
	addr     string
	endpoint string
	cmd      *exec.Cmd
	log      *os.File
	http     *http.Client
	env      []string // of the server, beside the usual
	clients  []string // of AWS clients and belfry's verbs, beside the usual
	args     []string // of serve, beside the directory and the address
	files    int      // that the server may have open; 0: as the test
	who      caller   // signs the requests; the zero caller signs in form only
}

// A caller is an access key.
type caller struct{ key, secret, token, account string }

// startServer starts belfry on an empty data directory. The test's end stops it
// and wants a graceful stop without an error in the log.
func startServer(t testing.TB) *server { return startWith(t, "--dev") }

// startSigned starts a belfry that checks signatures; its first caller is the
// root of the first account.
func startSigned(t testing.TB, args ...string) *server {
	t.Helper()
	s := startWith(t, args...)
	s.becomeRoot()
	return s
}

// becomeRoot makes the root of the first account, which the first start has
// shown, the one who asks.
func (s *server) becomeRoot() {
	s.t.Helper()
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	m := rootKey.FindSubmatch(log)
	if m == nil {
		s.t.Fatalf("no root access key in the start's output:\n%s", log)
	}
	s.who = caller{key: string(m[1]), secret: string(m[2]), account: account}
}

var rootKey = regexp.MustCompile(`AWS_ACCESS_KEY_ID=(\S+)\s+export AWS_SECRET_ACCESS_KEY=(\S+)`)

// as returns the same server with requests by another caller.
func (s *server) as(who caller) *server {
	c := *s
	c.who = who
	return &c
}

// newAccount makes an account, with an access key of its root.
func (s *server) newAccount(id string) caller {
	s.t.Helper()
	var k struct {
		ID     string `json:"access_key_id"`
		Secret string `json:"secret_access_key"`
	}
	out := s.belfry("keys", "create", "--account", id, "--json")
	if err := json.Unmarshal([]byte(out), &k); err != nil {
		s.t.Fatalf("%v in %s", err, out)
	}
	return caller{key: k.ID, secret: k.Secret, account: id}
}

func startWith(t testing.TB, args ...string) *server {
	t.Helper()
	s := newServer(t, args...)
	s.start()
	return s
}

// newServer is startServer without the start.
func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, addr: freeAddress(t), log: log, args: args}
	s.endpoint = "http://" + s.addr
	s.http = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(s.finish)
	return s
}

// start starts the process and returns when it is ready to serve.
func (s *server) start() {
	s.t.Helper()
	argv := append([]string{binary, "serve", "--data", filepath.Join(s.dir, "data"), "--listen", s.addr}, s.args...)
	if s.files > 0 {
		argv = append([]string{"sh", "-c", `ulimit -n "$0"; exec "$@"`, strconv.Itoa(s.files)}, argv...)
	}
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = cleanEnv(s.env...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("ready to serve", startTimeout, func() bool {
		if s.cmd.Process.Signal(syscall.Signal(0)) != nil {
			return false
		}
		resp, err := s.http.Get(s.endpoint + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill ends the process as a power cut would, and returns when it is gone.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Wait()
	s.cmd = nil
	s.http.CloseIdleConnections()
}

// stop ends the process gracefully and wants exit code 0 within 10 s.
func (s *server) stop() {
	s.t.Helper()
	ended := make(chan error, 1)
	cmd := s.cmd
	s.cmd = nil
	cmd.Process.Signal(syscall.SIGTERM)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.t.Errorf("after SIGTERM belfry ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		s.t.Error("belfry has not stopped 10 s after SIGTERM")
		cmd.Process.Kill()
		<-ended
	}
	s.http.CloseIdleConnections()
}

func (s *server) finish() {
	if s.cmd != nil {
		s.stop()
	}
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Error(err)
	}
	s.log.Close()
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "panic:") || strings.Contains(line, "DATA RACE") {
			s.t.Errorf("in belfry's log: %s", line)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the end of belfry's log:\n%s", log[max(0, len(log)-6000):])
	}
}

// eventually polls until ok, and fails the test at the deadline.
func (s *server) eventually(what string, limit time.Duration, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %v still not: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// An answer is what a raw request got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request as an AWS client would. Without a caller it is signed for
// service in form only: belfry serve --dev does not check it. header is names and values of more headers.
func (s *server) do(service, method, path, target string, body []byte, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, s.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if service != "" && s.who.key == "" {
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/"+service+
			"/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64))
	}
	req.Header.Set("Content-Type", "application/json")
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if s.who.key != "" {
		if err := s.who.sign(req, service, body); err != nil {
			return answer{}, err
		}
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// sign signs as AWS's own SDK does; no service is the native API.
func (c caller) sign(req *http.Request, service string, body []byte) error {
	if service == "" {
		service = "belfry"
	}
	sum := sha256.Sum256(body)
	cred := aws.Credentials{AccessKeyID: c.key, SecretAccessKey: c.secret, SessionToken: c.token}
	return v4.NewSigner().SignHTTP(req.Context(), cred, req, hex.EncodeToString(sum[:]), service, region, time.Now())
}

// native asks the native API and decodes the answer into v.
func (s *server) native(path string, query url.Values, v any) {
	s.t.Helper()
	got, err := s.do("", http.MethodGet, "/belfry/v1/"+path+"?"+query.Encode(), "", nil)
	if err != nil || got.status != http.StatusOK {
		s.t.Fatalf("GET %s %v: %d %s, %v", path, query, got.status, got.body, err)
	}
	if err := json.Unmarshal(got.body, v); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, got.body)
	}
}

// freeAddress returns a loopback address on which nothing listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// cleanEnv is the environment without anything that would point a client or a
// server elsewhere than where the test wants it.
func cleanEnv(add ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "BELFRY_") {
			env = append(env, kv)
		}
	}
	return append(env, add...)
}
