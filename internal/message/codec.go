// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"encoding/binary"
	"io"
	"syscall"
)

const (
	headerMagic   = 0x8E
	headerVersion = 1
	headerSize    = 20

	// MaxMessageSize bounds one framed message. flux-core's content service
	// stores blobs of up to 1 GiB (RFC 10); nothing larger has a use.
	MaxMessageSize = 1<<30 + 1<<20

	// MaxRoutes bounds the route stack: two hops a tree level, and a tree of
	// 2^64 brokers is not that deep.
	MaxRoutes = 256
)

// streamMagic opens each frame on a stream socket.
var streamMagic = [4]byte{0x12, 0x00, 0xEE, 0xFF}

// framePrefix is magic and length.
const framePrefix = 8

// AppendFrame appends the framed message to dst: magic, length, parts.
func AppendFrame(dst []byte, m *Message) []byte {
	start := len(dst)
	dst = append(dst, streamMagic[:]...)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendParts(dst, m)
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-framePrefix))
	return dst
}

// AppendParts appends the message's parts, each with its size before it.
func AppendParts(dst []byte, m *Message) []byte {
	flags := m.Flags &^ (FlagTopic | FlagPayload)
	if len(m.Routes) > 0 || m.Type == TypeRequest || m.Type == TypeResponse {
		flags |= FlagRoute
	}
	if flags&FlagRoute != 0 {
		for i := len(m.Routes) - 1; i >= 0; i-- { // top of stack first
			dst = appendPart(dst, m.Routes[i])
		}
		dst = append(dst, 0)
	}
	if m.Type != TypeControl {
		flags |= FlagTopic
		dst = appendPart(dst, m.Topic)
	}
	if m.HasPayload() {
		flags |= FlagPayload
		dst = appendPart(dst, m.Payload())
	}
	dst = append(dst, headerSize, headerMagic, headerVersion, byte(m.Type), byte(flags))
	dst = binary.BigEndian.AppendUint32(dst, m.UserID)
	dst = binary.BigEndian.AppendUint32(dst, uint32(m.Rolemask))
	a, b := m.words()
	dst = binary.BigEndian.AppendUint32(dst, a)
	return binary.BigEndian.AppendUint32(dst, b)
}

// words are the two header integers whose meaning depends on the type.
func (m *Message) words() (a, b uint32) {
	switch m.Type {
	case TypeRequest:
		return m.NodeID, m.Matchtag
	case TypeResponse:
		return m.Errnum, m.Matchtag
	case TypeEvent:
		return m.Sequence, 0
	}
	return m.ControlType, m.ControlStatus
}

func appendPart[T string | []byte](dst []byte, part T) []byte {
	if len(part) < 255 {
		dst = append(dst, byte(len(part)))
	} else {
		dst = append(dst, 255)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(part)))
	}
	return append(dst, part...)
}

