// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// jobUrgency is flux job urgency.
func (a *app) jobUrgency() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use: "urgency JOBID URGENCY", Short: "set a job's urgency: 0 to 31, hold, expedite or default",
		Args: a.usageOperands(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseJobID(args[0])
			if err != nil {
				return err
			}
			urgency, ok := parseUrgency(args[1])
			if !ok {
				return fail("error parsing urgency: \"%s\"", args[1])
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			var resp rpc.JobOldUrgency
			if err := h.RPC(a.ctx, "job-manager.urgency", flux.NodeAny, rpc.JobUrgency{ID: id, Urgency: urgency}, &resp); err != nil {
				return fail("%s: %v", args[0], err)
			}
			if verbose {
				fmt.Fprintf(a.err, "old urgency: %s\n", urgencyText(resp.Old))
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Print the urgency it had")
	return cmd
}

func urgencyText(n int) string {
	switch n {
	case urgencyHold:
		return "job held"
	case urgencyExpedite:
		return "job expedited"
	}
	return fmt.Sprint(n)
}

// jobMemo is flux job memo.
func (a *app) jobMemo() *cobra.Command {
	var volatile bool
	cmd := &cobra.Command{
		Use: "memo JOBID KEY=VALUE...", Short: "note something about a job",
		Args: a.usageOperands(2, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseJobID(args[0])
			if err != nil {
				return err
			}
			memo := map[string]any{}
			for _, arg := range args[1:] {
				if err := a.addMemo(memo, arg); err != nil {
					return err
				}
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			if err := h.RPC(a.ctx, "job-manager.memo", flux.NodeAny, rpc.JobMemo{ID: id, Volatile: volatile, Memo: memo}, nil); err != nil {
				return fail("memo: %v", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&volatile, "volatile", false, "Keep it out of the event log: it is lost at a restart")
	return cmd
}

// addMemo puts KEY=VALUE in memo: dots in the key lead into objects, the value
// is JSON or else text, and - is read from standard input.
func (a *app) addMemo(memo map[string]any, arg string) error {
	key, text, ok := strings.Cut(arg, "=")
	if !ok {
		return fail("memo: no value for key=%s", arg)
	}
	if text == "-" {
		data, err := io.ReadAll(a.in)
		if err != nil {
			return err
		}
		text = string(data)
	}
	return setPath(memo, strings.Split(key, "."), jsonOrText(text))
}

// jsonOrText is text as JSON if it is that, or else as a string.
func jsonOrText(text string) jsontext.Value {
	if v := jsontext.Value(text); v.IsValid() {
		return v
	}
	v, err := message.Marshal(text)
	if err != nil { // not UTF-8
		v, _ = message.Marshal(strings.ToValidUTF8(text, "\uFFFD"))
	}
	return v
}

// setPath sets a member of nested objects.
func setPath(object map[string]any, path []string, value any) error {
	for ; len(path) > 1; path = path[1:] {
		next, ok := object[path[0]].(map[string]any)
		if !ok {
			if object[path[0]] != nil {
				return fail("failed to set %s: it has a value", path[0])
			}
			next = map[string]any{}
			object[path[0]] = next
		}
		object = next
	}
	object[path[0]] = value
	return nil
}
