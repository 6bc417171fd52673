// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/core/policy"
	"goflux/internal/message"
)

// ingestArgs are the arguments of the module job-ingest; they override the
// configuration.
type ingestArgs struct {
	plugins, args []string
	disable       bool
	bufferSize    string
}

// maxGenerator is the largest number that RFC 19 gives a generator of job ids.
const maxGenerator = 1<<14 - 1

// parseIngestArgs reads the arguments of the module. EINVAL.
func parseIngestArgs(list []string) (ingestArgs, error) {
	var a ingestArgs
	for _, arg := range list {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "validator-plugins":
			a.plugins = strings.Split(value, ",")
		case "validator-args":
			a.args = strings.Split(value, ",")
		case "disable-validator":
			a.disable = true
		case "buffer-size":
			a.bufferSize = value
		case "batch-count": // what comes together is one batch here
			if n, err := strconv.Atoi(value); err != nil || n < 0 {
				return a, message.Errorf(syscall.EINVAL, "job-ingest: batch-count=%s is not a number", value)
			}
		case "max-fluid-generator-id": // the leader gives out all ids
			if n, err := strconv.Atoi(value); err != nil || n < 0 || n > maxGenerator {
				return a, message.Errorf(syscall.EINVAL, "job-ingest: max-fluid-generator-id=%s is out of range", value)
			}
		default:
			return a, message.Errorf(syscall.EINVAL, "job-ingest: unknown option %s", arg)
		}
	}
	return a, nil
}

// newPipeline reads [ingest].
func newPipeline(conf map[string]any, args ingestArgs) (*pipeline, error) {
	p := &pipeline{version: 1, bufferSize: defaultBuffer}
	ingest, ok := conf["ingest"].(map[string]any)
	if v, present := conf["ingest"]; present && !ok {
		return nil, message.Errorf(syscall.EINVAL, "error parsing [ingest] config table: %v is not a table", v)
	}
	var err error
	if p.check, p.args, err = parseStage(ingest, "validator", checkers); err != nil {
		return nil, err
	}
	if p.fill, _, err = parseStage(ingest, "frobnicator", fillers); err != nil {
		return nil, err
	}
	if !p.fill.explicit {
		p.fill.plugins, p.fill.off = fillers, p.fill.off || !policy.Fills(conf)
	}
	if v, ok := ingest["buffer-size"]; ok {
		p.bufferSize = fmt.Sprint(v)
	}
	if args.bufferSize != "" {
		p.bufferSize = args.bufferSize
	}
	if p.maxRequest, err = parseSize(p.bufferSize); err != nil {
		return nil, err
	}
	if args.plugins != nil {
		p.check.plugins, p.check.explicit = args.plugins, true
		if err := known(args.plugins, "validator", checkers); err != nil {
			return nil, err
		}
	}
	if !p.check.explicit {
		p.check.plugins = []string{"jobspec"}
	}
	if args.args != nil {
		p.args = args.args
	}
	p.check.off = p.check.off || args.disable
	p.requireInstance(ingest)
	return p, p.parseArgs()
}

// parseStage reads a table below [ingest].
func parseStage(ingest map[string]any, name string, plugins []string) (st stage, args []string, err error) {
	v, ok := ingest[name]
	if !ok {
		return st, nil, nil
	}
	table, ok := v.(map[string]any)
	if !ok {
		return st, nil, message.Errorf(syscall.EINVAL, "error parsing [ingest.%s] config table: not a table", name)
	}
	if v, ok := table["disable"]; ok {
		if st.off, ok = v.(bool); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error parsing [ingest.%s] config table: disable is not a boolean", name)
		}
	}
	if v, ok := table["plugins"]; ok {
		if st.plugins, ok = texts(v); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error in [ingest.%s] plugins array", name)
		}
		st.explicit = true
	}
	if v, ok := table["args"]; ok {
		if args, ok = texts(v); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error in [ingest.%s] args array", name)
		}
	}
	return st, args, known(st.plugins, name, plugins)
}

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return out, ok
}

// known refuses a plugin that is not there.
func known(names []string, kind string, plugins []string) error {
	for _, n := range names {
		if !slices.Contains(plugins, n) {
			return message.Errorf(syscall.EINVAL, "%s plugin '%s' not found", kind, n)
		}
	}
	return nil
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int, error) {
	digits := strings.TrimRight(text, "kKMG")
	n, err := strconv.ParseFloat(digits, 64)
	shift, ok := map[string]int{"": 0, "k": 10, "K": 10, "M": 20, "G": 30}[text[len(digits):]]
	if size := n * float64(int64(1)<<shift); err == nil && ok && size >= 1 && size <= 1<<40 {
		return int(size), nil
	}
	return 0, message.Errorf(syscall.EINVAL, "ingest: Invalid buffer-size '%s'", text)
}

// requireInstance reads the configuration of the plugin of that name.
func (p *pipeline) requireInstance(ingest map[string]any) {
	validator, _ := ingest["validator"].(map[string]any)
	table, _ := validator["require-instance"].(map[string]any)
	p.minNodes, _ = table["minnodes"].(int64)
	p.minCores, _ = table["mincores"].(int64)
}

// parseArgs reads the arguments of validator plugins.
func (p *pipeline) parseArgs() error {
	for _, arg := range p.args {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case key == "--require-version" && value == "any":
			p.version = 0
		case key == "--require-version" && err == nil && n == 1:
			p.version = 1
		case key == "--require-instance-minnodes" && err == nil:
			p.minNodes = n
		case key == "--require-instance-mincores" && err == nil:
			p.minCores = n
		default:
			return message.Errorf(syscall.EINVAL, "invalid validator argument %s", arg)
		}
	}
	if p.minNodes > 0 && p.minCores == 0 {
		p.minCores = coresPerNode * p.minNodes
	}
	return nil
}
