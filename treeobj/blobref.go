// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash is the name of a hash function of RFC 10: "sha1" or "sha256".
type Hash string

// The hash functions of RFC 10.
const (
	SHA1   Hash = "sha1"
	SHA256 Hash = "sha256"
)

// ParseHash checks the name of a hash function, such as comes from the
// attribute content.hash.
func ParseHash(name string) (Hash, error) {
	h := Hash(name)
	if h.Size() == 0 {
		return "", fmt.Errorf("unknown hash function %q, want sha1 or sha256", name)
	}
	return h, nil
}

// Size is the number of bytes of a digest, 0 if the hash function is unknown.
func (h Hash) Size() int {
	switch h {
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	}
	return 0
}

// Digest is the hash of data. The hash function has to be a known one: it
// panics otherwise.
func (h Hash) Digest(data []byte) []byte {
	switch h {
	case SHA1:
		d := sha1.Sum(data)
		return d[:]
	case SHA256:
		d := sha256.Sum256(data)
		return d[:]
	}
	panic(fmt.Sprintf("treeobj: unknown hash function %q", string(h)))
}

// Blobref names the blob data by its hash, "sha1-c0a9faf907dd...". The hash
// function has to be a known one: it panics otherwise.
func Blobref(h Hash, data []byte) string { return h.blobref(h.Digest(data)) }

func (h Hash) blobref(digest []byte) string {
	return string(h) + "-" + hex.EncodeToString(digest)
}

// BlobrefOf is the blobref of a digest.
func BlobrefOf(h Hash, digest []byte) (string, error) {
	if _, err := ParseHash(string(h)); err != nil {
		return "", err
	}
	if len(digest) != h.Size() {
		return "", fmt.Errorf("%s digest has %d bytes, want %d", h, len(digest), h.Size())
	}
	return h.blobref(digest), nil
}

// ParseBlobref takes a blobref apart.
func ParseBlobref(ref string) (Hash, []byte, error) {
	name, text, ok := strings.Cut(ref, "-")
	h := Hash(name)
	switch {
	case !ok || h.Size() == 0:
		return "", nil, fmt.Errorf("blobref %q: want \"sha1-\" or \"sha256-\" in front", cut(ref))
	case len(text) != 2*h.Size():
		return "", nil, fmt.Errorf("blobref %q: %d digits, want %d", cut(ref), len(text), 2*h.Size())
	}
	if i := strings.IndexFunc(text, notLowerHex); i >= 0 {
		return "", nil, fmt.Errorf("blobref %q: at position %d: not a lower-case hexadecimal digit", cut(ref), len(name)+2+i)
	}
	digest, err := hex.DecodeString(text)
	return h, digest, err
}

// CheckBlobref reports what keeps ref from being a blobref.
func CheckBlobref(ref string) error {
	_, _, err := ParseBlobref(ref)
	return err
}

func notLowerHex(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') }

// maxQuoted bounds how much of a bad input an error repeats.
const maxQuoted = 80

func cut(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "..."
	}
	return s
}
