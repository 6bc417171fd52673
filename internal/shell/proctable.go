// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
)

// procTable tells debuggers where the tasks are (MPIR): the method proctable,
// of which the leader answers for all shells.
type procTable struct{ s *Shell }

// tableWait bounds the wait for the other shells, which may be ending.
const tableWait = 5 * time.Second

// procs is a table of processes by columns, in its packed form: names and
// numbers are lists of runs.
type procs struct {
	Hosts       []jsontext.Value `json:"hosts"`
	Executables []jsontext.Value `json:"executables"`
	IDs         []jsontext.Value `json:"ids"`
	Pids        []jsontext.Value `json:"pids"`
	Ranks       []jsontext.Value `json:"ranks"`
}

// row is one process.
type row struct {
	host, program string
	id, pid, rank int64
}

func (p *procTable) init() error {
	p.s.service.handle("proctable", p.serve)
	return nil
}

func (p *procTable) serve(m *flux.Message) {
	own := p.rows()
	if !p.s.leader() || p.s.plan.size() == 1 {
		p.s.link.respond(m, pack(own))
		return
	}
	g := &gathering{s: p.s, m: m, left: p.s.plan.size() - 1, rows: own}
	p.s.hold("proctable")
	g.late = p.s.after(tableWait, func() { g.end(syscall.ETIMEDOUT) })
	for n := 1; n < p.s.plan.size(); n++ {
		p.s.ask(n, "proctable", struct{}{}, g.add)
	}
}

func (p *procTable) rows() []row {
	var out []row
	for _, t := range p.s.tasks {
		if t.proc != nil {
			out = append(out, row{p.s.hostname, t.commandName(), int64(t.rank), int64(t.proc.Pid), int64(p.s.job.BrokerRank)})
		}
	}
	return out
}

// gathering is the answer of the leader in the making.
type gathering struct {
	s    *Shell
	m    *flux.Message
	left int
	rows []row
	late *timer
	over bool
}

func (g *gathering) add(m *flux.Message, err error) {
	var got procs
	if err == nil {
		err = m.Decode(&got)
	}
	var rows []row
	if err == nil {
		rows, err = unpack(&got)
	}
	if err != nil {
		g.end(syscall.ECANCELED)
		return
	}
	g.rows = append(g.rows, rows...)
	if g.left--; g.left == 0 {
		g.end(nil)
	}
}

func (g *gathering) end(err error) {
	if g.over {
		return
	}
	g.over = true
	g.late.stop()
	g.s.release("proctable")
	if err != nil {
		g.s.link.fail(g.m, err)
		return
	}
	sort.SliceStable(g.rows, func(a, b int) bool { return g.rows[a].id < g.rows[b].id })
	g.s.link.respond(g.m, pack(g.rows))
}

func pack(rows []row) *procs {
	var ids, pids, ranks []int64
	var hosts, programs []string
	for _, r := range rows {
		ids, pids, ranks = append(ids, r.id), append(pids, r.pid), append(ranks, r.rank)
		hosts, programs = append(hosts, r.host), append(programs, r.program)
	}
	return &procs{packNames(hosts), packNames(programs), packInts(ids), packInts(pids), packInts(ranks)}
}

func unpack(p *procs) ([]row, error) {
	hosts, err1 := unpackNames(p.Hosts)
	programs, err2 := unpackNames(p.Executables)
	ids, err3 := unpackInts(p.IDs)
	pids, err4 := unpackInts(p.Pids)
	ranks, err5 := unpackInts(p.Ranks)
	if err := firstError(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	n := len(ids)
	if len(hosts) != n || len(programs) != n || len(pids) != n || len(ranks) != n {
		return nil, fmt.Errorf("proctable: columns differ in length")
	}
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{hosts[i], programs[i], ids[i], pids[i], ranks[i]}
	}
	return rows, nil
}

// maxTable bounds a table read from another shell.
const maxTable = 1 << 24

