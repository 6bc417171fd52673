// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"goflux/hostlist"
	"goflux/idset"
)

// document is R as it stands in JSON.
type document struct {
	Version   jsontext.Value `json:"version"`
	Execution *execution     `json:"execution"`
	// Scheduling is opaque.
	Scheduling jsontext.Value `json:"scheduling"`
}

type execution struct {
	RLite      liteEntries       `json:"R_lite"`
	StartTime  float64           `json:"starttime"`
	Expiration float64           `json:"expiration"`
	NSlots     int               `json:"nslots"`
	Nodelist   *[]string         `json:"nodelist"`
	Properties map[string]string `json:"properties"`
}

// liteEntries is R_lite: an array, or, as scripts write it when there is
// nothing in it, an empty object.
type liteEntries []liteEntry

// UnmarshalJSON implements json.Unmarshaler.
func (l *liteEntries) UnmarshalJSON(b []byte) error {
	if v := jsontext.Value(b); v.Kind() == '{' {
		if err := v.Compact(); err == nil && string(v) == "{}" {
			*l = liteEntries{}
			return nil
		}
	}
	return json.Unmarshal(b, (*[]liteEntry)(l))
}

type liteEntry struct {
	Rank     string            `json:"rank"`
	Children map[string]string `json:"children"`
}

// Parse reads R version 1 from JSON. A missing nodelist is accepted, as Flux
// does. A rank in several entries has the resources of all.
func Parse(data []byte) (*R, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errorf("", "invalid R: %v", err)
	}
	switch {
	case doc.Version == nil:
		return nil, errorf("", "invalid R: version is missing")
	case string(doc.Version) != "1":
		return nil, errorf("", "invalid version=%.32s", doc.Version)
	case doc.Execution == nil:
		return nil, errorf("", "invalid R: execution is missing")
	case doc.Execution.RLite == nil:
		return nil, errorf("execution", "R_lite is missing")
	}
	r, err := doc.Execution.resources()
	if err != nil {
		return nil, err
	}
	if doc.Scheduling != nil && doc.Scheduling.Kind() != jsontext.KindNull {
		r.Scheduling = doc.Scheduling.Clone()
	}
	return r, nil
}

func (x *execution) resources() (*R, error) {
	groups, err := x.groups()
	if err != nil {
		return nil, err
	}
	r := (&R{StartTime: x.StartTime, Expiration: x.Expiration}).with(groups)
	r.NSlots = x.NSlots
	switch {
	case x.StartTime < 0 || x.Expiration < 0:
		return nil, errorf("execution", "starttime and expiration must be >= 0")
	case x.NSlots < 0:
		return nil, errorf("execution.nslots", "must be > 0")
	}
	if x.Nodelist != nil {
		if r.hosts, err = parseNodelist(*x.Nodelist, r.NNodes()); err != nil {
			return nil, err
		}
	}
	for name, ids := range x.Properties {
		ranks, err := idset.Parse(ids)
		if err != nil {
			return nil, errorf("execution.properties."+name, "%v", err)
		}
		if err := r.SetProperty(name, ranks); err != nil {
			return nil, errorf("execution.properties", "%v", err)
		}
	}
	return r, nil
}

func (x *execution) groups() ([]group, error) {
	groups := make([]group, 0, len(x.RLite))
	total := 0
	for i, e := range x.RLite {
		g, err := e.group(fmt.Sprintf("execution.R_lite[%d]", i))
		if err != nil {
			return nil, err
		}
		if total += g.ranks.Len(); total > MaxRanks {
			return nil, errorf("execution.R_lite", "more than %d ranks", MaxRanks)
		}
		groups = append(groups, g)
	}
	// Most R come in the form they are kept in. Others are put together anew.
	if ranksOf(groups).Len() == total && !anyAlike(groups) {
		sortGroups(groups)
		return groups, nil
	}
	var entries []Entry
	for _, g := range groups {
		for rank := range g.ranks.All() {
			entries = append(entries, Entry{Rank: rank, Cores: g.cores, GPUs: g.gpus})
		}
	}
	return Build(entries).groups, nil
}

