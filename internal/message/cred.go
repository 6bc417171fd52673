// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import "syscall"

// Role is a bit of the rolemask of RFC 12.
type Role uint32

// Roles (RFC 12).
const (
	RoleOwner Role = 1
	RoleUser  Role = 2
	RoleLocal Role = 4
	RoleAdmin Role = 8
)

// UserUnknown is the userid of a message that has not been stamped yet.
const UserUnknown uint32 = 0xFFFFFFFF

// Cred is a message credential: who sent it, and with which roles (RFC 12).
type Cred struct {
	UserID   uint32
	Rolemask Role
}

// Unknown is the credential of a message on its way to its first broker.
var Unknown = Cred{UserID: UserUnknown}

// Valid reports whether the credential has been assigned.
func (c Cred) Valid() bool {
	return c.UserID != UserUnknown && c.Rolemask&(RoleOwner|RoleUser) != 0
}

// IsOwner reports whether the sender is the instance owner.
func (c Cred) IsOwner() bool { return c.Rolemask&RoleOwner != 0 }

// Allows checks the role-based access of RFC 12: the owner may do everything,
// others need one of the roles in allow.
func (c Cred) Allows(allow Role) bool {
	return c.IsOwner() || c.Rolemask&allow != 0
}

// Authorize checks that the sender is the owner or the user userid. EPERM.
func (c Cred) Authorize(userid uint32) error {
	if c.IsOwner() || c.UserID == userid {
		return nil
	}
	return syscall.EPERM
}

// IsLocal reports whether the message came from the broker it is at.
func (c Cred) IsLocal() bool { return c.Rolemask&RoleLocal != 0 }
