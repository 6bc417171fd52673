// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// floats are written with a fraction: flux-core's C clients read reals
// strictly and take 2 for an integer.
var floats = json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, f float64) error {
	return e.WriteValue(AppendFloat(nil, f))
}))

var encodeOptions = json.JoinOptions(floats, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))

// Marshal encodes v as compact JSON the way Flux's clients expect it: floats
// always have a fraction, nil slices and maps are empty ones, keys of maps are
// sorted. In struct tags use omitzero for numbers and booleans.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, encodeOptions) }

// integers makes whole numbers in an interface int64, so that what is passed on
// does not turn from 1 into 1.0.
var integers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		*v = n
		return nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	*v = f
	return err
}))

var decodeOptions = json.JoinOptions(integers, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Unmarshal decodes JSON; unknown keys are ignored, of a repeated key the last
// counts. In an interface a whole number becomes an int64, any other a float64.
func Unmarshal(b []byte, v any) error { return json.Unmarshal(b, v, decodeOptions) }

// AppendFloat appends f as a JSON number with a fraction, in the shortest form
// that reads back equal. JSON has no infinities: they become the largest number.
func AppendFloat(dst []byte, f float64) []byte {
	start := len(dst)
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64))
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if !strings.ContainsAny(string(dst[start:]), ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}
