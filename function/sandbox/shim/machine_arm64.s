#include "textflag.h"

// What the machine does is said in machine.go. R19 is the instruction; nothing is
// on the stack, so that a child can share memory with its parent.

// ARGUMENT loads the argument n, at the offset, into a register.
#define ARGUMENT(n, offset, register) \
	MOVW offset(R19), register; \
	TBZ $n, R20, 2(PC); \
	MOVD (register), register

// func machine()
TEXT ·machine(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $0x4008, R19 // bootAt
	LSL $8, R19, R19
run:
	MOVW 0(R19), R8
	MOVWU 4(R19), R20
	ARGUMENT(0, 8, R0)
	ARGUMENT(1, 12, R1)
	ARGUMENT(2, 16, R2)
	ARGUMENT(3, 20, R3)
	ARGUMENT(4, 24, R4)
	ARGUMENT(5, 28, R5)
	TBNZ $63, R8, compare
	SVC
	MOVW 32(R19), R21
	CBZ R21, check
	MOVD R0, (R21)
check:
	CMN $4095, R0
	BCS failed
next:
	MOVWU 40(R19), R19
	B run
failed:
	MOVD $0x60, R21 // dataAt
	LSL $16, R21, R21
	MOVD R19, 0(R21)
	MOVD R0, 8(R21)
	MOVWU 36(R19), R19
	B run
compare:
	CMP R1, R0
	BNE next
	MOVD R2, R19
	B run

TEXT ·machineEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET

// func bounds() (begin, end unsafe.Pointer)
TEXT ·bounds(SB), NOSPLIT, $0-16
	MOVD $·machine(SB), R0
	MOVD R0, begin+0(FP)
	MOVD $·machineEnd(SB), R0
	MOVD R0, end+8(FP)
	RET
