// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

// JSON wraps an object for use in structs that become messages. JSON null is
// no object, which in a KVS transaction means removal.
type JSON struct{ Object }

// MarshalJSON is Encode, or null.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j.Object == nil {
		return []byte("null"), nil
	}
	return Encode(j.Object), nil
}

// UnmarshalJSON is Decode; null leaves no object.
func (j *JSON) UnmarshalJSON(data []byte) error {
	j.Object = nil
	if string(data) == "null" {
		return nil
	}
	o, err := Decode(data)
	if err != nil {
		return err
	}
	j.Object = o
	return nil
}
