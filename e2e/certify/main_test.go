package certify

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/compatibility.md instead of comparing it")

// What TestMain finds or makes, for all tests; not changed after it.
var (
	binary string // the belfry that is certified
	tools  struct{ aws, python, node string }
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "belfry-certify-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "certify:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "belfry")
	build := exec.Command("go", "build", "-C", "../..", "-o", binary, "./cmd/belfry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "certify: building belfry: %v\n%s", err, out)
		return 1
	}
	if err := findTools(); err != nil {
		fmt.Fprintln(os.Stderr, "certify:", err)
		return 1
	}
	// The interpreter itself instead of a version manager's shim, for the server too.
	os.Setenv("PATH", filepath.Dir(tools.python)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

// findTools looks where scripts/setup looks; a missing one is an error with the
// command to run.
func findTools() error {
	for _, python := range []string{os.Getenv("BELFRY_PYTHON"), "python3", "/usr/bin/python3"} {
		if python == "" {
			continue
		}
		if out, err := exec.Command(python, "-c", "import sys, boto3; print(sys.executable)").Output(); err == nil {
			tools.python = strings.TrimSpace(string(out))
			break
		}
	}
	if tools.python == "" {
		return fmt.Errorf(`no python3 on this machine has boto3: run "make setup" or "apt-get install python3-boto3"`)
	}
	for _, aws := range []string{filepath.Join(filepath.Dir(tools.python), "aws"), "aws"} {
		if exec.Command(aws, "--version").Run() == nil {
			tools.aws = aws
			break
		}
	}
	if tools.aws == "" {
		return fmt.Errorf(`the AWS CLI is missing: run "make setup" or "apt-get install awscli"`)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return fmt.Errorf(`node is missing: run "make setup", or "apt-get install nodejs npm" and "npm ci" in e2e/certify/javascript`)
	}
	tools.node = node
	if _, err := os.Stat("javascript/node_modules/@aws-sdk/client-scheduler"); err != nil {
		return fmt.Errorf(`the JavaScript SDK is not installed: run "make setup", or "npm ci" in e2e/certify/javascript`)
	}
	return nil
}
