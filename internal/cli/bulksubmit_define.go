// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"goflux/internal/message"
)

// defineProgram evaluates expressions for inputs: it reads {"code": {NAME:
// CODE}, "inputs": [...]} and prints {NAME: {INPUT: [RESULT, ...]}}, with a
// string instead of the list where an expression fails.
const defineProgram = `
import json, sys
given = json.load(sys.stdin)
code = {n: compile(c, n, "eval") for n, c in given["code"].items()}
def value(c, x):
    try:
        v = eval(c, {"__builtins__": __builtins__}, {"x": x})
    except Exception as e:
        return str(e)
    return [str(i) for i in v] if isinstance(v, list) else [str(v)]
json.dump({n: {x: value(c, x) for x in given["inputs"]} for n, c in code.items()}, sys.stdout)
`

// inputMethods evaluates the expressions of --define, which are Python, for all
// inputs at once.
func inputMethods(ctx context.Context, define []string, inputs [][]string) (func(name, input string) ([]string, bool, error), error) {
	if len(define) == 0 {
		return nil, nil
	}
	code := map[string]string{}
	for _, d := range define {
		name, text, ok := strings.Cut(d, "=")
		if !ok {
			return nil, fmt.Errorf("--define=%s: NAME=CODE is meant", d)
		}
		code[name] = text
	}
	seen := map[string]bool{}
	var distinct []string
	for _, list := range inputs {
		for _, s := range list {
			if !seen[s] {
				seen[s] = true
				distinct = append(distinct, s)
			}
		}
	}
	results, err := evaluate(ctx, code, distinct)
	if err != nil {
		return nil, err
	}
	return func(name, input string) ([]string, bool, error) {
		switch v := results[name][input].(type) {
		case []any:
			texts := make([]string, len(v))
			for i := range v {
				texts[i], _ = v[i].(string)
			}
			return texts, true, nil
		case string:
			return nil, true, fmt.Errorf("--define=%s: '%s': %s", name, input, v)
		}
		return nil, false, nil
	}, nil
}

func evaluate(ctx context.Context, code map[string]string, inputs []string) (map[string]map[string]any, error) {
	python, err := pythonProgram()
	if err != nil {
		return nil, fmt.Errorf("--define takes Python expressions, but %w", err)
	}
	request, err := message.Marshal(map[string]any{"code": code, "inputs": inputs})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, "-c", defineProgram)
	cmd.Stdin = bytes.NewReader(request)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
		return nil, fmt.Errorf("--define: %s", lines[len(lines)-1])
	}
	var results map[string]map[string]any
	err = message.Unmarshal(out, &results)
	return results, err
}
