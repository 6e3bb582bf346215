package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// trialName is what this program is called when it is its own trial.
const trialName = "belfry trial"

// canReexecute says that this program can be its own trial.
var canReexecute atomic.Bool

// Main must be called first by the main function of a program that makes
// sandboxes. It returns at once, unless this process is a trial of them; then it
// never returns.
func Main() {
	if os.Args[0] == trialName {
		os.Exit(trial())
	}
	canReexecute.Store(true)
}

// trial is the program of a trial: it tries what a program must not be able to
// do, and prints what it could.
func trial() int {
	found := privileges()
	if len(os.Args) > 1 && os.Args[1] == "true" {
		found = append(found, surroundings()...)
	}
	if len(found) == 0 {
		return 0
	}
	fmt.Println(strings.Join(found, "; "))
	return 1
}

// privileges are those that this process should not have.
func privileges() (found []string) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return []string{err.Error()}
	}
	want := map[string]string{
		"CapInh:": "0000000000000000", "CapPrm:": "0000000000000000", "CapEff:": "0000000000000000",
		"CapBnd:": "0000000000000000", "CapAmb:": "0000000000000000", "NoNewPrivs:": "1", "Seccomp:": "2",
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) == 2 && want[f[0]] != "" {
			if want[f[0]] != f[1] {
				found = append(found, f[0]+" "+f[1])
			}
			delete(want, f[0])
		}
	}
	for name := range want {
		found = append(found, name+" is not told")
	}
	if os.Getuid() == 0 {
		found = append(found, "the user is root")
	}
	if err := unix.Unshare(unix.CLONE_NEWUSER); !errors.Is(err, unix.EPERM) {
		found = append(found, fmt.Sprintf("unshare answers %v", err))
	}
	return found
}

// surroundings are what should not be there.
func surroundings() (found []string) {
	for _, path := range []string{"/etc/shadow", "/root/.ssh", "/home", "/sys", "/var/tmp", "/dev/shm"} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			found = append(found, path+" is there")
		}
	}
	if err := os.WriteFile("/belfry", nil, 0o600); !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EACCES) {
		found = append(found, fmt.Sprintf("writing to the root answers %v", err))
	}
	if err := os.WriteFile("/tmp/belfry", nil, 0o600); err != nil {
		found = append(found, fmt.Sprintf("/tmp cannot be used: %v", err))
	}
	if pid := os.Getppid(); pid != 1 {
		found = append(found, fmt.Sprintf("the parent is the process %d", pid))
	}
	all, err := net.Interfaces()
	if err != nil || len(all) != 1 || all[0].Name != "lo" {
		found = append(found, fmt.Sprintf("the network is %v, %v", all, err))
	}
	return found
}
