// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxPending bounds the bytes of keys and values put between two barriers by
// the local processes: MPI libraries put a few hundred bytes a process, so
// this serves over 100,000 of them.
const maxPending = 64 << 20

// Config describes the program a server is for.
type Config struct {
	Size    int    // processes of the program
	Ranks   []int  // those this server serves
	KVSName string // a word of under MaxName bytes
	AppNum  int
	// Preset are keys there from the start (PMI_process_mapping, flux.*).
	Preset map[string]string
}

// Effect is what a server wants done: [Reply], [Enter], [Abort] or [Warning].
type Effect interface{ effect() }

type (
	// Reply is a line for a client, newline included. Last means that the
	// client has said goodbye.
	Reply struct {
		Rank int
		Line string
		Last bool
	}
	// Enter says that all local processes are in the barrier. The caller
	// brings Puts to the program's other servers, if any, and answers with
	// [Server.BarrierDone].
	Enter struct{ Puts map[string]string }
	// Abort is a client's wish that the program be ended (PMI_Abort).
	Abort struct {
		Rank, Code int
		Message    string
	}
	// Warning is something a person should know.
	Warning string
)

func (Reply) effect()   {}
func (Enter) effect()   {}
func (Abort) effect()   {}
func (Warning) effect() {}

// Server is the protocol engine for the local processes of one program. Put
// keys are seen by the other local processes at once, and by those of other
// servers after the next barrier.
type Server struct {
	Config
	known        map[string]string // exchanged and preset
	pending      map[string]string // put since the last barrier
	pendingBytes int
	inBarrier    map[int]bool
	clients      map[int]*client
}

type client struct {
	spawning bool // between mcmd=spawn and endcmd
}

// NewServer returns the engine of a program.
func NewServer(c Config) *Server {
	s := &Server{
		Config:    c,
		known:     maps.Clone(c.Preset),
		pending:   map[string]string{},
		inBarrier: map[int]bool{},
		clients:   map[int]*client{},
	}
	if s.known == nil {
		s.known = map[string]string{}
	}
	for _, r := range c.Ranks {
		s.clients[r] = &client{}
	}
	return s
}

// ProtocolError is a line that breaks the protocol. The connection is to be
// closed and the program aborted (RFC 13, Error Handling).
type ProtocolError struct {
	Rank int
	Line string
}

func (e *ProtocolError) Error() string {
	line := e.Line
	if len(line) > 80 {
		line = line[:80] + "…"
	}
	return fmt.Sprintf("PMI-1 wire protocol error: rank %d sent %q", e.Rank, line)
}

// Line takes a line (with or without its newline) from the process of a rank.
func (s *Server) Line(rank int, line string) ([]Effect, error) {
	c := s.clients[rank]
	if c == nil || len(line) > MaxLine {
		return nil, &ProtocolError{rank, line}
	}
	line = strings.TrimRight(line, "\r\n")
	if c.spawning {
		if line != "endcmd" {
			return nil, nil
		}
		c.spawning = false
		return reply(rank, "cmd=spawn_result rc=-1"), nil
	}
	f := parseLine(line)
	if f["mcmd"] == "spawn" {
		c.spawning = true
		return nil, nil
	}
	serve, ok := commands[f["cmd"]]
	if !ok {
		return nil, &ProtocolError{rank, line}
	}
	effects := serve(s, rank, f)
	if effects == nil {
		return nil, &ProtocolError{rank, line}
	}
	return effects, nil
}

// commands serve each command; nil means that a tuple is missing.
var commands = map[string]func(s *Server, rank int, f fields) []Effect{
	"init": initialize,
	"get_maxes": func(_ *Server, rank int, _ fields) []Effect {
		return reply(rank, "cmd=maxes rc=0 kvsname_max=%d keylen_max=%d vallen_max=%d",
			MaxName, MaxKey, MaxValue)
	},
	"get_universe_size": func(s *Server, rank int, _ fields) []Effect {
		return reply(rank, "cmd=universe_size rc=0 size=%d", s.Size)
	},
	"get_appnum": func(s *Server, rank int, _ fields) []Effect {
		return reply(rank, "cmd=appnum rc=0 appnum=%d", s.AppNum)
	},
	"get_my_kvsname": func(s *Server, rank int, _ fields) []Effect {
		return reply(rank, "cmd=my_kvsname rc=0 kvsname=%s", s.KVSName)
	},
	"finalize": func(_ *Server, rank int, _ fields) []Effect {
		return []Effect{Reply{rank, "cmd=finalize_ack rc=0\n", true}}
	},
	"put":            (*Server).put,
	"get":            (*Server).get,
	"barrier_in":     (*Server).barrier,
	"abort":          abort,
	"publish_name":   refuse("publish_result"),
	"unpublish_name": refuse("unpublish_result"),
	"lookup_name":    refuse("lookup_result"),
}

