package certify

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const account = "000000000000"

// credentials are what every client signs with, and what a server that checks
// signatures is started with.
var credentials = struct{ key, secret string }{"AKIABELFRYCERTIFIES0", "belfry/certifies+with+this+secret+key/00"}

// signed decides how the server that is certified runs: it checks signatures,
// and what roles allow, or takes any, with --dev.
const signed = true

// serve is the server's command line and environment.
func serve() (args, env []string) {
	if !signed {
		return []string{"serve", "--dev"}, nil
	}
	return []string{"serve"}, []string{"BELFRY_ROOT_ACCESS_KEY=" + credentials.key, "BELFRY_ROOT_SECRET_KEY=" + credentials.secret}
}

// A server is one belfry process on an empty data directory.
type server struct {
	t        *testing.T
	endpoint string
	cmd      *exec.Cmd
	log      string // a file
}

// startServer starts belfry. The test's end stops it, and wants a graceful stop
// without an error in the log.
func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	s := &server{t: t, endpoint: "http://" + address, log: filepath.Join(dir, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args, env := serve()
	s.cmd = exec.Command(binary, append(args, "--data", filepath.Join(dir, "data"), "--listen", address)...)
	s.cmd.Env = cleanEnv(env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	eventually(t, "belfry is ready to serve", func() bool {
		resp, err := http.Get(s.endpoint + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("after SIGTERM belfry ended with %v", err)
	}
	log, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Error(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "panic:") {
			s.t.Errorf("in belfry's log: %s", line)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the end of belfry's log:\n%s", log[max(0, len(log)-6000):])
	}
}

// eventually polls until ok, and fails the test after a long while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const limit = time.Minute
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
	}
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

// clientEnv is what a user sets, and what keeps a client from looking at the
// machine's own AWS configuration.
func clientEnv(endpoint, region string) []string {
	models, err := filepath.Abs(filepath.Join("..", "testdata", "models"))
	if err != nil {
		panic(err) // there is no working directory
	}
	return cleanEnv(
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_ACCESS_KEY_ID="+credentials.key,
		"AWS_SECRET_ACCESS_KEY="+credentials.secret,
		"AWS_REGION="+region,
		"AWS_DEFAULT_REGION="+region,
		"AWS_PAGER=",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=1",
		"AWS_DATA_PATH="+models,
		"NO_PROXY=*",
		"PYTHONDONTWRITEBYTECODE=1",
	)
}

// program runs a client's own program, which ends with 0 when all that it
// asserts is true.
func program(t *testing.T, endpoint, region, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = clientEnv(endpoint, region)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out.Bytes()))
	}
}
