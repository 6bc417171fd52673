// SPDX-License-Identifier: LGPL-3.0-or-later

// Package flux is the client of a Flux instance: it connects to a broker, makes
// remote procedure calls (RFC 6), reads streams of responses, publishes and
// subscribes to events, and offers services.
//
//	c, err := flux.Open(ctx, "")            // the enclosing instance
//	defer c.Close()
//	var resp struct{ Value string }
//	err = c.RPC(ctx, "attr.get", flux.NodeAny, map[string]string{"name": "size"}, &resp)
//
// A [Client] may be used from many goroutines. Errors that come from a service
// wrap the errno it answered with: errors.Is(err, syscall.ENOENT).
package flux
