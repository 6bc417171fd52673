// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"strings"

	"goflux/internal/message"
)

// envExpand sets the environment variables whose values are templates (the
// option env-expand): once for all tasks, or for each if it speaks of tasks.
type envExpand struct {
	s       *Shell
	perTask map[string]string
}

func (e *envExpand) init() error {
	raw := e.s.job.opts.get("env-expand")
	if raw == nil {
		return nil
	}
	e.perTask = map[string]string{}
	if err := message.Unmarshal(raw, &e.perTask); err != nil {
		e.s.log.errorf("env-expand", "invalid value for env-expand: %s", raw)
		return nil
	}
	for name, template := range e.perTask {
		if v := e.s.render(template, e.s.plan.self, nil); !strings.Contains(v, "{{") {
			e.s.job.env[name] = v
			delete(e.perTask, name)
		}
	}
	return nil
}

func (e *envExpand) prepareTask(t *task) error {
	for name, template := range e.perTask {
		t.env[name] = e.s.render(template, e.s.plan.self, t)
	}
	return nil
}
