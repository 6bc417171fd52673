// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"

	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/core/housekeeping"
	"goflux/internal/message"
)

// housekeepingConfig is [job-manager.housekeeping] (flux-config-job-manager(5)).
type housekeepingConfig struct {
	command []string
	after   float64 // seconds, housekeeping.Never
	// oldKey: the table has a key that was taken out of use.
	oldKey bool
}

// newHousekeepingConfig reads it; nil when there is no such table.
func newHousekeepingConfig(conf map[string]any) (*housekeepingConfig, error) {
	const name = "job-manager.housekeeping"
	manager, _ := conf["job-manager"].(map[string]any)
	v, ok := manager["housekeeping"]
	if !ok {
		return nil, nil
	}
	c := config.Read(map[string]any{name: v}, name)
	hk := &housekeepingConfig{after: housekeeping.Never}
	command, _ := c.Any("command")
	hk.oldKey, _ = c.Bool("use-systemd-unit")
	c.Bool("exit-on-first-error") // is for flux-run-system-scripts
	if text, ok := c.String("release-after"); ok {
		var err error
		if hk.after, err = fsd.ParseSeconds(text); err != nil {
			c.Fail("release-after", "FSD parse error: %v", err)
		}
	}
	if err := c.Err(true); err != nil {
		return nil, err
	}
	imp, _ := config.Read(conf, "exec").String("imp")
	var err error
	switch hk.command, err = siteCommand(command, imp, "housekeeping"); err {
	case nil:
	case errNoCommand:
		return nil, message.Errorf(syscall.EINVAL, "%s implies IMP but exec.imp is undefined", name)
	default:
		return nil, message.Errorf(syscall.EINVAL, "%s: %v", name, err)
	}
	return hk, nil
}
