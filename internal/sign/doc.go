// SPDX-License-Identifier: LGPL-3.0-or-later

// Package sign wraps and unwraps signed job requests (RFC 15, 39): a header, a
// payload and a signature, each in base64, joined by periods. Of the mechanisms
// only "none" is here: the requests of a single-user instance, whose sender the
// broker knows anyway.
package sign
