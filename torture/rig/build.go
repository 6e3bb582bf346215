package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clockVar names the file that a stepped build reads its clock's offset from.
const clockVar = "BELFRY_TORTURE_CLOCK"

// nowBefore and nowAfter are what is patched in package time: the wall part of
// Now gets the offset; its monotonic part, and so every timer, goes on as it was.
const (
	nowBefore = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	nowAfter  = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec, nsec = stepped(sec, nsec)\n"
)

// steppedSource is added to package time. The offset, in nanoseconds, is the
// first eight bytes of a mapped file, so that a step is seen by the next Now.
const steppedSource = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var clockOffset *int64

func init() {
	name, _ := syscall.Getenv("` + clockVar + `")
	if name == "" {
		return
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("` + clockVar + `: " + err.Error())
	}
	mem, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("` + clockVar + `: " + err.Error())
	}
	syscall.Close(fd)
	clockOffset = (*int64)(unsafe.Pointer(&mem[0]))
}

func stepped(sec int64, nsec int32) (int64, int32) {
	if clockOffset == nil {
		return sec, nsec
	}
	const second = 1_000_000_000
	n := int64(nsec) + atomic.LoadInt64(clockOffset)
	sec += n / second
	if n %= second; n < 0 {
		n, sec = n+second, sec-1
	}
	return sec, int32(n)
}
`

// Build builds the belfry of the module in dir root into dir, and returns its
// path. Its wall clock can be stepped, see [Clock].
func Build(ctx context.Context, root, dir string) (string, error) {
	overlay, err := writeOverlay(ctx, dir)
	if err != nil {
		return "", err
	}
	binary, err := filepath.Abs(filepath.Join(dir, "belfry"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-C", root, "-overlay", overlay, "-o", binary, "./cmd/belfry")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build belfry with a clock that steps: %w\n%s", err, out)
	}
	return binary, nil
}

// writeOverlay writes the patched files of package time and the list of them
// that the go command wants.
func writeOverlay(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for GOROOT: %w", err)
	}
	pkg := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	if err != nil {
		return "", err
	}
	if n := bytes.Count(source, []byte(nowBefore)); n != 1 {
		return "", fmt.Errorf("%s has the beginning of Now %d times as it is expected, want once: this Go reads the clock in another way; adapt nowBefore and nowAfter to it", filepath.Join(pkg, "time.go"), n)
	}
	patched := bytes.Replace(source, []byte(nowBefore), []byte(nowAfter), 1)
	replaced, added, list := filepath.Join(dir, "time.go.txt"), filepath.Join(dir, "stepped.go.txt"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(pkg, "time.go"): replaced, filepath.Join(pkg, "stepped.go"): added,
	}})
	if err != nil {
		return "", err
	}
	return list, errors.Join(os.WriteFile(replaced, patched, 0o644), os.WriteFile(added, []byte(steppedSource), 0o644), os.WriteFile(list, text, 0o644))
}
