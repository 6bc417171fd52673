// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"strings"

	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/outfmt"
	"goflux/jobid"
)

// treeNode is a job with the jobs in it.
type treeNode struct {
	job      *jobinfo.Job
	parent   bool // it is an instance
	children []*treeNode
}

// treeLinks are what joins a job to its parent.
type treeLinks struct{ tee, last, bar, blank string }

func linksOf(o *pstreeOptions) treeLinks {
	switch {
	case o.ascii && o.compact:
		return treeLinks{"|-", "`-", "| ", "  "}
	case o.ascii:
		return treeLinks{"|-- ", "`-- ", "|   ", "    "}
	case o.compact:
		return treeLinks{"├─", "└─", "│ ", "  "}
	}
	return treeLinks{"├── ", "└── ", "│   ", "    "}
}

// treePrinter prints trees, a job a line.
type treePrinter struct {
	out     io.Writer
	width   int
	links   treeLinks
	combine bool // equal leaves of a parent, in one line

	// details is nil when there is nothing before the tree. all is what the
	// formats have together.
	details, label, parentLabel, all *outfmt.Format
}

// formats reads the formats of the options.
func (p *treePrinter) formats(o *pstreeOptions) error {
	for _, f := range []struct {
		to   **outfmt.Format
		text string
	}{
		{&p.details, o.detailFormat}, {&p.label, o.label}, {&p.parentLabel, o.parentLabel},
		{&p.all, o.detailFormat + o.label + o.parentLabel},
	} {
		if f.text == "" {
			continue
		}
		var err error
		if *f.to, err = outfmt.Parse(f.text, jobinfo.Headings(f.text)); err != nil {
			return fail("Error in user format: %v", err)
		}
	}
	return nil
}

// print prints trees below one another.
func (p *treePrinter) print(roots []*treeNode, header bool) error {
	if header && p.details != nil {
		p.line(p.details.Header())
	}
	return p.each(roots, func(line treeLine, _ bool) error { return p.node(line, "", "") })
}

// treeLine is a node with its label, or several leaves of one label.
type treeLine struct {
	*treeNode
	text string
}

// node prints a node and those below it. lead is what stands before its label,
// below before those of its children.
func (p *treePrinter) node(n treeLine, lead, below string) error {
	details := ""
	if p.details != nil {
		var err error
		if details, err = p.details.Line(jobRow{n.job, rootFields()}); err != nil {
			return err
		}
		details += " "
	}
	p.line(details + lead + n.text)
	return p.each(n.children, func(c treeLine, last bool) error {
		if last {
			return p.node(c, below+p.links.last, below+p.links.blank)
		}
		return p.node(c, below+p.links.tee, below+p.links.bar)
	})
}

// each labels the children of a parent, combines what is equal among them, and
// calls f for each.
func (p *treePrinter) each(nodes []*treeNode, f func(n treeLine, last bool) error) error {
	var lines []treeLine
	counts := map[string]int{}
	for _, n := range nodes {
		format := p.label
		if n.parent {
			format = p.parentLabel
		}
		text, err := format.Line(jobRow{n.job, rootFields()})
		if err != nil {
			return fail("%v", err)
		}
		if p.combine && len(n.children) == 0 {
			counts[text]++
			if counts[text] > 1 {
				continue
			}
		}
		lines = append(lines, treeLine{n, text})
	}
	for i, n := range lines {
		if c := counts[n.text]; c > 1 && len(n.children) == 0 {
			n.text = fmt.Sprintf("%d*[%s]", c, n.text)
		}
		if err := f(n, i == len(lines)-1); err != nil {
			return err
		}
	}
	return nil
}

// line prints a line, cut to the width there is.
func (p *treePrinter) line(text string) {
	fmt.Fprintln(p.out, outfmt.Limit(strings.TrimRight(text, " "), p.width))
}

// rootFields are the fields of jobs, and of an instance that is no job.
func rootFields() *jobinfo.Fields {
	return jobinfo.NewFields(func(id jobid.ID) string {
		if id == 0 {
			return rootName
		}
		return f58(id)
	})
}
