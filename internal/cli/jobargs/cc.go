// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"slices"
	"strings"

	"goflux/idset"
)

// MaxCopies bounds --cc and --bcc, whose value may name four billion copies.
const MaxCopies = MaxCombinations

// Copies are the ids of --cc or --bcc; nil if neither was given.
func (s *Submission) Copies() ([]uint32, error) {
	text, option := s.CC, "--cc"
	switch {
	case s.CC != "" && s.BCC != "":
		return nil, fmt.Errorf("specify only one of --cc or --bcc")
	case s.CC == "" && s.BCC == "":
		return nil, nil
	case s.CC == "":
		text, option = s.BCC, "--bcc"
	}
	set, err := idset.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	if set.Len() > MaxCopies {
		return nil, fmt.Errorf("%s=%s: more than %d copies", option, text, MaxCopies)
	}
	ids := make([]uint32, 0, set.Len())
	for id := range set.All() {
		ids = append(ids, id)
	}
	return ids, nil
}

// UsesCC tells whether options or command have templates, so that copies may
// differ.
func (s *Submission) UsesCC() bool {
	has := func(text string) bool { return strings.ContainsAny(text, "{}") }
	for _, f := range s.templateFields() {
		if f.text != nil && has(*f.text) || f.list != nil && slices.ContainsFunc(*f.list, has) {
			return true
		}
	}
	return slices.ContainsFunc(s.Command, has)
}
