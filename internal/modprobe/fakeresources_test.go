// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"strings"
	"testing"

	"goflux/internal/config"
)

func TestFakeResources(t *testing.T) {
	for _, c := range []struct{ toml, want string }{
		{"nnodes = 4", "R encode --ranks=0-3 --hosts=fake[0-3] --cores=0-63"},
		{"nnodes = 1\ncores-per-node = 2\ngpus-per-node = 1\nhost-prefix = \"n\"", "R encode --ranks=0 --hosts=n0 --cores=0-1 --gpus=0-0"},
		{"nnodes = 2\nhwloc-xml-path = \"x.xml\"", "R encode --ranks=0-1 --hosts=fake[0-1] --xml=x.xml"},
		{"cores-per-node = 8", "!nnodes"},
		{"nnodes = 0", "!nnodes"},
		{"nnodes = 99999999999", "!nnodes"},
		{"nnodes = 1\ncores-per-node = 0", "!cores-per-node"},
		{"nnodes = 1\nnoodles = 1", "!noodles"},
	} {
		conf, err := config.ParseTOML([]byte("[fake-resources]\n" + c.toml))
		if err != nil {
			t.Fatal(err)
		}
		f, err := readFake(conf)
		if word, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v", c.toml, err)
			}
			continue
		}
		if got := strings.Join(f.encode()[1:], " "); err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.toml, got, err)
		}
	}
}

// TestSlurmTask: what runs when is decided by the environment.
func TestSlurmTask(t *testing.T) {
	for _, env := range []map[string]string{{}, {"SLURM_JOB_ID": "7"}} {
		m, err := tasks(t, &fake{env: env}, nil)
		_, in := env["SLURM_JOB_ID"]
		o, err := must(t, m, err).RC1Order(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := o["slurm-expiration-sync"]; ok != in {
			t.Errorf("with %v: %t", env, ok)
		}
	}
}
