package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is what all rows share.
type bench struct {
	binary string
	dir    string // data directories are made below it
	disk   *disk
}

// newDir makes an empty data directory.
func (b *bench) newDir() (string, error) {
	return os.MkdirTemp(b.dir, "data-")
}

// server is a running Belfry.
type server struct {
	cmd     *exec.Cmd
	addr    string
	log     bytes.Buffer // standard error
	readyIn time.Duration
}

// start runs a server that accepts everybody on the data directory; it returns
// when it is ready.
func (b *bench) start(ctx context.Context, data string) (*server, error) {
	return b.serve(ctx, data, []string{"--dev"}, nil)
}

func (b *bench) serve(ctx context.Context, data string, args, env []string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, cmd: exec.CommandContext(ctx, binary, append([]string{"serve", "--data", data, "--listen", addr, "--log-level", "warn"}, args...)...)}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stderr = &s.log
	syscall.Sync() // what was written before is not to be waited for now
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		res, err := http.Get("http://" + addr + "/healthz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.readyIn = time.Since(began)
				return s, nil
			}
		}
		if time.Since(began) > time.Minute {
			return nil, errors.Join(errors.New("the server is not ready after a minute"), s.stop())
		}
		time.Sleep(time.Millisecond)
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends the server gracefully.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server: %w\n%s", err, s.log.String())
	}
	return nil
}

// memory returns the resident memory of the server in MiB, now and at its peak.
func (s *server) memory() (now, peak float64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			peak = kib / 1024
		}
	}
	return now, peak, nil
}

// share returns how much of a core the server takes from now on for so long, in
// per cent.
func (s *server) share(watched time.Duration) (float64, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	time.Sleep(watched)
	after, err := s.cpu()
	return 100 * (after - before).Seconds() / watched.Seconds(), err
}

// cpu returns the processor time that the server has used.
func (s *server) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may hold blanks; user and system time are the
	// twelfth and thirteenth field after it, in ticks of 10 ms.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("unexpected stat: %s", b)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// metric returns a sample of /metrics; one that is not there is 0.
func (s *server) metric(name string) (float64, error) {
	res, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(body), "\n") {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, nil
}
