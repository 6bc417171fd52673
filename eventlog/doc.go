// SPDX-License-Identifier: LGPL-3.0-or-later

// Package eventlog holds entries of event logs, RFC 18: one JSON object a
// line, with a timestamp, a name and perhaps a context.
//
// Parse and ParseEntry read what is in the KVS and on the wire;
// Entry.Append writes it, byte for byte as flux-core does: keys in the order
// timestamp, name, context, no blanks, timestamps with seventeen significant
// digits. A Formatter writes entries for people.
package eventlog
