// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
)

// maxRuleFiles bounds how deep files of environment rules name each other.
const maxRuleFiles = 16

// environment is that of a job while rules are applied to it.
type environment struct {
	vars map[string]string
	// expand holds the variables with templates that only the shell can fill.
	expand map[string]string
	sys    *System
}

// apply applies the rules that flux-submit(1), "ENV RULES", describes.
func (e *environment) apply(rules []string, depth int) error {
	for _, rule := range rules {
		var err error
		switch {
		case rule == "":
		case rule[0] == '-':
			err = e.remove(rule[1:])
		case rule[0] == '^':
			err = e.file(rule[1:], depth)
		default:
			name, value, isSet := strings.Cut(rule, "=")
			if isSet {
				err = e.set(name, value, rule)
			} else {
				err = e.pull(name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *environment) remove(pattern string) error {
	re, err := namePattern(pattern)
	if err != nil {
		return err
	}
	maps.DeleteFunc(e.vars, func(name, _ string) bool { return re.MatchString(name) })
	return nil
}

func (e *environment) file(name string, depth int) error {
	if depth >= maxRuleFiles {
		return fmt.Errorf("--env: %s: rule files name each other more than %d deep", name, maxRuleFiles)
	}
	data, err := e.sys.ReadFile(expandHome(name, e.sys.Environ["HOME"]))
	if err != nil {
		return fmt.Errorf("--env: %w", err)
	}
	var rules []string
	for line := range strings.Lines(string(data)) {
		rules = append(rules, strings.TrimSpace(line))
	}
	return e.apply(rules, depth+1)
}

// pull copies variables of the process that the job does not have.
func (e *environment) pull(pattern string) error {
	re, err := namePattern(pattern)
	if err != nil {
		return err
	}
	for name, value := range e.sys.Environ {
		if _, has := e.vars[name]; !has && re.MatchString(name) {
			e.vars[name] = value
		}
	}
	return nil
}

func (e *environment) set(name, value, rule string) error {
	if strings.Contains(value, "{{") {
		e.expand[name] = value
		return nil
	}
	value, err := e.substitute(value, rule)
	if err == nil {
		e.vars[name] = value
	}
	return err
}

// substitute replaces $name and ${name}; $$ is a dollar sign.
func (e *environment) substitute(s, rule string) (string, error) {
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(s, "$")
		b.WriteString(text)
		if !found {
			return b.String(), nil
		}
		if after, ok := strings.CutPrefix(rest, "$"); ok {
			b.WriteByte('$')
			s = after
			continue
		}
		name, after, ok := variableName(rest)
		if !ok {
			return "", fmt.Errorf("--env: Unable to substitute %s", rule)
		}
		value, ok := e.vars[name]
		if !ok {
			value, ok = e.sys.Environ[name]
		}
		if !ok {
			return "", fmt.Errorf("--env: Variable '%s' not found in %s", name, rule)
		}
		b.WriteString(value)
		s = after
	}
}

// variableName reads what follows a dollar sign: name or {name}.
func variableName(s string) (name, rest string, ok bool) {
	s, braces := strings.CutPrefix(s, "{")
	n := 0
	for n < len(s) && isNameByte(s[n], n > 0) {
		n++
	}
	name, rest = s[:n], s[n:]
	if braces {
		if rest, ok = strings.CutPrefix(rest, "}"); !ok {
			return "", "", false
		}
	}
	return name, rest, n > 0
}

func isNameByte(c byte, digits bool) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || digits && '0' <= c && c <= '9'
}

// expandHome replaces a leading ~.
func expandHome(name, home string) string {
	if home != "" && (name == "~" || strings.HasPrefix(name, "~/")) {
		return filepath.Join(home, name[1:])
	}
	return name
}

// namePattern compiles the pattern of a rule: a regular expression after a
// slash (another slash may end it), matched from the beginning of a name, or
// else a glob that matches all of it.
func namePattern(pattern string) (*regexp.Regexp, error) {
	if expr, ok := strings.CutPrefix(pattern, "/"); ok {
		re, err := regexp.Compile("^(?:" + strings.TrimRight(expr, "/") + ")")
		if err != nil {
			return nil, fmt.Errorf("invalid pattern '%s': %w", pattern, err)
		}
		return re, nil
	}
	return GlobPattern(pattern), nil
}

// GlobPattern translates a glob of *, ? and [...], in which slashes are nothing
// special.
func GlobPattern(glob string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteByte('.')
		case '[':
			class, n := globClass(glob[i:])
			b.WriteString(class)
			i += n - 1
		default:
			b.WriteString(regexp.QuoteMeta(string(glob[i : i+1])))
		}
	}
	b.WriteByte('$')
	re, err := regexp.Compile(b.String())
	if err != nil { // a class such as [z-a] matches nothing
		return regexp.MustCompile(`^\b\B`)
	}
	return re
}

// globClass translates the bracket expression that s begins with and returns
// its length; a bracket that is not closed stands for itself.
func globClass(s string) (class string, n int) {
	n = 1
	negate := n < len(s) && (s[n] == '!' || s[n] == '^')
	if negate {
		n++
	}
	start := n
	if n < len(s) && s[n] == ']' {
		n++
	}
	end := strings.IndexByte(s[n:], ']')
	if end < 0 {
		return `\[`, 1
	}
	n += end
	inside := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(s[start:n])
	if negate {
		inside = "^" + inside
	}
	return "[" + inside + "]", n + 1
}

func clone(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
