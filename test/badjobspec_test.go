// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"strings"
	"testing"
)

// jobspecOf is a jobspec with parts of choice; "" is the part as it should be.
func jobspecOf(resources, tasks, system string) string {
	or := func(s, good string) string {
		if s == "" {
			return good
		}
		return s
	}
	return `{"version": 1, "resources": ` + or(resources, `[{"type":"slot","count":1,"label":"task","with":[{"type":"core","count":1}]}]`) +
		`, "tasks": ` + or(tasks, `[{"command":["true"],"slot":"task","count":{"per_slot":1}}]`) +
		`, "attributes": {"system": ` + or(system, `{"duration":0.0}`) + `}}`
}

func badJobspecs(t *testing.T, c *cluster) {
	c.okInput(jobspecOf("", "", ""), "job", "submit") // the measure for the rest
	slot := func(count string) string {
		return `[{"type":"slot","count":` + count + `,"label":"task","with":[{"type":"core","count":1}]}]`
	}
	for _, text := range []string{
		"x",
		"{",
		"[]",
		"5",
		"{}",
		`"a string"`,
		strings.Repeat("[", 100000),
		`{"version": 99, "resources": [], "tasks": [], "attributes": {}}`,
		strings.Replace(jobspecOf("", "", ""), `"version": 1, `, "", 1),
		jobspecOf("[]", "", ""),
		jobspecOf("{}", "", ""),
		jobspecOf(slot("0"), "", ""),
		jobspecOf(slot("-1"), "", ""),
		jobspecOf(slot("1.5"), "", ""),
		jobspecOf(slot("99999999999999999999"), "", ""),
		jobspecOf(slot(`"many"`), "", ""),
		jobspecOf(slot(`{"min":3,"max":1,"operator":"+","operand":1}`), "", ""),
		jobspecOf(`[{"type":"slot","count":1,"label":"task"}]`, "", ""),
		jobspecOf(`[{"type":"slot","count":1,"with":[{"type":"core","count":1}]}]`, "", ""),
		jobspecOf(`[{"count":1}]`, "", ""),
		jobspecOf(`[{"type":"core","count":1}]`, "", ""),
		jobspecOf("", "[]", ""),
		jobspecOf("", `[{"slot":"task","count":{"per_slot":1}}]`, ""),
		jobspecOf("", `[{"command":[],"slot":"task","count":{"per_slot":1}}]`, ""),
		jobspecOf("", `[{"command":[5],"slot":"task","count":{"per_slot":1}}]`, ""),
		jobspecOf("", `[{"command":["true"],"slot":"task"}]`, ""),
		jobspecOf("", "", "5"),
		jobspecOf("", "", `{}`),
		jobspecOf("", "", `{"duration":-1}`),
		jobspecOf("", "", `{"duration":"long"}`),
		jobspecOf("", "", `{"duration":0.0,"environment":5}`),
		jobspecOf("", "", `{"duration":0.0,"dependencies":[{"scheme":"nosuch","value":"1"}]}`),
		jobspecOf("", "", `{"duration":0.0,"dependencies":5}`),
		jobspecOf("", "", `{"duration":0.0,"constraints":{"nosuch":[1]}}`),
		jobspecOf("", "", `{"duration":0.0,"queue":"nosuch"}`),
	} {
		shown := text
		if len(shown) > 200 {
			shown = shown[:200] + "…"
		}
		r := c.fluxInput(text, "job", "submit")
		if r.code == 0 {
			// Refused later, when somebody knew: with an exception, before it ran.
			id := r.lines()[0]
			c.ok("job", "wait-event", id, "clean")
			if names := strings.Join(eventNames(t, c, id), " "); !strings.Contains(names, "exception") || strings.Contains(names, "start") {
				t.Errorf("accepted: %s\nevents: %s", shown, names)
			}
			continue
		}
		refused(t, r, "")
	}
}
