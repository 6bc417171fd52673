// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import "strings"

// Normalize brings a key to its normal form: no empty components. The root is
// ".".
func Normalize(key string) string {
	if !strings.Contains(key, "..") && !strings.HasPrefix(key, ".") && !strings.HasSuffix(key, ".") {
		return key
	}
	parts := strings.FieldsFunc(key, func(r rune) bool { return r == '.' })
	if len(parts) == 0 {
		return "."
	}
	return strings.Join(parts, ".")
}

// split returns the components of a key, none for the root.
func split(key string) []string {
	key = Normalize(key)
	if key == "." {
		return nil
	}
	return strings.Split(key, ".")
}
