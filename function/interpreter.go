package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// A language is one whose functions an interpreter of the host runs, with a
// bootstrap of Belfry's that speaks frames.
type language struct {
	runtimes string // how the names of its runtimes begin
	title    string // for people
	any      []string
	exact    func(version string) []string // names on PATH, as any are, for one version
	probe    func(dir string) (args []string, err error)
	finish   func(i *interpreter) error // completes what the probe has answered
}

var languages = []*language{&pythonLanguage, &nodeLanguage}

// languageOf returns the language of a runtime; nil: it has none.
func languageOf(runtime string) *language {
	for _, l := range languages {
		if strings.HasPrefix(runtime, l.runtimes) {
			return l
		}
	}
	return nil
}

// version is what a runtime's name says of the interpreter: 3.12 or 20.
func (l *language) version(runtime string) string {
	return strings.TrimSuffix(strings.TrimPrefix(runtime, l.runtimes), ".x")
}

// An interpreter is one of the host's. The first members are its own answer.
type interpreter struct {
	Executable string   `json:"executable"` // the real one; the name on PATH is often a slow shim
	Version    string   `json:"version"`
	Tag        string   `json:"tag"`
	Packages   []string `json:"packages"` // folders of what is installed for all
	Folders    []string `json:"folders"`  // that it is installed in

	language *language
	// argv starts the bootstrap, which is in the folder runtime, for functions of
	// that much memory in MB.
	argv func(runtime string, memory int) []string
	// environment is what functions of a runtime find beside what all do.
	environment func(runtime string, v *view) map[string]string
}

// is says whether it is of the very version that a runtime is named for.
func (i *interpreter) is(runtime string) bool {
	return strings.HasPrefix(i.Version, i.language.version(runtime)+".")
}

// note says what people should know about a runtime that i runs; empty: nothing.
func (i *interpreter) note(runtime string) string {
	if i.is(runtime) {
		return ""
	}
	return fmt.Sprintf("this server has no %s; the function runs on its %s %s", runtime, i.language.title, i.Version)
}

// interpreters finds and remembers those of the host. What is not there is
// looked for again the next time.
type interpreters struct {
	dir string // where the bootstraps are kept

	mu     sync.Mutex              // held while one is asked, so that it is asked once
	found  map[string]*interpreter // by path
	chosen map[string]choice       // by runtime
}

// A choice is the interpreter of a runtime. Names are looked for all over PATH, which
// takes longer than many a handler.
type choice struct {
	*interpreter
	when time.Time
}

// A failure is an interpreter's that did not answer.
type failure struct {
	err  error
	when time.Time
}

// failures are those of this machine, by path: a version manager has a name on
// PATH for every version that it could have, and takes long to say that it has not.
var failures sync.Map

const (
	probeTimeout = 10 * time.Second // a first start from a slow disk takes seconds
	failureAge   = time.Minute      // before one that has failed is asked again
	choiceAge    = time.Minute      // before a better one is looked for
)

