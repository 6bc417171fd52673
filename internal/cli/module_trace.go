// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/errname"
)

type traceOptions struct {
	full, human, delta bool
	topic              string
	types              []string
}

func (a *app) moduleTrace() *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace [MODULE...]",
		Short: "print the messages of modules as they pass",
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.full, "full", "f", false, "Print JSON payloads")
	fs.StringVarP(&o.topic, "topic", "T", "*", "Print messages whose topic matches `GLOB`")
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
		return a.trace(o, args, color)
	}
	return cmd
}

// messageTypes are the names of RFC 3's message types.
var messageTypes = []struct {
	name string
	sign string
	bit  int
}{
	{"request", ">", int(message.TypeRequest)},
	{"response", "<", int(message.TypeResponse)},
	{"event", "e", int(message.TypeEvent)},
	{"control", "c", int(message.TypeControl)},
}

// typeMask is the bits of the named message types, all for none.
func typeMask(names []string) (int, error) {
	mask := 0
	for _, t := range messageTypes {
		if len(names) == 0 {
			mask |= t.bit
		}
	}
	for _, name := range names {
		bit := 0
		for _, t := range messageTypes {
			if t.name == name {
				bit = t.bit
			}
		}
		if bit == 0 {
			return 0, fail("valid types: request, response, event, control")
		}
		mask |= bit
	}
	return mask, nil
}

func (a *app) trace(o traceOptions, modules []string, color bool) error {
	mask, err := typeMask(o.types)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	p := tracePrinter{traceOptions: o, color: color, times: humanTime{delta: o.delta}}
	for _, m := range modules {
		p.nameWidth = max(p.nameWidth, len(m))
	}
	if len(modules) == 0 {
		p.nameWidth = traceNameWidth
	}
	req := rpc.ModuleTrace{Typemask: mask, TopicGlob: o.topic, Names: modules, Full: o.full}
	call, err := h.Stream("module.trace", flux.NodeAny, req)
	for err == nil {
		var m rpc.ModuleTraced
		if err = call.Get(a.ctx, &m); err == nil {
			fmt.Fprintln(a.out, p.line(&m))
			a.flush()
		}
	}
	return fail("%v", err)
}

// traceNameWidth is the column of modules' names when none were given.
const traceNameWidth = 15

// tracePrinter words traced messages.
type tracePrinter struct {
	traceOptions
	color     bool
	nameWidth int
	times     humanTime
}

func (p *tracePrinter) line(m *rpc.ModuleTraced) string {
	sign := "?"
	for _, t := range messageTypes {
		if m.Type&t.bit != 0 {
			sign = t.sign
			break
		}
	}
	text := fmt.Sprintf("%*s %s %s %s [%s]", p.nameWidth, m.Name, m.Prefix, sign, m.Topic, sizeText(m.PayloadSize))
	if m.Type == int(message.TypeResponse) {
		text += " " + errnoName(m.Errnum)
	}
	switch {
	case m.Errnum > 0 && m.Errstr != "":
		text += "\n" + m.Errstr
	case m.Errnum == 0 && len(m.Payload) > 0 && m.Payload.Kind() != 'n':
		text += "\n" + prettyJSON(m.Payload, "  ")
	}
	return p.time(m.Timestamp) + "  "[:1+btoi(p.human)] + paint(p.messageColor(m), text)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p *tracePrinter) time(seconds float64) string {
	whole, fraction := math.Modf(seconds)
	t := time.Unix(int64(whole), int64(fraction*1e9))
	if p.human {
		return p.times.colorTime(t, p.color)
	}
	text := t.Format("2006-01-02T15:04:05.000")
	if p.color {
		return ansiGreen + text + ansiReset
	}
	return text
}

func (p *tracePrinter) messageColor(m *rpc.ModuleTraced) string {
	switch {
	case !p.color:
		return ""
	case m.Errnum > 0:
		return ansiBold + ansiMagenta
	case m.Type == int(message.TypeEvent):
		return ansiYellow
	case m.Type == int(message.TypeRequest):
		return ansiBold + ansiBlue
	case m.Type == int(message.TypeResponse):
		return ansiCyan
	}
	return ansiBold
}

// errnoName is the symbol of an errno, "success" for none.
func errnoName(num int) string {
	if num == 0 {
		return "success"
	}
	if name := errname.Of(syscall.Errno(num)); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", num)
}

// sizeText is a number of bytes in the largest unit that leaves at least one.
func sizeText(n int) string {
	value, unit := float64(n), 0
	for value >= 1024 && unit < 6 {
		value /= 1024
		unit++
	}
	return strconv.FormatFloat(value, 'g', 8, 64) + strings.TrimSpace(" KMGTPE"[unit:unit+1])
}
