// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"fmt"
	"strconv"
)

// MarshalJSON is the integer, signed as on Flux's wire: the largest ID, which
// stands for any job in some requests, is -1.
func (id ID) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, int64(id), 10), nil
}

// UnmarshalJSON reads an integer, signed or not.
func (id *ID) UnmarshalJSON(data []byte) error {
	s := string(data)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		*id = ID(n)
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("job id %.32q is not a 64-bit integer", s)
	}
	*id = ID(n)
	return nil
}
