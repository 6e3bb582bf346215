package belfry_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/belfry-run/belfry"

// A row says which packages of ours a package may import. Names are folders
// below the module; "." is the vocabulary at the root; "x/..." is x and
// everything below it.
type row struct {
	pkg   string
	may   []string
	tests []string // what its test files may import beside it
}

// everything stands for any package of ours but the commands.
const everything = "*"

// imports is the import table of the architecture. A package matches the first
// row that names it. Data moves one way, from schedule to monitor, so none of
// engine, target, function, queue, table, lock and logs may know another.
var imports = []row{
	{pkg: ".", may: nil},
	{pkg: "barrier", may: nil}, // what keeps a damaged object from its neighbours; any package may stand behind it
	{pkg: "memory", may: nil},  // bytes that may be held at once; any package may take of it
	{pkg: "expr", may: nil},
	{pkg: "auth", may: []string{".", "barrier"}},
	{pkg: "egress", may: []string{"."}}, // where connections may go; beneath the domains
	{pkg: "function", may: []string{".", "barrier", "egress", "memory", "function/sandbox"}},
	{pkg: "function/sandbox", may: []string{"function/sandbox/shim"}},
	{pkg: "function/sandbox/shim", may: nil},
	{pkg: "queue", may: []string{".", "barrier"}},
	{pkg: "table", may: []string{".", "barrier"}},
	{pkg: "lock", may: []string{".", "barrier"}},
	{pkg: "logs", may: []string{".", "barrier"}},
	{pkg: "engine", may: []string{".", "barrier", "expr"}},
	{pkg: "monitor", may: []string{".", "barrier", "expr", "monitor/notify", "monitor/probe"}, tests: []string{"engine"}},
	{pkg: "monitor/...", may: []string{"."}}, // how to look and how to tell; monitor says when
	{pkg: "target", may: []string{".", "egress"}},

	{pkg: "store/storetest", may: []string{".", "engine", "function", "queue", "table", "lock", "logs", "monitor", "monitor/notify", "auth"}},
	{pkg: "store/...", may: []string{".", "barrier", "function", "queue", "table", "lock", "logs", "monitor", "monitor/notify", "auth"}},

	// The wire layer, then what is generated on top of it, then the dialects.
	{pkg: "api/awswire/internal/...", may: []string{".", "api/awswire/internal/..."}},
	{pkg: "api/awswire", may: []string{".", "auth", "memory", "api/awswire/internal/..."}, tests: []string{"api/awswire/..."}},
	{pkg: "api/awswire/...", may: []string{".", "auth", "api/awswire", "api/awswire/internal/..."}},
	{pkg: "api/scheduler", may: []string{".", "engine", "auth", "api/awswire", "api/awswire/schedulerapi"}},
	{pkg: "api/events", may: []string{".", "engine", "auth", "api/awswire", "api/awswire/eventsapi"}},
	{pkg: "api/lambda", may: []string{".", "function", "auth", "api/awswire", "api/awswire/lambdaapi"}},
	{pkg: "api/sqs", may: []string{".", "queue", "auth", "api/awswire", "api/awswire/sqsapi"}},
	{pkg: "api/dynamodb", may: []string{".", "table", "auth", "api/awswire", "api/awswire/dynamodbapi"}},
	{pkg: "api/logs", may: []string{".", "logs", "auth", "api/awswire", "api/awswire/logsapi"}},
	{pkg: "api/iam", may: []string{".", "auth", "api/awswire", "api/awswire/iamapi", "api/awswire/stsapi"}},
	{pkg: "api/cloudscheduler", may: []string{".", "engine", "auth"}},
	{pkg: "api/healthchecks", may: []string{".", "monitor", "auth"}},
	{pkg: "api/mail", may: []string{".", "memory", "monitor"}},
	{pkg: "api/native", may: []string{".", "engine", "lock", "logs", "monitor", "monitor/probe", "auth"}, tests: []string{"monitor/notify"}},

	{pkg: "console", may: []string{".", "expr", "engine", "function", "queue", "monitor", "auth"}},
	{pkg: "app", may: []string{everything}},
	{pkg: "deploy", may: []string{"expr"}},                                            // talks HTTP to a server
	{pkg: "cmd/belfry", may: []string{"app", "deploy", "egress", "function/sandbox"}}, // what is re-executed must be known before anything else is done
	{pkg: "bench", may: []string{everything}},
	{pkg: "torture/rig", may: nil}, // these three know a server from outside only
	{pkg: "torture", may: []string{"expr", "torture/rig"}},
	{pkg: "soak", may: []string{"torture/rig"}},
}

// inTests is what the test files of any package may import beside the row of
// their package: the embedded store, because tests run on real SQLite, and the
// suite that every store must pass.
var inTests = []string{".", "barrier", "expr", "memory", "store/sqlite", "store/storetest"}

type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// TestImports holds every package against the table and names each offending
// edge. A package that the table does not know fails too: it has to be given a
// place first.
func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		r, ok := rowOf(p.ImportPath)
		if !ok {
			t.Errorf("%s is not in the import table: decide what it may import and add its row", local(p.ImportPath))
			continue
		}
		check(t, local(p.ImportPath), p.Imports, r.may)
		check(t, local(p.ImportPath)+" (tests)", slices.Concat(p.TestImports, p.XTestImports),
			slices.Concat(r.may, r.tests, inTests, []string{local(p.ImportPath)}))
	}
}

// TestTableAllowsNoCycleOfDomains guards the table itself: a row that lets one
// domain package import another would make TestImports pass for the wrong reason.
func TestTableAllowsNoCycleOfDomains(t *testing.T) {
	domains := []string{"engine", "target", "function", "queue", "table", "lock", "logs", "monitor", "auth"}
	for _, r := range imports {
		if !slices.Contains(domains, r.pkg) {
			continue
		}
		for _, d := range domains {
			if allowed(d, r.may) {
				t.Errorf("the table lets %s import %s", r.pkg, d)
			}
		}
	}
}

func check(t *testing.T, from string, to, may []string) {
	t.Helper()
	offending := map[string]bool{}
	for _, imp := range to {
		if (imp == module || strings.HasPrefix(imp, module+"/")) && !allowed(local(imp), may) {
			offending[local(imp)] = true
		}
	}
	for _, imp := range slices.Sorted(maps.Keys(offending)) {
		t.Errorf("%s imports %s; the table allows %s only %v", from, imp, from, may)
	}
}

// allowed reports whether a row that may import may lets in the package pkg.
func allowed(pkg string, may []string) bool {
	for _, m := range may {
		switch {
		case m == everything:
			if !strings.HasPrefix(pkg, "cmd/") && pkg != "store/storetest" {
				return true
			}
		case matches(m, pkg):
			return true
		}
	}
	return false
}

func rowOf(importPath string) (row, bool) {
	i := slices.IndexFunc(imports, func(r row) bool { return matches(r.pkg, local(importPath)) })
	if i < 0 {
		return row{}, false
	}
	return imports[i], true
}

func matches(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return pattern == pkg
}

// local returns the folder of a package of ours.
func local(importPath string) string {
	return path.Clean(strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"))
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list's answer: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("go list found %d packages of ours, want the whole module", len(all))
	}
	return all
}
