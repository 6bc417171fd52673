// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"os"
	"path/filepath"

	"goflux/internal/install"
	"goflux/internal/message"
)

// helpSection is what a package of further commands adds to "flux help".
type helpSection struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Commands    []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"commands"`
}

// installedHelp reads the files that packages have left for flux help, or those
// that FLUX_CMDHELP_PATTERN names. Help goes on without those that cannot be read.
func installedHelp() []helpSection {
	pattern := os.Getenv("FLUX_CMDHELP_PATTERN")
	if pattern == "" {
		pattern, _ = install.Builtin("cmdhelp_pattern")
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	var all []helpSection
	for _, f := range files {
		text, err := os.ReadFile(f)
		var sections []helpSection
		if err == nil && message.Unmarshal(text, &sections) == nil {
			all = append(all, sections...)
		}
	}
	return all
}
