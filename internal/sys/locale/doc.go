// SPDX-License-Identifier: LGPL-3.0-or-later

// Package locale says what the user's character set has room for: job ids are
// shown with a ƒ (RFC 19) where it can be. Commands and brokers word an id the
// same way under the same environment, so that scripts find it in both.
package locale