// forRuntime returns the interpreter for a runtime such as python3.12: of that
// version when the host has it, else the one that goes by the language's name.
func (s *interpreters) forRuntime(ctx context.Context, runtime string) (*interpreter, error) {
	l := languageOf(runtime)
	if l == nil {
		return nil, fmt.Errorf("there is no interpreter for %s", runtime)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chosen[runtime]; c.interpreter != nil && time.Since(c.when) < choiceAge {
		return c.interpreter, nil
	}
	i, err := s.choose(ctx, l, runtime)
	if err != nil {
		return nil, fmt.Errorf("find an interpreter for %s: %w", runtime, err)
	}
	s.chosen[runtime] = choice{i, time.Now()}
	return i, nil
}

// choose looks on PATH for the interpreter of a runtime; the caller holds the lock.
func (s *interpreters) choose(ctx context.Context, l *language, runtime string) (*interpreter, error) {
	var errs []error
	var other *interpreter
	for _, name := range slices.Concat(l.exact(l.version(runtime)), l.any) {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		i, err := s.ask(ctx, l, path)
		switch {
		case err != nil:
			errs = append(errs, err)
		case i.is(runtime):
			return i, nil
		case other == nil && slices.Contains(l.any, name):
			other = i
		}
	}
	switch {
	case other != nil:
		return other, nil
	case len(errs) == 0:
		errs = append(errs, fmt.Errorf("there is no %s on PATH: install %s", l.any[0], l.title))
	}
	return nil, errors.Join(errs...)
}

// askUsual has those answer that most functions run on, so that their first start
// need not wait for it. The others, of which a version manager has many, are asked
// when somebody wants them.
func (s *interpreters) askUsual(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range languages {
		if path, err := exec.LookPath(l.any[0]); err == nil {
			_, _ = s.ask(ctx, l, path) // whoever needs it is told
		}
	}
}

// ask has an interpreter answer for itself; the caller holds the lock.
func (s *interpreters) ask(ctx context.Context, l *language, path string) (*interpreter, error) {
	if i := s.found[path]; i != nil {
		return i, nil
	}
	if f, ok := failures.Load(path); ok {
		if f := f.(failure); time.Since(f.when) < failureAge { //nolint:forcetypeassert // the only type in it
			return nil, f.err
		}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, belfry.WriteError(err)
	}
	args, err := l.probe(s.dir)
	if err != nil {
		return nil, belfry.WriteError(err)
	}
	timed, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(timed, path, args...)
	cmd.Dir = s.dir
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	i := &interpreter{language: l}
	if err == nil {
		err = json.Unmarshal(out, i)
	}
	if err == nil {
		err = l.finish(i)
	}
	if err != nil {
		if full := takesWrites(s.dir); full != nil {
			return nil, full // it compiles into the folder, and is not to blame
		}
		err = fmt.Errorf("ask %s about itself: %w", path, err)
		if ctx.Err() == nil { // else it was not asked to its end
			failures.Store(path, failure{err, time.Now()})
		}
		return nil, err
	}
	s.found[path] = i
	return i, nil
}

// takesWrites returns what keeps the folder's disk from taking a page.
func takesWrites(dir string) error {
	const name = "room"
	path, err := writeOwn(dir, name, make([]byte, os.Getpagesize()))
	return belfry.WriteError(errors.Join(err, os.Remove(path)))
}

// writeOwn puts a file of Belfry's own into a folder.
func writeOwn(dir, name string, program []byte) (path string, err error) {
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, program, 0o644)
}

// launchInterpreted prepares the process of a function that an interpreter runs.
// It begins as any function's of its runtime, and is told later which it is.
func (h *Host) launchInterpreted(ctx context.Context, in *instance, l *launch) error {
	f := in.fn
	i, err := h.interpreters.forRuntime(ctx, f.Runtime)
	if err != nil {
		return &belfry.Error{Kind: belfry.Unavailable, Message: "This server cannot run " + f.Runtime + " now: it found no " + languageOf(f.Runtime).title + " interpreter.", Err: err}
	}
	if len(f.Layers) > 0 && len(l.mounts) > 0 {
		if err := i.besideLayers(); err != nil {
			return err
		}
	}
	if err := l.show(slices.Concat(i.Folders, i.Packages), h.cfg.Dir); err != nil {
		return &belfry.Error{Kind: belfry.Unavailable, Message: "This server cannot run " + f.Runtime + ": the interpreter's folder is not one that functions may see.", Err: err}
	}
	own := i.environment(f.Runtime, &l.view)
	own["PATH"] = filepath.Dir(i.Executable) + ":" + l.env["PATH"]
	maps.DeleteFunc(own, func(name, _ string) bool { _, set := f.Environment[name]; return set })
	maps.Copy(l.env, own)
	l.assign = &assignment{env: l.env, opt: l.opt}
	l.env = startEnvironment(l.env)
	l.argv, l.dir = i.argv(l.runtime, f.Memory), "/"
	l.banner = i.language.runtimes + ":" + i.Version
	if note := i.note(f.Runtime); note != "" {
		l.banner += " (" + note + ")"
	}
	return nil
}

// besideLayers refuses an interpreter that an isolated function cannot have
// together with layers: they would hide it.
func (i *interpreter) besideLayers() error {
	for _, dir := range i.Folders {
		if strings.HasPrefix(dir+"/", isolatedOpt+"/") {
			return belfry.Errorf(belfry.Unavailable, "Layers",
				"This server cannot give layers to isolated functions in %s: its interpreter is in %s, and they are at /opt. An interpreter elsewhere, first on the server's PATH, is needed.",
				i.language.title, dir)
		}
	}
	return nil
}

// atStart says of a variable of the environment that it is read when a process
// starts, so that it is of no use to one that has: by the loader, the C library
// or the interpreter. A function that sets one needs a process of its own from
// the start.
func atStart(name string) bool {
	for _, prefix := range []string{"LD_", "LC_", "PYTHON", "NODE_", "UV_", "MALLOC_", "OPENSSL_", "ICU_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "GLIBC_TUNABLES" || name == "LANG"
}

// startEnvironment is what of a function's environment its process begins with.
func startEnvironment(env map[string]string) map[string]string {
	start := map[string]string{"TZ": defaultZone} // that of most; another one is set later
	for name, value := range env {
		if atStart(name) || name == hostVariable {
			start[name] = value
		}
	}
	return start
}
