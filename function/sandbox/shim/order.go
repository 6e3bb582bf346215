package shim

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An Order is what program to start. With it come descriptors: the program's
// output, and those that it gets from 3 on.
type Order struct {
	Path      string
	Args, Env []string
	Dir       string
	Files     int // beside the output
	Mounts    []Mount
	Places    []string
	Storage   int // MB of /tmp
	Processes int
	Ports     []int  // to listen on, on 127.0.0.1
	Filter    []byte // of system calls, as the kernel takes it
}

// backlog is how many connections may wait to be accepted.
const backlog = 128

// Program is the order's, for a shim of the setting. Its answer comes with the
// listeners, and with namespaces the program's /proc/PID/status.
func (o *Order) Program(s *Setting) (*Program, error) {
	if o.Files >= maxOrderFiles {
		return nil, fmt.Errorf("a program gets at most %d descriptors", maxOrderFiles-1)
	}
	if len(o.Filter) == 0 {
		return nil, errors.New("there is no filter of system calls")
	}
	p := &Program{at: orderAt, fails: refusedAt}
	tells := len(o.Ports)
	if s.Namespaces {
		tells++
	}
	told := p.rights(tells)
	if s.Namespaces {
		if len(o.Places) > 0 {
			p.keepHost()
		}
		if err := p.enterRoot(s, o); err != nil {
			return nil, err
		}
	}
	if s.Network {
		for i, port := range o.Ports {
			p.listen(port, told.files[i])
		}
	}
	p.step = "start a child"
	p.call(unix.SYS_CLONE, n(unix.CLONE_VM|unix.CLONE_VFORK|int(unix.SIGCHLD)), n(0), n(0), n(0), n(0)).to(pidAt)
	p.ifEqual(content(pidAt), n(0), n(0)) // the child, which has its parent's memory until it is the program
	forked := len(p.code) - 1
	p.ifEqual(content(unbornAt), n(1), refusedAt)
	if s.Namespaces {
		p.step = "watch the program"
		p.call(unix.SYS_OPENAT, n(unix.AT_FDCWD), p.str("/proc/2/status"), n(unix.O_RDONLY|unix.O_CLOEXEC)).to(told.files[len(o.Ports)]) // the second process here
	}
	p.answer(Started, told)
	for i := range 1 + o.Files {
		p.call(unix.SYS_CLOSE, n(orderFD+i))
	}
	for _, f := range told.files { // the server has its own
		p.call(unix.SYS_CLOSE, content(f))
	}
	p.jump(waitAt)

	unborn := p.here()
	p.call(unix.SYS_FCNTL, n(controlFD), n(unix.F_GETFD)).to(unbornAt) // it is 1: closed on exec
	p.call(unix.SYS_EXIT_GROUP, n(1))
	p.fails = unborn
	p.code[forked].args[2] = p.here()
	p.child(s, o)
	return p.finish()
}

// child becomes the program.
func (p *Program) child(s *Setting, o *Order) {
	p.step = "part from the shim"
	p.call(unix.SYS_RT_SIGPROCMASK, n(unix.SIG_SETMASK), p.longs(n(0)), n(0), n(8))
	p.call(unix.SYS_SETSID)
	p.setLimits(o)
	p.become(s.User)
	if !s.Namespaces {
		p.step = "end with the shim"
		p.call(unix.SYS_PRCTL, n(unix.PR_SET_PDEATHSIG), n(int(unix.SIGKILL)), n(0), n(0), n(0))
	}
	first := len(p.code)
	p.step = "fork/exec " + o.Path
	p.call(unix.SYS_CHDIR, p.str(o.Dir))
	p.call(unix.SYS_DUP3, n(orderFD), n(1), n(0))
	p.call(unix.SYS_DUP3, n(orderFD), n(2), n(0))
	for i := range o.Files { // each goes to a lower place than it is in
		p.call(unix.SYS_DUP3, n(orderFD+1+i), n(3+i), n(0))
	}
	p.filterCalls(o.Filter)
	filter := &p.code[len(p.code)-1]
	p.step = "fork/exec " + o.Path
	p.call(unix.SYS_EXECVE, p.str(o.Path), p.strs(o.Args), p.strs(o.Env))
	for i := range p.code[first:] {
		p.code[first+i].exec = true
	}
	filter.exec = false
}

// listen puts what listens on a port of 127.0.0.1, which is all that a network
// namespace has, into a word.
func (p *Program) listen(port int, to arg) {
	p.step = fmt.Sprintf("listen on 127.0.0.1:%d", port)
	address := binary.NativeEndian.AppendUint16(nil, unix.AF_INET) // struct sockaddr_in
	address = binary.BigEndian.AppendUint16(address, uint16(port))
	address = append(address, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	p.call(unix.SYS_SOCKET, n(unix.AF_INET), n(unix.SOCK_STREAM|unix.SOCK_CLOEXEC), n(0)).to(to)
	p.call(unix.SYS_BIND, content(to), p.bytes(address), n(len(address)))
	p.call(unix.SYS_LISTEN, content(to), n(backlog))
}
