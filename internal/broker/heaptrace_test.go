// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/rpc"
	"goflux/internal/testkit/host"
)

func TestHeapProfiles(t *testing.T) {
	b := host.Start(t, host.Options{})
	call := func(topic string, req any, want syscall.Errno) {
		t.Helper()
		if err := b.Owner().RPC("heaptrace."+topic, req, nil); (want == 0) != (err == nil) || want != 0 && !errors.Is(err, want) {
			t.Errorf("%s: %v, want errno %d", topic, err, int(want))
		}
	}
	prefix, reason := filepath.Join(t.TempDir(), "p"), "because"
	call("start", nil, syscall.EPROTO)
	call("start", rpc.Empty{}, syscall.EPROTO)
	call("dump", nil, syscall.EPROTO)
	call("dump", rpc.HeaptraceDump{Reason: &reason}, syscall.EINVAL)
	call("start", rpc.HeaptraceStart{Filename: &prefix}, 0)
	call("start", rpc.HeaptraceStart{Filename: &prefix}, syscall.EINVAL)
	call("dump", rpc.HeaptraceDump{Reason: &reason}, 0)
	if st, err := os.Stat(prefix + ".0001.heap"); err != nil || st.Size() == 0 {
		t.Errorf("the profile: %v", err)
	}
	call("stop", nil, 0)
	call("stop", nil, syscall.EINVAL)
}

func TestMalformedEnvironment(t *testing.T) {
	b := host.Start(t, host.Options{})
	for topic, req := range map[string]any{
		"broker.getenv": rpc.Empty{}, "broker.setenv": rpc.Empty{},
	} {
		if err := b.Owner().RPC(topic, req, nil); !errors.Is(err, syscall.EPROTO) {
			t.Errorf("%s without anything: %v", topic, err)
		}
	}
	for _, name := range []string{"", "A=B"} {
		value := "x"
		err := b.Owner().RPC("broker.setenv", rpc.EnvSet{Env: map[string]*string{name: &value}}, nil)
		if !errors.Is(err, syscall.EPROTO) || !strings.Contains(err.Error(), "Protocol error") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
