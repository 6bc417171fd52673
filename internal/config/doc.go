// SPDX-License-Identifier: LGPL-3.0-or-later

// Package config reads the instance's configuration (flux-config(5)): TOML
// files of a directory or one file, TOML or JSON, and values from the command
// line. The result is nested tables: map[string]any, whose leaves are string,
// bool, int64, float64 and []any. Mistakes are reported with file and line.
package config
