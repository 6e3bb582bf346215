#include "textflag.h"

// What the machine does is said in machine.go. R12 is the instruction; nothing is
// on the stack, so that a child can share memory with its parent.

// ARGUMENT loads the argument n, at the offset, into a register.
#define ARGUMENT(n, offset, register) \
	MOVLQSX offset(R12), register; \
	BTL $n, R13; \
	JCC 2(PC); \
	MOVQ (register), register

// func machine()
TEXT ·machine(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $0x400800, R12 // bootAt
run:
	MOVLQSX 0(R12), AX
	MOVL 4(R12), R13
	ARGUMENT(0, 8, DI)
	ARGUMENT(1, 12, SI)
	ARGUMENT(2, 16, DX)
	ARGUMENT(3, 20, R10)
	ARGUMENT(4, 24, R8)
	ARGUMENT(5, 28, R9)
	TESTQ AX, AX
	JMI compare
	SYSCALL
	MOVLQSX 32(R12), R14
	TESTQ R14, R14
	JEQ check
	MOVQ AX, (R14)
check:
	CMPQ AX, $-4095
	JCC failed
next:
	MOVL 40(R12), R12
	JMP run
failed:
	MOVL $0x600000, R14 // dataAt
	MOVQ R12, 0(R14)
	MOVQ AX, 8(R14)
	MOVL 36(R12), R12
	JMP run
compare:
	CMPQ DI, SI
	JNE next
	MOVQ DX, R12
	JMP run

TEXT ·machineEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET

// func bounds() (begin, end unsafe.Pointer)
TEXT ·bounds(SB), NOSPLIT, $0-16
	LEAQ ·machine(SB), AX
	MOVQ AX, begin+0(FP)
	LEAQ ·machineEnd(SB), AX
	MOVQ AX, end+8(FP)
	RET
