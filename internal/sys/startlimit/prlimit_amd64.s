// SPDX-License-Identifier: LGPL-3.0-or-later

//go:build linux

#include "textflag.h"

// func prlimit(resource int, old *[2]uint64) int
TEXT ·prlimit(SB), NOSPLIT, $0-24
	MOVQ $302, AX
	MOVQ $0, DI
	MOVQ resource+0(FP), SI
	MOVQ $0, DX
	MOVQ old+8(FP), R10
	SYSCALL
	MOVQ AX, ret+16(FP)
	RET
