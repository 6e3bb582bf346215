package function

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

//go:embed bootstrap.py
var pythonBootstrap []byte

// pythons finds and remembers the host's Python interpreters.
type pythons struct {
	dir string // where the bootstrap is kept, compiled

	mu    sync.Mutex // held while an interpreter is asked, so that it is asked once
	found map[string]*python
}

// A python is one interpreter.
type python struct {
	Executable string   `json:"executable"` // the real one; the name on PATH is often a slow shim
	Version    string   `json:"version"`
	Site       []string `json:"site"`    // folders of installed packages
	Folders    []string `json:"folders"` // that it is installed in
	bootstrap  string   // name of the compiled bootstrap
}

// probe asks an interpreter about itself and has it compile the bootstrap.
const probe = `
import json, py_compile, site, sys
py_compile.compile(sys.argv[1], sys.argv[2] + "." + sys.implementation.cache_tag + ".pyc", dfile="/var/runtime/bootstrap.py", doraise=True)
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "site": site.getsitepackages(),
    "folders": [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
    "tag": sys.implementation.cache_tag,
}))
`

const anyPython = "python3"

const probeTimeout = 30 * time.Second // a first start from a slow disk takes seconds

// forRuntime returns the interpreter for a runtime such as python3.12: that
// minor version when the host has it, else the host's python3.
func (p *pythons) forRuntime(ctx context.Context, runtime string) (*python, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if py := p.found[runtime]; py != nil {
		return py, nil
	}
	for _, py := range p.found {
		if py.is(runtime) {
			p.found[runtime] = py
			return py, nil
		}
	}
	var errs []error
	for _, name := range []string{runtime, anyPython} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		py, err := p.ask(ctx, path)
		if err == nil && name != anyPython && !py.is(runtime) {
			err = fmt.Errorf("%s is Python %s", path, py.Version)
		}
		if err == nil {
			p.found[runtime] = py
			return py, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("there is no python3 on PATH: install Python 3"))
	}
	return nil, fmt.Errorf("find an interpreter for %s: %w", runtime, errors.Join(errs...))
}

func (py *python) is(runtime string) bool {
	return strings.HasPrefix(py.Version, strings.TrimPrefix(runtime, "python")+".")
}

func (p *pythons) ask(ctx context.Context, path string) (*python, error) {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, err
	}
	source := filepath.Join(p.dir, "bootstrap.py")
	if err := os.WriteFile(source, pythonBootstrap, 0o644); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-c", probe, source, filepath.Join(p.dir, "bootstrap"))
	cmd.Dir = p.dir
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("ask %s about itself: %w", path, err)
	}
	var answer struct {
		python
		Tag string `json:"tag"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("ask %s about itself: %w", path, err)
	}
	answer.bootstrap = "bootstrap." + answer.Tag + ".pyc"
	return &answer.python, nil
}

// argv starts the bootstrap. -I and -S keep the interpreter from looking
// around at its start, which costs more than all the rest; the bootstrap adds
// what -S leaves out. The bootstrap is in the folder runtime.
func (py *python) argv(runtime string) []string {
	return append([]string{py.Executable, "-I", "-S", "-X", "utf8", filepath.Join(runtime, py.bootstrap)}, py.Site...)
}
