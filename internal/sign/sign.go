// SPDX-License-Identifier: LGPL-3.0-or-later

package sign

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// MaxPayload bounds a job request. A jobspec with a large environment has some
// hundred kilobytes; files sent along with a batch job are the reason for more.
const MaxPayload = 64 << 20

// Request is an unwrapped job request.
type Request struct {
	Mechanism string
	UserID    uint32
	Payload   []byte
}

// None wraps a payload without a signature.
func None(userid uint32, payload []byte) string {
	header := fmt.Sprintf("version\x00i1\x00mechanism\x00snone\x00userid\x00i%d\x00", userid)
	b := base64.StdEncoding
	return b.EncodeToString([]byte(header)) + "." + b.EncodeToString(payload) + ".none"
}

// Unwrap takes a request apart without judging the signature. EINVAL when it is
// not one.
func Unwrap(j string) (*Request, error) {
	bad := func(what string) error { return message.Errorf(syscall.EINVAL, "signed job request: %s", what) }
	if len(j) > MaxPayload {
		return nil, message.Errorf(syscall.EMSGSIZE, "signed job request: %d bytes exceed %d", len(j), MaxPayload)
	}
	part := strings.Split(j, ".")
	if len(part) != 3 {
		return nil, bad("it has not three parts")
	}
	header, err := base64.StdEncoding.DecodeString(part[0])
	if err != nil {
		return nil, bad("header is not base64")
	}
	fields, err := parseHeader(header)
	if err != nil {
		return nil, bad(err.Error())
	}
	if fields["version"] != "i1" {
		return nil, bad("unknown version")
	}
	mech, ok := strings.CutPrefix(fields["mechanism"], "s")
	if !ok || mech == "" {
		return nil, bad("header has no mechanism")
	}
	uid, err := strconv.ParseUint(strings.TrimPrefix(fields["userid"], "i"), 10, 32)
	if err != nil {
		return nil, bad("header has no userid")
	}
	payload, err := base64.StdEncoding.DecodeString(part[1])
	if err != nil {
		return nil, bad("payload is not base64")
	}
	if mech == "none" && part[2] != "none" {
		return nil, bad("signature is not that of mechanism none")
	}
	return &Request{Mechanism: mech, UserID: uint32(uid), Payload: payload}, nil
}

// parseHeader reads the header's key and value strings, each ended by a NUL; a
// value begins with the letter of its type (RFC 38).
func parseHeader(b []byte) (map[string]string, error) {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil, fmt.Errorf("header is cut short")
	}
	part := bytes.Split(b[:len(b)-1], []byte{0})
	if len(part)%2 != 0 {
		return nil, fmt.Errorf("a header key has no value")
	}
	m := make(map[string]string, len(part)/2)
	for i := 0; i < len(part); i += 2 {
		m[string(part[i])] = string(part[i+1])
	}
	return m, nil
}
