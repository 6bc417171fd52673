// SPDX-License-Identifier: LGPL-3.0-or-later

package multiprog

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"goflux/idset"
	"goflux/internal/cli/directives"
)

// Config says what each task runs.
type Config struct {
	name  string // of the file, for errors
	lines []line
	other *line // the line of "*"
}

type line struct {
	tasks   *idset.Set // nil: all others
	command []string
}

// maxLine bounds a line, in bytes: what a command line of the kernel may have.
const maxLine = 2 << 20

// Read reads a file called name.
func Read(name string, r io.Reader) (*Config, error) {
	c := &Config{name: name}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	for n := 1; sc.Scan(); n++ {
		if err := c.add(sc.Text()); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func (c *Config) add(text string) error {
	words, err := directives.Words(text)
	if err != nil || len(words) == 0 {
		return err
	}
	l := line{command: words[1:]}
	if len(l.command) == 0 {
		return fmt.Errorf("no command for tasks %s", words[0])
	}
	if words[0] == "*" {
		c.other = &l
		return nil
	}
	if l.tasks, err = idset.Parse(words[0]); err != nil {
		return fmt.Errorf("invalid idset: %s", words[0])
	}
	c.lines = append(c.lines, l)
	return nil
}

// Command is what the task of a rank runs: %t in it is the rank, %o the rank's
// place among those of its line.
func (c *Config) Command(rank uint32) ([]string, error) {
	l, offset := c.other, int(rank)
	for i := range c.lines {
		if c.lines[i].tasks.Contains(rank) {
			l = &c.lines[i]
			before := idset.New()
			before.AddRange(0, rank)
			offset = l.tasks.Intersect(before).Len() - 1
			break
		}
	}
	if l == nil {
		return nil, fmt.Errorf("%s: No matching line for rank %d", c.name, rank)
	}
	fill := strings.NewReplacer("%t", strconv.FormatUint(uint64(rank), 10), "%o", strconv.Itoa(offset))
	out := make([]string, len(l.command))
	for i, word := range l.command {
		out[i] = fill.Replace(word)
	}
	return out, nil
}
