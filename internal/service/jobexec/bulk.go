// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/jobspec"
)

// bulk is attributes.system.exec.bulkexec of a jobspec: how the shells of this
// job are started, other than the configuration says.
type bulk struct {
	// exception raises one, so that what follows can be tried: init before any
	// shell is started, starting when all have been asked for.
	exception string
	// barrier bounds how long shells wait for each other; nil: as configured.
	barrier *time.Duration
}

// bulkOf reads it. What is not known there is a mistake.
func bulkOf(spec *jobspec.Jobspec) (bulk, error) {
	var b bulk
	raw := spec.Attr("system.exec.bulkexec")
	if raw == nil {
		return b, nil
	}
	fail := func(err error) (bulk, error) {
		return b, fmt.Errorf("failed to unpack system.exec.bulkexec: %w", err)
	}
	var object map[string]jsontext.Value
	if err := message.Unmarshal(raw, &object); err != nil {
		return fail(err)
	}
	for key, v := range object {
		var err error
		switch key {
		case "mock_exception":
			err = message.Unmarshal(v, &b.exception)
		case "barrier-timeout":
			var seconds float64
			err = message.Unmarshal(v, &seconds)
			limit := time.Duration(seconds * float64(time.Second))
			b.barrier = &limit
		case "service", "sdexec-test-expected-cpus": // of flux-core's tests, which say how a shell is started
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return fail(err)
		}
	}
	return b, nil
}
