package shim

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An arg is an argument of an instruction.
type arg struct {
	kind    argKind
	content bool
	value   int
}

type argKind uint8

const (
	number argKind = iota
	inData         // an offset in the program's data
	inCode         // an offset in its code, in instructions
)

func n(v int) arg { return arg{kind: number, value: v} }

// content is what is in the word at an address when the instruction is carried out.
func content(address arg) arg {
	address.content = true
	return address
}

// A Program is a message to the machine: instructions, and data for them. It is
// put together in order, and goes to a fixed address.
type Program struct {
	Message []byte

	at    int
	code  []coded
	data  []byte
	fixes []int  // offsets of addresses in the data, which are relative to it
	fails arg    // where instructions go on that are refused
	step  string // what they are about
}

// A coded instruction of a program.
type coded struct {
	number       int
	args         [6]arg
	result       arg
	failed, next arg
	step         string
	exec         bool // it fails when the program of the order cannot be started
}

// here is the place of the next instruction.
func (p *Program) here() arg { return arg{kind: inCode, value: len(p.code)} }

// call adds an instruction, and returns it so that more can be said about it: until
// the next one is added.
func (p *Program) call(number int, args ...arg) *coded {
	c := coded{number: number, failed: p.fails, next: arg{kind: inCode, value: len(p.code) + 1}, step: p.step}
	copy(c.args[:], args)
	p.code = append(p.code, c)
	return &p.code[len(p.code)-1]
}

// to has the result go to the word at an address.
func (c *coded) to(address arg) *coded {
	c.result = address
	return c
}

// orNot goes on when the kernel refuses.
func (c *coded) orNot() *coded {
	c.failed = c.next
	return c
}

// elseTo goes on elsewhere when the kernel refuses.
func (c *coded) elseTo(place arg) *coded {
	c.failed = place
	return c
}

// ifEqual goes on elsewhere when both are the same.
func (p *Program) ifEqual(a, b, place arg) { p.call(ifEqual, a, b, place) }

func (p *Program) jump(place arg) { p.ifEqual(n(0), n(0), place) }

// bytes adds data, at an address that can be divided by 8.
func (p *Program) bytes(b []byte) arg {
	p.data = append(p.data, make([]byte, -len(p.data)&7)...)
	at := len(p.data)
	p.data = append(p.data, b...)
	return arg{kind: inData, value: at}
}

// str adds a string as the kernel takes it.
func (p *Program) str(s string) arg {
	at := len(p.data)
	p.data = append(append(p.data, s...), 0)
	return arg{kind: inData, value: at}
}

// longs adds words. Addresses in the data are made what they are later.
func (p *Program) longs(values ...arg) arg {
	at := p.bytes(nil)
	for _, v := range values {
		if v.kind == inData {
			p.fixes = append(p.fixes, len(p.data))
		}
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(v.value))
	}
	return at
}

// strs adds strings as the kernel takes a list of them.
func (p *Program) strs(list []string) arg {
	var all []arg
	for _, s := range list {
		all = append(all, p.str(s))
	}
	return p.longs(append(all, n(0))...)
}

// finish makes the program a message, of at most maxMessage.
func (p *Program) finish() (*Program, error) {
	data := (len(p.code)*instruction + 7) &^ 7
	b := make([]byte, 0, data+len(p.data))
	var err error
	put := func(v int) {
		if v > math.MaxInt32 || v < math.MinInt32 {
			err = fmt.Errorf("%d is no argument of a shim's", v)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	value := func(a arg) int {
		switch a.kind {
		case inData:
			return p.at + data + a.value
		case inCode:
			return p.at + a.value*instruction
		case number:
		}
		return a.value
	}
	for _, c := range p.code {
		mask := 0
		for i, a := range c.args {
			if a.content {
				mask |= 1 << i
			}
		}
		put(c.number)
		put(mask)
		for _, a := range c.args {
			put(value(a))
		}
		put(value(c.result))
		put(value(c.failed))
		put(value(c.next))
	}
	if err != nil {
		return nil, err
	}
	b = append(b, make([]byte, data-len(b))...)
	for _, at := range p.fixes {
		offset := binary.LittleEndian.Uint64(p.data[at:])
		binary.LittleEndian.PutUint64(p.data[at:], offset+uint64(p.at+data))
	}
	p.fixes = nil
	p.Message = append(b, p.data...)
	if len(p.Message) > maxMessage {
		return nil, fmt.Errorf("%d bytes are more than a sandbox takes at once", len(p.Message))
	}
	return p, nil
}

// instructionAt is the one at an address; nil: it is of another program.
func (p *Program) instructionAt(address int) *coded {
	i := (address - p.at) / instruction
	if address < p.at || i >= len(p.code) {
		return nil
	}
	return &p.code[i]
}
