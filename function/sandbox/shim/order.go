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
	controlFD = 3
	otherFD   = 4 // and above: none of ours
)

// MaxMessage bounds an order, in bytes; a function's environment, the largest
// part, is at most 4 KB.
const MaxMessage = 64 << 10

// A Mount shows a file or folder of the host in the sandbox, read-only.
type Mount struct{ Source, Target string }

// A Setting is what a shim is told first, as one message on its control socket:
// what does not depend on the program. It prepares that, and waits for its order.
type Setting struct {
	Namespaces bool // the shim is in namespaces of its own
	Network    bool // so is its network
	Root       string
	User       int    // user and group of the program; 0: the shim's own
	Filter     []byte // of system calls, as the kernel takes it
}

// Encode returns the setting as a message.
func (s *Setting) Encode() []byte {
	var w writer
	w.bool(s.Namespaces)
	w.bool(s.Network)
	w.str(s.Root)
	w.num(s.User)
	w.str(string(s.Filter))
	return w.b
}

func decodeSetting(b []byte) (s Setting, err error) {
	r := reader{b: b}
	s.Namespaces, s.Network, s.Root, s.User = r.bool(), r.bool(), r.str(), r.num()
	s.Filter = []byte(r.str()) // a copy: the message's memory is used again
	return s, r.err()
}

// An Order is what the server tells a shim to start, as its second message. With
// it come descriptors: the program's output, and those that it gets from 3 on.
type Order struct {
	Path      string
	Args, Env []string
	Dir       string
	Mounts    []Mount
	Places    []string
	Storage   int // MB of /tmp
	Processes int
	Ports     []int // to listen on, on 127.0.0.1
}

// Encode returns the order as a message.
func (o *Order) Encode() []byte {
	var w writer
	w.str(o.Path)
	w.strs(o.Args)
	w.strs(o.Env)
	w.str(o.Dir)
	w.mounts(o.Mounts)
	w.strs(o.Places)
	for _, n := range []int{o.Storage, o.Processes, len(o.Ports)} {
		w.num(n)
	}
	for _, p := range o.Ports {
		w.num(p)
	}
	return w.b
}

func decodeOrder(b []byte) (o Order, err error) {
	r := reader{b: b}
	o.Path, o.Args, o.Env, o.Dir = r.str(), r.strs(), r.strs(), r.str()
	o.Mounts, o.Places = r.mounts(), r.strs()
	o.Storage, o.Processes = r.num(), r.num()
	o.Ports = make([]int, r.count())
	for i := range o.Ports {
		o.Ports[i] = r.num()
	}
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

// maxOrderFiles bounds the descriptors that come with an order.
const maxOrderFiles = 32

// receiveSetting waits for the setting.
func receiveSetting(buf []byte) (Setting, error) {
	data, err := receive(controlFD, buf)
	if err != nil {
		return Setting{}, err
	}
	return decodeSetting(data)
}

// receiveOrder waits for the order.
func receiveOrder(buf []byte) (o Order, files []int, err error) {
	rights := make([]byte, syscall.CmsgSpace(4*maxOrderFiles))
	for {
		n, rn, _, _, err := syscall.Recvmsg(controlFD, buf, rights, syscall.MSG_CMSG_CLOEXEC)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = os.ErrClosed
		}
		if err != nil {
			return o, nil, err
		}
		if o, err = decodeOrder(buf[:n]); err != nil {
			return o, nil, err
		}
		messages, err := syscall.ParseSocketControlMessage(rights[:rn])
		if err != nil || len(messages) != 1 {
			return o, nil, errMessage
		}
		files, err = syscall.ParseUnixRights(&messages[0])
		return o, files, err
	}
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
