// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"goflux/internal/broker"
	"goflux/internal/service"
)

// guarded is a buffer for several writers.
type guarded struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

func (g *guarded) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

// A group writes to the log under one name, whichever of it was loaded first.
func TestLogAs(t *testing.T) {
	var out guarded
	attrs := broker.NewAttrs()
	b := broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: &out})
	defer b.Close()
	b.Online()
	load(t, b, &service.Registration{
		Name: "second", Group: "g", LogAs: "first",
		New: func(h service.Host, _ []string) (any, error) {
			h.Log().Error("here we are")
			return struct{}{}, nil
		},
	})
	if got := out.String(); !strings.Contains(got, "first.err[0]: here we are") {
		t.Errorf("logged: %s", got)
	}
}
