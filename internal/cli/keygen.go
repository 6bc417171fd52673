// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/internal/install"
)

// newKeygen is flux keygen: the certificate that the brokers of a system
// instance share.
func newKeygen(a *app) *cobra.Command {
	var name string
	var meta []string
	cmd := &cobra.Command{
		Use:   "keygen [PATH]",
		Short: "make the certificate of a system instance",
		Args:  a.operands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			cert, err := newCertificate(name, meta)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				a.warnf("WARNING: add PATH argument to save generated certificate")
				return nil
			}
			return writeSecret(args[0], cert)
		},
	}
	cmd.Flags().StringVarP(&name, "name", "n", "", "Set the certificate's `NAME`, by default the host's")
	cmd.Flags().StringSliceVar(&meta, "meta", nil, "Add `KEY=VAL,...` to the certificate")
	return cmd
}

// writeSecret writes a file that its owner alone may read.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fail("open %s: %v", path, err)
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fail("write %s: %v", path, err)
	}
	return nil
}

// newCertificate makes a curve25519 key pair and writes it in ZeroMQ's
// certificate form, which tools for it read too.
func newCertificate(name string, meta []string) (string, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fail("gethostname: %v", err)
	}
	type pair struct{ key, value string }
	var pairs []pair
	set := func(key, value string) {
		if !slices.ContainsFunc(pairs, func(p pair) bool { return p.key == key }) {
			pairs = append(pairs, pair{key, value})
		}
	}
	if name != "" {
		set("name", name)
	}
	for _, m := range meta {
		k, v, _ := strings.Cut(m, "=")
		set(k, v)
	}
	set("name", host)
	set("keygen.hostname", host)
	set("keygen.time", time.Now().Format("2006-01-02T15:04:05"))
	set("keygen.userid", fmt.Sprint(os.Getuid()))
	set("keygen.flux-core-version", install.CoreVersion)
	var b strings.Builder
	b.WriteString("#  ZeroMQ CURVE **Secret** Certificate\n#  DO NOT DISTRIBUTE\n\nmetadata\n")
	for _, p := range pairs {
		fmt.Fprintf(&b, "    %s = \"%s\"\n", p.key, p.value)
	}
	fmt.Fprintf(&b, "curve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n", z85(key.PublicKey().Bytes()), z85(key.Bytes()))
	return b.String(), nil
}

// z85Digits are the digits of Z85 (ZeroMQ RFC 32).
const z85Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

// z85 encodes bytes whose number is a multiple of four.
func z85(b []byte) string {
	var out []byte
	for ; len(b) >= 4; b = b[4:] {
		n := binary.BigEndian.Uint32(b)
		var digits [5]byte
		for i := range digits {
			digits[len(digits)-1-i] = z85Digits[n%85]
			n /= 85
		}
		out = append(out, digits[:]...)
	}
	return string(out)
}
