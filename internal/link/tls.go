// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"net"
	"syscall"

	"goflux/internal/message"
)

// tlsConfig has both sides prove an ed25519 key that admit knows. There are no
// names and no authorities: the key is all. Tickets are off, so that each
// connection proves it anew.
func tlsConfig(id *Identity, admit func(ed25519.PublicKey) bool) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{id.cert},
		CurvePreferences:       []tls.CurveID{tls.X25519},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // the pinned key below is what is verified
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if key, ok := peerKey(cs.PeerCertificates); ok && admit(key) {
				return nil
			}
			return message.Errorf(syscall.EPERM, "the peer's key is not that of a broker of this instance")
		},
	}
}

func peerKey(certs []*x509.Certificate) (ed25519.PublicKey, bool) {
	if len(certs) != 1 {
		return nil, false
	}
	key, ok := certs[0].PublicKey.(ed25519.PublicKey)
	return key, ok
}

// PeerKey returns the key that the other end of a link has proved; false for a
// unix socket, where the kernel vouches for it.
func PeerKey(nc net.Conn) (ed25519.PublicKey, bool) {
	tc, ok := nc.(*tls.Conn)
	if !ok {
		return nil, false
	}
	return peerKey(tc.ConnectionState().PeerCertificates)
}
