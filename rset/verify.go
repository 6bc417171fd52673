// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import "goflux/idset"

// VerifyMode is what verification makes of a difference in one type of
// resource (flux-config-resource(5)).
type VerifyMode int

// The modes, by their names in configuration.
const (
	VerifyStrict       VerifyMode = iota // "strict"
	VerifyAllowExtra                     // "allow-extra"
	VerifyAllowMissing                   // "allow-missing"
	VerifyIgnore                         // "ignore"
)

var verifyModes = []string{"strict", "allow-extra", "allow-missing", "ignore"}

// String is the mode's name in configuration.
func (m VerifyMode) String() string { return verifyModes[m] }

// ParseVerifyMode is the inverse of String.
func ParseVerifyMode(name string) (VerifyMode, error) {
	for m, s := range verifyModes {
		if s == name {
			return VerifyMode(m), nil
		}
	}
	return 0, errorf("", "unknown verify mode '%.64s'", name)
}

// VerifyConfig is how strictly resources are verified. The zero value is
// strict.
type VerifyConfig struct {
	Hostname, Core, GPU VerifyMode
}

// DefaultVerify is what holds without a resource.verify key.
var DefaultVerify = VerifyConfig{Hostname: VerifyStrict, Core: VerifyAllowExtra, GPU: VerifyIgnore}

// ParseVerify reads the resource.verify key, a boolean or a table, decoded
// from TOML or JSON.
func ParseVerify(value any) (VerifyConfig, error) {
	var c VerifyConfig
	switch v := value.(type) {
	case nil:
		return DefaultVerify, nil
	case bool:
		if !v {
			c = VerifyConfig{VerifyIgnore, VerifyIgnore, VerifyIgnore}
		}
		return c, nil
	case map[string]any:
		return parseVerifyTable(v)
	}
	return c, errorf("", "verify must be a table or boolean")
}

func parseVerifyTable(table map[string]any) (c VerifyConfig, err error) {
	modes := map[string]VerifyMode{}
	for key, value := range table {
		name, ok := value.(string)
		if !ok {
			return c, errorf("", "verify.%s mode must be a string", key)
		}
		mode, err := ParseVerifyMode(name)
		if err != nil {
			return c, errorf("", "verify.%s: %v", key, err)
		}
		switch key {
		case "default", "hostname", "core", "gpu":
			modes[key] = mode
		default:
			return c, errorf("", "verify: unsupported resource type: %s", key)
		}
	}
	for key, dst := range map[string]*VerifyMode{"hostname": &c.Hostname, "core": &c.Core, "gpu": &c.GPU} {
		*dst = modes["default"]
		if mode, ok := modes[key]; ok {
			*dst = mode
		}
	}
	return c, nil
}

// Verify compares what was found on one rank with what is expected of it. The
// error tells the first kind of difference: the host's name, then what is
// missing, then what is extra.
func Verify(expected, actual *R, c VerifyConfig) error {
	if actual.NNodes() != 1 {
		return errorf("", "Verification supported on single rank only")
	}
	rank, _ := actual.ranks.First()
	if !expected.ranks.Contains(rank) {
		return errorf("", "rank %d not found in expected ranks", rank)
	}
	got, want := actual.Host(rank), expected.Host(rank)
	if c.Hostname == VerifyStrict && got != want {
		return errorf("", "rank %d got hostname '%s', expected '%s'", rank, orUnknown(got), orUnknown(want))
	}
	missing, extra := VerifyAllowMissing, VerifyAllowExtra
	a, e := actual.groupOf(rank), expected.groupOf(rank)
	if diff := difference(e, a, c, missing); diff != "" {
		return errorf("", "rank %d (%s) missing resources: %s", rank, orUnknown(got), diff)
	}
	if diff := difference(a, e, c, extra); diff != "" {
		return errorf("", "rank %d (%s) has extra resources: %s", rank, orUnknown(got), diff)
	}
	return nil
}

// difference tells what a has and b lacks, of the types for which that is
// neither allowed nor ignored.
func difference(a, b group, c VerifyConfig, allowed VerifyMode) string {
	minds := func(m VerifyMode) bool { return m != VerifyIgnore && m != allowed }
	var diff struct{ cores, gpus *idset.Set }
	if minds(c.Core) {
		diff.cores = a.cores.Subtract(b.cores)
	}
	if minds(c.GPU) {
		diff.gpus = a.gpus.Subtract(b.gpus)
	}
	return group{cores: diff.cores, gpus: diff.gpus}.childSummary()
}

func orUnknown(host string) string {
	if host == "" {
		return "unknown"
	}
	return host
}
