package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// syncBytes is what the store writes for one change: four pages.
	syncBytes = 16 << 10
	// syncFile is a file that is written over and over, as the store's log is.
	syncFile = 8 << 20
	// rested is by how much the disk may be slower than it has been for it to
	// count as at rest, restEvery and restMax when and for how long to look.
	rested    = 1.25
	restEvery = time.Second
	restMax   = 30 * time.Second
)

// disk is the disk under the data directories.
type disk struct {
	file *os.File
	best time.Duration // the least that it has taken to write and sync syncBytes
}

func openDisk(dir string) (_ *disk, err error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return nil, err
	}
	d := &disk{file: f}
	if _, err := f.Write(make([]byte, syncFile)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	d.best, err = d.sync(500)
	return d, err
}

// sync returns the median of what it takes to write syncBytes and sync them.
func (d *disk) sync(times int) (time.Duration, error) {
	took := make([]time.Duration, 0, times)
	page := make([]byte, syncBytes)
	for i := range times {
		began := time.Now()
		if _, err := d.file.WriteAt(page, int64(i*syncBytes%syncFile)); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(d.file.Fd())); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return quantile(took, .5), nil
}

// rest waits until what was written before is no longer to be waited for: on a
// virtual disk that goes on for a while after the files have been synced.
func (d *disk) rest(ctx context.Context) error {
	syscall.Sync()
	for began := time.Now(); time.Since(began) < restMax; {
		took, err := d.sync(200)
		if err != nil {
			return err
		}
		d.best = min(d.best, took)
		if float64(took) <= rested*float64(d.best) {
			return nil
		}
		select {
		case <-time.After(restEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// figure is how often the disk alone can do what a lone change waits for.
func (d *disk) figure() (figure, error) {
	took, err := d.sync(500)
	return figure{name: "the disk alone, 16 KiB written and synced", unit: "/s", value: 1 / took.Seconds(), more: true}, err
}