// anyAlike reports whether two groups have equal resources.
func anyAlike(groups []group) bool {
	seen := map[string]bool{}
	for _, g := range groups {
		key := g.cores.String() + "/" + g.gpus.String()
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

func (e *liteEntry) group(path string) (g group, err error) {
	if g.ranks, err = idset.Parse(e.Rank); err != nil {
		return g, errorf(path+".rank", "%v", err)
	}
	if g.ranks.Empty() {
		return g, errorf(path+".rank", "must not be empty")
	}
	if e.Children == nil {
		return g, errorf(path, "children is missing")
	}
	g.cores, g.gpus = idset.New(), idset.New()
	for kind, ids := range e.Children {
		set, err := idset.Parse(ids)
		if err != nil {
			return g, errorf(path+".children."+kind, "%v", err)
		}
		switch kind {
		case "core":
			g.cores = set
		case "gpu":
			g.gpus = set
		default:
			return g, errorf(path+".children", "unknown resource type %s", kind)
		}
	}
	return g, nil
}

func parseNodelist(lists []string, ranks int) (*hostlist.List, error) {
	hosts := &hostlist.List{}
	for i, s := range lists {
		list, err := hostlist.Parse(s)
		if err != nil {
			return nil, errorf(fmt.Sprintf("execution.nodelist[%d]", i), "%v", err)
		}
		if hosts.AppendList(list); hosts.Len() > ranks {
			break
		}
	}
	if hosts.Len() != ranks {
		return nil, errorf("execution.nodelist", "number of hosts (%d or more) does not match number of ranks (%d)",
			hosts.Len(), ranks)
	}
	return hosts, nil
}

// MarshalJSON writes R compactly, with keys in the order Flux writes them.
func (r *R) MarshalJSON() ([]byte, error) {
	b := []byte(`{"version":1,"execution":{"R_lite":[`)
	for i, g := range r.groups {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"rank":"%s","children":{"core":"%s"`, g.ranks, g.cores)
		if !g.gpus.Empty() {
			b = fmt.Appendf(b, `,"gpu":"%s"`, g.gpus)
		}
		b = append(b, "}}"...)
	}
	b = appendTime(append(b, `],"starttime":`...), r.StartTime)
	b = appendTime(append(b, `,"expiration":`...), r.Expiration)
	if r.NSlots > 0 {
		b = fmt.Appendf(b, `,"nslots":%d`, r.NSlots)
	}
	if r.hosts != nil {
		b = quote(append(b, `,"nodelist":[`...), r.hosts.String())
		b = append(b, ']')
	}
	if len(r.props) > 0 {
		b = append(r.appendProperties(append(b, `,"properties":`...)), '}')
	} else {
		b = append(b, '}')
	}
	if r.Scheduling != nil {
		b = append(append(b, `,"scheduling":`...), r.Scheduling...)
	}
	return append(b, '}'), nil
}

// appendProperties writes the properties object, names sorted.
func (r *R) appendProperties(b []byte) []byte {
	b = append(b, '{')
	for i, name := range r.Properties() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, name), ':')
		b = quote(b, r.props[name].String())
	}
	return append(b, '}')
}

// PropertiesJSON is the properties object of RFC 20, names sorted.
func (r *R) PropertiesJSON() jsontext.Value { return r.appendProperties(nil) }

// UnmarshalJSON is Parse.
func (r *R) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err == nil {
		*r = *parsed
	}
	return err
}

// String is R as JSON on one line with a space after commas and colons, as
// commands print it.
func (r *R) String() string {
	raw, _ := r.MarshalJSON()
	v := jsontext.Value(raw)
	_ = v.Format(jsontext.Multiline(false), jsontext.SpaceAfterComma(true), jsontext.SpaceAfterColon(true))
	return string(v)
}

func quote(b []byte, s string) []byte {
	// What is not UTF-8 becomes U+FFFD; hosts and properties are neither.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// appendTime writes seconds so that they read as a float: 0.0, not 0.
func appendTime(b []byte, t float64) []byte {
	if math.IsNaN(t) || math.IsInf(t, 0) {
		t = 0
	}
	s := strconv.FormatFloat(t, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return append(b, s...)
}
