// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/config"
	"goflux/internal/install"
	"goflux/internal/rpc"
)

// systemScripts is flux admin system-scripts: what runs before and after jobs,
// and between them on nodes (flux-admin(1)).
func (a *app) systemScripts() *cobra.Command {
	cmd := &cobra.Command{Use: "system-scripts", Short: "show prolog, epilog and housekeeping", Args: a.operands(0, 0)}
	verbose := cmd.Flags().BoolP("verbose", "v", false, "Show scripts also of what is not configured")
	when := colorFlag(cmd, "")
	cmd.RunE = func(*cobra.Command, []string) error {
		color, err := a.color(*when)
		if err != nil {
			return err
		}
		s := &scriptStatus{app: a, verbose: *verbose, colored: color}
		if err := s.look(); err != nil {
			return err
		}
		s.show("prolog", s.perilog, perRank)
		s.show("epilog", s.perilog, perRank)
		s.show("housekeeping", true, releaseAfter)
		return nil
	}
	return cmd
}

// scriptStatus is what is to be known before anything is shown.
type scriptStatus struct {
	*app
	verbose, colored bool
	conf             config.Table // of the job manager
	perilog          bool         // whether the plugin is loaded that runs prologs and epilogs
	libexec, confdir string
}

// look asks the broker; without one there is only what is on disk.
func (s *scriptStatus) look() error {
	s.libexec, s.confdir = install.Libexec(), install.Sysconf()
	imp := ""
	if h, err := s.open(); err == nil {
		if imp, err = s.ask(h); err != nil {
			return err
		}
	}
	for name, dir := range map[string]*string{
		"FLUX_SYSTEM_SCRIPTS_LIBEXECDIR": &s.libexec, "FLUX_SYSTEM_SCRIPTS_CONFDIR": &s.confdir,
	} {
		if v, ok := os.LookupEnv(name); ok {
			*dir = v
		}
	}
	if dir := filepath.Dir(imp); filepath.Base(imp) == "flux-imp" && filepath.Base(dir) == "flux" && dir != s.libexec {
		s.warn("Warning: flux-imp path mismatch - scripts may not be found")
	}
	return nil
}

// ask asks the broker for its directories, configuration and plugins, and
// returns where it says that flux-imp is.
func (s *scriptStatus) ask(h *flux.Client) (imp string, err error) {
	var dirs rpc.ConfValues
	if h.RPC(s.ctx, "broker.conf-builtin", flux.NodeAny, rpc.ConfKeys{Keys: []any{"libexecdir", "confdir"}}, &dirs) == nil {
		s.libexec, s.confdir = dirs.Values["libexecdir"], dirs.Values["confdir"]
	}
	conf, err := brokerConfig(s.ctx, h)
	if err != nil {
		return "", err
	}
	s.conf, _ = conf["job-manager"].(config.Table)
	err = h.RPC(s.ctx, "job-manager.jobtap-query", flux.NodeAny, rpc.JobtapQuery{Name: "perilog.so"}, nil)
	s.perilog = err == nil
	if errors.Is(err, syscall.EPERM) {
		s.warn("Warning: only instance owner can query perilog.so status")
		s.perilog = true // what is configured is taken to be in use
	}
	v, _ := config.Lookup(conf, "exec.imp")
	imp, _ = v.(string)
	return imp, nil
}

// perRank tells how often prolog and epilog are run.
func perRank(conf config.Table) string {
	each, _ := conf["per-rank"].(bool)
	return fmt.Sprintf("per-rank=%t", each)
}

// releaseAfter tells when nodes are free again.
func releaseAfter(conf config.Table) string {
	if v, ok := conf["release-after"].(string); ok {
		return "release after " + v
	}
	return "batch release"
}

// show shows one kind of script; active says that what would run it is loaded.
func (s *scriptStatus) show(kind string, active bool, detail func(config.Table) string) {
	conf, configured := s.conf[kind].(config.Table)
	configured = configured && len(conf) > 0
	switch {
	case configured && !active:
		fmt.Fprintf(s.out, "▸ %s: %s\n%s\n", kind,
			s.paint(ansiYellow, "configured but inactive"), s.paint(ansiYellow, "  (perilog plugin not loaded)"))
	case configured:
		fmt.Fprintf(s.out, "▸ %s: %s (%s)\n", kind, s.paint(ansiGreen, "enabled"), detail(conf))
		if usual, command := scriptCommand(kind, conf); usual {
			s.scripts(kind, true)
		} else {
			fmt.Fprintf(s.out, "  command: %s\n", command)
		}
	default:
		fmt.Fprintf(s.out, "▸ %s: %s\n", kind, s.paint(ansiYellow, "not configured"))
		if s.verbose {
			s.scripts(kind, false)
		}
	}
	fmt.Fprintln(s.out)
}

// scriptCommand tells the command that is run, and whether it is the usual one,
// which runs the scripts in the directories.
func scriptCommand(kind string, conf config.Table) (usual bool, command string) {
	list, _ := conf["command"].([]any)
	if len(list) == 0 {
		return true, ""
	}
	var words []string
	for _, v := range list {
		words = append(words, fmt.Sprint(v))
	}
	usual = len(words) > 2 && strings.HasSuffix(words[0], "flux-imp") && words[1] == "run" && (words[2] == kind || words[2] == "")
	return usual, strings.Join(words, " ")
}

// scripts lists the scripts of a kind: those of packages and then the site's,
// or the one file that takes their place. Directories without any are shown if
// always.
func (s *scriptStatus) scripts(kind string, always bool) {
	s.directory("system", filepath.Join(s.libexec, kind+".d"), always)
	single := filepath.Join(s.confdir, "system", kind)
	if st, err := os.Stat(single); err == nil && st.Mode().IsRegular() {
		fmt.Fprintf(s.out, "  %s\n    %s %s %s\n", s.paint(ansiDim, "site:"), s.mark(st, ""), single,
			s.paint(ansiDim, "(legacy, skips site scripts)"))
		return
	}
	s.directory("site", filepath.Join(s.confdir, "system", kind+".d"), always)
}

func (s *scriptStatus) directory(label, dir string, always bool) {
	entries, _ := os.ReadDir(dir) // one that cannot be read has none to show
	var lines []string
	for _, e := range entries {
		if st, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && st.Mode().IsRegular() {
			lines = append(lines, fmt.Sprintf("    %s %s", s.mark(st, " not executable"), e.Name()))
		}
	}
	if len(lines) == 0 {
		if !always {
			return
		}
		lines = []string{s.paint(ansiDim, "    (no scripts)")}
	}
	fmt.Fprintf(s.out, "  %s %s\n%s\n", s.paint(ansiDim, label+":"), s.paint(ansiDim, dir), strings.Join(lines, "\n"))
}

// mark tells whether a file would be run.
func (s *scriptStatus) mark(st os.FileInfo, why string) string {
	if st.Mode()&0o111 != 0 {
		return s.paint(ansiGreen, "✓")
	}
	return s.paint(ansiRed, "✗"+why)
}

func (s *scriptStatus) warn(text string) { fmt.Fprintln(s.err, s.paint(ansiYellow, text)) }

func (s *scriptStatus) paint(color, text string) string {
	if !s.colored {
		return text
	}
	return color + text + ansiReset
}
