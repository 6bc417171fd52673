// SPDX-License-Identifier: LGPL-3.0-or-later

package ingest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// Args are the arguments of the module job-ingest; they override the
// configuration.
type Args struct {
	plugins, args []string
	fillers       []string
	disable       bool
	bufferSize    string
}

// ValidatorArgs are plugins of the second stage, nil for the configured ones,
// and arguments for them.
func ValidatorArgs(plugins, args []string) Args { return Args{plugins: plugins, args: args} }

// FrobnicatorArgs are plugins of the first stage.
func FrobnicatorArgs(plugins []string) Args { return Args{fillers: plugins} }

// maxGenerator is the largest number that RFC 19 gives a generator of job ids.
const maxGenerator = 1<<14 - 1

// ParseArgs reads the arguments of the module. EINVAL.
func ParseArgs(list []string) (Args, error) {
	var a Args
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

// New reads [ingest]. fills is whether there is anything to fill requests in
// with, should the configuration not say which plugins are to do that.
func New(conf map[string]any, fills bool, args Args) (*Pipeline, error) {
	p := &Pipeline{version: 1, BufferSize: defaultBuffer}
	ingest, ok := conf["ingest"].(map[string]any)
	if v, present := conf["ingest"]; present && !ok {
		return nil, message.Errorf(syscall.EINVAL, "error parsing [ingest] config table: %v is not a table", v)
	}
	if v, ok := ingest["buffer-size"]; ok {
		p.BufferSize = fmt.Sprint(v)
	}
	if args.bufferSize != "" {
		p.BufferSize = args.bufferSize
	}
	var err error
	if p.MaxRequest, err = parseSize(p.BufferSize); err != nil {
		return nil, err
	}
	if err := p.parseStages(ingest, args); err != nil {
		return nil, err
	}
	if !p.Fill.explicit {
		p.Fill.Plugins, p.Fill.Off = Fillers(), p.Fill.Off || !fills
	}
	if !p.Check.explicit {
		p.Check.Plugins = Checkers()[:1]
	}
	p.requireInstance(ingest)
	return p, p.applyArgs()
}

// parseStages reads both tables, and puts the arguments above them.
func (p *Pipeline) parseStages(ingest map[string]any, args Args) (err error) {
	if p.Check, p.args, err = parseStage(ingest, "validator", Checkers()); err != nil {
		return err
	}
	if p.Fill, _, err = parseStage(ingest, "frobnicator", Fillers()); err != nil {
		return err
	}
	if args.plugins != nil {
		p.Check.Plugins, p.Check.explicit = args.plugins, true
	}
	if args.fillers != nil {
		p.Fill.Plugins, p.Fill.explicit = args.fillers, true
	}
	if args.args != nil {
		p.args = args.args
	}
	p.Check.Off = p.Check.Off || args.disable
	if err := known(args.plugins, "validator", Checkers()); err != nil {
		return err
	}
	return known(args.fillers, "frobnicator", Fillers())
}

// parseStage reads a table below [ingest].
func parseStage(ingest map[string]any, name string, plugins []string) (st Stage, args []string, err error) {
	v, ok := ingest[name]
	if !ok {
		return st, nil, nil
	}
	table, ok := v.(map[string]any)
	if !ok {
		return st, nil, message.Errorf(syscall.EINVAL, "error parsing [ingest.%s] config table: not a table", name)
	}
	if v, ok := table["disable"]; ok {
		if st.Off, ok = v.(bool); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error parsing [ingest.%s] config table: disable is not a boolean", name)
		}
	}
	if v, ok := table["plugins"]; ok {
		if st.Plugins, ok = texts(v); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error in [ingest.%s] plugins array", name)
		}
		st.explicit = true
	}
	if v, ok := table["args"]; ok {
		if args, ok = texts(v); !ok {
			return st, nil, message.Errorf(syscall.EINVAL, "error in [ingest.%s] args array", name)
		}
	}
	return st, args, known(st.Plugins, name, plugins)
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
func (p *Pipeline) requireInstance(ingest map[string]any) {
	validator, _ := ingest["validator"].(map[string]any)
	table, _ := validator["require-instance"].(map[string]any)
	p.minNodes, _ = table["minnodes"].(int64)
	p.minCores, _ = table["mincores"].(int64)
}

// applyArgs reads the arguments of validator plugins.
func (p *Pipeline) applyArgs() error {
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
