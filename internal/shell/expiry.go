// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/signame"
	"goflux/rset"
)

// expiry sends the job a signal some time before its time is up (the option
// signal). The leader does, and follows changes of the time.
type expiry struct {
	s        *Shell
	signal   int
	timeLeft float64 // seconds
	timer    *timer
}

func (e *expiry) init() error {
	opts := e.s.job.opts
	v := opts.get("signal")
	if !e.s.leader() || v == nil || string(v) == "0" {
		return nil
	}
	e.signal, e.timeLeft = int(syscall.SIGUSR1), 60
	switch v.Kind() {
	case '0':
	case '{':
		if err := firstError(opts.num("signal.signum", &e.signal), opts.seconds("signal.timeleft", &e.timeLeft)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("error in shell `signal' option: an object or number is expected")
	}
	if e.timeLeft < 0 {
		return fmt.Errorf("signal.timeleft=%v is invalid", e.timeLeft)
	}
	if e.timeLeft > 0 {
		e.set(e.s.job.r.Expiration)
		e.follow()
	}
	return nil
}

// set waits for the moment to come.
func (e *expiry) set(expiration float64) {
	name := signame.Name(e.signal)
	e.timer.stop()
	e.timer = nil
	if expiration == 0 {
		e.s.log.infof("signal", "job has no expiration, %s will not be sent", name)
		return
	}
	left := max(0, expiration-e.timeLeft-float64(time.Now().UnixNano())/1e9)
	e.s.log.debugf("signal", "Will send %s to job in %.2fs", name, left)
	e.timer = e.s.after(duration(left), func() {
		e.s.log.infof("signal", "job will expire in %.1fs, sending %s to job", e.timeLeft, name)
		e.s.link.rpc("job-manager.kill", flux.NodeAny, rpc.JobKill{ID: e.s.job.ID, Signum: e.signal}, func(_ *flux.Message, err error) {
			if err != nil {
				e.s.log.errorf("signal", "failed to send %s to job: %s", name, flux.ErrorText(err))
			}
		})
	})
}

// follow watches R for a new expiration.
func (e *expiry) follow() {
	c := e.s.link.conn()
	stream, err := c.Stream("job-info.update-watch", flux.NodeAny, rpc.JobInfoUpdate{ID: e.s.job.ID, Key: "R"})
	if err != nil {
		e.s.log.warnf("signal", "changes of the expiration will not be noticed: %s", flux.ErrorText(err))
		return
	}
	go func() {
		for {
			var got struct {
				R jsontext.Value `json:"R"`
			}
			if err := stream.Get(e.s.link.ctx, &got); err != nil {
				if !errors.Is(err, io.EOF) && e.s.link.ctx.Err() == nil {
					e.s.post(func() { e.s.log.debugf("signal", "update-watch: %s", flux.ErrorText(err)) })
				}
				return
			}
			e.s.post(func() { e.updated(got.R) })
		}
	}()
}

func (e *expiry) updated(raw jsontext.Value) {
	var text string
	if message.Unmarshal(raw, &text) == nil {
		raw = jsontext.Value(text)
	}
	r, err := rset.Parse(raw)
	if err != nil || r.Expiration == e.s.job.r.Expiration {
		return
	}
	e.s.job.r = r
	e.set(r.Expiration)
}

func (e *expiry) reconnected() {
	if e.timeLeft > 0 && e.signal != 0 {
		e.follow()
	}
}
