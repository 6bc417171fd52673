// SPDX-License-Identifier: LGPL-3.0-or-later

//go:build linux

#include "textflag.h"

// func prlimit(resource int, old *[2]uint64) int
TEXT ·prlimit(SB), NOSPLIT, $0-24
	MOVD $261, R8
	MOVD $0, R0
	MOVD resource+0(FP), R1
	MOVD $0, R2
	MOVD old+8(FP), R3
	SVC
	MOVD R0, ret+16(FP)
	RET
