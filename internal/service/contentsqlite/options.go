// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// options come from the table content-sqlite of the configuration, and from
// the module's arguments, which win.
type options struct {
	journal        string // accepted; the store always uses WAL
	synchronous    string
	maxCheckpoints int // 0 for the default
	truncate       bool
}

var (
	journalModes = []string{"DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF"}
	syncModes    = []string{"EXTRA", "FULL", "NORMAL", "OFF"}
)

func parseOptions(conf map[string]any, args []string) (o options, err error) {
	table, _ := conf["content-sqlite"].(map[string]any)
	for _, key := range []string{"journal_mode", "synchronous", "max_checkpoints"} {
		if v, ok := table[key]; ok {
			if err := o.set(key, fmt.Sprint(v)); err != nil {
				return o, err
			}
		}
	}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "truncate":
			o.truncate = true
			continue
		case "max-checkpoints":
			name = "max_checkpoints"
		}
		if err := o.set(name, value); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) set(name, value string) error {
	switch name {
	case "journal_mode":
		if !slices.Contains(journalModes, value) {
			return message.Errorf(syscall.EINVAL, "Invalid argument: journal_mode %q is none of %s", value, strings.Join(journalModes, ", "))
		}
		o.journal = value
	case "synchronous":
		if !slices.Contains(syncModes, value) {
			return message.Errorf(syscall.EINVAL, "Invalid argument: synchronous %q is none of %s", value, strings.Join(syncModes, ", "))
		}
		o.synchronous = value
	case "max_checkpoints":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return message.Errorf(syscall.EINVAL, "Invalid argument: max_checkpoints %q is no number above 0", value)
		}
		o.maxCheckpoints = n
	default:
		return message.Errorf(syscall.EINVAL, "Invalid argument: unknown module option: %q", name)
	}
	return nil
}
