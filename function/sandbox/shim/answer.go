package shim

import (
	"encoding/binary"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Words that an answer tells, and others. The machine itself notes at the first two
// which instruction was refused, and why.
var (
	failedAt  = n(dataAt) // and the reason
	pidAt     = n(dataAt + 16)
	statusAt  = n(dataAt + 24) // of what has exited
	unbornAt  = n(dataAt + 32) // 1: the child could not become the program
	gotAt     = n(dataAt + 40) // a result that the next instructions need
	handleAt  = n(dataAt + 48) // a descriptor, for as long
	hostAt    = n(dataAt + 56) // a descriptor of the host's mounts
	ownAt     = n(dataAt + 64) // and of the sandbox's
	scratchAt = n(dataAt + 256)
	treesAt   = dataAt + 512 // descriptors of folders, for an assignment

	scratch    = 128 // bytes
	answerTold = 32  // bytes of words
)

// An Answer is what the shim says: once when the program has started, with
// descriptors, or could not be; to an assignment; and once when the program has
// exited.
type Answer struct {
	Kind   AnswerKind
	PID    int                // of the program, as the shim sees it, once it has started
	Status syscall.WaitStatus // of Exited
	Err    error              // of Refused and Unassigned: which step, and why
	Exec   bool               // of Refused: it is the program that cannot be started
}

// AnswerKind says what an answer is about.
type AnswerKind uint8

// Kinds of answers.
const (
	Started AnswerKind = iota + 1
	Refused
	Assigned
	Unassigned
	Exited
)

// A stepError is what a step towards the sandbox has failed of.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// rights are descriptors that go with an answer (SCM_RIGHTS).
type rights struct {
	at    arg // of the control message
	size  int
	files []arg // where each descriptor is put, in order: it takes 4 bytes, and what is put there 8
}

func (p *Program) rights(count int) (r rights) {
	if count == 0 {
		return r
	}
	const header = 16
	b := binary.NativeEndian.AppendUint64(nil, uint64(header+4*count))
	b = binary.NativeEndian.AppendUint32(b, unix.SOL_SOCKET)
	b = binary.NativeEndian.AppendUint32(b, unix.SCM_RIGHTS)
	r.size = unix.CmsgSpace(4 * count)
	r.at = p.bytes(append(b, make([]byte, 4*count+4)...))
	for i := range count {
		at := r.at
		at.value += header + 4*i
		r.files = append(r.files, at)
	}
	return r
}

// answer adds that the shim says something.
func (p *Program) answer(kind AnswerKind, with rights) *coded {
	said := p.longs(p.longs(n(int(kind))), n(8), failedAt, n(answerTold))
	return p.call(unix.SYS_SENDMSG, n(controlFD), p.longs(n(0), n(0), said, n(2), with.at, n(with.size), n(0)), n(unix.MSG_NOSIGNAL))
}

// DecodeAnswer reads what a shim said that was sent the programs.
func DecodeAnswer(b []byte, programs ...*Program) (a Answer, err error) {
	if len(b) != 8+answerTold {
		return a, errors.New("an answer of a sandbox is damaged")
	}
	word := func(i int) int { return int(binary.NativeEndian.Uint64(b[8*i:])) }
	a.Kind, a.PID, a.Status = AnswerKind(word(0)), word(3), syscall.WaitStatus(word(4))
	if a.Kind != Refused && a.Kind != Unassigned {
		return a, nil
	}
	reason := syscall.Errno(-word(2))
	for _, p := range programs {
		if c := p.instructionAt(word(1)); c != nil {
			a.Err, a.Exec = &stepError{c.step, reason}, c.exec
			return a, nil
		}
	}
	return a, errors.New("a sandbox failed of an unknown step: " + reason.Error())
}
