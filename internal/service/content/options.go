// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
)

// options are the module's arguments; their names and defaults are
// flux-core's.
type options struct {
	purgeTarget int64         // bytes to keep in memory
	purgeAge    time.Duration // what is younger stays
	flushBatch  int           // stores under way at once
	blobLimit   int64         // bytes of a blob
}

func parseOptions(args []string) (options, error) {
	o := options{purgeTarget: 16 << 20, purgeAge: 10 * time.Second, flushBatch: 256, blobLimit: 1 << 30}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		switch {
		case name != "purge-target-size" && name != "purge-old-entry" && name != "flush-batch-limit" && name != "blob-size-limit":
			return o, message.Errorf(syscall.EINVAL, "unknown module option: %s", arg)
		case err != nil:
			return o, message.Errorf(syscall.EINVAL, "error parsing %s", arg)
		}
		switch name {
		case "purge-target-size":
			o.purgeTarget = int64(n)
		case "purge-old-entry":
			o.purgeAge = time.Duration(n) * time.Second
		case "flush-batch-limit":
			o.flushBatch = max(1, int(n))
		case "blob-size-limit":
			o.blobLimit = int64(n)
		}
	}
	return o, nil
}
