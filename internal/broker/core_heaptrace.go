// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// heaptrace writes profiles of this process's memory, in the form that "go tool
// pprof" reads.
type heaptrace struct {
	prefix string // of the files' names; "" while none are wanted
	count  int    // of profiles written
}

func (s *coreService) heaptraceStart(_ *service.Call, req *rpc.HeaptraceStart) (any, error) {
	t := &s.heaptrace
	switch {
	case req.Filename == nil || *req.Filename == "":
		return nil, message.Errorf(syscall.EPROTO, "no filename")
	case t.prefix != "":
		return nil, message.Errorf(syscall.EINVAL, "profiles are being written to %s already", t.prefix)
	}
	*t = heaptrace{prefix: *req.Filename}
	return nil, nil
}

func (s *coreService) heaptraceDump(c *service.Call, req *rpc.HeaptraceDump) {
	t := &s.heaptrace
	switch {
	case req.Reason == nil:
		c.Fail(message.Errorf(syscall.EPROTO, "no reason"))
		return
	case t.prefix == "":
		c.Fail(errNoHeaptrace)
		return
	}
	t.count++
	file := fmt.Sprintf("%s.%04d.heap", t.prefix, t.count)
	s.h.Log().Info(fmt.Sprintf("heap profile %s: %s", file, *req.Reason))
	var err error
	s.h.Go(func(context.Context) { err = writeHeapProfile(file) }, func() {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
}

var errNoHeaptrace = message.Errorf(syscall.EINVAL, "no heaptrace has been started")

// writeHeapProfile writes what is in use now.
func writeHeapProfile(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	runtime.GC() // or it would be of the last collection
	err = pprof.Lookup("heap").WriteTo(f, 0)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func (s *coreService) heaptraceStop(c *service.Call) {
	if s.heaptrace.prefix == "" {
		c.Fail(errNoHeaptrace)
		return
	}
	s.heaptrace.prefix = ""
	c.Respond(nil)
}
