// SPDX-License-Identifier: LGPL-3.0-or-later

package directives

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   [][]string
	}{
		"none":     {"#!/bin/sh\nhostname\n", nil},
		"simple":   {"#!/bin/sh\n#FLUX: -N4   # four nodes\n#FLUX: --queue=batch\nflux run app\n", [][]string{{"-N4"}, {"--queue=batch"}}},
		"python":   {"def main():\n    \"\"\"\n    flux: -N4\n    flux: --job-name=\"my job\"\n\n    # data:\n    flux: --setattr=user.data='''\n    flux: x, y\n    flux: a, b\n    flux: '''\n    \"\"\"\n    run()\n", [][]string{{"-N4"}, {"--job-name=my job"}, {"--setattr=user.data=x, y\na, b\n"}}},
		"lua":      {"-- flux: -N1 --exclusive\n--\n-- flux: --output=job.out # file\n", [][]string{{"-N1", "--exclusive"}, {"--output=job.out"}}},
		"quotes":   {"# flux: --setattr=a='{\"o\": \"arg\"}'\n# flux: --job-name='''It's a \"job\"'''\n", [][]string{{`--setattr=a={"o": "arg"}`}, {`--job-name=It's a "job"`}}},
		"indent":   {"# flux: --conf=\"\"\"\n# flux: [config]\n# flux:   item = \"foo\"  # comment\n# flux: \"\"\"\nfoo\n", [][]string{{"--conf=[config]\n  item = \"foo\"  # comment\n"}}},
		"comments": {"# flux: -n 32\n# flux: # nothing\n# flux: --env=-*\n", [][]string{{"-n", "32"}, nil, {"--env=-*"}}},
		"escapes":  {`# flux: a\ b -- "c\"d" 'e\'f' \#g` + "\n", nil},
		"as is":    {"#flux: --output=Test_unquoted.{{id}}.out\n#flux: --output=Test[unquoted]\n", [][]string{{"--output=Test_unquoted.{{id}}.out"}, {"--output=Test[unquoted]"}}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Parse(c.script)
			if name == "escapes" {
				if err == nil || !strings.Contains(err.Error(), "Unknown directive") {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got [][]string
			for _, d := range found {
				got = append(got, d.Args)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEscapes(t *testing.T) {
	got, err := split(`-a\ b "c\"d" 'e\'f' \#g ''`, "", false)
	if diff := cmp.Diff([]string{"-a b", `c"d`, `e'f`, "#g", ""}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestErrors(t *testing.T) {
	for script, want := range map[string]string{
		"#FLUX: -N4\nhostname\n#FLUX: --dump\n":           "line 3: orphan 'FLUX:' detected: directives disabled after line 1",
		"#FLUX: -N4\n#flux: --dump\n":                     "line 2: sentinel changed from '#FLUX:' to '#flux:'",
		"# flux: -N4\n#flux: --dump\n":                    "line 2: sentinel changed",
		"#FLUX: -a=\"\"\"\n#FLUX: x\n#FLUX: \"\"\ndate\n": "line 4: unterminated multi-line quote at line 1: `-a='",
		"#FLUX: -a=\"\"\"\n":                              "line 1: unterminated multi-line quote",
		"# flux: --job-name='''It's a \"job\"\n":          "unclosed triple quote",
		"# flux: --job-name=\"foo\n":                      "No closing quotation",
		"# flux: --job-name='foo''\n":                     "No closing quotation",
		"# flux: foo\\":                                   "No escaped character",
		"# flux: foo\n":                                   "line 1: Unknown directive: ",
	} {
		if _, err := Parse(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("#FLUX: -N4 # x\n#FLUX: --a=\"\"\"\n#FLUX: b\n#FLUX: \"\"\"\n")
	f.Add("# flux: 'a\\'b' \"c\n")
	f.Fuzz(func(t *testing.T, script string) {
		found, err := Parse(script)
		if err != nil {
			return
		}
		for _, d := range found {
			if len(d.Args) > 0 && !strings.HasPrefix(d.Args[0], "-") {
				t.Errorf("%q: %q is not an option", script, d.Args)
			}
		}
	})
}
