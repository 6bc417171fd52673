// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"goflux/internal/rpc"
	"goflux/internal/sign"
)

// jobSubmit is flux job submit: the jobspec comes from a file.
func (a *app) jobSubmit() *cobra.Command {
	var urgency int
	var flags []string
	cmd := &cobra.Command{
		Use: "submit [JOBSPEC]", Short: "submit a job whose jobspec is in a file, or - for standard input",
		Args: a.usageOperands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			bits, signed, err := jobSubmitFlags(flags)
			if err != nil {
				return err
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			data, err := a.readJobspec(args)
			if err != nil {
				return err
			}
			req := &rpc.JobSubmit{Urgency: urgency, Flags: bits}
			if signed {
				req.J = string(bytes.TrimSpace(data))
			} else {
				req.J = sign.None(uint32(os.Getuid()), data)
			}
			call, err := sendJob(h, req)
			if err != nil {
				return err
			}
			var resp rpc.JobID
			if err := call.Get(a.ctx, &resp); err != nil {
				return err
			}
			fmt.Fprintln(a.out, f58(resp.ID))
			return nil
		},
	}
	cmd.Flags().IntVarP(&urgency, "urgency", "u", urgencyDefault, "Set the job's urgency to `N`")
	cmd.Flags().StringSliceVarP(&flags, "flags", "f", nil, "Set `FLAGS`: debug, waitable, novalidate, signed")
	return cmd
}

// jobSubmitFlags reads flags, among them that the input is signed.
func jobSubmitFlags(names []string) (bits int, signed bool, err error) {
	for _, name := range names {
		if name == "signed" {
			signed = true
			continue
		}
		bit, err := submitFlags([]string{name})
		if err != nil {
			return 0, false, fail("unknown flag: %s", name)
		}
		bits |= bit
	}
	return bits, signed, nil
}

func (a *app) readJobspec(args []string) ([]byte, error) {
	var data []byte
	var err error
	if len(args) == 0 || args[0] == "-" {
		data, err = io.ReadAll(a.in)
	} else {
		data, err = os.ReadFile(args[0])
		if err != nil {
			return nil, fail("%s: %v", args[0], err)
		}
	}
	if err == nil && len(data) == 0 {
		err = fail("required jobspec is empty")
	}
	return data, err
}
