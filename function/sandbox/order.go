package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Names under which the server's program runs as something else. They hold a
// space, so that nobody has a program of that name by accident.
const (
	shimName  = "belfry sandbox"
	trialName = "belfry trial"
)

// Descriptors of the shim.
const (
	controlFD   = 3
	firstFileFD = 4
)

// maxMessage bounds an order, in bytes; a function's environment, the largest
// part, is at most 4 KB.
const maxMessage = 64 << 10

// An order is what the server tells a shim to do, as one message on its control
// socket.
type order struct {
	Path       string
	Args, Env  []string
	Dir        string
	Files      int  // descriptors that the program gets from 3 on
	Namespaces bool // the shim is in namespaces of its own
	Network    bool // so is its network
	Root       string
	Mounts     []Mount
	Places     []string
	Storage    int // MB of /tmp
	User       int // user and group of the program; 0: the shim's own
	Processes  int
	Ports      []int // to listen on, on 127.0.0.1
}

// An answer is what the shim says: once when the program has started, with
// descriptors, or could not be; to each assignment; and once when it has exited.
type answer struct {
	Error    string          `json:",omitempty"`
	Exec     bool            `json:",omitempty"` // it is the program that cannot be started
	Assigned bool            `json:",omitempty"` // an assignment is done, or refused with the error
	Exited   bool            `json:",omitempty"`
	Status   unix.WaitStatus `json:",omitempty"`
}

// Commands to the shim: one byte, and after that of an assignment what it is.
const (
	stopCommand     = 's'
	continueCommand = 'c'
	assignCommand   = 'a'
)

func send(fd int, v any, files ...int) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return fmt.Errorf("%d bytes of settings are more than a sandbox takes", len(data))
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	return unix.Sendmsg(fd, data, rights, nil, unix.MSG_NOSIGNAL)
}

// receive reads one message from a blocking socket; os.ErrClosed means that the
// other side is gone.
func receive(fd int, buf []byte) ([]byte, error) {
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return nil, os.ErrClosed
		default:
			return buf[:n], nil
		}
	}
}
