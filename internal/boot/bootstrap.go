// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/hostlist"
	"goflux/internal/config"
	"goflux/internal/message"
)

// host is an entry of the hosts array, its hostlist expanded and its tokens
// replaced.
type host struct{ name, bind, connect, parent string }

// hostsTable is the [bootstrap] table.
type hostsTable struct {
	list      []*host // by rank
	rank      int     // of this host
	curveCert string
}

// parseBootstrap reads the [bootstrap] table as the host called hostname.
func parseBootstrap(conf config.Table, hostname string) (*hostsTable, error) {
	s := config.Read(conf, "bootstrap")
	hosts, _ := s.Array("hosts")
	cert, _ := s.String("curve_cert")
	port, hasPort := s.Int("default_port")
	bind, _ := s.String("default_bind")
	connect, _ := s.String("default_connect")
	s.Bool("enable_ipv6") // sockets serve both families
	if hasPort && (port < 0 || port > 65535) {
		s.Fail("default_port", "must be in the range of 0-65535")
	}
	if err := s.Err(true); err != nil {
		return nil, err
	}
	t := &hostsTable{curveCert: cert}
	if err := t.expand(hosts, hostname); err != nil {
		return nil, bootstrapError(err)
	}
	for i, h := range t.list {
		if err := h.complete(t, bind, connect, port); err != nil {
			return nil, bootstrapError(fmt.Errorf("invalid hosts[%d]: %w", i, err))
		}
	}
	if len(t.list) > 1 && cert == "" {
		return nil, bootstrapError(fmt.Errorf("curve_cert must be defined for size > 1"))
	}
	if t.rank = t.index(hostname); t.rank < 0 {
		return nil, bootstrapError(fmt.Errorf("%s not found in hosts", hostname))
	}
	return t, nil
}

func bootstrapError(err error) error {
	return message.Errorf(syscall.EINVAL, "Config file error [bootstrap]: %v", err)
}

func (t *hostsTable) index(name string) int {
	for i, h := range t.list {
		if h.name == name {
			return i
		}
	}
	return -1
}

// expand fills the list. An entry for a host that had one adds what that left
// out. Without entries the instance has the size of one.
func (t *hostsTable) expand(entries []any, hostname string) error {
	if len(entries) == 0 {
		t.list = []*host{{name: hostname}}
		return nil
	}
	byName := map[string]*host{}
	for i, e := range entries {
		entry, names, err := parseEntry(e)
		if err != nil {
			return fmt.Errorf("invalid hosts[%d]: %w", i, err)
		}
		for name := range names.All() {
			h := byName[name]
			if h == nil {
				h = &host{name: name}
				byName[name] = h
				t.list = append(t.list, h)
			}
			h.bind = orElse(h.bind, entry.bind)
			h.connect = orElse(h.connect, entry.connect)
			h.parent = orElse(h.parent, entry.parent)
		}
	}
	return nil
}

func parseEntry(e any) (entry host, names *hostlist.List, err error) {
	table, ok := e.(config.Table)
	if !ok {
		return entry, nil, fmt.Errorf("Expected object, got %T", e)
	}
	s := config.Read(config.Table{"hosts": table}, "hosts")
	entry.bind, _ = s.String("bind")
	entry.connect, _ = s.String("connect")
	entry.parent, _ = s.String("parent")
	text, ok := s.String("host")
	if !ok {
		s.Fail("host", "the key is missing")
	}
	if err := s.Err(true); err != nil {
		return entry, nil, err
	}
	if names, err = hostlist.Parse(text); err != nil {
		return entry, nil, fmt.Errorf("host key is not a valid RFC 29 hostlist: %w", err)
	}
	return entry, names, nil
}

// complete checks an entry and replaces the tokens of its endpoints.
func (h *host) complete(t *hostsTable, bind, connect string, port int64) (err error) {
	if err := checkDomain(h.name); err != nil {
		return fmt.Errorf("%s %w", h.name, err)
	}
	if h.parent == h.name {
		return fmt.Errorf("parent key refers to self")
	}
	if h.parent != "" && t.index(h.parent) < 0 {
		return fmt.Errorf("parent key refers to unknown host")
	}
	if h.bind, err = endpoint(orElse(h.bind, bind), h.name, port); err != nil {
		return fmt.Errorf("bind key %w", err)
	}
	if h.connect, err = endpoint(orElse(h.connect, connect), h.name, port); err != nil {
		return fmt.Errorf("connect key %w", err)
	}
	return nil
}

// endpoint replaces %h and %p in an endpoint and checks it.
func endpoint(uri, name string, port int64) (string, error) {
	if uri == "" {
		return "", nil
	}
	uri = strings.NewReplacer("%%", "%", "%h", name, "%p", strconv.FormatInt(port, 10)).Replace(uri)
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case !ok:
		return "", fmt.Errorf("%s has no URI scheme", uri)
	case strings.Contains(uri, ":*"):
		return "", fmt.Errorf("%s contains a port wildcard", uri)
	case scheme != "tcp" && scheme != "ipc":
		return "", fmt.Errorf("%s URI scheme must be tcp or ipc", uri)
	case rest == "":
		return "", fmt.Errorf("%s address is empty", uri)
	case scheme == "ipc" && len(rest) > maxSocketPath:
		return "", fmt.Errorf("%s socket path must not exceed %d bytes", uri, maxSocketPath)
	}
	return uri, nil
}

// maxSocketPath is the room a unix socket's address has for its path.
const maxSocketPath = 108

// checkDomain checks a name as RFC 1035 has it.
func checkDomain(name string) error {
	if len(name) < 1 || len(name) > 253 {
		return fmt.Errorf("domain must be 1-253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) < 1 || len(label) > 63 {
			return fmt.Errorf("domain label must be 1-63 characters")
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("domain label must not start or end with '-'")
		}
		for _, c := range []byte(label) {
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-') {
				return fmt.Errorf("domain label contains invalid character %q", c)
			}
		}
	}
	return nil
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
