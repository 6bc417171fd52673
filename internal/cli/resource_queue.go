// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/rset"
)

// queueConfig is a queue as the configuration has it.
type queueConfig struct {
	name     string
	Requires []string `json:"requires"`
	Parent   string   `json:"parent"`
}

// queueConfigs are the configured queues in the order of the configuration.
type queueConfigs []queueConfig

// parseQueues reads the queues of a configuration in JSON.
func parseQueues(conf jsontext.Value) (queueConfigs, error) {
	v, ok := jsonPath(conf, "queues")
	if !ok {
		return nil, nil
	}
	var table map[string]queueConfig
	if err := message.Unmarshal(v, &table); err != nil {
		return nil, fail("queues: %v", err)
	}
	names, err := jsonKeys(v)
	if err != nil {
		return nil, fail("queues: %v", err)
	}
	var queues queueConfigs
	for _, name := range names {
		q := table[name]
		q.name = name
		queues = append(queues, q)
	}
	return queues, nil
}

// jsonKeys are the keys of a JSON object in their order.
func jsonKeys(v jsontext.Value) ([]string, error) {
	d := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var keys []string
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		keys = append(keys, t.String())
		if err := d.SkipValue(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (qs queueConfigs) find(name string) (queueConfig, bool) {
	for _, q := range qs {
		if q.name == name {
			return q, true
		}
	}
	return queueConfig{}, false
}

// requires are the properties that the nodes of a queue have; a virtual queue's
// are its parent's (RFC 33).
func (qs queueConfigs) requires(q queueConfig) ([]string, error) {
	if q.Parent == "" {
		return q.Requires, nil
	}
	parent, ok := qs.find(q.Parent)
	if !ok {
		return nil, fail("queue '%s': parent queue '%s' is not configured", q.name, q.Parent)
	}
	return parent.Requires, nil
}

// ranks are the ranks of r that belong to one of the queues named.
func (qs queueConfigs) ranks(r *rset.R, names []string) (*idset.Set, error) {
	all := idset.New()
	for _, name := range names {
		q, ok := qs.find(name)
		if !ok {
			return nil, fail("--queue: %s: no such queue", name)
		}
		requires, err := qs.requires(q)
		if err != nil {
			return nil, fail("--queue: %v", err)
		}
		if len(requires) == 0 {
			return r.Ranks().Clone(), nil
		}
		raw, err := message.Marshal(map[string][]string{"properties": requires})
		if err != nil {
			return nil, err
		}
		c, err := constraint.Parse(raw)
		if err != nil {
			return nil, fail("--queue: %s: %v", name, err)
		}
		all.AddSet(r.Match(c))
	}
	return all, nil
}

// restriction is the ranks of r that a view is limited to, nil for all.
func (v *resourceView) restriction(r *rset.R, queues queueConfigs) (*idset.Set, error) {
	var limit *idset.Set
	if len(v.queues) > 0 {
		var err error
		if limit, err = queues.ranks(r, v.queues); err != nil {
			return nil, err
		}
	}
	if v.include == "" {
		return limit, nil
	}
	ranks, err := includedRanks(r, v.include)
	if err != nil {
		return nil, err
	}
	if limit != nil {
		ranks = ranks.Intersect(limit)
	}
	return ranks, nil
}

// includedRanks understands TARGETS: ranks, or hosts, which need not exist.
func includedRanks(r *rset.R, targets string) (*idset.Set, error) {
	if ranks, err := idset.Parse(targets); err == nil {
		return ranks, nil
	}
	hosts, err := hostlist.Parse(targets)
	if err != nil {
		return nil, fail("--include: %v", err)
	}
	ranks, of := idset.New(), r.HostRanks()
	for host := range hosts.All() {
		ranks.AddSet(of[host])
	}
	return ranks, nil
}

// viewConfig is the configuration that a view's queues are looked up in.
func (a *app) viewConfig(v resourceView) (queueConfigs, error) {
	switch {
	case v.configFile != "":
		text, err := os.ReadFile(v.configFile)
		if err != nil {
			return nil, fail("%s: %v", v.configFile, err)
		}
		return parseQueues(text)
	case v.fromStdin:
		return nil, nil
	}
	conf, err := a.fetchConfig("")
	if err != nil {
		return nil, err
	}
	return parseQueues(conf)
}

// maxJSONInput bounds an answer read from standard input in a service's place.
const maxJSONInput = 256 << 20

// readJSON decodes standard input into dst; nothing leaves it as it is.
func (a *app) readJSON(dst any) error {
	text, err := io.ReadAll(io.LimitReader(a.in, maxJSONInput))
	if err != nil {
		return fail("standard input: %v", err)
	}
	if len(text) == 0 {
		return nil
	}
	if err := message.Unmarshal(text, dst); err != nil && !errors.Is(err, io.EOF) {
		return fail("standard input: %v", err)
	}
	return nil
}