func reply(rank int, format string, args ...any) []Effect {
	return []Effect{Reply{Rank: rank, Line: fmt.Sprintf(format, args...) + "\n"}}
}

func refuse(cmd string) func(*Server, int, fields) []Effect {
	return func(_ *Server, rank int, _ fields) []Effect {
		return reply(rank, "cmd=%s rc=-1 msg=command not implemented", cmd)
	}
}

func initialize(s *Server, rank int, f fields) []Effect {
	major, ok1 := f.int("pmi_version")
	minor, ok2 := f.int("pmi_subversion")
	switch {
	case !ok1 || !ok2:
		return nil
	case major == 2:
		out := reply(rank, "cmd=response_to_init rc=-1")
		if rank == 0 {
			out = append(out, Warning("PMI-2 was asked for: is the application unintentionally using slurm libpmi2.so?"))
		}
		return out
	case major < 1 || major == 1 && minor < 1:
		return reply(rank, "cmd=response_to_init rc=-1")
	}
	return reply(rank, "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1")
}

func (s *Server) put(rank int, f fields) []Effect {
	name, ok1 := f["kvsname"]
	key, ok2 := f["key"]
	value, ok3 := f["value"]
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	code := Success
	switch {
	case len(name) >= MaxName:
		code = ErrInvalidLength
	case len(key) >= MaxKey:
		code = ErrKeyLength
	case len(value) >= MaxValue:
		code = ErrValLength
	case key == "":
		code = ErrInvalidKey
	case s.pendingBytes+len(key)+len(value) > maxPending:
		code = ErrNoMem
	default:
		s.pendingBytes += len(key) + len(value)
		s.pending[key] = value
	}
	return reply(rank, "cmd=put_result rc=%d", code)
}

func (s *Server) get(rank int, f fields) []Effect {
	name, ok1 := f["kvsname"]
	key, ok2 := f["key"]
	if !ok1 || !ok2 {
		return nil
	}
	switch {
	case len(name) >= MaxName:
		return reply(rank, "cmd=get_result rc=%d", ErrInvalidLength)
	case len(key) >= MaxKey:
		return reply(rank, "cmd=get_result rc=%d", ErrKeyLength)
	}
	value, ok := s.pending[key]
	if !ok {
		value, ok = s.known[key]
	}
	if !ok {
		return reply(rank, "cmd=get_result rc=%d", ErrInvalidKey)
	}
	return reply(rank, "cmd=get_result rc=0 value=%s", value)
}

// barrier counts a process in; one that enters twice breaks lock-step.
func (s *Server) barrier(rank int, _ fields) []Effect {
	if s.inBarrier[rank] {
		return nil
	}
	s.inBarrier[rank] = true
	if len(s.inBarrier) < len(s.clients) {
		return []Effect{}
	}
	return []Effect{Enter{Puts: maps.Clone(s.pending)}}
}

// BarrierDone ends the barrier that [Enter] announced: puts are what the
// program's other servers had to exchange, failed tells the processes that
// the barrier failed.
func (s *Server) BarrierDone(puts map[string]string, failed bool) []Effect {
	code := Success
	if failed {
		code = Fail
	} else {
		maps.Copy(s.known, s.pending)
		maps.Copy(s.known, puts)
		s.pending, s.pendingBytes = map[string]string{}, 0
	}
	out := make([]Effect, 0, len(s.inBarrier))
	for _, rank := range slices.Sorted(maps.Keys(s.inBarrier)) {
		out = append(out, Reply{Rank: rank, Line: fmt.Sprintf("cmd=barrier_out rc=%d\n", code)})
	}
	clear(s.inBarrier)
	return out
}

// abort has no parameters in RFC 13, but clients send an exit code under two
// names, and some a message. The reply is an empty line.
func abort(_ *Server, rank int, f fields) []Effect {
	code, ok := f.int("exitcode")
	if !ok {
		if code, ok = f.int("exit_code"); !ok {
			code = 1
		}
	}
	return append(reply(rank, ""), Abort{Rank: rank, Code: code, Message: f["error_msg"]})
}
