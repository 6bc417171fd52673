// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"fmt"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// card is what a broker tells the others about itself: a line of words, which
// fits in a PMI value.
type card struct {
	Host   string   `json:"host"`
	Pubkey string   `json:"pubkey"`
	URIs   []string `json:"uri"`
}

// cardKey is the PMI key of a rank's card.
func cardKey(rank uint32) string { return fmt.Sprintf("goflux.card.%d", rank) }

func (c *card) encode() string {
	b, err := message.Marshal(c)
	if err != nil {
		panic("boot: a card of strings cannot be encoded: " + err.Error())
	}
	return string(b)
}

func decodeCard(text string) (*card, error) {
	c := &card{}
	if err := message.Unmarshal([]byte(text), c); err != nil || c.Host == "" {
		return nil, message.Errorf(syscall.EPROTO, "%q is not a business card: do all brokers run the same software?", text)
	}
	return c, nil
}

// uri returns the first endpoint with that beginning, else the first of all.
func (c *card) uri(prefix string) string {
	for _, u := range c.URIs {
		if strings.HasPrefix(u, prefix) {
			return u
		}
	}
	if len(c.URIs) > 0 {
		return c.URIs[0]
	}
	return ""
}
