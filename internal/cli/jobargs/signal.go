// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/sys/signame"
)

// warning is the shell option signal: what is sent how many seconds before the
// time limit.
type warning struct {
	Signum   int     `json:"signum"`
	TimeLeft float64 `json:"timeleft"`
}

// parseSignal reads [SIG][@TIME].
func parseSignal(arg string) (warning, error) {
	w := warning{Signum: int(syscall.SIGUSR1), TimeLeft: 60}
	name, before, _ := strings.Cut(arg, "@")
	if name != "" {
		if n, err := strconv.Atoi(name); err == nil && n <= 0 {
			return w, fmt.Errorf("--signal=%s: signal must be > 0", arg)
		}
		n, ok := signame.Parse(name)
		if !ok {
			return w, fmt.Errorf("--signal=%s: signal '%s' is invalid", arg, name)
		}
		w.Signum = n
	}
	if before != "" {
		seconds, err := parseDuration(before)
		if err != nil {
			return w, fmt.Errorf("--signal=%s: %w", arg, err)
		}
		w.TimeLeft = seconds
	}
	return w, nil
}