// packInts writes numbers as runs. A run is a number; or [first, n] for n more
// that ascend from it, [first, −n] for n more like it; or [first, n, times] for
// as many runs more of the same kind. Each first is relative to the last
// number before it.
func packInts(ids []int64) []jsontext.Value {
	type run struct{ first, more int64 }
	var out []jsontext.Value
	var last run
	var base, times int64
	flush := func() {
		switch {
		case last.more == 0:
			out = append(out, jsontext.Value(strconv.FormatInt(last.first, 10)))
		case times == 0:
			out = append(out, jsontext.Value(fmt.Sprintf("[%d,%d]", last.first, last.more)))
		default:
			out = append(out, jsontext.Value(fmt.Sprintf("[%d,%d,%d]", last.first, last.more, times)))
		}
	}
	for i := 0; i < len(ids); {
		j := i + 1
		var more int64
		switch {
		case j < len(ids) && ids[j] == ids[i]+1:
			for j < len(ids) && ids[j] == ids[j-1]+1 {
				j++
			}
			more = int64(j - i - 1)
		case j < len(ids) && ids[j] == ids[i]:
			for j < len(ids) && ids[j] == ids[i] {
				j++
			}
			more = -int64(j - i - 1)
		}
		r := run{ids[i] - base, more}
		switch {
		case i > 0 && more != 0 && r == last:
			times++
		default:
			if i > 0 {
				flush()
			}
			last, times = r, 0
		}
		base = ids[j-1]
		i = j
	}
	if len(ids) > 0 {
		flush()
	}
	return out
}

func unpackInts(list []jsontext.Value) ([]int64, error) {
	var out []int64
	var base int64
	for _, v := range list {
		run := []int64{0, 0, 0}
		if v.Kind() == '[' {
			var given []int64
			if err := message.Unmarshal(v, &given); err != nil || len(given) < 2 || len(given) > 3 {
				return nil, fmt.Errorf("proctable: %s is not a run", v)
			}
			copy(run, given)
		} else if err := message.Unmarshal(v, &run[0]); err != nil {
			return nil, fmt.Errorf("proctable: %s is not a number", v)
		}
		n := max(run[1], -run[1]) + 1
		if n < 1 || run[2] < 0 || n > maxTable || run[2] >= maxTable || int64(len(out))+n*(run[2]+1) > maxTable {
			return nil, fmt.Errorf("proctable: more than %d entries", maxTable)
		}
		for range run[2] + 1 {
			value := base + run[0]
			for k := range n {
				if run[1] > 0 {
					base = value + k
				} else {
					base = value
				}
				out = append(out, base)
			}
		}
	}
	return out, nil
}

// packNames writes names as lists of [prefix, suffixes], where the suffixes
// are packed numbers and −1 is none; a list of one name is that name.
func packNames(names []string) []jsontext.Value {
	var out []jsontext.Value
	for i := 0; i < len(names); {
		prefix, n := splitName(names[i])
		suffixes := []int64{n}
		j := i + 1
		for ; j < len(names); j++ {
			p, n := splitName(names[j])
			if p != prefix {
				break
			}
			suffixes = append(suffixes, n)
		}
		var v any = []any{prefix, packInts(suffixes)}
		if j == i+1 {
			v = names[i]
		}
		b, err := message.Marshal(v)
		if err != nil {
			return nil
		}
		out = append(out, b)
		i = j
	}
	return out
}

// splitName splits off a number at the end; leading zeros stay with the prefix.
func splitName(name string) (prefix string, n int64) {
	i := len(name)
	for i > 0 && name[i-1] >= '0' && name[i-1] <= '9' {
		i--
	}
	for i < len(name)-1 && name[i] == '0' {
		i++
	}
	if i == len(name) || len(name)-i > 9 {
		return name, -1
	}
	n, _ = strconv.ParseInt(name[i:], 10, 64) // digits, and few
	return name[:i], n
}

func unpackNames(list []jsontext.Value) ([]string, error) {
	var out []string
	for _, v := range list {
		var name string
		if message.Unmarshal(v, &name) == nil {
			out = append(out, name)
			continue
		}
		var pair [2]jsontext.Value
		var suffixes []jsontext.Value
		if err := firstError(message.Unmarshal(v, &pair), message.Unmarshal(pair[0], &name), message.Unmarshal(pair[1], &suffixes)); err != nil {
			return nil, fmt.Errorf("proctable: %s is not a list of names", v)
		}
		numbers, err := unpackInts(suffixes)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if n < 0 {
				out = append(out, name)
			} else {
				out = append(out, name+strconv.FormatInt(n, 10))
			}
		}
	}
	return out, nil
}
