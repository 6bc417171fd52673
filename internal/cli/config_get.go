// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/fsd"
	"goflux/internal/message"
)

type configGetOptions struct {
	path, kind, fallback string
	quiet, hasFallback   bool
}

func (a *app) configGet() *cobra.Command {
	var o configGetOptions
	cmd := &cobra.Command{
		Use:   "get [NAME]",
		Short: "query broker configuration values",
		Args:  a.operands(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.hasFallback = cmd.Flags().Changed("default")
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return a.printConfig(o, name)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.path, "config-path", "c", "", "Read the files at `PATH`, or those of the system, security or imp space")
	fs.StringVarP(&o.kind, "type", "t", "any", "Demand a `TYPE`: "+strings.Join(configTypes, ", "))
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Print nothing if the value is not set")
	fs.StringVarP(&o.fallback, "default", "d", "", "Print `VALUE` if the value is not set")
	return cmd
}

// configTypes are the types that values can be demanded to have.
var configTypes = []string{"any", "string", "integer", "real", "boolean", "object", "array", "fsd", "fsd-integer", "fsd-real"}

// configType is the type of a value, of configTypes.
func configType(v jsontext.Value) string {
	switch v.Kind() {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case '0':
		if strings.ContainsAny(string(v), ".eE") {
			return "real"
		}
		return "integer"
	}
	return "any"
}

func knownConfigType(kind string) bool {
	for _, t := range configTypes {
		if t == kind {
			return true
		}
	}
	return false
}

func (a *app) printConfig(o configGetOptions, name string) error {
	o.kind = strings.ToLower(o.kind)
	if !knownConfigType(o.kind) {
		return fail("Unknown type: %s", o.kind)
	}
	value, err := a.fetchConfig(o.path)
	if err != nil {
		return err
	}
	if name != "" {
		var ok bool
		if value, ok = jsonPath(value, name); !ok {
			switch {
			case o.hasFallback:
				fmt.Fprintln(a.out, o.fallback)
				return nil
			case o.quiet:
				return exitStatus(1)
			}
			return fail("%s is not set", name)
		}
	} else {
		name = "value"
	}
	text, ok := configText(value, o.kind)
	if !ok {
		return fail("%s does not have the requested type", name)
	}
	fmt.Fprintln(a.out, text)
	return nil
}

// configText is a value as a type shows it; false when it is not of the type.
func configText(v jsontext.Value, kind string) (string, bool) {
	text := string(v)
	if v.Kind() == '"' {
		_ = message.Unmarshal(v, &text)
	} else {
		_ = v.Compact(jsontext.AllowInvalidUTF8(true))
		text = string(v)
	}
	actual := configType(v)
	if kind == "any" || kind == actual {
		return text, true
	}
	if !strings.HasPrefix(kind, "fsd") || actual != "string" {
		return "", false
	}
	seconds, err := fsd.ParseSeconds(text)
	if err != nil {
		return "", false
	}
	switch kind {
	case "fsd-integer":
		return fmt.Sprintf("%d", int64(seconds)), true
	case "fsd-real":
		return fmt.Sprintf("%f", seconds), true
	}
	return text, true
}
