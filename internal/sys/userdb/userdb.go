// SPDX-License-Identifier: LGPL-3.0-or-later

package userdb

import (
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
)

var (
	mu    sync.Mutex
	names = map[uint32]string{}
	ids   = map[string]uint32{}
)

// Name is a user's name; its number as text where there is none.
func Name(id uint32) string {
	mu.Lock()
	defer mu.Unlock()
	if name, ok := names[id]; ok {
		return name
	}
	number := strconv.FormatUint(uint64(id), 10)
	name := number
	if u, err := user.LookupId(number); err == nil {
		name = u.Username
	} else if n, _, ok := getent(number); ok {
		name = n
	}
	names[id] = name
	return name
}

// ID is the number of the user of that name.
func ID(name string) (id uint32, ok bool) {
	mu.Lock()
	defer mu.Unlock()
	if id, ok := ids[name]; ok {
		return id, true
	}
	number := ""
	if u, err := user.Lookup(name); err == nil {
		number = u.Uid
	} else if _, n, found := getent(name); found {
		number = n
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, false
	}
	ids[name] = uint32(n)
	return uint32(n), true
}

// InGroup tells whether a user is in the group of that name, as its primary
// group or as a member; known is false when there is no such group. It is
// looked up each time.
func InGroup(uid uint32, group string) (in, known bool) {
	line, ok := ask("group", group)
	if !ok {
		return false, false
	}
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) < 4 || f[0] == "" {
		return false, false
	}
	user := Name(uid)
	for member := range strings.SplitSeq(f[3], ",") {
		if member == user {
			return true, true
		}
	}
	line, ok = ask("passwd", strconv.FormatUint(uint64(uid), 10))
	p := strings.Split(line, ":")
	return ok && len(p) > 3 && p[3] == f[2], true
}

// getent asks for a line of the user database.
func getent(key string) (name, number string, ok bool) {
	line, ok := ask("passwd", key)
	if !ok {
		return "", "", false
	}
	return parse(line)
}

// ask asks a database of the system for a line.
func ask(database, key string) (line string, ok bool) {
	if key == "" || key[0] == '-' {
		return "", false
	}
	out, err := exec.Command("getent", database, key).Output()
	return string(out), err == nil
}

// parse reads a line in the form of /etc/passwd.
func parse(line string) (name, number string, ok bool) {
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) < 4 || f[0] == "" {
		return "", "", false
	}
	return f[0], f[2], true
}
