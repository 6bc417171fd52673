// SPDX-License-Identifier: LGPL-3.0-or-later

// Package top is what flux top shows and does with keys (flux-top(1)): a
// [Snapshot] of an instance becomes a screen, keys move through jobs, queues and
// the instances that jobs are. What there is comes from a [Source].
package top
