package function

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostVariable marks the processes of one host in their environment.
const hostVariable = "_BELFRY_HOST"

// spawner starts processes that die with the server. The kernel ties that
// promise (PR_SET_PDEATHSIG) to the thread that starts them, so one thread does
// it for as long as the host lives.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *spawner) run() {
	defer close(s.done)
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for r := range s.requests {
		r.done <- r.cmd.Start()
	}
}

// start starts cmd, in a process group of its own unless it says otherwise.
func (s *spawner) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}
	r := spawnRequest{cmd: cmd, done: make(chan error, 1)}
	s.requests <- r
	return <-r.done
}

// close ends the thread, and with it every process that still lives.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}

// closeOnExec keeps descriptors that the server was started with, by a shell
// or a supervisor, from instances. What Go opens is marked already.
func closeOnExec() {
	entries, _ := os.ReadDir("/proc/self/fd") // none: nothing can be done
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// killGroup ends a process and what it started. The leader must not have been
// waited for yet, or its number may be somebody else's.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // no such group: done already

// waitExit returns when the process has exited, and leaves it to be waited for.
func waitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// killLeftovers ends the processes that a killed server left behind: its
// instances died with it, what they had started may not have.
func killLeftovers(id string, log *slog.Logger) {
	mark := []byte("\x00" + hostVariable + "=" + id + "\x00")
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is right
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(append([]byte{0}, env...), mark) {
			continue // gone meanwhile, another user's, or not ours
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			continue
		}
		log.Info("ending a process that a function left behind", "pid", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone meanwhile
	}
}

// hostID returns the lasting random name of the host in dir.
func hostID(dir string) (string, error) {
	path := filepath.Join(dir, "host-id")
	b, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(b)); err == nil && len(id) == 32 {
		return id, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the host's id: %w", err)
	}
	id := randomHex(16)
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the host's id: %w", err)
	}
	return id, nil
}
