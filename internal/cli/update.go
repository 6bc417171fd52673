// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/jobspec"
)

// newUpdate is flux update: changes to a job's jobspec.
func newUpdate(a *app) *cobra.Command {
	var dryRun, verbose, wait bool
	cmd := &cobra.Command{
		Use: "update JOBID KEY=VALUE...", Short: "change attributes of a job",
		Args: a.operands(2, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			ids, err := operandIDs(args[:1])
			if err != nil {
				return err
			}
			u := &jobUpdate{app: a, id: ids[0], values: map[string]jsontext.Value{}}
			for _, arg := range args[1:] {
				if err := u.add(arg); err != nil {
					return err
				}
			}
			if dryRun {
				fmt.Fprintln(a.out, u)
				return nil
			}
			return u.send(wait, verbose)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&dryRun, "dry-run", "n", false, "Print the update, do not send it")
	hidden(fs, "dry", fs.Lookup("dry-run").Value)
	fs.Lookup("dry").NoOptDefVal = "true"
	fs.BoolVarP(&verbose, "verbose", "v", false, "Tell what was updated")
	fs.BoolVar(&wait, "wait", false, "Wait until the update is in the job's event log")
	return cmd
}

// jobUpdate is the update of a job in the making.
type jobUpdate struct {
	app    *app
	id     jobid.ID
	keys   []string // in their order
	values map[string]jsontext.Value
	spec   *jobspec.Jobspec // when it was needed
}

const durationKey = "attributes.system.duration"

// add reads KEY=VALUE. A value is JSON or else text; that of the duration is a
// duration, or with a sign a change of it.
func (u *jobUpdate) add(arg string) error {
	key, text, _ := strings.Cut(arg, "=")
	key = updateKey(key)
	value := jsonOrText(text)
	if key == durationKey {
		seconds, err := u.duration(text)
		if err != nil {
			return err
		}
		if value, err = message.Marshal(seconds); err != nil {
			return err
		}
	}
	if _, has := u.values[key]; !has {
		u.keys = append(u.keys, key)
	}
	u.values[key] = value
	return nil
}

// updateKey is the place in the jobspec that a key of the command line means.
func updateKey(key string) string {
	if key == "name" {
		return "attributes.system.job.name"
	}
	for _, prefix := range []string{"attributes.", "resources.", "tasks."} {
		if strings.HasPrefix(key, prefix) {
			return key
		}
	}
	return "attributes.system." + key
}

// duration is the new duration in seconds, 0 for unlimited.
func (u *jobUpdate) duration(text string) (float64, error) {
	digits := strings.TrimLeft(text, "+-")
	change, err := fsd.ParseSeconds(digits)
	if err != nil || len(text)-len(digits) > 1 {
		return 0, fail("invalid Flux standard duration")
	}
	if digits == text {
		if math.IsInf(change, 1) {
			change = 0
		}
		return change, nil
	}
	now, err := u.currentDuration()
	if err != nil {
		return 0, err
	}
	if now == 0 {
		return 0, fail("duration for %s is unlimited, can't update by %s", f58(u.id), text)
	}
	if text[0] == '+' {
		return now + change, nil
	}
	if now-change <= 0 {
		return 0, fail("current duration for %s (%s) cannot be reduced by %s", f58(u.id), fsd.FormatShort(now), digits)
	}
	return now - change, nil
}

func (u *jobUpdate) currentDuration() (float64, error) {
	if u.spec == nil {
		h, err := u.app.open()
		if err != nil {
			return 0, err
		}
		text, err := u.app.lookupJob(h, rpc.JobInfoLookup{ID: u.id, Keys: []string{"jobspec"}, Flags: lookupCurrent})
		if err != nil {
			return 0, err
		}
		if u.spec, err = jobspec.Parse([]byte(text)); err != nil {
			return 0, err
		}
	}
	return u.spec.Duration(), nil
}

// String is the update as JSON.
func (u *jobUpdate) String() string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range u.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := message.Marshal(key)
		fmt.Fprintf(&b, "%s:%s", name, u.values[key])
	}
	b.WriteByte('}')
	return jobinfo.Spaced(b.Bytes())
}

func (u *jobUpdate) send(wait, verbose bool) error {
	a := u.app
	h, err := a.open()
	if err != nil {
		return err
	}
	since := float64(time.Now().UnixNano()) / 1e9
	if err := h.RPC(a.ctx, "job-manager.update", flux.NodeAny, rpc.JobUpdate{ID: u.id, Updates: u.values}, nil); err != nil {
		return err
	}
	if wait {
		if err := u.await(h, since); err != nil {
			return err
		}
	}
	if verbose {
		for _, key := range u.keys {
			text := string(u.values[key])
			var s string
			if message.Unmarshal(u.values[key], &s) == nil {
				text = s
			}
			a.problem(fmt.Sprintf("flux-update: INFO: updated %s to %s", key, text))
		}
	}
	return nil
}

// await waits for the update in the event log, after a time so that an earlier
// one that was the same is not taken for it.
func (u *jobUpdate) await(h *flux.Client, since float64) error {
	call, err := attach.OpenLog(h, u.id, mainLogPath, 0)
	if err != nil {
		return err
	}
	for {
		e, err := attach.NextEntry(u.app.ctx, call)
		if err != nil {
			if isEndOfStream(err) {
				return nil
			}
			return err
		}
		if e.Name != "jobspec-update" || e.Timestamp <= since {
			continue
		}
		var context map[string]jsontext.Value
		if e.UnmarshalContext(&context) == nil && u.containedIn(context) {
			attach.CloseLog(call)
			return nil
		}
	}
}

func (u *jobUpdate) containedIn(context map[string]jsontext.Value) bool {
	for key, want := range u.values {
		var a, b any
		if message.Unmarshal(want, &a) != nil || message.Unmarshal(context[key], &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			return false
		}
	}
	return true
}
