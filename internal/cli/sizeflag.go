// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import "strconv"

// sizeFlag is an option's number of bytes: a decimal number that k, K, M or G
// may follow.
type sizeFlag int64

// Set implements pflag.Value.
func (f *sizeFlag) Set(text string) error {
	n, err := parseSize(text)
	*f = sizeFlag(n)
	return err
}

// String implements pflag.Value.
func (f *sizeFlag) String() string { return strconv.FormatInt(int64(*f), 10) }

// Type implements pflag.Value.
func (f *sizeFlag) Type() string { return "size" }
