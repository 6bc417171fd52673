// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goflux/internal/install"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/track"
)

// extern is a module that runs as a program of its own, connected by a socket
// pair (RFC 5): FLUX_MODULE_URI names its end. It implements runner.
type extern struct {
	b      *Broker
	name   string
	uuid   string
	loader string
	stream *link.Stream
	cmd    *exec.Cmd
	track  track.Tracker // requests being served there

	onState func(r runner, s ModState, err error)
	state   atomic.Int32
	lastRx  atomic.Int64 // unix nanoseconds

	mu        sync.Mutex
	muted     bool // it takes no more requests
	deferred  bool
	held      []*message.Message
	contacted map[contact]struct{}
}

// welcome is the first message that a module gets (RFC 5).
type welcome struct {
	Args  []string          `json:"args"`
	Attrs map[string]string `json:"attrs"`
	Conf  map[string]any    `json:"conf"`
	Name  string            `json:"name"`
	UUID  string            `json:"uuid"`
}

// startExtern starts loader with the module at path. The module is reported
// as running or failed later, through onState.
func (b *Broker) startExtern(m *extern, path string, args []string) error {
	ours, theirs, err := modulePair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	m.cmd = exec.Command(install.Flux(), m.loader, path)
	m.cmd.Stdin, m.cmd.Stdout, m.cmd.Stderr = nil, os.Stdout, os.Stderr
	m.cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	m.cmd.Env = append(os.Environ(), "FLUX_MODULE_URI=fd://3")
	m.lastRx.Store(time.Now().UnixNano())
	if err := m.cmd.Start(); err != nil {
		ours.Close()
		return message.Errorf(message.Errno(err), "loader (%s) failed: %v", m.loader, err)
	}
	_, _ = ours.Write([]byte{0}) // as a client is admitted; it fits in any buffer
	m.stream = link.NewStream(ours, 0)
	hello := message.NewRequest("welcome", message.NodeAny, welcome{
		Args: append([]string{}, args...), Attrs: b.attrs.Immutable(), Conf: b.Config(), Name: m.name, UUID: m.uuid,
	})
	hello.Cred = b.OwnerCred()
	hello.Flags |= message.FlagNoResponse
	_ = m.stream.Send(hello) // a program that is gone is noticed below
	b.log.Logger("broker").Debug(fmt.Sprintf("%s %s pid=%d", m.loader, m.name, m.cmd.Process.Pid))
	read := make(chan struct{})
	go func() {
		m.read()
		close(read)
	}()
	go m.wait(read)
	return nil
}

func modulePair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fds[0]), "module")
	defer f.Close() // FileConn has its own
	theirs = os.NewFile(uintptr(fds[1]), "module")
	if ours, err = net.FileConn(f); err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// ID, State, Idle, Queues, Stop and Deliver implement runner.
func (m *extern) ID() string               { return m.uuid }
func (m *extern) State() ModState          { return ModState(m.state.Load()) }
func (m *extern) Idle() time.Duration      { return time.Since(time.Unix(0, m.lastRx.Load())) }
func (m *extern) Queues() (send, recv int) { return 0, 0 }

// Stop asks the module to end, or kills it.
func (m *extern) Stop(cancel bool) {
	if cancel {
		_ = m.cmd.Process.Kill() // it may just have ended
		return
	}
	bye := message.NewRequest(m.name+".shutdown", message.NodeAny, nil)
	bye.Cred = m.b.OwnerCred()
	bye.Flags |= message.FlagNoResponse
	_ = m.stream.Send(bye) // a program that is gone needs none
}

