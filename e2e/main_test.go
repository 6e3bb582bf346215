package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What TestMain finds or makes, for all tests; not changed after it.
var (
	binary string  // the belfry that is tested
	tools  toolbox // the clients that it is tested with
)

// toolbox is the clients on this machine. An empty path is a missing tool; the
// test that needs it fails with what to do.
type toolbox struct {
	aws, python string
	// pythonVersion is major and minor, so that a function asks for this one and no
	// shim of another is tried.
	pythonVersion string
	// envEndpoint is set when both read AWS_ENDPOINT_URL (AWS CLI 1.29 and 2.13,
	// boto3 1.28). Older ones get the endpoint as an argument.
	awsEnvEndpoint, botoEnvEndpoint bool
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "belfry-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "belfry")
	build := exec.Command("go", "build", "-C", "..", "-o", binary, "./cmd/belfry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: building belfry: %v\n%s", err, out)
		return 1
	}
	tools = findTools()
	if tools.python != "" {
		// The servers look for an interpreter too; spare them the shims, once a start.
		os.Setenv("PATH", filepath.Dir(tools.python)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	// The tests wait more than they compute: for the next minute, for a time-out.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// findTools looks where scripts/setup looks.
func findTools() toolbox {
	var found toolbox
	for _, python := range []string{os.Getenv("BELFRY_PYTHON"), "python3", "/usr/bin/python3"} {
		if python == "" {
			continue
		}
		// The interpreter itself instead of a version manager's shim, which costs
		// a quarter of a second at each start.
		const ask = "import sys, boto3; print('%d.%d' % sys.version_info[:2], boto3.__version__, sys.executable)"
		if out, err := exec.Command(python, "-c", ask).Output(); err == nil {
			version, rest, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			boto, executable, _ := strings.Cut(rest, " ")
			found.python, found.pythonVersion, found.botoEnvEndpoint = executable, version, atLeast(boto, 1, 28)
			break
		}
	}
	candidates := []string{"aws"}
	if found.python != "" {
		candidates = []string{filepath.Join(filepath.Dir(found.python), "aws"), "aws"}
	}
	for _, aws := range candidates {
		// aws-cli/1.45.11 Python/3.11.7 ...
		if out, err := exec.Command(aws, "--version").CombinedOutput(); err == nil {
			version, _, _ := strings.Cut(strings.TrimPrefix(string(out), "aws-cli/"), " ")
			found.aws = aws
			found.awsEnvEndpoint = atLeast(version, 2, 13) || (strings.HasPrefix(version, "1.") && atLeast(version, 1, 29))
			break
		}
	}
	return found
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || (a == major && b >= minor)
}
