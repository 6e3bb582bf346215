package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A family is runtimes that the same code runs on.
type family struct {
	prefix string // of its runtimes
	newest string // what a new function gets
}

var (
	pythonFamily   = family{"python", "python3.13"}
	nodeFamily     = family{"nodejs", "nodejs22.x"}
	providedFamily = family{"provided", "provided.al2023"}
)

// shape is what a folder looks like.
type shape struct {
	family  family // the zero family: that of the manifest's runtime is not known here
	handler string // empty: there is none to be seen
	build   bool   // it is a Go program
}

// look says what runs a folder, from its files. runtime, if it is not empty, says
// so already.
func look(dir string, files []File, runtime string) (shape, error) {
	top := func(name string) bool {
		return slices.ContainsFunc(files, func(f File) bool { return f.Name == name })
	}
	var s shape
	switch {
	case strings.HasPrefix(runtime, pythonFamily.prefix):
		s.family = pythonFamily
	case strings.HasPrefix(runtime, nodeFamily.prefix):
		s.family = nodeFamily
	case strings.HasPrefix(runtime, providedFamily.prefix):
		s.family = providedFamily
	case runtime != "":
		return s, nil // the server knows whether it runs that
	case top("main.go"), top("bootstrap"):
		s.family = providedFamily
	default:
		return guess(dir, files)
	}
	switch s.family {
	case pythonFamily:
		s.handler = pythonHandler(dir, files)
	case nodeFamily:
		s.handler = nodeHandler(dir, files)
	case providedFamily:
		s.handler, s.build = "bootstrap", top("main.go")
		if !s.build && !top("bootstrap") {
			return s, fmt.Errorf("the folder has neither a program called bootstrap nor a main.go to build it from, which %s needs", runtime)
		}
	}
	return s, nil
}

// guess chooses between Python and Node.
func guess(dir string, files []File) (shape, error) {
	python, node := anyAtTop(files, ".py"), anyAtTop(files, ".js", ".mjs", ".cjs")
	if python && node {
		// A Python function with a script for its build, or the other way round.
		python, node = pythonHandler(dir, files) != "", nodeHandler(dir, files) != ""
	}
	switch {
	case python && !node:
		return shape{family: pythonFamily, handler: pythonHandler(dir, files)}, nil
	case node && !python:
		return shape{family: nodeFamily, handler: nodeHandler(dir, files)}, nil
	case python && node:
		return shape{}, errors.New("the folder has handlers in Python and in JavaScript: name one with --runtime, or with runtime in " + ManifestName)
	}
	return shape{}, errors.New("nothing in the folder says what runs it: there is no *.py, no *.js or *.mjs, no main.go and no bootstrap. Name it with --runtime, or with runtime in " + ManifestName)
}

func anyAtTop(files []File, extensions ...string) bool {
	return slices.ContainsFunc(files, func(f File) bool {
		return !strings.Contains(f.Name, "/") && slices.Contains(extensions, path.Ext(f.Name))
	})
}

var (
	pythonDef  = regexp.MustCompile(`(?m)^(?:async\s+)?def\s+(handler|lambda_handler)\s*\(`)
	nodeExport = regexp.MustCompile(`(?m)^\s*(?:export\s+(?:async\s+)?(?:function\s*\*?\s*|const\s+|let\s+|var\s+)handler\b|(?:module\.)?exports\.handler\s*=|export\s*\{[^}]*\bhandler\b)`)
)

// pythonHandler finds the function handler or lambda_handler in a file at the top.
func pythonHandler(dir string, files []File) string {
	for _, name := range candidates(files, ".py", "handler.py", "lambda_function.py", "main.py", "app.py", "index.py") {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue // it is read again for the zip, and that says why
		}
		if m := pythonDef.FindSubmatch(text); m != nil {
			return strings.TrimSuffix(name, ".py") + "." + string(m[1])
		}
	}
	return ""
}

// nodeHandler finds the export handler in the file that package.json calls main,
// or in a file at the top.
func nodeHandler(dir string, files []File) string {
	var first []string
	var pkg struct{ Main string }
	if text, err := os.ReadFile(filepath.Join(dir, "package.json")); err == nil && json.Unmarshal(text, &pkg) == nil && pkg.Main != "" {
		first = append(first, path.Clean(filepath.ToSlash(pkg.Main)))
	}
	first = append(first, "index.mjs", "index.js", "index.cjs", "handler.mjs", "handler.js", "handler.cjs")
	for _, extension := range []string{".mjs", ".js", ".cjs"} {
		for _, name := range candidates(files, extension, first...) {
			text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			if err == nil && nodeExport.Match(text) {
				return strings.TrimSuffix(name, extension) + ".handler"
			}
		}
	}
	return ""
}

// candidates are those of the files with the extension that are named first, and
// then the others at the top.
func candidates(files []File, extension string, first ...string) []string {
	var names []string
	for _, name := range first {
		if path.Ext(name) == extension && slices.ContainsFunc(files, func(f File) bool { return f.Name == name }) {
			names = append(names, name)
		}
	}
	for _, f := range files {
		if path.Ext(f.Name) == extension && !strings.Contains(f.Name, "/") && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}
