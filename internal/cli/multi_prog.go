// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/idset"
	"goflux/internal/cli/multiprog"
)

// newMultiProg is flux multi-prog (flux-multi-prog(1)): each task of a job runs
// the command that a file has for it.
func newMultiProg(a *app) *cobra.Command {
	var ranks string
	cmd := &cobra.Command{
		Use: "multi-prog CONFIG", Short: "run a command of its own in each task of a job", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fail("%s: %v", args[0], err)
			}
			defer f.Close()
			conf, err := multiprog.Read(args[0], f)
			if err != nil {
				return err
			}
			if ranks != "" {
				return a.showPrograms(conf, ranks)
			}
			return a.runProgram(conf)
		},
	}
	cmd.Flags().StringVarP(&ranks, "dry-run", "n", "", "Run nothing, print what the tasks `RANKS` would run")
	return cmd
}

// maxShown bounds how many tasks' commands are shown.
const maxShown = 1 << 20

func (a *app) showPrograms(conf *multiprog.Config, ranks string) error {
	set, err := idset.Parse(ranks)
	if err != nil {
		return fail("invalid idset: %s", ranks)
	}
	if set.Len() > maxShown {
		return fail("%s: too many tasks", ranks)
	}
	for rank := range set.All() {
		command, err := conf.Command(rank)
		if err != nil {
			return err
		}
		for i, word := range command {
			command[i] = shellWord(word)
		}
		fmt.Fprintf(a.out, "%d: %s\n", rank, strings.Join(command, " "))
	}
	return nil
}

// shellWord quotes a word for a shell, if it needs that.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%_-+=:,./", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'"
}

// runProgram becomes the task's command.
func (a *app) runProgram(conf *multiprog.Config) error {
	rank, err := strconv.ParseUint(os.Getenv("FLUX_TASK_RANK"), 10, 32)
	if err != nil {
		return fail("FLUX_TASK_RANK not found or invalid")
	}
	command, err := conf.Command(uint32(rank))
	if err != nil {
		return err
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	a.close()
	return fail("%s: %v", path, syscall.Exec(path, command, os.Environ()))
}
