// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"log/slog"
	"strings"
	"testing"

	"goflux/internal/config"
	"goflux/internal/message"
)

func access(t *testing.T, toml string) (accessPolicy, error) {
	t.Helper()
	conf, err := config.ParseTOML([]byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	return readAccess(conf)
}

func TestAdmins(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for toml, want := range map[string]bool{
		"[access.roles.admin]\nusers = [\"nobody-of-that-name\", \"root\"]": true,
		"[access]\nroles.admin.groups = [ \"root\" ]":                       true,
		"[access.roles.admin]\ngroups = [\"no-such-group\", \"daemon\"]":    false,
		"[access]\nallow-guest-user = true":                                 false,
	} {
		p, err := access(t, toml)
		if err != nil || p.isAdmin(0, quiet) != want {
			t.Errorf("%s: root is an admin: %t, %v", toml, !want, err)
		}
	}
	for toml, want := range map[string]string{
		"[access.roles.operator]\nusers = []":  "unknown role",
		"[access.roles.admin]\nusers = [ 1 ]":  "strings",
		"[access.roles.admin]\nuser = [\"a\"]": "user",
	} {
		if _, err := access(t, toml); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", toml, err, want)
		}
	}
}

// TestStamp: a credential that the owner chose is not changed (RFC 12).
func TestStamp(t *testing.T) {
	owner := message.Cred{UserID: 7, Rolemask: message.RoleOwner | message.RoleLocal}
	cl := &client{owner: true, cred: owner}
	guest := message.Cred{UserID: 9, Rolemask: message.RoleUser}
	for _, c := range []struct{ sent, want message.Cred }{
		{message.Cred{UserID: message.UserUnknown}, owner},
		{guest, guest},
		{message.Cred{UserID: 9}, message.Cred{UserID: 9, Rolemask: owner.Rolemask}},
		{message.Cred{UserID: message.UserUnknown, Rolemask: message.RoleUser}, message.Cred{UserID: 7, Rolemask: message.RoleUser}},
	} {
		if got := cl.stamp(c.sent); got != c.want {
			t.Errorf("sent %+v, stamped %+v, want %+v", c.sent, got, c.want)
		}
	}
	cl.owner, cl.cred = false, guest
	if got := cl.stamp(owner); got != guest {
		t.Errorf("a guest becomes %+v", got)
	}
}
