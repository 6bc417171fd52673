// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

// protocol is the version of what is spoken between brokers, oldestProtocol
// the oldest that is still understood: the one of the release before.
const (
	protocol       = 1
	oldestProtocol = 1
)

// features are what can be spoken besides. None is optional yet.
var features = []string{}

const helloTopic = "overlay.hello"

// Control messages (RFC 3): a sign of life, a subtree's new status, a
// separation by the parent, a farewell and its acknowledgement, a question for a
// sign of life.
const (
	controlHeartbeat  = 0
	controlStatus     = 1
	controlDisconnect = 2
	controlGoodbye    = 3
	controlProbe      = 4
)
