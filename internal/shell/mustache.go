// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"path"
	"strconv"
	"strings"

	"goflux/internal/message"
)

// render replaces the tags of a template, {{id}} and so on, by what they stand
// for on the node of a shell rank and for a task (nil for none). A rank of no
// shell leaves the tags about nodes. What is not known stays as it is.
func (s *Shell) render(template string, rank int, t *task) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		tag, after, found := strings.Cut(rest, "}}")
		if !found {
			s.log.errorf("", "mustache template error: %s is not closed", "{{"+rest)
			b.WriteString("{{" + rest)
			return b.String()
		}
		if value, ok := s.tag(tag, rank, t); ok {
			b.WriteString(value)
		} else {
			b.WriteString("{{" + tag + "}}")
		}
		template = after
	}
}

func (s *Shell) tag(tag string, rank int, t *task) (string, bool) {
	switch tag {
	case "taskid":
		tag = "task.id"
	case "name":
		return s.jobName(), true
	case "nnodes":
		return strconv.Itoa(s.plan.size()), true
	case "size", "ntasks":
		return strconv.Itoa(s.plan.ntasks), true
	case "tmpdir":
		v, ok := s.job.env["FLUX_JOB_TMPDIR"]
		return v, ok
	}
	if rest, ok := strings.CutPrefix(tag, "jobid"); ok {
		tag = "id" + rest
	}
	if tag == "id" {
		return s.idText(), true
	}
	kind, field, ok := strings.Cut(tag, ".")
	if !ok {
		return "", false
	}
	switch kind {
	case "id":
		text, err := s.job.ID.Encode(field)
		if err != nil {
			s.log.errorf("", "Invalid jobid encoding '%s' specified", tag)
		}
		return text, err == nil
	case "node":
		return s.nodeTag(field, rank)
	case "task":
		return taskTag(field, t)
	}
	return "", false
}

func (s *Shell) jobName() string {
	if name := s.job.jobspec.JobName(); name != "" {
		return name
	}
	if len(s.job.command) == 0 {
		return "unknown"
	}
	return path.Base(s.job.command[0])
}

func (s *Shell) nodeTag(field string, rank int) (string, bool) {
	if rank < 0 || rank >= s.plan.size() {
		return "", false
	}
	n := &s.plan.nodes[rank]
	switch strings.TrimPrefix(field, "resources.") {
	case "id":
		return strconv.Itoa(rank), true
	case "name":
		return n.host, true
	case "broker_rank":
		return strconv.Itoa(int(n.rank)), true
	case "ntasks":
		return strconv.Itoa(n.ntasks), true
	case "taskids":
		return s.plan.tasks.TaskIDs(rank).String(), true
	case "ncores":
		return strconv.Itoa(n.cores.Len()), true
	case "cores":
		return n.cores.String(), true
	case "gpus":
		return n.gpus.String(), true
	case "resources":
		b, err := message.Marshal(map[string]any{"ncores": n.cores.Len(), "cores": n.cores.String(), "gpus": n.gpus.String()})
		return string(b), err == nil
	}
	return "", false
}

func taskTag(field string, t *task) (string, bool) {
	if t == nil {
		return "", false
	}
	switch field {
	case "id", "rank":
		return strconv.Itoa(t.rank), true
	case "index", "localid":
		return strconv.Itoa(t.index), true
	}
	return "", false
}

// perShell reports whether a template gives different results on different
// nodes, or for different tasks.
func (s *Shell) perShell(template string) bool {
	if s.plan.size() == 1 {
		return false
	}
	if strings.Contains(template, "{{tmpdir}}") {
		return true
	}
	first := s.render(template, 0, nil)
	if first != s.render(template, 1, nil) {
		return true
	}
	return len(s.tasks) > 0 && first != s.render(template, s.plan.self, s.tasks[0])
}
