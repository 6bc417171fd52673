// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// The lines of each operation, as RFC 13 defines them.
func TestServerLines(t *testing.T) {
	s := NewServer(Config{Size: 4, Ranks: []int{0}, KVSName: "f7", AppNum: 3, Preset: map[string]string{"PMI_process_mapping": "(vector,(0,1,4))"}})
	for _, tc := range []struct{ in, out string }{
		{"cmd=init pmi_version=1 pmi_subversion=1\n", "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n"},
		{"cmd=init pmi_version=1 pmi_subversion=0", "cmd=response_to_init rc=-1\n"},
		{"  pmi_subversion=1   pmi_version=1 extra cmd=init x=y ", "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n"},
		{"cmd=get_maxes", "cmd=maxes rc=0 kvsname_max=64 keylen_max=64 vallen_max=1024\n"},
		{"cmd=get_universe_size", "cmd=universe_size rc=0 size=4\n"},
		{"cmd=get_appnum", "cmd=appnum rc=0 appnum=3\n"},
		{"cmd=get_my_kvsname", "cmd=my_kvsname rc=0 kvsname=f7\n"},
		{"cmd=get kvsname=f7 key=PMI_process_mapping", "cmd=get_result rc=0 value=(vector,(0,1,4))\n"},
		{"cmd=get kvsname=f7 key=none", "cmd=get_result rc=4\n"},
		{"cmd=get kvsname=f7 key=" + strings.Repeat("k", 64), "cmd=get_result rc=5\n"},
		{"cmd=put kvsname=f7 key=a value=some  text cmd=x", "cmd=put_result rc=0\n"},
		{"cmd=get kvsname=f7 key=a", "cmd=get_result rc=0 value=some  text cmd=x\n"},
		{"cmd=put kvsname=f7 key=b value=" + strings.Repeat("v", 1024), "cmd=put_result rc=7\n"},
		{"cmd=put kvsname=f7 key=b value=" + strings.Repeat("v", 1023), "cmd=put_result rc=0\n"},
		{"cmd=publish_name service=a port=b", "cmd=publish_result rc=-1 msg=command not implemented\n"},
		{"mcmd=spawn", ""},
		{"nprocs=1", ""},
		{"cmd=get_appnum", ""},
		{"endcmd", "cmd=spawn_result rc=-1\n"},
		{"cmd=finalize", "cmd=finalize_ack rc=0\n"},
	} {
		effects, err := s.Line(0, tc.in)
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
			continue
		}
		got := ""
		for _, e := range effects {
			got += e.(Reply).Line
		}
		if got != tc.out {
			t.Errorf("%q\n got %q\nwant %q", tc.in, got, tc.out)
		}
	}
}

func TestServerProtocolErrors(t *testing.T) {
	for _, line := range []string{"", "cmd=", "cmd=nonsense", "cmd=put kvsname=a", "cmd=get key=a", "cmd=init", "cmd=init pmi_version=x pmi_subversion=1", "endcmd", strings.Repeat("x", MaxLine+1)} {
		s := NewServer(Config{Size: 1, Ranks: []int{0}, KVSName: "k"})
		var want *ProtocolError
		if _, err := s.Line(0, line); !errors.As(err, &want) {
			t.Errorf("%.40q: got %v, want a protocol error", line, err)
		}
	}
	s := NewServer(Config{Size: 3, Ranks: []int{0, 1}, KVSName: "k"})
	if _, err := s.Line(2, "cmd=get_maxes"); err == nil {
		t.Error("a rank that is not local was served")
	}
	if _, err := s.Line(0, "cmd=barrier_in"); err != nil {
		t.Error(err)
	}
	if _, err := s.Line(0, "cmd=barrier_in"); err == nil {
		t.Error("a rank entered a barrier twice")
	}
}

func TestServerBarrierWithExchange(t *testing.T) {
	s := NewServer(Config{Size: 4, Ranks: []int{2, 3}, KVSName: "k"})
	mustLine(t, s, 2, "cmd=put kvsname=k key=a value=1")
	if e := mustLine(t, s, 2, "cmd=barrier_in"); len(e) != 0 {
		t.Fatalf("one of two: %v", e)
	}
	e := mustLine(t, s, 3, "cmd=barrier_in")
	if len(e) != 1 || e[0].(Enter).Puts["a"] != "1" {
		t.Fatalf("both in: %v", e)
	}
	e = s.BarrierDone(map[string]string{"z": "9"}, false)
	if fmt.Sprint(e) != "[{2 cmd=barrier_out rc=0\n false} {3 cmd=barrier_out rc=0\n false}]" {
		t.Errorf("out: %v", e)
	}
	if got := mustLine(t, s, 3, "cmd=get kvsname=k key=z")[0].(Reply).Line; got != "cmd=get_result rc=0 value=9\n" {
		t.Errorf("exchanged key: %q", got)
	}
	mustLine(t, s, 2, "cmd=barrier_in")
	e = mustLine(t, s, 3, "cmd=barrier_in")
	if len(e[0].(Enter).Puts) != 0 {
		t.Errorf("keys exchanged twice: %v", e)
	}
	if e := s.BarrierDone(nil, true); e[0].(Reply).Line != "cmd=barrier_out rc=-1\n" {
		t.Errorf("failed barrier: %v", e)
	}
}

