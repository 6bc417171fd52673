// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"maps"
	"testing"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]fields{
		"cmd=get_result rc=0 msg=success value=a b=c value=d\n": {"cmd": "get_result", "rc": "0", "msg": "success", "value": "a b=c value=d"},
		"cmd=get_result rc=-1 msg=no such key value=unknown":    {"cmd": "get_result", "rc": "-1", "msg": "no such key", "value": "unknown"},
		"cmd=abort exitcode=1 error_msg=it went wrong":          {"cmd": "abort", "exitcode": "1", "error_msg": "it went wrong"},
		"  cmd=put  junk key=k value=":                          {"cmd": "put", "key": "k", "value": ""},
		"":                                                      {},
	} {
		if got := parseLine(line); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}
