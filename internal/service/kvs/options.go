// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
	"goflux/treeobj"
)

// options are the module's arguments.
type options struct {
	noMerge bool
	rootref string // to begin with, instead of the checkpoint
}

func parseOptions(args []string) (o options, err error) {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "transaction-merge":
			if value != "0" && value != "1" {
				return o, message.Errorf(syscall.EINVAL, "transaction-merge is 0 or 1, not %q", value)
			}
			o.noMerge = value == "0"
		case "initial-rootref":
			if err := treeobj.CheckBlobref(value); err != nil {
				return o, message.Errorf(syscall.EINVAL, "initial-rootref: %v", err)
			}
			o.rootref = value
		default:
			return o, message.Errorf(syscall.EINVAL, "unknown option %q", arg)
		}
	}
	return o, nil
}

// checkpointPeriod reads kvs.checkpoint-period: 0 for none. The other key of
// the table, gc-threshold, is flux-shutdown's.
func checkpointPeriod(conf map[string]any) (time.Duration, error) {
	table, ok := conf["kvs"].(map[string]any)
	if !ok {
		return 0, nil
	}
	v, ok := table["checkpoint-period"]
	if !ok {
		return 0, nil
	}
	s, ok := v.(string)
	if !ok {
		return 0, message.Errorf(syscall.EINVAL, "error reading config for kvs: checkpoint-period must be a string")
	}
	d, err := fsd.Parse(s)
	if err != nil {
		return 0, message.Errorf(syscall.EINVAL, "invalid checkpoint-period config: %s", s)
	}
	return d, nil
}
