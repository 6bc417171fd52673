// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "syscall"

// Empty is the payload of requests that have none.
type Empty = struct{}

// DebugRequest is NAME.debug: set, clear or change bits of a module's debug
// flags (op: set, clr, setbit, clrbit).
type DebugRequest struct {
	Op    string `json:"op"`
	Flags int    `json:"flags"`
}

// DebugResponse answers DebugRequest with the flags after it.
type DebugResponse struct {
	Flags int `json:"flags"`
}

// RusageRequest is NAME.rusage: who is self, children or thread.
type RusageRequest struct {
	Who string `json:"who,omitzero"`
}

// Rusage is getrusage(2)'s answer; times in seconds, maxrss in kilobytes.
type Rusage struct {
	Utime    float64 `json:"utime"`
	Stime    float64 `json:"stime"`
	Maxrss   int64   `json:"maxrss"`
	Ixrss    int64   `json:"ixrss"`
	Idrss    int64   `json:"idrss"`
	Isrss    int64   `json:"isrss"`
	Minflt   int64   `json:"minflt"`
	Majflt   int64   `json:"majflt"`
	Nswap    int64   `json:"nswap"`
	Inblock  int64   `json:"inblock"`
	Oublock  int64   `json:"oublock"`
	Msgsnd   int64   `json:"msgsnd"`
	Msgrcv   int64   `json:"msgrcv"`
	Nsignals int64   `json:"nsignals"`
	Nvcsw    int64   `json:"nvcsw"`
	Nivcsw   int64   `json:"nivcsw"`
}

// NewRusage converts the system's form.
func NewRusage(r *syscall.Rusage) *Rusage {
	return &Rusage{
		Utime: seconds(r.Utime), Stime: seconds(r.Stime),
		Maxrss: r.Maxrss, Ixrss: r.Ixrss, Idrss: r.Idrss, Isrss: r.Isrss,
		Minflt: r.Minflt, Majflt: r.Majflt, Nswap: r.Nswap,
		Inblock: r.Inblock, Oublock: r.Oublock, Msgsnd: r.Msgsnd, Msgrcv: r.Msgrcv,
		Nsignals: r.Nsignals, Nvcsw: r.Nvcsw, Nivcsw: r.Nivcsw,
	}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// Ping is NAME.ping: seq counts requests; the time is the sender's own.
type Ping struct {
	Seq  int    `json:"seq"`
	Sec  int64  `json:"time.tv_sec"`
	Nsec int64  `json:"time.tv_nsec"`
	Pad  string `json:"pad"`
}

// PingAnswer answers NAME.ping: the request, the route it took ("a!b!c"), whom
// the service saw as its sender, and where it is.
type PingAnswer struct {
	Ping
	Route    string `json:"route"`
	UserID   uint32 `json:"userid"`
	Rolemask uint32 `json:"rolemask"`
	Rank     uint32 `json:"rank"`
}
