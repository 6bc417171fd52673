// SPDX-License-Identifier: LGPL-3.0-or-later

package heartbeat_test

import (
	"strings"
	"testing"

	"goflux/internal/service/heartbeat"
	"goflux/internal/testkit/host"
)

func TestStats(t *testing.T) {
	b := host.Start(t, host.Options{Config: map[string]any{"heartbeat": map[string]any{"timeout": "0", "warn_thresh": int64(7)}}})
	b.Load(heartbeat.Service, "period=3.5s")
	var got struct {
		Period  float64 `json:"period"`
		Timeout float64 `json:"timeout"`
		Count   int     `json:"count"`
		Warn    int     `json:"warn_thresh"`
	}
	if err := b.Owner().RPC("heartbeat.stats-get", nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.Period != 3.5 || got.Timeout != -1 || got.Count != 1 || got.Warn != 7 {
		t.Errorf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		conf map[string]any
		arg  string
		want string
	}{
		{arg: "rate=2", want: "unknown option"},
		{arg: "period=soon", want: "error parsing FSD"},
		{conf: map[string]any{"period": "0"}, want: "positive FSD"},
		{conf: map[string]any{"period": "1m", "timeout": "90s"}, want: "2*heartbeat.period"},
		{conf: map[string]any{"warn_thresh": int64(0)}, want: "must be positive"},
		{conf: map[string]any{"pulse": "1s"}, want: "pulse"},
	} {
		b := host.Start(t, host.Options{Config: map[string]any{"heartbeat": c.conf}})
		var args []string
		if c.arg != "" {
			args = append(args, c.arg)
		}
		if err := b.TryLoad(heartbeat.Service, args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %q: %v, want %q", c.conf, c.arg, err, c.want)
		}
	}
}
