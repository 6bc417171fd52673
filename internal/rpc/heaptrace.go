// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

// HeaptraceStart is heaptrace.start: profiles are files whose names begin with
// Filename.
type HeaptraceStart struct {
	Filename *string `json:"filename"`
}

// HeaptraceDump is heaptrace.dump; Reason goes to the log.
type HeaptraceDump struct {
	Reason *string `json:"reason"`
}