// ReadFrame reads one framed message. io.EOF at a frame boundary is returned
// as it is; a frame that breaks the format is EPROTO, an oversized one EMSGSIZE.
// The payload is the only part kept from the read buffer, which is not reused.
func ReadFrame(r io.Reader) (*Message, error) {
	var prefix [framePrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	if [4]byte(prefix[:4]) != streamMagic {
		return nil, Errorf(syscall.EPROTO, "message frame: bad magic % x", prefix[:4])
	}
	size := binary.BigEndian.Uint32(prefix[4:])
	if size > MaxMessageSize {
		return nil, Errorf(syscall.EMSGSIZE, "message frame: size %d exceeds %d", size, MaxMessageSize)
	}
	buf, err := readBody(r, int(size))
	if err != nil {
		return nil, err
	}
	return DecodeParts(buf)
}

// readChunk is how much is allocated ahead of what has really arrived, so that
// a length alone costs nothing.
const readChunk = 1 << 20

func readBody(r io.Reader, size int) ([]byte, error) {
	buf := make([]byte, 0, min(size, readChunk))
	for len(buf) < size {
		n := min(size-len(buf), max(readChunk, len(buf)))
		if cap(buf)-len(buf) < n {
			buf = append(make([]byte, 0, len(buf)+n), buf...)
		}
		part := buf[len(buf) : len(buf)+n]
		if _, err := io.ReadFull(r, part); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		buf = buf[:len(buf)+n]
	}
	return buf, nil
}

// DecodeParts decodes the parts of one message. The payload refers to buf.
func DecodeParts(buf []byte) (*Message, error) {
	if len(buf) < headerSize+1 || buf[len(buf)-headerSize-1] != headerSize {
		return nil, Errorf(syscall.EPROTO, "message: no header part")
	}
	h := buf[len(buf)-headerSize:]
	buf = buf[:len(buf)-headerSize-1]
	m, err := decodeHeader(h)
	if err != nil {
		return nil, err
	}
	if m.Is(FlagRoute) {
		if buf, err = m.decodeRoutes(buf); err != nil {
			return nil, err
		}
	}
	var part []byte
	if m.Is(FlagTopic) {
		if part, buf, err = nextPart(buf); err != nil {
			return nil, err
		}
		m.Topic = string(part)
		if n := len(m.Topic); n > 0 && m.Topic[n-1] == 0 {
			m.Topic = m.Topic[:n-1]
		}
	}
	if m.Is(FlagPayload) {
		if part, buf, err = nextPart(buf); err != nil {
			return nil, err
		}
		m.raw = part[:len(part):len(part)]
	}
	if len(buf) != 0 {
		return nil, Errorf(syscall.EPROTO, "message: %d bytes too many", len(buf))
	}
	if m.Topic == "" && m.Type != TypeControl {
		return nil, Errorf(syscall.EPROTO, "message: %s without a topic", m.Type)
	}
	m.Flags &^= FlagTopic | FlagPayload
	return m, nil
}

func decodeHeader(h []byte) (*Message, error) {
	if h[0] != headerMagic || h[1] != headerVersion {
		return nil, Errorf(syscall.EPROTO, "message: bad header magic or version % x", h[:2])
	}
	m := &Message{Type: Type(h[2]), Flags: Flags(h[3])}
	m.UserID = binary.BigEndian.Uint32(h[4:])
	m.Rolemask = Role(binary.BigEndian.Uint32(h[8:]))
	a, b := binary.BigEndian.Uint32(h[12:]), binary.BigEndian.Uint32(h[16:])
	switch m.Type {
	case TypeRequest:
		m.NodeID, m.Matchtag = a, b
	case TypeResponse:
		m.Errnum, m.Matchtag = a, b
	case TypeEvent:
		m.Sequence = a
	case TypeControl:
		m.ControlType, m.ControlStatus = a, b
	default:
		return nil, Errorf(syscall.EPROTO, "message: unknown type %#x", uint8(m.Type))
	}
	return m, nil
}

func (m *Message) decodeRoutes(buf []byte) ([]byte, error) {
	for {
		part, rest, err := nextPart(buf)
		if err != nil {
			return nil, err
		}
		buf = rest
		if len(part) == 0 {
			break
		}
		if len(m.Routes) == MaxRoutes {
			return nil, Errorf(syscall.EPROTO, "message: more than %d routes", MaxRoutes)
		}
		m.Routes = append(m.Routes, string(part))
	}
	for i, j := 0, len(m.Routes)-1; i < j; i, j = i+1, j-1 { // bottom first
		m.Routes[i], m.Routes[j] = m.Routes[j], m.Routes[i]
	}
	return buf, nil
}

func nextPart(buf []byte) (part, rest []byte, err error) {
	if len(buf) == 0 {
		return nil, nil, Errorf(syscall.EPROTO, "message: part missing")
	}
	n, off := uint64(buf[0]), uint64(1)
	if n == 255 {
		if len(buf) < 5 {
			return nil, nil, Errorf(syscall.EPROTO, "message: truncated part size")
		}
		n, off = uint64(binary.BigEndian.Uint32(buf[1:])), 5
	}
	if off+n > uint64(len(buf)) {
		return nil, nil, Errorf(syscall.EPROTO, "message: part of %d bytes is truncated", n)
	}
	return buf[off : off+n], buf[off+n:], nil
}
