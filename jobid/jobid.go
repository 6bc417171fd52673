// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"fmt"
	"strconv"
	"strings"
)

// ID is a job id.
type ID uint64

// The layout of an ID, RFC 19, most significant first.
const (
	timestampBits = 40 // milliseconds since the instance's epoch
	generatorBits = 14
	sequenceBits  = 10
)

// Largest values of the parts of an ID.
const (
	MaxTimestamp = 1<<timestampBits - 1 // milliseconds, some 35 years
	MaxGenerator = 1<<generatorBits - 1
	MaxSequence  = 1<<sequenceBits - 1
)

// Make puts an ID together. Parts beyond their maximum lose their high bits.
func Make(timestampMs uint64, generator, sequence uint32) ID {
	return ID(timestampMs<<(generatorBits+sequenceBits) |
		uint64(generator&MaxGenerator)<<sequenceBits |
		uint64(sequence&MaxSequence))
}

// Timestamp is when the ID was made, in milliseconds since the epoch of the
// instance that made it.
func (id ID) Timestamp() uint64 { return uint64(id) >> (generatorBits + sequenceBits) }

// Generator is the number of the generator that made the ID.
func (id ID) Generator() uint32 { return uint32(id>>sequenceBits) & MaxGenerator }

// Sequence tells apart the IDs of one generator and millisecond.
func (id ID) Sequence() uint32 { return uint32(id) & MaxSequence }

// String is F58.
func (id ID) String() string { return id.F58() }

// F58 is the main form, base 58 after a "ƒ": "ƒuZZybuNNy".
func (id ID) F58() string { return "ƒ" + id.base58() }

// F58ASCII is F58 with a plain "f" in front, for terminals and names that
// cannot do better.
func (id ID) F58ASCII() string { return "f" + id.base58() }

// Dec is the decimal form.
func (id ID) Dec() string { return strconv.FormatUint(uint64(id), 10) }

// Hex is the hexadecimal form, "0x17e9fb8df16c2e".
func (id ID) Hex() string { return "0x" + strconv.FormatUint(uint64(id), 16) }

// DotHex is four groups of four hexadecimal digits: "0017.e9fb.8df1.6c2e".
func (id ID) DotHex() string {
	return fmt.Sprintf("%04x.%04x.%04x.%04x",
		uint16(id>>48), uint16(id>>32), uint16(id>>16), uint16(id))
}

// KVS is the key of the job's directory: "job.0017.e9fb.8df1.6c2e".
func (id ID) KVS() string { return kvsPrefix + id.DotHex() }

const kvsPrefix = "job."

// Namespace is the name of the job's guest namespace in the KVS (RFC 16).
func (id ID) Namespace() string { return "job-" + id.Dec() }

// forms are the names of the forms, as "flux job id --to" takes them.
var forms = map[string]func(ID) string{
	"dec":      ID.Dec,
	"hex":      ID.Hex,
	"kvs":      ID.KVS,
	"dothex":   ID.DotHex,
	"words":    ID.Words,
	"f58":      ID.F58,
	"f58plain": ID.F58ASCII,
	"emoji":    ID.Emoji,
}

// Encode writes the ID in the named form, case ignored: dec, hex, kvs, dothex,
// words, f58, f58plain (with an ASCII f) or emoji.
func (id ID) Encode(form string) (string, error) {
	encode, ok := forms[strings.ToLower(form)]
	if !ok {
		return "", fmt.Errorf("job id: unknown form %q, want dec, hex, kvs, dothex, words, f58, f58plain or emoji", form)
	}
	return encode(id), nil
}
