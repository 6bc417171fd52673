// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"github.com/spf13/cobra"
)

// newCompletion is flux completion: the script that makes a shell complete
// flux's command lines.
func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "print a shell's completion script",
		Args:      a.operands(1, 1),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(_ *cobra.Command, args []string) error {
			root := a.fullTree()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			}
			return usageError("there is no completion for %s", args[0])
		},
	}
}

// fullTree is every command at once, for completion alone.
func (a *app) fullTree() *cobra.Command {
	root := newRoot()
	for _, c := range commandTable() {
		if c.new != nil {
			root.AddCommand(c.new(a))
		}
	}
	return root
}

// complete answers the question of a completion script.
func (a *app) complete(args []string) int {
	root := a.fullTree()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	if root.Execute() != nil {
		return 1
	}
	return 0
}
