// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"goflux/internal/testkit/soak"
)

// A few brokers are killed and stopped while clients are at work: the short
// form of what "make soak" does for a quarter of an hour (docs/soak.md).
func TestSoak(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	seed := uint64(time.Now().UnixNano())
	v, err := soak.Run(ctx, soak.Options{
		Flux: fluxPath(), Brokers: 4, Kills: 5, Every: time.Second, MaxStop: 2 * time.Second, Seed: seed, Dir: shortDir(t),
	})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for _, p := range v.Problems {
		t.Errorf("%s: %s: %s", p.Kind, p.What, p.Text)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
}
