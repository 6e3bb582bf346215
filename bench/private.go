package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// privateMemory is what the one instance of the server takes for itself, with
// the sandbox's own process, in MiB.
func (s *functionServer) privateMemory() (float64, error) {
	parents, err := processes()
	if err != nil {
		return 0, err
	}
	server := s.cmd.Process.Pid
	for pid, parent := range parents {
		switch {
		case parent == server && !isShim(pid): // not isolated
			return private(pid)
		case parents[parent] == server && isShim(parent):
			program, err := private(pid)
			shim, err2 := private(parent)
			return program + shim, errors.Join(err, err2)
		}
	}
	return 0, errors.New("the server has no instance")
}

// processes are those of this machine, with their parents.
func processes() (map[int]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, f := range files {
		stat, err := os.ReadFile(f)
		if err != nil {
			continue // gone meanwhile
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	return parents, nil
}

func isShim(pid int) bool {
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.HasPrefix(args, []byte("belfry sandbox\x00"))
}

// private is the memory that a process shares with no other, in MiB.
func private(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	var kib float64
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[0], "Private_") && f[0] != "Private_Hugetlb:" {
			n, _ := strconv.ParseFloat(f[1], 64)
			kib += n
		}
	}
	return kib / 1024, nil
}
