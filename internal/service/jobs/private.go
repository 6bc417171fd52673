// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/service"
)

// Private mode (flux-config-access(5)): guests see no jobs but their own, and
// nothing about all jobs together. Owner and admins see everything.

// confined reports whether the sender may see its own jobs alone.
func (s *jobs) confined(c *service.Call) bool {
	return s.set.private && !c.Cred().Allows(message.RoleAdmin)
}

// visible reports whether the sender may see that there is such a job of userid.
func (s *jobs) visible(c *service.Call, userid uint32) bool {
	return !s.confined(c) || c.Cred().UserID == userid
}

// public refuses what is about all jobs together. EPERM.
func (s *jobs) public(c *service.Call) error {
	if s.confined(c) {
		return syscall.EPERM
	}
	return nil
}
