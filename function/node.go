package function

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry/function/sandbox"
)

//go:embed bootstrap.cjs
var nodeBootstrap []byte

const (
	nodeProgram = "bootstrap.cjs"
	nodeWarm    = "warm.mjs" // what a blank loads, so that it has loaded a module before
)

var nodeLanguage = language{
	runtimes: "nodejs", title: "Node.js",
	any: []string{"node", "nodejs"},
	exact: func(version string) []string {
		return []string{"node" + version, "nodejs" + version, "node-" + version}
	},
	probe: func(dir string) ([]string, error) {
		if _, err := writeOwn(dir, nodeProgram, nodeBootstrap); err != nil {
			return nil, err
		}
		if _, err := writeOwn(dir, nodeWarm, []byte("export {};\n")); err != nil {
			return nil, err
		}
		// Without isolation Node.js looks above the code for what kind of modules it
		// is made of. It shall not find the package that the data directory may be in.
		_, err := writeOwn(filepath.Dir(dir), "package.json", []byte("{}\n"))
		return []string{"-e", nodeProbe}, err
	},
	finish: finishNode,
}

// nodeProbe asks an interpreter about itself, and where npm puts what is
// installed for all.
const nodeProbe = `
const fs = require("fs"), path = require("path");
const bin = path.dirname(process.execPath), home = path.basename(bin) === "bin" ? path.dirname(bin) : bin;
console.log(JSON.stringify({
  executable: process.execPath,
  version: process.versions.node,
  packages: [home + "/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs"].filter((d, i, all) => fs.existsSync(d) && all.indexOf(d) === i),
  folders: [home],
}));
`

// oldestNode is the oldest major version that the bootstrap is written for.
const oldestNode = 16

func finishNode(i *interpreter) error {
	major, _, _ := strings.Cut(i.Version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return fmt.Errorf("it is Node.js %s, and functions need %d or newer", i.Version, oldestNode)
	}
	i.argv = func(runtime string, memory int) []string {
		// As on Lambda, a tenth is left to young objects, and the rest is for those
		// that stay. The parts in which the young ones live are smaller than there,
		// Node.js's own 16 MB with 1 GB: at 128 MB two of them fit into a processor's
		// cache, which makes a small handler a third faster, and the process smaller.
		// So many threads beside the function's own collect garbage and compile: by
		// default it would be four, of which one processor gets nothing but more memory.
		threads := min(1+memory/sandbox.MemoryPerCore, 4)
		return []string{
			i.Executable, "--v8-pool-size=" + strconv.Itoa(threads), "--max-semi-space-size=" + strconv.Itoa(max(memory/64, 1)), "--max-old-space-size=" + strconv.Itoa(memory-memory/10),
			filepath.Join(runtime, nodeProgram),
		}
	}
	i.environment = func(runtime string, v *view) map[string]string {
		var paths []string
		if v.opt != "" {
			version := i.language.version(runtime)
			paths = append(paths, v.opt+"/nodejs/node"+version+"/node_modules", v.opt+"/nodejs/node_modules")
		}
		paths = append(append(paths, v.task), i.Packages...)
		return map[string]string{"NODE_PATH": strings.Join(paths, ":")}
	}
	return nil
}
