// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxSuggestions keeps the answer to a typing mistake short.
const maxSuggestions = 3

// maxDistance is how many typing mistakes are still taken for one.
const maxDistance = 3

// unknownCommand tells that there is no such command and which ones are like it.
func (a *app) unknownCommand(name string) {
	fmt.Fprintf(a.err, "flux: `%s' is not a flux command.  See 'flux --help'\n", name)
	like := similar(name, knownCommands())
	if len(like) == 0 {
		return
	}
	if len(like) == 1 {
		fmt.Fprintln(a.err, "flux: The most similar command is")
	} else {
		fmt.Fprintln(a.err, "flux: The most similar commands are")
	}
	for _, c := range like {
		fmt.Fprintf(a.err, "flux: \t%s\n", c)
	}
}

// knownCommands are ours and those of others that are installed.
func knownCommands() []string {
	var names []string
	for _, c := range commandTable() {
		if c.new != nil {
			names = append(names, c.name)
		}
	}
	for _, path := range []string{os.Getenv("FLUX_EXEC_PATH"), os.Getenv("PATH")} {
		for dir := range strings.SplitSeq(path, ":") {
			files, _ := filepath.Glob(filepath.Join(dir, "flux-*"))
			for _, f := range files {
				if isExecutable(f) {
					names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "flux-"), ".py"))
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// similar are the names nearest to word: those that continue it, or else those
// that the fewest typing mistakes lead to, unless those are too many.
func similar(word string, names []string) []string {
	best := min(len(word)/4+2, maxDistance)
	var found []string
	for _, name := range names {
		d := editDistance(word, name)
		if strings.HasPrefix(name, word) {
			d = 0
		}
		if d < best && len(found) > 0 {
			found = found[:0]
		}
		if d <= best && d < max(len(word), len(name)) {
			best = d
			found = append(found, name)
		}
	}
	return found[:min(len(found), maxSuggestions)]
}

// editDistance is the least number of letters to insert, delete or replace to
// make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
