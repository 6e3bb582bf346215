package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

// A sample is one look at the server; sizes are in MiB.
type sample struct {
	after                     time.Duration // since the load began
	rss, anonymous, file      float64       // resident memory, and what of it is no file, and a file
	heap, idle, stacks, other float64       // of Go: in use, held and free, stacks, the rest
	outside                   float64       // anonymous memory that is not Go's: SQLite's
	goroutines, descriptors   float64
	disk                      float64
	late                      float64 // 99th percentile of start lateness since the look before, ms; NaN-free: 0 when nothing started
}

func (s *sample) String() string {
	return fmt.Sprintf("%5.1f min: RSS %.0f MiB, Go heap %.0f MiB in use", s.after.Minutes(), s.rss, s.heap)
}

// look samples the server; before is what the metrics were at the look before.
func look(ctx context.Context, srv *rig.Server, data string, before map[string]float64) (s sample, m map[string]float64, err error) {
	if m, err = srv.Metrics(ctx); err != nil {
		return s, nil, err
	}
	const mib = 1 << 20
	s.heap = m["go_memstats_heap_inuse_bytes"] / mib
	s.idle = (m["go_memstats_heap_idle_bytes"] - m["go_memstats_heap_released_bytes"]) / mib
	s.stacks = m["go_memstats_stack_inuse_bytes"] / mib
	s.other = (m["go_memstats_mspan_sys_bytes"] + m["go_memstats_mcache_sys_bytes"] + m["go_memstats_buck_hash_sys_bytes"] + m["go_memstats_gc_sys_bytes"] + m["go_memstats_other_sys_bytes"]) / mib
	s.goroutines, s.descriptors = m["go_goroutines"], m["process_open_fds"]
	s.late = 1000 * quantile(m, before, "belfry_start_lateness_seconds", .99)
	if s.disk, err = diskUse(data); err != nil {
		return s, m, err
	}
	status, err := procStatus(srv.PID())
	s.rss, s.anonymous, s.file = status["VmRSS"]/1024, status["RssAnon"]/1024, status["RssFile"]/1024
	s.outside = s.anonymous - s.heap - s.idle - s.stacks - s.other
	return s, m, err
}

// procStatus reads the figures of /proc/PID/status, in KiB.
func procStatus(pid int) (map[string]float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSuffix(lines.Text(), " kB"), ":"); ok {
			if kib, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				all[name] = kib
			}
		}
	}
	return all, nil
}

// diskUse is what the files of a directory take, in MiB.
func diskUse(dir string) (float64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreGone(err)
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return ignoreGone(err)
	})
	return float64(sum) / (1 << 20), err
}

// ignoreGone leaves out that a file went while the directory was read.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// quantile is the upper bound of the bucket of a histogram in which the quantile
// lies of what was observed between two looks; 0 when nothing was.
func quantile(now, before map[string]float64, name string, q float64) float64 {
	type bucket struct{ le, n float64 }
	var all []bucket
	for sample, n := range now {
		rest, ok := strings.CutPrefix(sample, name+`_bucket{le="`)
		if !ok {
			continue
		}
		le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64)
		if err == nil {
			all = append(all, bucket{le, n - before[sample]})
		}
	}
	slices.SortFunc(all, func(a, b bucket) int { return int(a.n - b.n) })
	slices.SortStableFunc(all, func(a, b bucket) int {
		switch {
		case a.le < b.le:
			return -1
		case a.le > b.le:
			return 1
		}
		return 0
	})
	if len(all) == 0 || all[len(all)-1].n == 0 {
		return 0
	}
	want := q * all[len(all)-1].n
	for i, b := range all {
		if b.n >= want {
			if i == len(all)-1 && i > 0 {
				return all[i-1].le // beyond the last bound
			}
			return b.le
		}
	}
	return 0
}
