// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

// Paths of a job's event logs.
const (
	mainLog   = "eventlog"
	execLog   = "guest.exec.eventlog"
	outputLog = "guest.output"
)

// Effects is what a session does to the world. Failures come back to the
// session as things that happened.
type Effects interface {
	// Watch follows an event log; sentinel asks for a mark after the entries
	// that are there already. Session.Entry and Session.End tell what comes.
	Watch(path string, sentinel bool)
	// Unwatch ends that; Session.End follows.
	Unwatch(path string)
	// Send gives the tasks in ranks standard input; no data means its end.
	Send(shell Shell, ranks string, data []byte)
	// ReadStdin begins to read standard input for Session.Stdin; StopStdin
	// ends that.
	ReadStdin()
	StopStdin()
	// StdinWaits tells whether there is standard input at this moment.
	StdinWaits() bool
	Kill(signum int)
	Cancel(note string)
	// CatchSuspend has SIGTSTP come to Session.Signal, or suspend as usual.
	CatchSuspend(catch bool)
	// AttachPty connects the terminal; Session.PtyAttached and PtyEnd follow.
	// DropPty gives up on it.
	AttachPty(shell Shell, service string)
	DropPty()
	// AskQueue finds out the job's queue and AskQueueStatus whether it is
	// stopped, for Session.Queue and QueueStatus.
	AskQueue()
	AskQueueStatus(queue string)
	// Flush makes sure that what was printed is seen before what follows.
	Flush()
	// Width is the width of the terminal.
	Width() int
}

// Shell is where the job's leading shell listens.
type Shell struct {
	Service string
	Rank    uint32
}
