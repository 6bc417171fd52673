// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// fortunes are what flux fortune has to say, by category.
var fortunes = map[string][]string{
	"valentines": {
		"Roses are red, my queue is for you:\nwhatever you submit, I will see it through.",
		"My heart is an exclusive node, and it is allocated to you.",
		"Without you I am PENDING.",
	},
	"fun": {
		"You will soon be allocated. Until then, have a cup of tea.",
		"A watched job never runs.",
		"Somebody drained your node. It was you.",
		"Ask not what the scheduler can do for you; ask for fewer nodes.",
	},
	"facts": {
		"A Flux instance may run inside a job of another one, and that inside another.",
		"flux jobs -A lists everybody's jobs, flux jobs -R those of the instances inside.",
		"flux submit --cc=1-100 submits a hundred jobs at once.",
		"A job id such as ƒ2oQH3fXo7 is a number in base 58, made without asking anybody.",
	},
	"art": {
		"    .-.\n   ( f )~~~~ ... --- ~~~~>\n    '-'",
		"  0\n / \\\n1   2\n|\\   \\\n3 4   5    a tree",
	},
}

// newFortune is flux fortune.
func newFortune(a *app) *cobra.Command {
	categories := []string{"all", "valentines", "fun", "facts", "art"}
	var category string
	cmd := &cobra.Command{
		Use: "fortune", Short: "have Flux speak", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if !slices.Contains(categories, category) {
				return usageError("argument -c/--category: invalid choice: '%s' (choose from '%s')",
					category, strings.Join(categories, "', '"))
			}
			var list []string
			for _, c := range categories {
				if category == "all" || category == c {
					list = append(list, fortunes[c]...)
				}
			}
			fmt.Fprintln(a.out, list[rand.IntN(len(list))])
			return nil
		},
	}
	cmd.Flags().StringVarP(&category, "category", "c", "all", "Have it speak of one `CATEGORY` alone: "+strings.Join(categories[1:], ", "))
	return cmd
}
