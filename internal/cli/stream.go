// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"io"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
)

// isEndOfStream tells a stream's ordinary end (RFC 6) from a failure.
func isEndOfStream(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ENODATA)
}

// prettyJSON is v with a line per member, indented by one blank a level.
func prettyJSON(v jsontext.Value, indent string) string {
	v = v.Clone()
	if err := v.Indent(jsontext.WithIndent(indent), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return string(v)
	}
	return string(v)
}

// call makes an RPC whose answer is wanted as JSON text.
func (a *app) call(h *flux.Client, topic string, node uint32, req any) (jsontext.Value, error) {
	call, err := h.Go(topic, node, req)
	if err != nil {
		return nil, err
	}
	m, err := call.Message(a.ctx)
	if err != nil {
		return nil, err
	}
	return jsontext.Value(m.JSON()), nil
}
