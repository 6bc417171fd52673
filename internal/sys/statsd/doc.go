// SPDX-License-Identifier: LGPL-3.0-or-later

// Package statsd sends figures to a monitoring system that speaks StatsD, over
// UDP: what gets lost is lost. Brokers do so when FLUX_FRIPP_STATSD names one.
package statsd
