package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A Package is a folder that is ready to be deployed.
type Package struct {
	Manifest
	Code     *Code
	Warnings []string // what is allowed and hardly meant

	family family
}

// Prepare reads, checks, builds and packs a folder. m is what its belfry.json
// says, with what flags say written over it; lookup is the environment of who
// deploys, and local says that the server runs on this machine.
func Prepare(ctx context.Context, dir string, m *Manifest, lookup func(string) (string, bool), local bool) (*Package, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	switch info, err := os.Stat(dir); {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; name the folder that it is in", dir)
	}
	if err := m.complete(dir, lookup); err != nil {
		return nil, err
	}
	files, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no files to deploy; .gitignore and .belfryignore say what is left out", dir)
	}
	seen, err := look(dir, files, m.Runtime)
	if err != nil {
		return nil, err
	}
	p := &Package{Manifest: *m, family: seen.family}
	if p.Handler == "" {
		p.Handler = seen.handler
	}
	if p.Handler == "" {
		return nil, errors.New("no function called handler is to be seen in the files at the top of the folder: name it with --handler FILE.FUNCTION, or with handler in " + ManifestName)
	}
	if seen.build {
		built, clean, err := p.build(ctx, dir, local)
		if err != nil {
			return nil, err
		}
		defer clean()
		files = []File{built}
	}
	p.warn(dir, files)
	p.Code, err = pack(files)
	return p, err
}

// build makes the program of a Go folder, the same from the same sources.
func (p *Package) build(ctx context.Context, dir string, local bool) (built File, clean func(), err error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return built, nil, errors.New("the folder has a main.go, and go is not on the PATH to build it: install Go, or deploy a folder that has the built program, called bootstrap, alone")
	}
	if p.Architecture == "" && local && runtime.GOARCH == "arm64" {
		p.Architecture = "arm64"
	}
	arch := "amd64"
	if p.Architecture == "arm64" {
		arch = "arm64"
	}
	temp, err := os.MkdirTemp("", "belfry-deploy-")
	if err != nil {
		return built, nil, err
	}
	clean = func() { os.RemoveAll(temp) }
	path := filepath.Join(temp, "bootstrap")
	cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-tags", "lambda.norpc", "-o", path, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		clean()
		return built, nil, fmt.Errorf("go build: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	info, err := os.Stat(path)
	if err != nil {
		clean()
		return built, nil, err
	}
	return File{Name: "bootstrap", Size: info.Size(), Executable: true, path: path}, clean, nil
}

// warn notes what will hardly run as it is.
func (p *Package) warn(dir string, files []File) {
	i := slices.IndexFunc(files, func(f File) bool { return f.Name == "bootstrap" })
	if p.family == providedFamily && i >= 0 && !files[i].Executable {
		p.Warnings = append(p.Warnings, "bootstrap is not executable: chmod +x bootstrap")
	}
	if p.family != nodeFamily {
		return
	}
	var pkg struct{ Dependencies map[string]string }
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil || json.Unmarshal(text, &pkg) != nil || len(pkg.Dependencies) == 0 {
		return
	}
	if !slices.ContainsFunc(files, func(f File) bool { return strings.HasPrefix(f.Name, "node_modules/") }) {
		p.Warnings = append(p.Warnings, "package.json has dependencies, and the zip has no node_modules: run npm install, and if .gitignore leaves it out, take it in with a line !node_modules/ in .belfryignore")
	}
}
