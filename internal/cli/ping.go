// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/hostlist"
	"goflux/internal/rpc"
)

type pingOptions struct {
	rank, pad, interval string
	count               int
	batch, userid       bool
}

// newPing is flux ping.
func newPing(a *app) *cobra.Command {
	var o pingOptions
	cmd := &cobra.Command{
		Use:   "ping TARGET",
		Short: "measure the round trip to a service",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.ping(o, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.rank, "rank", "r", "", "Find the service on broker `RANK` (any, upstream, a rank or a host)")
	fs.StringVarP(&o.pad, "pad", "p", "0", "Make messages `N` bytes longer; suffixes k, M and G are understood")
	fs.StringVarP(&o.interval, "interval", "i", "1s", "Wait `DURATION` between requests")
	fs.IntVarP(&o.count, "count", "c", 0, "Send `N` requests, then end")
	fs.BoolVarP(&o.batch, "batch", "b", false, "Look at answers after all requests are sent")
	fs.BoolVarP(&o.userid, "userid", "u", false, "Print userid and rolemask of the requests")
	return cmd
}

func (a *app) ping(o pingOptions, target string) error {
	interval, err := fsd.Parse(o.interval)
	if err != nil || interval < 0 {
		return fail("interval must be a duration >= 0: %s", o.interval)
	}
	pad, err := parseSize(o.pad)
	if err != nil {
		return fail("--pad: %v", err)
	}
	switch {
	case o.count < 0:
		return fail("count must be >= 0")
	case o.batch && o.count == 0:
		return fail("--batch should only be used with --count")
	case o.rank != "" && strings.Contains(target, "!"):
		return fail("--rank and TARGET both try to specify a nodeid")
	case o.rank != "":
		target = o.rank + "!" + target
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	p := pinger{app: a, h: h, options: o, interval: interval, pad: strings.Repeat("p", pad)}
	if err := p.resolve(target); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "flux-ping %s!%s%s\n", p.label, p.service, p.suffix)
	a.flush()
	return p.run()
}

// pinger sends requests and prints the answers as they come.
type pinger struct {
	app      *app
	h        *flux.Client
	options  pingOptions
	interval time.Duration
	pad      string

	node                   uint32
	label, service, suffix string
}

// resolve understands SERVICE, RANK, HOST, RANK!SERVICE and HOST!SERVICE.
func (p *pinger) resolve(target string) error {
	node, service, both := strings.Cut(target, "!")
	if p.parseNode(node) {
		if p.service = service; !both {
			p.service = "broker"
		}
		return nil
	}
	if both {
		return fail("invalid nodeid/host: '%s'", node)
	}
	p.node, p.label, p.service = flux.NodeAny, "any", target
	return nil
}

func (p *pinger) parseNode(s string) bool {
	p.label = s
	switch s {
	case "any":
		p.node = flux.NodeAny
		return true
	case "upstream":
		p.node = flux.NodeUpstream
		return true
	}
	if hosts, err := p.h.Attr(p.app.ctx, "hostlist"); err == nil {
		if list, err := hostlist.Parse(hosts); err == nil {
			if i := list.Index(s); i >= 0 {
				p.node, p.suffix = uint32(i), fmt.Sprintf(" (rank %d)", i)
				return true
			}
		}
	}
	n, err := strconv.ParseUint(s, 10, 31)
	p.node = uint32(n)
	return err == nil
}

// pingBegin is the origin of the times in requests: only differences count.
var pingBegin = sync.OnceValue(time.Now)

func (p *pinger) request(seq int) rpc.Ping {
	t := time.Since(pingBegin())
	return rpc.Ping{Seq: seq, Sec: int64(t / time.Second), Nsec: int64(t % time.Second), Pad: p.pad}
}

func (p *pinger) run() error {
	type result struct {
		line string
		err  error
	}
	results := make(chan result)
	topic := p.service + ".ping"
	var waiting, sent int
	tick := time.NewTimer(0)
	defer tick.Stop()
	next := tick.C
	var batch []*flux.Call
	collect := func(call *flux.Call) {
		waiting++
		go func() {
			line, err := p.answer(call)
			results <- result{line, err}
		}()
	}
	for next != nil || waiting > 0 {
		select {
		case <-next:
			call, err := p.h.Go(topic, p.node, p.request(sent))
			if err != nil {
				return p.failure(err)
			}
			sent++
			if batch = append(batch, call); !p.options.batch {
				collect(call)
				batch = nil
			}
			if tick.Reset(p.interval); sent == p.options.count {
				next = nil
				for _, call := range batch {
					collect(call)
				}
			}
		case r := <-results:
			if waiting--; r.err != nil {
				return r.err
			}
			fmt.Fprintln(p.app.out, r.line)
			p.app.flush()
		}
	}
	return nil
}

// answer waits for one response and words it.
func (p *pinger) answer(call *flux.Call) (string, error) {
	var r rpc.PingAnswer
	if err := call.Get(p.app.ctx, &r); err != nil {
		return "", p.failure(err)
	}
	if r.Pad != p.pad {
		return "", fail("%s%s.ping: padding contents invalid", p.nodePrefix(p.node), p.service)
	}
	took := time.Since(pingBegin()) - time.Duration(r.Sec)*time.Second - time.Duration(r.Nsec)
	cred := ""
	if p.options.userid {
		cred = fmt.Sprintf(" userid=%d rolemask=0x%x", r.UserID, r.Rolemask)
	}
	return fmt.Sprintf("%s%s.ping pad=%d%s seq=%d time=%.3f ms (%s)",
		p.nodePrefix(r.Rank), p.service, len(p.pad), cred, r.Seq, took.Seconds()*1000, r.Route), nil
}

func (p *pinger) failure(err error) error {
	if errors.Is(err, syscall.ENOSYS) {
		err = syscall.ENOSYS
	}
	return fail("%s%s.ping: %v", p.nodePrefix(p.node), p.service, err)
}

func (p *pinger) nodePrefix(node uint32) string {
	switch node {
	case flux.NodeAny:
		return ""
	case flux.NodeUpstream:
		return "upstream!"
	}
	return fmt.Sprintf("%d!", node)
}

// parseSize reads a number of bytes with an optional suffix k, K, M or G.
func parseSize(s string) (int, error) {
	factor := 1.0
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			factor = 1 << 10
		case 'M':
			factor = 1 << 20
		case 'G':
			factor = 1 << 30
		}
	}
	digits := s
	if factor > 1 {
		digits = s[:len(s)-1]
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n*factor > math.MaxInt32 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return int(n * factor), nil
}
