// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"os"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
)

// Identity is the key by which a broker proves to its peers who it is.
type Identity struct {
	key  ed25519.PrivateKey
	cert tls.Certificate
}

// NewIdentity makes a new key.
func NewIdentity() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newIdentity(key)
}

// keyInfo binds what is derived from a certificate's secret to its use here.
const keyInfo = "goflux broker link ed25519"

// DeriveIdentity makes the key that all who know secret share.
func DeriveIdentity(secret []byte) (*Identity, error) {
	seed, err := hkdf.Key(sha256.New, secret, nil, keyInfo, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return newIdentity(ed25519.NewKeyFromSeed(seed))
}

// newIdentity wraps a key in the certificate that TLS wants. Nothing in it
// counts but the key, so it is valid for ever.
func newIdentity(key ed25519.PrivateKey) (*Identity, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &Identity{key: key, cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}, nil
}

// Public is the public key as text.
func (id *Identity) Public() string {
	return base64.RawStdEncoding.EncodeToString(id.key.Public().(ed25519.PublicKey))
}

// PublicKey parses what [Identity.Public] returned. EINVAL.
func PublicKey(text string) (ed25519.PublicKey, error) {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, message.Errorf(syscall.EINVAL, "%q is not a public key", text)
	}
	return b, nil
}

// maxCertFile bounds a certificate's file, which has a few hundred bytes.
const maxCertFile = 64 << 10

// LoadIdentity derives the identity from the secret of the certificate that
// "flux keygen" wrote to path (flux-config-bootstrap(5), curve_cert). EPERM when
// others may read it.
func LoadIdentity(path string) (*Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, message.Errorf(message.Errno(err), "%s: %s", path, message.ErrnoText(message.Errno(err)))
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o044 != 0 {
		return nil, message.Errorf(syscall.EPERM, "%s: readable by group/other", path)
	}
	if st.Size() > maxCertFile {
		return nil, message.Errorf(syscall.EFBIG, "%s: not a certificate", path)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	secret := certSecret(b)
	if secret == "" {
		return nil, message.Errorf(syscall.EINVAL, "%s: no secret key in the certificate", path)
	}
	return DeriveIdentity([]byte(secret))
}

// certSecret finds the value of secret-key in the section curve.
func certSecret(b []byte) string {
	section := ""
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		line := sc.Text()
		if trimmed := strings.TrimSpace(line); trimmed == line && trimmed != "" && trimmed[0] != '#' {
			section = trimmed
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == "curve" && strings.TrimSpace(key) == "secret-key" {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
