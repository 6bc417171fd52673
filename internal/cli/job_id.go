// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goflux/jobid"
)

// jobIDs is flux job id: job ids in another form.
func (a *app) jobIDs() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "id [JOBID...]",
		Short: "convert job ids to another form",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := a.eachOperand(args, func(s string) error { return a.convertID(s, form) })
			if err == nil && n == 0 {
				return exitStatus(1)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&form, "to", "t", "dec", "Convert to `dec|kvs|hex|dothex|words|f58|f58plain|emoji`")
	return cmd
}

func (a *app) convertID(s, form string) error {
	id, err := jobid.Parse(s)
	if err != nil {
		return fail("%s: malformed input", s)
	}
	text := f58(id)
	if !strings.EqualFold(form, "f58") {
		if text, err = id.Encode(form); err != nil {
			return fail("Unknown to=%s", form)
		}
	}
	fmt.Fprintln(a.out, text)
	return nil
}

// jobNamespace is flux job namespace: the KVS namespaces of jobs.
func (a *app) jobNamespace() *cobra.Command {
	return &cobra.Command{
		Use:   "namespace [JOBID...]",
		Short: "convert job ids to the names of their KVS namespaces",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := a.eachOperand(args, func(s string) error {
				id, err := parseJobID(s)
				if err == nil {
					fmt.Fprintln(a.out, id.Namespace())
				}
				return err
			})
			return err
		},
	}
}
