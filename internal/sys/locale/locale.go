// SPDX-License-Identifier: LGPL-3.0-or-later

package locale

import (
	"os"
	"strings"

	"goflux/jobid"
)

// JobID is a job's id as people see it. Where the terminal is known not to show
// a ƒ, it begins with an f.
func JobID(id jobid.ID) string {
	if asciiOnly(os.Getenv) {
		return id.F58ASCII()
	}
	return id.F58()
}

// asciiOnly tells whether the locale has a character set other than UTF-8. LANG
// and LC_CTYPE that are unset or "C" tell nothing about the terminal; LC_ALL=C
// is taken by its word, since scripts set it to get plain text.
func asciiOnly(getenv func(string) string) bool {
	if getenv("FLUX_F58_FORCE_ASCII") != "" {
		return true
	}
	locale, all := getenv("LC_ALL"), true
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale, all = getenv(name), false
		}
	}
	_, charset, has := strings.Cut(locale, ".")
	switch {
	case has:
		charset, _, _ = strings.Cut(strings.ToLower(charset), "@")
		return charset != "utf-8" && charset != "utf8"
	case locale == "C" || locale == "POSIX":
		return all
	}
	return locale != ""
}
