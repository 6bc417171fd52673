// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/config"
	"goflux/internal/install"
	"goflux/internal/message"
)

// newConfig is flux config.
func newConfig(a *app) *cobra.Command {
	cmd := a.group("config COMMAND", "look at and change the instance's configuration")
	cmd.AddCommand(a.configLoad(), a.configReload(), a.configGet(), a.configSet(), a.configUnset(), a.configBuiltin())
	return cmd
}

// maxConfig bounds a configuration read from standard input.
const maxConfig = 64 << 20

func (a *app) configLoad() *cobra.Command {
	return &cobra.Command{
		Use:   "load [PATH]",
		Short: "replace the configuration by standard input or the files at PATH",
		Args:  a.operands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			conf, err := a.readConfig(args)
			if err != nil {
				return err
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			if err := h.RPC(a.ctx, "config.load", flux.NodeAny, conf, nil); err != nil {
				return fail("load: %v", err)
			}
			return nil
		},
	}
}

// readConfig reads a configuration from a path, or JSON or TOML from standard
// input.
func (a *app) readConfig(args []string) (config.Table, error) {
	if len(args) > 0 {
		conf, err := config.Load(args[0])
		if err != nil {
			return nil, fail("Error parsing config: %v", err)
		}
		return conf, nil
	}
	text, err := io.ReadAll(io.LimitReader(a.in, maxConfig))
	if err != nil {
		return nil, fail("error reading stdin: %v", err)
	}
	var conf config.Table
	if jsontext.Value(text).IsValid() {
		if err := message.Unmarshal(text, &conf); err != nil {
			return nil, fail("JSON parse error: %v", err)
		}
		return conf, nil
	}
	if conf, err = config.ParseTOML(text); err != nil {
		return nil, fail("TOML parse error: %v", err)
	}
	if conf == nil {
		conf = config.Table{}
	}
	return conf, nil
}

func (a *app) configReload() *cobra.Command {
	var followerNoop bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "read the configuration's files again",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			if rank, err := h.Rank(a.ctx); followerNoop && err == nil && rank > 0 {
				return nil
			}
			if err := h.RPC(a.ctx, "config.reload", flux.NodeAny, nil, nil); err != nil {
				return fail("reload: %v", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&followerNoop, "follower-noop", false, "Do nothing on a broker that is not the leader")
	return cmd
}

func (a *app) configBuiltin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builtin NAME",
		Short: "print a value that is part of the installation",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			value, ok := install.Builtin(args[0])
			if !ok {
				return fail("%s is invalid", args[0])
			}
			fmt.Fprintln(a.out, value)
			return nil
		},
	}
	cmd.Flags().Bool("intree", false, "Print paths of the source tree, which are those of the installation")
	cmd.Flags().Bool("installed", false, "Print paths of the installation")
	return cmd
}

// isConfigSpace tells the names of the three spaces of configuration from paths.
func isConfigSpace(name string) bool { return name == "system" || name == "security" || name == "imp" }

// fetchConfig is the configuration as JSON: the instance's, or that at path.
func (a *app) fetchConfig(path string) (jsontext.Value, error) {
	if path == "" {
		h, err := a.open()
		if err != nil {
			return nil, err
		}
		v, err := a.call(h, "config.get", flux.NodeAny, nil)
		if err != nil {
			return nil, fail("Error fetching config object: %v", err)
		}
		return v, nil
	}
	if isConfigSpace(path) {
		path = filepath.Join(install.Sysconf(), path, "conf.d")
	}
	conf, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if conf == nil {
		conf = config.Table{}
	}
	return message.Marshal(conf)
}
