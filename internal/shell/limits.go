// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"math"
	"sort"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/sys/process"
)

// limits gives the tasks the soft resource limits of the option rlimit.
type limits struct {
	s    *Shell
	soft []process.Limit
}

func (l *limits) init() error {
	raw := l.s.job.opts.get("rlimit")
	if raw == nil {
		return nil
	}
	var given map[string]jsontext.Value
	if err := message.Unmarshal(raw, &given); err != nil {
		return fmt.Errorf("failed to parse rlimit shell option")
	}
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	var bad error
	for _, name := range names {
		resource, ok := process.LimitNumber(name)
		var value int64
		if !ok || message.Unmarshal(given[name], &value) != nil {
			bad = fmt.Errorf("invalid shell option rlimit.%s=%s", name, given[name])
			l.s.log.errorf("rlimit", "%v", bad)
			continue
		}
		l.add(name, resource, value)
	}
	return bad
}

// add takes a limit of −1 for none, and one above the hard limit for that.
func (l *limits) add(name string, resource int, value int64) {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(resource, &now); err != nil {
		l.s.log.errorf("rlimit", "getrlimit %s: %v", name, err)
		return
	}
	soft := uint64(value)
	if value < 0 {
		soft = math.MaxUint64
	}
	if soft > now.Max {
		l.s.log.warnf("rlimit", "%s exceeds current max, raising value to hard limit", name)
		soft = now.Max
	}
	l.soft = append(l.soft, process.Limit{Resource: resource, Soft: soft})
}

func (l *limits) prepareTask(t *task) error {
	t.spec.Limits = l.soft
	return nil
}
