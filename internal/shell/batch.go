// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"goflux/internal/message"
)

// batch serves jobspecs of before version 0.46 that carry a batch script in
// attributes.system.batch: the script is run by an instance of its own.
// Present ones have the script among their files.
type batch struct {
	s       *Shell
	script  string
	options []string // for the broker
	wanted  bool
}

func (b *batch) init() error {
	raw := b.s.job.jobspec.Attr("system.batch")
	if raw == nil {
		return nil
	}
	var spec struct {
		Options []string `json:"broker-opts"`
		Script  string   `json:"script"`
	}
	if err := message.Unmarshal(raw, &spec); err != nil {
		return fmt.Errorf("failed to unpack batch info: %w", err)
	}
	b.wanted, b.options = true, spec.Options
	b.script = filepath.Join(b.s.job.env["FLUX_JOB_TMPDIR"], "script")
	if !b.s.leader() {
		return nil
	}
	return os.WriteFile(b.script, []byte(spec.Script), 0o700)
}

func (b *batch) prepareTask(t *task) error {
	args := t.spec.Args
	if !b.wanted || len(args) > 1 && filepath.Base(args[0]) == "flux" && (args[1] == "broker" || args[1] == "start") {
		return nil
	}
	own := []string{} // only the first broker runs it
	if t.rank == 0 {
		own = append([]string{b.script}, args[1:]...)
	}
	t.spec.Args = slices.Concat([]string{"flux", "broker"}, b.options, own)
	return nil
}
