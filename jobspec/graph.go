// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import "fmt"

// fixedCounts refuses ranges, which version 1 does not have.
func fixedCounts(vertices []Resource, path string) error {
	for i := range vertices {
		v := &vertices[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		if !v.Count.IsFixed() {
			return errorf(at+".count", "resource count must be an integer for type '%s' (got '%s')", v.Type, v.Count)
		}
		if err := fixedCounts(v.With, at+".with"); err != nil {
			return err
		}
	}
	return nil
}

// validateGraph allows the four graphs of RFC 25: slot>core, slot>(core,gpu)
// and both below a node.
func validateGraph(resources []Resource) error {
	path, v := "resources[0]", &resources[0]
	switch v.Type {
	case "node":
		if len(v.With) != 1 {
			return errorf(path+".with", "node with array must have 1 elements")
		}
		path, v = path+".with[0]", &v.With[0]
		if v.Type != "slot" {
			return errorf(path+".type", "node with type must be slot (got %s)", v.Type)
		}
	case "slot":
	default:
		return errorf(path+".type", "must be node or slot (got %s)", v.Type)
	}
	return validateSlot(v, path)
}

func validateSlot(slot *Resource, path string) error {
	if n := len(slot.With); n != 1 && n != 2 {
		return errorf(path+".with", "slot with array must have 1-2 elements")
	}
	seen := map[string]bool{}
	for i := range slot.With {
		v, at := &slot.With[i], fmt.Sprintf("%s.with[%d]", path, i)
		switch {
		case v.Type != "core" && v.Type != "gpu":
			return errorf(at+".type", "slot with type must be core or gpu (got %s)", v.Type)
		case seen[v.Type]:
			return errorf(at+".type", "slot has %s twice", v.Type)
		case len(v.With) > 0:
			return errorf(at+".with", "%s must not have child resources", v.Type)
		}
		seen[v.Type] = true
	}
	if !seen["core"] {
		return errorf(path+".with", "slot must contain a core")
	}
	return nil
}
