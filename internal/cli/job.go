// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"goflux/internal/sys/userdb"
)

// newJob is flux job.
func newJob(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job COMMAND",
		Short: "attach to, query and change single jobs",
		Args:  cobra.ArbitraryArgs,

		Annotations: map[string]string{helpFails: "true"},
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			fmt.Fprintf(a.err, "flux-job: Unknown subcommand: %s\n", args[0])
		}
		return a.usage(cmd)
	}
	cmd.AddCommand(
		a.jobUrgency(),
		a.jobRaise(), a.jobRaiseAll(),
		a.jobKill(), a.jobKillAll(),
		a.jobAttach(),
		a.jobStatus(),
		a.jobSubmit(),
		a.jobIDs(), a.jobNamespace(),
		a.jobEventlog(), a.jobWaitEvent(),
		a.jobInfo(),
		a.jobStats(),
		a.jobWait(),
		a.jobMemo(),
		a.jobTaskmap(),
		a.jobTimeleft(),
		a.jobHostpids(),
		a.jobLast(),
		a.jobPurge(),
		a.jobList(), a.jobListInactive(), a.jobListIDs(),
	)
	return cmd
}

// usage prints how a command is used, which is all there is to say.
func (a *app) usage(cmd *cobra.Command) error {
	a.flush()
	printHelp(a.err, cmd)
	return exitStatus(1)
}

// usageOperands demands between least and most operands, most < 0 any number;
// otherwise it prints how the command is used.
func (a *app) usageOperands(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return a.usage(cmd)
		}
		return nil
	}
}

// eachOperand calls f with every operand, or without any with every line of
// standard input. It returns how many there were.
func (a *app) eachOperand(args []string, f func(string) error) (int, error) {
	for i, arg := range args {
		if err := f(arg); err != nil {
			return i, err
		}
	}
	if len(args) > 0 {
		return len(args), nil
	}
	n := 0
	for lines := bufio.NewScanner(a.in); lines.Scan(); n++ {
		if err := f(strings.TrimSpace(lines.Text())); err != nil {
			return n, err
		}
	}
	return n, nil
}

// allUsers stands for every user in requests.
const allUsers = 0xFFFFFFFF

// parseUser reads the name or number of a user, or "all".
func parseUser(s string) (uint32, bool) {
	if s == "all" {
		return allUsers, true
	}
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), true
	}
	return userdb.ID(s)
}
