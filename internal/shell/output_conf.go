// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Limits of what a job's output stream holds of one stream, in bytes. Where
// users share an instance, they share its disk.
const (
	outputLimitMost   = 1 << 30
	outputLimitShared = 10 << 20
	outputMuch        = 100 << 20 // a person is told to use a file
)

// Writes that a shell may send before it needs credit, and how few left make
// it ask for more.
const (
	creditHigh = 1000
	creditLow  = 100
)

// outputConf is what the output options say.
type outputConf struct {
	stdout, stderr streamConf
	appends        bool // to files
	batch          time.Duration
	low, high      int
	limit          int64
}

type streamConf struct {
	name     string
	file     bool
	template string
	label    bool
	lines    bool // by lines, or as it comes
	perShell bool
}

func (c *outputConf) read(s *Shell) error {
	opts := s.job.opts
	mode, batch := "truncate", 0.0
	c.low, c.high, c.limit = creditLow, creditHigh, outputLimitShared
	if s.owner() == os.Getuid() {
		c.limit = outputLimitMost
	}
	err := firstError(
		opts.object("output"),
		opts.str("output.mode", &mode),
		opts.num("output.client.lwm", &c.low),
		opts.num("output.client.hwm", &c.high),
		opts.wait("output.batch-timeout", &batch),
		opts.size("output.limit", outputLimitMost, &c.limit),
	)
	if err != nil {
		return err
	}
	c.batch = duration(batch)
	if c.low < 0 || c.low >= c.high {
		return fmt.Errorf("invalid client.lwm and/or client.hwm specified")
	}
	switch mode {
	case "append":
		c.appends = true
	case "truncate":
	default:
		s.log.warnf("output.task", "ignoring invalid output.mode=%s", mode)
	}
	c.stdout = streamConf{name: "stdout", lines: true}
	if err := c.stdout.read(s); err != nil {
		return err
	}
	c.stderr = c.stdout // but for its buffering
	c.stderr.name, c.stderr.lines = "stderr", false
	return c.stderr.read(s)
}

func (c *streamConf) read(s *Shell) error {
	var kind, buffer string
	path := "output." + c.name
	opts := s.job.opts
	err := firstError(
		opts.object(path),
		opts.str(path+".type", &kind),
		opts.str(path+".path", &c.template),
		opts.flag(path+".label", &c.label),
		opts.str(path+".buffer.type", &buffer),
	)
	if err != nil {
		return err
	}
	switch strings.ToLower(buffer) {
	case "":
	case "none":
		c.lines = false
	case "line":
		c.lines = true
	default:
		s.log.errorf("output.config", "invalid buffer type specified: %s", buffer)
		c.lines = true
	}
	switch {
	case kind == "kvs":
		c.template, c.file = "", false
	case c.template != "":
		c.file, c.perShell = true, s.perShell(c.template)
	case kind == "file":
		return fmt.Errorf("path for file output not specified")
	}
	return nil
}
