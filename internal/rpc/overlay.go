// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

// OverlayHello is the first message on a link between brokers, from the child.
type OverlayHello struct {
	// Protocol is the version of what follows, Features what else is spoken:
	// neighbours of different releases use what both know.
	Protocol int      `json:"protocol"`
	Features []string `json:"features"`
	Release  string   `json:"release"`
	Rank     uint32   `json:"rank"`
	// UUID names this connection: the route id of what comes over it.
	UUID string `json:"uuid"`
	// Previous is the UUID of the sender's last connection to this parent, ""
	// for its first.
	Previous string `json:"previous,omitzero"`
	Status   int    `json:"status"`
	Hostname string `json:"hostname"`
}

// OverlayWelcome answers OverlayHello.
type OverlayWelcome struct {
	Protocol int      `json:"protocol"`
	Features []string `json:"features"`
	UUID     string   `json:"uuid"`
	Hostlist string   `json:"hostlist"`
}

// OverlayHealth answers overlay.health: durations in seconds.
type OverlayHealth struct {
	Rank     uint32        `json:"rank"`
	Status   string        `json:"status"`
	Duration float64       `json:"duration"`
	Children []ChildHealth `json:"children"`
}

// ChildHealth is a child's entry in OverlayHealth.
type ChildHealth struct {
	Rank     uint32  `json:"rank"`
	Status   string  `json:"status"`
	Duration float64 `json:"duration"`
	Error    string  `json:"error,omitzero"`
}

// OverlayRank is overlay.topology and overlay.disconnect-subtree.
type OverlayRank struct {
	Rank uint32 `json:"rank"`
}

// OverlayReason is overlay.disconnect-parent.
type OverlayReason struct {
	Reason string `json:"reason"`
}

// OverlayParentWait is overlay.parent-wait, which is answered when the parent is
// connected and the number of connections there have been is greater than After.
// EHOSTUNREACH when it is gone for good.
type OverlayParentWait struct {
	After int `json:"after"`
}

// OverlayParentUp answers overlay.parent-wait.
type OverlayParentUp struct {
	Connections int `json:"connections"`
}

// OverlayPeer is an answer to overlay.monitor.
type OverlayPeer struct {
	Rank   uint32 `json:"rank"`
	Status string `json:"status"`
	Torpid bool   `json:"torpid"`
}

// OverlayStats answers overlay.stats-get.
type OverlayStats struct {
	ChildCount     int         `json:"child-count"`
	ChildConnected int         `json:"child-connected"`
	ParentCount    int         `json:"parent-count"`
	ParentRPC      int         `json:"parent-rpc"`
	ChildRPC       int         `json:"child-rpc"`
	Interthread    QueueCounts `json:"interthread"`
}

// QueueCounts are messages that wait.
type QueueCounts struct {
	SendQ int `json:"sendq"`
	RecvQ int `json:"recvq"`
}

// OverlayTrace is overlay.trace: types as a mask of RFC 3, topic as a glob,
// node -1 for all peers.
type OverlayTrace struct {
	Full      bool   `json:"full,omitzero"`
	TypeMask  int    `json:"typemask"`
	TopicGlob string `json:"topic_glob"`
	NodeID    int    `json:"nodeid"`
}
