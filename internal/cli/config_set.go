// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/message"
)

func (a *app) configSet() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "change one value of the configuration",
		Args:  a.operands(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			kind = strings.ToLower(kind)
			switch {
			case kind == "fsd-integer" || kind == "fsd-real":
				return fail("Invalid type for the set subcommand: %s", kind)
			case kind != "" && !knownConfigType(kind):
				return fail("Unknown type: %s", kind)
			}
			return a.changeConfig(func(text jsontext.Value, conf config.Table) error {
				return setConfig(text, conf, args[0], args[1], kind)
			})
		},
	}
	cmd.Flags().StringVarP(&kind, "type", "t", "", "The value's `TYPE`: string, integer, real, boolean, object, array, fsd")
	return cmd
}

func (a *app) configUnset() *cobra.Command {
	return &cobra.Command{
		Use:   "unset NAME",
		Short: "remove one value of the configuration",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeConfig(func(_ jsontext.Value, conf config.Table) error {
				keys := strings.Split(args[0], ".")
				table := conf
				for _, key := range keys[:len(keys)-1] {
					table, _ = table[key].(config.Table)
				}
				delete(table, keys[len(keys)-1])
				return nil
			})
		},
	}
}

// changeConfig fetches the configuration, changes it and loads it.
func (a *app) changeConfig(change func(jsontext.Value, config.Table) error) error {
	text, err := a.fetchConfig("")
	if err != nil {
		return err
	}
	var conf config.Table
	if err := message.Unmarshal(text, &conf); err != nil {
		return fail("Error fetching config object: %v", err)
	}
	if conf == nil {
		conf = config.Table{}
	}
	keepNumbers(conf, text)
	if err := change(text, conf); err != nil {
		return err
	}
	if err := a.client.RPC(a.ctx, "config.load", flux.NodeAny, conf, nil); err != nil {
		return fail("Error updating config object: %v", err)
	}
	return nil
}

// keepNumbers puts the numbers of text in place of those decoded, so that
// integers and reals go back as what they were.
func keepNumbers(table config.Table, text jsontext.Value) {
	var raw map[string]jsontext.Value
	if message.Unmarshal(text, &raw) != nil {
		return
	}
	for key, v := range table {
		switch sub := v.(type) {
		case config.Table:
			keepNumbers(sub, raw[key])
		case float64, []any:
			table[key] = raw[key]
		}
	}
}

// setConfig sets a value from its text; without a type, the present value's.
func setConfig(text jsontext.Value, conf config.Table, name, value, kind string) error {
	if kind == "" || kind == "any" {
		old, ok := jsonPath(text, name)
		if !ok {
			return fail("Type is unknown, please specify --type")
		}
		kind = configType(old)
	}
	v, err := parseConfigValue(value, kind)
	if err != nil {
		return err
	}
	keys := strings.Split(name, ".")
	table := conf
	for _, key := range keys[:len(keys)-1] {
		sub, ok := table[key].(config.Table)
		if !ok {
			if table[key] != nil {
				return fail("Error updating config object: %s is not a table", key)
			}
			sub = config.Table{}
			table[key] = sub
		}
		table = sub
	}
	table[keys[len(keys)-1]] = v
	return nil
}

func parseConfigValue(s, kind string) (any, error) {
	switch kind {
	case "boolean":
		return s != "" && !strings.ContainsAny(s[:1], "0fF"), nil
	case "real":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fail("Error parsing real value")
		}
		return f, nil
	case "integer":
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return nil, fail("Error parsing integer value")
		}
		return n, nil
	case "object", "array":
		v := jsontext.Value(s)
		if !v.IsValid() || configType(v) != kind {
			return nil, fail("Error parsing json %s", kind)
		}
		return v, nil
	case "fsd":
		if _, err := fsd.ParseSeconds(s); err != nil {
			return nil, fail("Error parsing Flux Standard Duration")
		}
	}
	if strings.HasPrefix(s, `"`) {
		v := jsontext.Value(s)
		if !v.IsValid() || v.Kind() != '"' {
			return nil, fail("Error parsing string")
		}
		return v, nil
	}
	return s, nil
}
