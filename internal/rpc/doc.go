// SPDX-License-Identifier: LGPL-3.0-or-later

// Package rpc is the types of every service's requests and responses, once,
// for the service and for its callers. Their JSON is what stands in the RFCs
// and on flux-core's wire; inside a broker they travel as Go values and are
// immutable once sent. A file per service. Optional numbers and booleans are
// tagged omitzero; floats always have a fraction on the wire (message.Marshal).
package rpc
