package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// aws runs the AWS CLI and decodes its JSON output into out, which may be nil.
func (s *server) aws(out any, args ...string) {
	s.t.Helper()
	stdout, stderr, err := s.runAWS(args...)
	if err != nil {
		s.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		s.t.Fatalf("aws %s: %v in its output %q", strings.Join(args, " "), err, stdout)
	}
}

// awsFails runs the AWS CLI and wants it to fail with an error code of the
// service, such as ResourceNotFoundException.
func (s *server) awsFails(code string, args ...string) {
	s.t.Helper()
	_, stderr, err := s.runAWS(args...)
	if err == nil || !strings.Contains(stderr, "("+code+")") {
		s.t.Fatalf("aws %s: %v, standard error %q, want a failure with %s", strings.Join(args, " "), err, stderr, code)
	}
}

func (s *server) runAWS(args ...string) (stdout []byte, stderr string, err error) {
	s.t.Helper()
	if tools.aws == "" {
		s.t.Fatal("the AWS CLI is missing: run \"make setup\" or \"apt-get install awscli\"")
	}
	// aws sqs of version 1 does not read the variable.
	if !tools.awsEnvEndpoint || args[0] == "sqs" {
		args = append([]string{"--endpoint-url", s.endpoint}, args...)
	}
	cmd := exec.Command(tools.aws, args...)
	cmd.Env = s.clientEnv()
	cmd.Dir = s.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.String(), err
}

// boto3 runs a Python program of testdata, which ends with 0 when all it asserts
// is true.
func (s *server) boto3(program string, args ...string) {
	s.t.Helper()
	if tools.python == "" {
		s.t.Fatal("no python3 on this machine has boto3: run \"make setup\" or \"apt-get install python3-boto3\"")
	}
	cmd := exec.Command(tools.python, append([]string{filepath.Join("testdata", program)}, args...)...)
	cmd.Env = s.clientEnv("PYTHONDONTWRITEBYTECODE=1")
	if !tools.botoEnvEndpoint {
		cmd.Env = append(cmd.Env, "BELFRY_TEST_ENDPOINT="+s.endpoint)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// belfry runs a verb of the binary against the server and returns what it printed.
func (s *server) belfry(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = cleanEnv(append([]string{"BELFRY_ENDPOINT=" + s.endpoint}, s.clients...)...)
	if s.who.key != "" {
		cmd.Env = append(cmd.Env, s.who.env()...)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("belfry %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// clientEnv is what a user sets, and what keeps a client from looking at the
// machine's own AWS configuration.
func (s *server) clientEnv(add ...string) []string {
	models, err := filepath.Abs(filepath.Join("testdata", "models"))
	if err != nil {
		s.t.Fatal(err)
	}
	return cleanEnv(slices.Concat([]string{
		"AWS_ENDPOINT_URL=" + s.endpoint,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_PAGER=",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=1",
		"AWS_DATA_PATH=" + models,
		"NO_PROXY=*",
	}, s.who.env(), s.clients, add)...)
}

// env is how clients get the access key; without a caller any will do.
func (c caller) env() []string {
	if c.key == "" {
		c.key, c.secret = "test", "test"
	}
	env := []string{"AWS_ACCESS_KEY_ID=" + c.key, "AWS_SECRET_ACCESS_KEY=" + c.secret}
	if c.token != "" {
		env = append(env, "AWS_SESSION_TOKEN="+c.token)
	}
	return env
}

// functionZip returns testdata/function as a zip, with the handler's source
// changed by old and new where given.
func functionZip(t testing.TB, oldnew ...string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "function", "handler.py"))
	if err != nil {
		t.Fatal(err)
	}
	return zipOf(t, "handler.py", strings.NewReplacer(oldnew...).Replace(string(source)))
}

// zipOf returns a zip with one file.
func zipOf(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte(content))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file writes a file into the test's directory and returns its path.
func (s *server) file(name string, content []byte) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
