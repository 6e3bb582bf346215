package app

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/monitor"
)

// What must be free where the data directory is: minFree bytes or minFreeShare
// of a smaller disk, and minInodes files.
const (
	minFree      = 512 << 20
	minFreeShare = 20 // one in so many
	minInodes    = 1000
)

// diskCheck finds out whether the data directory has space.
type diskCheck struct{ dir string }

func (diskCheck) Name() string { return "disk" }

// Look asks the file system. Value is its free bytes.
func (c diskCheck) Look(context.Context, time.Time) monitor.Finding {
	var st unix.Statfs_t
	if err := unix.Statfs(c.dir, &st); err != nil {
		return monitor.Finding{
			Detail: fmt.Sprintf("The data directory's file system cannot be asked for its space: %v.", err),
			Advice: "Check that the data directory is still there, and mounted.",
		}
	}
	block := uint64(st.Bsize)
	return space(st.Bavail*block, st.Blocks*block, st.Ffree, st.Files)
}

// space judges bytes and files that are free, of all; no files at all: the file
// system does not count them.
func space(free, all, freeFiles, files uint64) monitor.Finding {
	f := monitor.Finding{OK: true, Value: float64(free), Detail: fmt.Sprintf("%s of %s are free in the data directory.", size(free), size(all))}
	switch {
	case free < min(minFree, all/minFreeShare):
		f.OK = false
	case files > 0 && freeFiles < minInodes:
		f.OK = false
		f.Detail = fmt.Sprintf("Only %d more files can be made in the data directory's file system.", freeFiles)
	}
	if !f.OK {
		f.Advice = "Make space: when it is full, no write is accepted and no run starts. A larger disk, or a shorter history, helps for good."
	}
	return f
}

// size writes a number of bytes for people.
func size(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
}
