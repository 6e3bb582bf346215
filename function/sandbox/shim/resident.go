package shim

import (
	"golang.org/x/sys/unix"
)

// Name is what a shim is called by its first argument.
const Name = "belfry sandbox"

// Descriptors of the shim: 0 to 2 are /dev/null. The kernel gives the lowest number
// that is free, so those that come with an order follow one another.
const (
	controlFD = 3
	signalFD  = 4
	orderFD   = 5
)

// maxMessage bounds a program, in bytes: the machine has room for so much, and
// would carry out the beginning of more. A function's environment, the largest part
// of an order, is at most 4 KB.
const maxMessage = orderAt - residentAt

// A Mount shows a file or folder of the host in the sandbox, read-only.
type Mount struct{ Source, Target string }

// A Setting is what a shim is told first: what does not depend on the program.
type Setting struct {
	Namespaces bool // the shim is in namespaces of its own
	Network    bool // so is its network
	Root       string
	User       int // and group of the sandbox's program; 0: the shim's own
	Own        int // user of the shim, as it sees itself
}

// Places in the setting's program that others come back to.
var (
	refusedAt = n(residentAt + 1*instruction)
	waitAt    = n(residentAt + 3*instruction)
)

// bootProgram takes the first message.
func bootProgram() ([]byte, error) {
	p := &Program{at: bootAt, fails: n(bootAt + 1*instruction)}
	p.jump(n(bootAt + 2*instruction))
	p.call(unix.SYS_EXIT_GROUP, n(1))
	p.call(unix.SYS_MMAP, n(dataAt), n(dataEnd-dataAt), n(unix.PROT_READ|unix.PROT_WRITE), n(unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED), n(-1), n(0))
	p.call(unix.SYS_READ, n(controlFD), n(residentAt), n(orderAt-residentAt)).to(gotAt)
	p.ifEqual(content(gotAt), n(0), p.fails) // the server is gone
	p.jump(n(residentAt))
	p, err := p.finish()
	if err != nil {
		return nil, err
	}
	return p.Message, nil
}

// Program is the setting's. It makes what is the same for all programs, takes the
// order, and stays: when the order has been carried out, it waits for commands and
// for the end of the program.
func (s *Setting) Program() (*Program, error) {
	p := &Program{at: residentAt, code: make([]coded, 0, 320), data: make([]byte, 0, 8<<10)}
	p.jump(n(0)) // to where it begins: not known yet
	p.answer(Refused, rights{}).orNot()
	leave := p.here()
	p.call(unix.SYS_EXIT_GROUP, n(1))
	p.wait(leave)

	unready := p.here() // the order is refused, whatever it is
	p.call(unix.SYS_READ, n(controlFD), n(orderAt), n(dataEnd-orderAt)).elseTo(leave)
	p.jump(refusedAt)

	p.code[0].args[2] = p.here()
	p.fails = unready
	p.step = "close what is inherited"
	p.call(unix.SYS_CLOSE_RANGE, n(controlFD+1), n(-1), n(0))
	p.call(unix.SYS_FCNTL, n(controlFD), n(unix.F_SETFD), n(unix.FD_CLOEXEC))
	p.call(unix.SYS_PRCTL, n(unix.PR_SET_NAME), p.str(Name)).orNot()
	if s.Namespaces {
		if err := p.buildRoot(s); err != nil {
			return nil, err
		}
		p.step = "name the host"
		p.call(unix.SYS_SETHOSTNAME, p.str("localhost"), n(len("localhost")))
	}
	if s.Network {
		p.loopbackUp()
	}
	p.dropOwn()
	p.step = "hear of the program's end"
	p.call(unix.SYS_RT_SIGPROCMASK, n(unix.SIG_BLOCK), p.longs(ended), n(0), n(8))
	p.call(unix.SYS_SIGNALFD4, n(-1), p.longs(ended), n(8), n(unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)) // it is signalFD

	into := p.longs(n(orderAt), n(dataEnd-orderAt))
	files := p.bytes(make([]byte, unix.CmsgSpace(4*maxOrderFiles)))
	order := p.longs(n(0), n(0), into, n(1), files, n(unix.CmsgSpace(4*maxOrderFiles)), n(0))
	p.call(unix.SYS_RECVMSG, n(controlFD), order, n(unix.MSG_CMSG_CLOEXEC)).to(gotAt).elseTo(leave)
	p.ifEqual(content(gotAt), n(0), leave)
	p.jump(n(orderAt))
	return p.finish()
}

// maxOrderFiles bounds the descriptors that come with an order.
const maxOrderFiles = 32

// ended is the set of the one signal SIGCHLD.
var ended = n(1 << (unix.SIGCHLD - 1))

// wait carries out commands, and leaves with the program or with the server.
func (p *Program) wait(leave arg) {
	const pollIn = 1 << 32 // the second half of a struct pollfd
	p.call(unix.SYS_PPOLL, p.longs(n(pollIn|controlFD), n(pollIn|signalFD)), n(2), n(0), n(0)).orNot()
	p.call(unix.SYS_READ, n(signalFD), scratchAt, n(scratch)).orNot()
	reap := p.here()
	p.call(unix.SYS_WAIT4, n(-1), statusAt, n(unix.WNOHANG), n(0)).to(gotAt)
	p.ifEqual(content(gotAt), n(0), n(0)) // there are none: a command, if there is one
	p.ifEqual(content(gotAt), content(pidAt), n(0))
	p.jump(reap)
	exited := p.here()
	p.answer(Exited, rights{}).orNot()
	p.call(unix.SYS_EXIT_GROUP, n(0))
	command := p.here()
	found := p.code[reap.value:]
	found[0].failed, found[1].args[2], found[2].args[2] = command, command, exited
	p.call(unix.SYS_RECVFROM, n(controlFD), n(orderAt), n(dataEnd-orderAt), n(unix.MSG_DONTWAIT), n(0), n(0)).to(gotAt).elseTo(waitAt)
	p.ifEqual(content(gotAt), n(0), leave)
	p.jump(n(orderAt))
}

// Signal is a program that sends a signal to the sandbox's program and all that it
// has started; pid is the program's, 0 when it has namespaces of its own.
func Signal(pid int, signal unix.Signal) (*Program, error) {
	target := -pid // its own group
	if pid == 0 {
		target = -1 // all that is in there, save the shim
	}
	p := &Program{at: orderAt, fails: waitAt}
	p.call(unix.SYS_KILL, n(target), n(int(signal))) // it is just ending
	p.jump(waitAt)
	return p.finish()
}
