// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"syscall"

	"goflux/idset"
	"goflux/internal/message"
)

// checkCritical checks the attribute broker.critical-ranks.
func checkCritical(text string, size uint32) error {
	ids, err := idset.Parse(text)
	if err == nil {
		if last, ok := ids.Last(); ok && last < size {
			return nil
		}
	}
	return message.Errorf(syscall.EINVAL, "invalid value for broker.critical-ranks='%s'", text)
}

// CriticalNodes returns the nodes of the enclosing job that critical ranks are
// on, "" when it is not known where brokers are.
func (b *Boot) CriticalNodes() string {
	text, _ := b.env.Attrs.Get("broker.critical-ranks")
	ranks, err := idset.Parse(text)
	if err != nil || b.nodes == nil {
		return ""
	}
	nodes := idset.New()
	for rank := range ranks.All() {
		if n, ok := b.nodes.NodeID(int(rank)); ok {
			nodes.Add(uint32(n))
		}
	}
	return nodes.String()
}
