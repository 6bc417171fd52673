// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"github.com/spf13/cobra"
)

// Printable characters other than the blank, which lines of flux lptest are
// made of.
const (
	firstPrintable = '!'
	printables     = '~' - '!' + 1
)

// newLptest is flux lptest: lines of all printable characters, each shifted by
// one, for tests of what carries text.
func newLptest(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lptest [LENGTH] [COUNT]",
		Short: "print lines of rippling text",
		Args:  a.operands(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			size := [2]int{79, 200} // characters, lines
			for i, arg := range args {
				n, err := parseSize(arg)
				if err != nil {
					return fail("%v", err)
				}
				size[i] = n
			}
			for line := range size[1] {
				for column := range size[0] {
					a.out.WriteByte(byte(firstPrintable + (line+column)%printables))
				}
				a.out.WriteByte('\n')
			}
			return nil
		},
	}
}
