// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"math/big"
	"strings"

	"goflux/idset"
	"goflux/internal/sys/topology"
)

// affinity binds the tasks to the processors of the cores that the job has
// here: all of them, or each to its own share.
type affinity struct {
	s    *Shell
	cpus []*idset.Set // by local task; nil for no binding
}

func (a *affinity) init() error {
	option, verbose, dry := a.option()
	if option == "off" {
		a.s.log.debugf("cpu-affinity", "disabling affinity due to cpu-affinity=off")
		return nil
	}
	mine := a.s.plan.me().cores
	cores, err := a.coreCPUs(mine)
	if err != nil {
		a.s.log.warnf("cpu-affinity", "unable to get cpuset for cores %s. Disabling affinity", mine)
		return nil
	}
	all := idset.New()
	for _, c := range cores {
		all.AddSet(c)
	}
	if verbose || dry {
		a.s.log.infof("cpu-affinity", "cpus: %s", all)
	}
	sets, perTask, err := a.sets(option, cores, all)
	if err != nil {
		return err
	}
	if perTask && (verbose || dry) {
		for i, t := range a.s.tasks {
			a.s.log.infof("cpu-affinity", "task %d: cpus: %s", t.rank, sets[i])
		}
	}
	if !dry {
		a.cpus = sets
	}
	return nil
}

// option splits off the words that may stand before the mode.
func (a *affinity) option() (mode string, verbose, dry bool) {
	mode = "on"
	if err := a.s.job.opts.str("cpu-affinity", &mode); err != nil {
		a.s.log.warnf("cpu-affinity", "invalid option: %s", a.s.job.opts.get("cpu-affinity"))
		return "on", false, false
	}
	for {
		switch rest, word := cutWord(mode); word {
		case "verbose":
			mode, verbose = rest, true
		case "dry-run":
			mode, dry = rest, true
		default:
			return mode, verbose, dry
		}
	}
}

func cutWord(s string) (rest, word string) {
	for _, w := range []string{"verbose", "dry-run"} {
		if r, ok := strings.CutPrefix(s, w); ok {
			return strings.TrimPrefix(r, ","), w
		}
	}
	return s, ""
}

// sets are the processors of each local task.
func (a *affinity) sets(mode string, cores []*idset.Set, all *idset.Set) (sets []*idset.Set, perTask bool, err error) {
	n := len(a.s.tasks)
	switch list, isMap := strings.CutPrefix(mode, "map:"); {
	case isMap:
		sets, err = parseSets(list, n, "cpuset")
		return sets, true, err
	case mode == "per-task":
		return distribute(cores, n), true, nil
	}
	sets = make([]*idset.Set, n)
	for i := range sets {
		sets[i] = all
	}
	return sets, false, nil
}

// coreCPUs are the processors of each of the given cores.
func (a *affinity) coreCPUs(cores *idset.Set) ([]*idset.Set, error) {
	known := make([]*idset.Set, 0, len(a.s.job.Cores))
	for _, text := range a.s.job.Cores {
		set, err := idset.Parse(text)
		if err != nil {
			return nil, err
		}
		known = append(known, set)
	}
	if len(known) == 0 {
		m, err := topology.Local(true)
		if err != nil {
			return nil, err
		}
		for i := range m.Cores {
			known = append(known, m.Cores[i].CPUs)
		}
	}
	out := make([]*idset.Set, 0, cores.Len())
	for id := range cores.All() {
		if int(id) >= len(known) {
			return nil, fmt.Errorf("core %d not found in node topology", id)
		}
		out = append(out, known[id])
	}
	return out, nil
}

// distribute gives each of n tasks its share of the sets: neighbours, and as
// many as the others have or one more; with more tasks than sets, neighbouring
// tasks share one.
func distribute(sets []*idset.Set, n int) []*idset.Set {
	out := make([]*idset.Set, n)
	for i := range out {
		first, end := i*len(sets)/n, (i+1)*len(sets)/n
		out[i] = idset.New()
		for _, c := range sets[first:max(end, min(first+1, len(sets)))] {
			out[i].AddSet(c)
		}
	}
	return out
}

// parseSets reads a list of sets, one for each task, separated by semicolons;
// where there are fewer it is begun anew. A set is a list (0-3,8), a number in
// hexadecimal (0xff), or hwloc's bitmap (0x1,0x00000000).
func parseSets(list string, n int, what string) ([]*idset.Set, error) {
	var given []*idset.Set
	for _, text := range strings.Split(list, ";") {
		if text == "" {
			continue
		}
		set, err := parseSet(text)
		if err != nil || set.Empty() {
			return nil, fmt.Errorf("%s %s contains no cores or is invalid", what, text)
		}
		given = append(given, set)
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("no %ss found in affinity list %s", what, list)
	}
	out := make([]*idset.Set, n)
	for i := range out {
		out[i] = given[i%len(given)]
	}
	return out, nil
}

// maxMask bounds a bitmap's digits: 65,536 processors.
const maxMask = 65536 / 4

func parseSet(text string) (*idset.Set, error) {
	if !strings.HasPrefix(text, "0x") {
		return idset.Parse(text)
	}
	digits := ""
	for i, word := range strings.Split(text, ",") {
		word = strings.TrimPrefix(word, "0x")
		if i > 0 {
			word = fmt.Sprintf("%08s", word)
		}
		digits += word
	}
	bits, ok := new(big.Int).SetString(digits, 16)
	if !ok || len(digits) > maxMask {
		return nil, fmt.Errorf("%q is not a bitmap", text)
	}
	set := idset.New()
	for i := range bits.BitLen() {
		if bits.Bit(i) == 1 {
			set.Add(uint32(i))
		}
	}
	return set, nil
}

func (a *affinity) prepareTask(t *task) error {
	if a.cpus == nil {
		return nil
	}
	for id := range a.cpus[t.index].All() {
		t.spec.CPUs = append(t.spec.CPUs, int(id))
	}
	return nil
}
