// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"strconv"
	"strings"
)

// pmiParser reads RFC 13's PMI_process_mapping: "(vector,(0,4,4),...)". Like
// other readers it lets blanks stand between tokens and a comma after the last
// block.
type pmiParser struct {
	in string
	at int
}

func parsePMI(in string) (*Map, error) {
	p := &pmiParser{in: in}
	for _, token := range []string{"(", "vector", ","} {
		if err := p.want(token); err != nil {
			return nil, err
		}
	}
	m := New()
	for {
		at := p.at
		b, err := p.block()
		if err != nil {
			return nil, err
		}
		if err := m.Append(b.Node, b.Nodes, b.PPN, 1); err != nil {
			return nil, fail(in, at, "%v", err)
		}
		comma := p.accept(",")
		if p.accept(")") {
			break
		}
		if !comma {
			return nil, fail(in, p.at, "want ',' or ')'")
		}
	}
	p.skip()
	if p.at < len(in) {
		return nil, fail(in, p.at, "unexpected text after the map")
	}
	return m, nil
}

func (p *pmiParser) skip() {
	for p.at < len(p.in) && strings.IndexByte(blanks, p.in[p.at]) >= 0 {
		p.at++
	}
}

// accept reads token if it comes next.
func (p *pmiParser) accept(token string) bool {
	p.skip()
	if !strings.HasPrefix(p.in[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *pmiParser) want(token string) error {
	if !p.accept(token) {
		return fail(p.in, p.at, "want %q", token)
	}
	return nil
}

// block reads "(node,nodes,ppn)".
func (p *pmiParser) block() (b Block, err error) {
	for i, field := range []*int{&b.Node, &b.Nodes, &b.PPN} {
		if err := p.want("(,,"[i : i+1]); err != nil {
			return b, err
		}
		if *field, err = p.number(); err != nil {
			return b, err
		}
	}
	b.Repeat = 1
	return b, p.want(")")
}

func (p *pmiParser) number() (int, error) {
	p.skip()
	end := p.at
	for end < len(p.in) && '0' <= p.in[end] && p.in[end] <= '9' {
		end++
	}
	if end == p.at {
		return 0, fail(p.in, p.at, "want a number")
	}
	n, err := strconv.ParseUint(p.in[p.at:end], 10, 31)
	if err != nil {
		return 0, fail(p.in, p.at, "number out of range")
	}
	p.at = end
	return int(n), nil
}