func mustLine(t *testing.T, s *Server, rank int, line string) []Effect {
	t.Helper()
	e, err := s.Line(rank, line)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A program of several clients over one host exchanges a key each.
func TestClientsMeet(t *testing.T) {
	const size = 8
	ranks := make([]int, size)
	for i := range ranks {
		ranks[i] = i
	}
	h := NewHost(NewServer(Config{Size: size, Ranks: ranks, KVSName: "fXYZ"}), Hooks{})
	var wg sync.WaitGroup
	for rank := range size {
		ours, theirs := net.Pipe()
		wg.Go(func() {
			if err := h.Serve(rank, ours); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := meet(theirs, rank, size); err != nil {
				t.Errorf("rank %d: %v", rank, err)
			}
		})
	}
	wg.Wait()
}

func meet(conn net.Conn, rank, size int) error {
	c, err := NewClient(conn, rank, size)
	if err != nil {
		return err
	}
	if c.KVSName != "fXYZ" {
		return fmt.Errorf("kvsname %q", c.KVSName)
	}
	for round := range 3 {
		if err := c.Put(fmt.Sprintf("r%d.%d", rank, round), fmt.Sprint("value of ", rank)); err != nil {
			return err
		}
		if err := c.Barrier(); err != nil {
			return err
		}
		for other := range size {
			v, err := c.Get(fmt.Sprintf("r%d.%d", other, round))
			if err != nil || v != fmt.Sprint("value of ", other) {
				return fmt.Errorf("key of %d: %q, %v", other, v, err)
			}
		}
	}
	if _, err := c.Get("missing"); !errors.Is(err, ErrInvalidKey) || !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("missing key: %v", err)
	}
	return c.Finalize()
}

func TestAbort(t *testing.T) {
	got := make(chan Abort, 1)
	h := NewHost(NewServer(Config{Size: 1, Ranks: []int{0}, KVSName: "k"}), Hooks{Abort: func(a Abort) { got <- a }})
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- h.Serve(0, ours) }()
	c, err := NewClient(theirs, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Abort(42, "it\nbroke"); err != nil {
		t.Fatal(err)
	}
	c.conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if a := <-got; a.Code != 42 || a.Message != "it broke" {
		t.Errorf("got %+v", a)
	}
}

func TestOpen(t *testing.T) {
	env := map[string]string{}
	getenv := func(k string) string { return env[k] }
	c, err := Open(getenv)
	if err != nil || c.Size != 1 || c.Method != "single" {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := errors.Join(c.Put("a", "b"), c.Barrier()); err != nil {
		t.Error(err)
	}
	if v, err := c.Get("a"); v != "b" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := c.Get("c"); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
	for _, bad := range []map[string]string{
		{"PMI_FD": "x", "PMI_RANK": "0", "PMI_SIZE": "1"},
		{"PMI_FD": "9", "PMI_RANK": "-1", "PMI_SIZE": "1"},
		{"PMI_FD": "9", "PMI_RANK": "1", "PMI_SIZE": "1"},
	} {
		env = bad
		if _, err := Open(getenv); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// A put followed by a get returns the value, whatever the text.
func TestPutGetRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewServer(Config{Size: 1, Ranks: []int{0}, KVSName: "k"})
		key := rapid.StringMatching(`[!-<>-~]{1,63}`).Draw(t, "key")
		value := rapid.StringOfN(rapid.SampledFrom([]rune("\t =aZ~value")), 0, 1023, -1).Draw(t, "value")
		if e, err := s.Line(0, "cmd=put kvsname=k key="+key+" value="+value+"\n"); err != nil || e[0].(Reply).Line != "cmd=put_result rc=0\n" {
			t.Fatal(e, err)
		}
		e, err := s.Line(0, "cmd=get kvsname=k key="+key+"\n")
		if err != nil || e[0].(Reply).Line != "cmd=get_result rc=0 value="+value+"\n" {
			t.Fatal(e, err)
		}
	})
}

func FuzzServerLine(f *testing.F) {
	f.Add("cmd=put kvsname=k key=a value=b")
	f.Add("mcmd=spawn")
	f.Add("cmd=init pmi_version=1 pmi_subversion=1")
	f.Fuzz(func(t *testing.T, line string) {
		s := NewServer(Config{Size: 1, Ranks: []int{0}, KVSName: "k"})
		effects, err := s.Line(0, line)
		if err != nil {
			return
		}
		for _, e := range effects {
			if r, ok := e.(Reply); ok && strings.Count(r.Line, "\n") != 1 {
				t.Fatalf("%q was answered %q", line, r.Line)
			}
		}
	})
}
