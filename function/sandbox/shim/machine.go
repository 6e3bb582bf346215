package shim

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// The machine knows one instruction. It makes the system call number with its
// arguments, those that mask names being the contents of a word; puts the result
// into a word, unless that is 0; and goes on at next, or at failed when the kernel
// has refused: then it notes at dataAt its own address and the negative error
// number. Instead of a call, ifEqual goes on at the third argument when the first
// two are the same.
//
// In memory an instruction is eleven signed numbers of 32 bits: number, mask, the
// arguments, the word of the result, failed, next. All addresses are fixed.
const (
	instruction = 11 * 4 // bytes

	codeAt     = 0x400000           // the executable
	bootAt     = codeAt + bootOff   // its first instructions; the machine's code has it too
	dataAt     = 0x600000           // words; the machine's code has it too
	residentAt = dataAt + 0x1000    // the first message, which stays
	orderAt    = residentAt + 1<<16 // those that follow, one over the other
	dataEnd    = orderAt + 1<<17

	bootOff = 0x800
	page    = 1 << 12

	ifEqual = -1
)

// machine is the code of the executable. It is not called.
func machine() //nolint:unused // bounds says where it is

// bounds are where the machine's code begins and ends.
func bounds() (begin, end unsafe.Pointer)

const (
	elfHeader, elfSegment = 64, 56 // bytes
	codeOff               = elfHeader + 2*elfSegment
)

// Executable is the shim as a file.
func Executable() ([]byte, error) {
	begin, end := bounds()
	size := int(uintptr(end) - uintptr(begin))
	if size <= 0 || size > bootOff-codeOff {
		return nil, errors.New("the code of the shim is not where it should be")
	}
	code := unsafe.Slice((*byte)(begin), size)
	boot, err := bootProgram()
	if err != nil {
		return nil, err
	}
	const (
		executable, version, load, stack = 2, 1, 1, 0x6474e551
		x, w, r                          = 1, 2, 4
	)
	var b []byte
	half := func(n ...uint16) {
		for _, v := range n {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
	}
	word := func(n ...uint32) {
		for _, v := range n {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	long := func(n ...uint64) {
		for _, v := range n {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	b = append(b, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"...) // 64 bits, little-endian
	half(executable, elfMachine)
	word(version)
	long(codeAt+codeOff, elfHeader, 0) // where it begins, and the segments; there are no sections
	word(0)
	half(elfHeader, elfSegment, 2, 0, 0, 0)
	word(load, r|x)
	long(0, codeAt, codeAt, uint64(bootOff+len(boot)), uint64(bootOff+len(boot)), 1<<16)
	word(stack, r|w)
	long(0, 0, 0, 0, 0, 16)
	b = append(b, code...)
	b = append(b, make([]byte, bootOff-len(b))...)
	b = append(b, boot...)
	if len(b) > page {
		return nil, errors.New("the shim is more than a page")
	}
	return b, nil
}
