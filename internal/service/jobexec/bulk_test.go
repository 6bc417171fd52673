// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"goflux/jobspec"
)

func TestBulkOf(t *testing.T) {
	const spec = `{"version":1,"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],` +
		`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":0,"exec":{"bulkexec":%s}}}}`
	read := func(text string) (bulk, error) {
		s, err := jobspec.Parse(fmt.Appendf(nil, spec, text))
		if err != nil {
			t.Fatal(err)
		}
		return bulkOf(s)
	}
	b, err := read(`{"mock_exception":"init","barrier-timeout":0.5,"service":"rexec"}`)
	if err != nil || b.exception != "init" || b.barrier == nil || *b.barrier != 500*time.Millisecond {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err := read(`{}`); err != nil || b != (bulk{}) {
		t.Errorf("nothing: %+v, %v", b, err)
	}
	for text, want := range map[string]string{
		`{"foo":"bar"}`: `"foo"`, `[1]`: "", `{"mock_exception":1}`: "", `{"barrier-timeout":"1s"}`: "",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), "failed to unpack system.exec.bulkexec: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
