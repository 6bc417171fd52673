// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"maps"
	"slices"
	"strings"
	"syscall"

	"goflux/idset"
)

// propertyIllegal are the characters no property may have (RFC 20).
const propertyIllegal = "!&'\"^`|()"

// CheckProperty says whether a name may be that of a property (RFC 20).
func CheckProperty(name string) error {
	if err := checkProperty(name); err != nil {
		return err
	}
	return nil
}

func checkProperty(name string) *Error {
	if name == "" {
		return errorf("", "property name must not be empty")
	}
	if i := strings.IndexAny(name, propertyIllegal); i >= 0 {
		return errorf("", "Invalid character '%c' in property \"%s\"", name[i], name)
	}
	return nil
}

// Properties returns the names of all properties, sorted.
func (r *R) Properties() []string { return slices.Sorted(maps.Keys(r.props)) }

// PropertyRanks returns the ranks that have a property. The set belongs to r.
func (r *R) PropertyRanks(name string) *idset.Set { return r.props[name] }

// SetProperty gives ranks a property they may have already. Ranks that are not
// in r are an error that wraps ENOENT.
func (r *R) SetProperty(name string, ranks *idset.Set) error {
	if err := checkProperty(name); err != nil {
		return err
	}
	if unknown := ranks.Subtract(r.ranks); !unknown.Empty() {
		what := "ranks"
		if unknown.Len() == 1 {
			what = "rank"
		}
		return errorf("", "%s %s not found in target resource list", what, unknown).with(syscall.ENOENT)
	}
	if !ranks.Empty() {
		r.setProp(name, r.props[name].Union(ranks))
	}
	return nil
}

func (r *R) setProp(name string, ranks *idset.Set) {
	if r.props == nil {
		r.props = map[string]*idset.Set{}
	}
	r.props[name] = ranks
}

// DropProperties removes the properties for which drop is true.
func (r *R) DropProperties(drop func(name string) bool) {
	maps.DeleteFunc(r.props, func(name string, _ *idset.Set) bool { return drop(name) })
}

// InstanceLocal reports whether a property describes the instance and not the
// hardware, so that a scheduler leaves it out of what it allocates (RFC 20).
func InstanceLocal(name string) bool { return strings.HasPrefix(name, "+") }
