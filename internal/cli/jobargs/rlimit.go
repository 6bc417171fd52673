// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// limitNames are the resources of setrlimit(2), in lower case without RLIMIT_.
// "ofile" is another name for nofile.
var limitNames = [...]string{
	"cpu", "fsize", "data", "stack", "core", "nofile", "ofile", "as", "rss",
	"nproc", "memlock", "msgqueue", "nice", "rtprio", "rttime", "sigpending",
}

// unpropagated are the limits that a job gets only when told to.
var unpropagated = [...]string{"memlock", "ofile", "msgqueue", "nice", "rtprio", "rttime", "sigpending"}

// limits applies the rules of --rlimit, each a list separated by commas.
func limits(rules []string, current func(string) (int64, bool)) (map[string]int64, error) {
	set := map[string]int64{}
	for _, name := range limitNames {
		if !slices.Contains(unpropagated[:], name) {
			if value, ok := current(name); ok {
				set[name] = value
			}
		}
	}
	for _, list := range rules {
		for rule := range strings.SplitSeq(list, ",") {
			if err := applyLimit(set, rule, current); err != nil {
				return nil, err
			}
		}
	}
	return set, nil
}

func applyLimit(set map[string]int64, rule string, current func(string) (int64, bool)) error {
	if pattern, remove := strings.CutPrefix(rule, "-"); remove {
		re, err := namePattern(strings.ToLower(pattern))
		if err != nil {
			return err
		}
		for name := range set {
			if re.MatchString(name) {
				delete(set, name)
			}
		}
		return nil
	}
	name, value, isSet := strings.Cut(rule, "=")
	if isSet {
		name = strings.ToLower(name)
		if !slices.Contains(limitNames[:], name) {
			return fmt.Errorf("Invalid rlimit \"%s\"", name)
		}
		n, err := limitValue(value)
		if err != nil {
			return fmt.Errorf("Invalid value in %s", rule)
		}
		set[name] = n
		return nil
	}
	re, found := GlobPattern(strings.ToLower(rule)), false
	for _, name := range limitNames {
		if re.MatchString(name) {
			if n, ok := current(name); ok {
				set[name], found = n, true
			}
		}
	}
	if !found {
		return fmt.Errorf("No corresponding rlimit matching \"%s\"", rule)
	}
	return nil
}

func limitValue(s string) (int64, error) {
	switch s {
	case "unlimited", "infinity", "inf":
		return -1, nil
	}
	return strconv.ParseInt(s, 10, 64)
}