func (m *extern) Deliver(msg *message.Message) {
	m.mu.Lock()
	muted := m.muted && !(msg.Type == message.TypeResponse && msg.Topic == "module.status")
	if !muted && m.deferred {
		m.held = append(m.held, msg)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	if muted {
		if msg.Type == message.TypeRequest {
			m.b.router.refuse(msg, syscall.ENOSYS)
		}
		return
	}
	m.pass(msg)
}

func (m *extern) pass(msg *message.Message) {
	if msg.Type == message.TypeRequest {
		m.track.Request(msg)
		msg = msg.PushRoute(m.b.uuid) // the hop from the broker to the module
	}
	m.b.mods.traced.note("rx", m.name, msg)
	_ = m.stream.Send(msg) // a program that is gone is noticed by wait
}

// Defer holds messages back, or lets them go.
func (m *extern) Defer(on bool) {
	m.mu.Lock()
	m.deferred = on
	var held []*message.Message
	if !on {
		held, m.held = m.held, nil
	}
	m.mu.Unlock()
	for _, msg := range held {
		m.pass(msg)
	}
}

// read routes what the module sends.
func (m *extern) read() {
	for {
		msg, err := m.stream.Recv()
		if err != nil {
			return
		}
		m.lastRx.Store(time.Now().UnixNano())
		if !msg.Cred.Valid() {
			msg.Cred = m.b.OwnerCred()
		}
		m.b.mods.traced.note("tx", m.name, msg)
		switch msg.Type {
		case message.TypeRequest:
			if len(msg.Routes) == 0 {
				if msg.Topic == "module.status" {
					m.report(msg)
					continue
				}
				m.note(msg)
			}
		case message.TypeResponse:
			msg, _ = msg.PopRoute()
			m.track.Response(msg)
		case message.TypeEvent:
			msg.Sequence = 0
		case message.TypeControl:
			continue
		}
		m.b.router.SendWait(m.uuid, msg)
	}
}

// report takes the module's report about itself in its place among what it
// sends: the last must have been heard when its program ends.
func (m *extern) report(msg *message.Message) {
	var req rpc.ModuleStatus
	answer := msg.Response()
	if err := msg.Decode(&req); err != nil || req.Status == nil {
		answer = msg.ErrorResponse(errStatus)
	} else {
		m.status(ModState(*req.Status), req.Errnum)
	}
	if !msg.Is(message.FlagNoResponse) {
		m.Deliver(answer)
	}
}

// note remembers who should learn that the module has gone.
func (m *extern) note(msg *message.Message) {
	if msg.Is(message.FlagNoResponse) && !msg.Is(message.FlagStreaming) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.contacted[contact{service: msg.Service(), nodeID: msg.NodeID, flags: msg.Flags & message.FlagUpstream}] = struct{}{}
}

// status takes what the module reports about itself.
func (m *extern) status(s ModState, errnum int) {
	switch {
	case s == ModExited:
		var failure error
		if errnum != 0 {
			failure = syscall.Errno(errnum)
		}
		m.end(failure)
		return
	case s == ModFinalizing:
		m.mu.Lock()
		m.muted = true
		m.mu.Unlock()
	}
	if s > m.State() {
		m.state.Store(int32(s))
		if s == ModRunning {
			m.onState(m, ModRunning, nil)
		}
	}
}

// wait ends the module when its program has ended, if it has not reported its
// end: all that it had sent has been read then.
func (m *extern) wait(read <-chan struct{}) {
	_ = m.cmd.Wait() // the state tells all
	<-read
	m.stream.Close()
	m.end(m.exitError())
}

// end reports the module's end, the first time.
func (m *extern) end(failure error) {
	if m.state.Swap(int32(ModExited)) == int32(ModExited) {
		return
	}
	m.mu.Lock()
	m.muted = true
	contacted := m.contacted
	m.contacted = map[contact]struct{}{}
	m.mu.Unlock()
	m.b.router.Detach(m.uuid)
	for _, req := range m.track.Drain() {
		m.b.router.respond(req.ErrorResponse(message.Errorf(syscall.EHOSTUNREACH, "module disconnect")))
	}
	farewell(m.b.router, m.uuid, m.b.OwnerCred(), contacted)
	m.onState(m, ModExited, failure)
}

// exitError is what the end of a program tells that has not reported it.
func (m *extern) exitError() error {
	st := m.cmd.ProcessState
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return message.Errorf(syscall.EINVAL, "loader (%s) killed by %s", m.loader, signalName(ws.Signal()))
	}
	if code := st.ExitCode(); code != 0 {
		return message.Errorf(syscall.EINVAL, "loader (%s) exited with exit code %d", m.loader, code)
	}
	return message.Errorf(syscall.EINVAL, "loader (%s) exited with exit code 0 but did not report module status", m.loader)
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGSEGV:
		return "Segmentation fault"
	case syscall.SIGKILL:
		return "Killed"
	case syscall.SIGTERM:
		return "Terminated"
	case syscall.SIGABRT:
		return "Aborted"
	}
	return s.String()
}
