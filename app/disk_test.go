package app

import (
	"testing"
	"time"
)

func TestSpace(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name                       string
		free, all, freeFiles, file uint64
		ok                         bool
	}{
		{"a large disk at its limit", 512 << 20, 1000 * gib, 5000, 10_000, true},
		{"a large disk below it", 512<<20 - 1, 1000 * gib, 5000, 10_000, false},
		{"a small disk at its limit", gib / 20, gib, 5000, 10_000, true},
		{"a small disk below it", gib/20 - 1, gib, 5000, 10_000, false},
		{"few files left", 500 * gib, 1000 * gib, 999, 10_000, false},
		{"just enough files left", 500 * gib, 1000 * gib, 1000, 10_000, true},
		{"a file system that counts no files", 500 * gib, 1000 * gib, 0, 0, true},
	} {
		f := space(c.free, c.all, c.freeFiles, c.file)
		if f.OK != c.ok || (f.Advice == "") != c.ok || f.Value != float64(c.free) {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	if f := (diskCheck{t.TempDir() + "/none"}).Look(t.Context(), time.Time{}); f.OK {
		t.Errorf("a directory that is not there is %+v", f)
	}
}
