// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

func (a *app) overlayTrace() *cobra.Command {
	var o traceOptions
	rank := -1
	cmd := &cobra.Command{Use: "trace [OPTIONS] [topic-glob]", Short: "print the messages between brokers as they pass", Args: a.operands(0, 1)}
	fs := cmd.Flags()
	fs.IntVarP(&rank, "rank", "r", -1, "Print messages from and to the peer `NODEID`")
	fs.BoolVarP(&o.full, "full", "f", false, "Print JSON payloads")
	fs.StringSliceVarP(&o.types, "type", "t", nil, "Print messages of `TYPE,...`: request, response, event, control")
	when := colorFlag(cmd, "L")
	fs.BoolVarP(&o.human, "human", "H", false, "Print short times")
	fs.BoolVarP(&o.delta, "delta", "d", false, "With --human, print the time since the message before")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if o.delta && !o.human {
			return fail("--delta can only be used with --human")
		}
		color, err := a.color(*when)
		if err != nil {
			return err
		}
		o.topic = "*"
		if len(args) > 0 {
			o.topic = args[0]
		}
		return a.traceLinks(o, rank, color)
	}
	return cmd
}

func (a *app) traceLinks(o traceOptions, rank int, color bool) error {
	mask, err := typeMask(o.types)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	p := tracePrinter{traceOptions: o, color: color, times: humanTime{delta: o.delta}}
	req := rpc.OverlayTrace{TypeMask: mask, TopicGlob: o.topic, NodeID: rank, Full: o.full}
	call, err := h.Stream("overlay.trace", flux.NodeAny, req)
	for err == nil {
		var m rpc.Trace
		if err = call.Get(a.ctx, &m); err == nil {
			fmt.Fprintln(a.out, p.linkLine(&m))
			a.flush()
		}
	}
	return fail("%v", err)
}

// linkLine words a message between brokers.
func (p *tracePrinter) linkLine(m *rpc.Trace) string {
	sign, peer := "?", "*"
	for _, t := range messageTypes {
		if m.Type&t.bit != 0 {
			sign = t.sign
			break
		}
	}
	if m.Rank >= 0 {
		peer = fmt.Sprint(m.Rank)
	}
	text := fmt.Sprintf("%s %s %s %s [%s]", m.Prefix, peer, sign, m.Topic, sizeText(m.PayloadSize))
	if m.Type == int(message.TypeResponse) {
		text += " " + errnoName(m.Errnum)
	}
	switch {
	case m.Errnum > 0 && m.Errstr != "":
		text += "\n" + m.Errstr
	case m.Errnum == 0 && len(m.Payload) > 0 && m.Payload.Kind() != 'n':
		text += "\n" + prettyJSON(m.Payload, "  ")
	}
	color := p.messageColor(&rpc.ModuleTraced{Type: m.Type, Errnum: m.Errnum})
	return p.time(m.Timestamp) + "  "[:1+btoi(p.human)] + paint(color, text)
}
