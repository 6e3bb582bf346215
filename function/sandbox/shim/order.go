package shim

import (
	"errors"
	"os"
	"syscall"
)

// Name is what a shim is called by its first argument. It holds a space, so that
// nobody has a program of that name by accident.
const Name = "belfry sandbox"

// Descriptors of the shim.
const (
	controlFD   = 3
	firstFileFD = 4
)

// MaxMessage bounds an order, in bytes; a function's environment, the largest
// part, is at most 4 KB.
const MaxMessage = 64 << 10

// A Mount shows a file or folder of the host in the sandbox, read-only.
type Mount struct{ Source, Target string }

// An Order is what the server tells a shim to do, as one message on its control
// socket.
type Order struct {
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
	Ports      []int  // to listen on, on 127.0.0.1
	Filter     []byte // of system calls, as the kernel takes it
}

// Encode returns the order as a message.
func (o *Order) Encode() []byte {
	var w writer
	w.str(o.Path)
	w.strs(o.Args)
	w.strs(o.Env)
	w.str(o.Dir)
	w.num(o.Files)
	w.bool(o.Namespaces)
	w.bool(o.Network)
	w.str(o.Root)
	w.mounts(o.Mounts)
	w.strs(o.Places)
	for _, n := range []int{o.Storage, o.User, o.Processes, len(o.Ports)} {
		w.num(n)
	}
	for _, p := range o.Ports {
		w.num(p)
	}
	w.str(string(o.Filter))
	return w.b
}

func decodeOrder(b []byte) (o Order, err error) {
	r := reader{b: b}
	o.Path, o.Args, o.Env, o.Dir = r.str(), r.strs(), r.strs(), r.str()
	o.Files, o.Namespaces, o.Network, o.Root = r.num(), r.bool(), r.bool(), r.str()
	o.Mounts, o.Places = r.mounts(), r.strs()
	o.Storage, o.User, o.Processes = r.num(), r.num(), r.num()
	o.Ports = make([]int, r.count())
	for i := range o.Ports {
		o.Ports[i] = r.num()
	}
	o.Filter = r.take(r.num())
	return o, r.err()
}

// An Assignment is what a program gets when it is known for whom it was started.
type Assignment struct {
	Mounts  []Mount // folders, each on a place of the order's
	Memory  int     // MB
	Storage int     // MB of /tmp
}

// Encode returns the assignment as a message. Limits of memory are not the
// shim's to set.
func (a *Assignment) Encode() []byte {
	w := writer{b: []byte{assignCommand}}
	w.mounts(a.Mounts)
	w.num(a.Storage)
	return w.b
}

func decodeAssignment(b []byte) (a Assignment, err error) {
	r := reader{b: b}
	a.Mounts, a.Storage = r.mounts(), r.num()
	return a, r.err()
}

// An Answer is what the shim says: once when the program has started, with
// descriptors, or could not be; to an assignment; and once when it has exited.
type Answer struct {
	Kind   AnswerKind
	Error  string // of all but Exited; empty: it went well
	Exec   bool   // it is the program that cannot be started
	Status syscall.WaitStatus
}

// AnswerKind says what an answer is about.
type AnswerKind uint8

// Kinds of answers.
const (
	Started AnswerKind = iota
	Assigned
	Exited
)

func (a *Answer) encode() []byte {
	var w writer
	w.num(int(a.Kind))
	w.str(a.Error)
	w.bool(a.Exec)
	w.num(int(a.Status))
	return w.b
}

// DecodeAnswer reads an answer.
func DecodeAnswer(b []byte) (Answer, error) {
	r := reader{b: b}
	a := Answer{Kind: AnswerKind(r.num()), Error: r.str(), Exec: r.bool(), Status: syscall.WaitStatus(r.num())}
	return a, r.err()
}

// Commands to the shim: one byte, and after that of an assignment what it is.
const (
	StopCommand     = 's'
	ContinueCommand = 'c'
	assignCommand   = 'a'
)

func answer(a Answer, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = syscall.UnixRights(files...)
	}
	return syscall.Sendmsg(controlFD, a.encode(), rights, nil, syscall.MSG_NOSIGNAL)
}

// receive reads one message from a blocking socket; os.ErrClosed means that the
// other side is gone.
func receive(fd int, buf []byte) ([]byte, error) {
	for {
		n, err := syscall.Read(fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return nil, os.ErrClosed
		default:
			return buf[:n], nil
		}
	}
}
