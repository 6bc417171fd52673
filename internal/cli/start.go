// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goflux/fsd"
	"goflux/hostlist"
	"goflux/internal/install"
	"goflux/internal/session"
)

// startOptions are the options of flux start.
type startOptions struct {
	attrs, conf, brokerOpts, wrap []string
	configPath, recovery          string
	sysconfig, noexec             bool
	verbose                       int
	size                          int
	hosts, exitTimeout, exitMode  string
	startMode, rundir, clique     string
	cleanup                       bool
}

// newStart is flux start, which becomes a broker, or runs several (flux-start(1)).
func newStart(a *app) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start [OPTIONS] [initial-program [args...]]",
		Short: "start an instance",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Getwd(); err != nil {
				return fail("Unable to get current working directory: %v", err)
			}
			if cmd.Flags().Changed("test-size") {
				return o.session(a, args, cmd.Flags())
			}
			return o.become(a, args, cmd.Flags())
		},
	}
	ownArgs(c)
	f := c.Flags()
	f.StringArrayVarP(&o.attrs, "setattr", "S", nil, "set a broker attribute (`ATTR=VAL`)")
	f.StringVarP(&o.configPath, "config-path", "c", "", "read the configuration from `PATH`")
	f.StringArrayVar(&o.conf, "conf", nil, "update the configuration from `VALUE`")
	f.StringVarP(&o.recovery, "recovery", "r", "", "start in recovery mode, with a dump or statedir (`TARGET`)")
	f.Lookup("recovery").NoOptDefVal = defaultStatedir
	f.BoolVar(&o.sysconfig, "sysconfig", false, "read the system instance's configuration")
	f.VarPF((*level)(&o.verbose), "verbose", "v", "tell what is run; 2: and what PMI says (`LEVEL`)").NoOptDefVal = "+1"
	f.BoolVarP(&o.noexec, "noexec", "X", false, "do not run anything")
	f.StringArrayVarP(&o.brokerOpts, "broker-opts", "o", nil, "add options to the broker (`OPTS`)")
	f.StringArrayVar(&o.wrap, "wrap", nil, "run the broker by another program (`ARGS,...`)")
	f.IntVarP(&o.size, "test-size", "s", 0, "run `N` brokers on this host")
	f.StringVar(&o.hosts, "test-hosts", "", "give the brokers these hostnames (`HOSTLIST`)")
	f.StringVar(&o.exitTimeout, "test-exit-timeout", "20s", "kill the others this long after a broker's end (`FSD`)")
	f.StringVar(&o.exitMode, "test-exit-mode", "any", "whose end counts (`any|leader`)")
	f.StringVar(&o.startMode, "test-start-mode", "all", "who is started at once (`all|leader`)")
	f.StringVar(&o.rundir, "test-rundir", "", "the brokers' run directory (`DIR`)")
	f.BoolVar(&o.cleanup, "test-rundir-cleanup", false, "remove that directory at the end")
	f.StringVar(&o.clique, "test-pmi-clique", "single", "which brokers share a node (`single|per-broker|none|TASKMAP`)")
	return c
}

// level is the value of --verbose: given again it counts, with a value, which
// only the long option takes, it is set.
type level int

func (l *level) String() string { return fmt.Sprint(int(*l)) }
func (l *level) Type() string   { return "count" }
func (l *level) Set(s string) error {
	if s == "+1" {
		*l++
		return nil
	}
	if strings.Trim(s, "v") == "" { // the rest of -vv
		*l += level(1 + len(s))
		return nil
	}
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || fmt.Sprint(n) != s {
		return fmt.Errorf("%q is not a level", s)
	}
	*l = level(n)
	return nil
}

// splitAll splits values at commas, as the options that take lists do.
func splitAll(values []string) []string {
	var all []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// brokerCommand is the beginning of a broker's command line.
func (o *startOptions) brokerCommand(a *app, changed bool) ([]string, error) {
	argv := append(splitAll(o.wrap), brokerPath())
	for _, s := range splitAll(o.attrs) {
		argv = append(argv, "-S"+s)
	}
	argv = append(argv, splitAll(o.brokerOpts)...)
	conf := ""
	if changed {
		extra, system, err := o.recover()
		if err != nil {
			return nil, err
		}
		argv = append(argv, extra...)
		if system {
			o.sysconfig = true
		}
	}
	if o.sysconfig {
		conf = filepath.Join(install.Sysconf(), "system/conf.d")
	}
	if o.configPath != "" {
		if conf != "" {
			a.warnf("Warning: overriding recovery/--sysconfig path with %s", o.configPath)
		}
		conf = o.configPath
	}
	if conf != "" {
		argv = append(argv, "-c"+conf)
	}
	for _, v := range o.conf {
		argv = append(argv, "--conf="+v)
	}
	return argv, nil
}

// become is the normal mode: this process turns into a broker.
func (o *startOptions) become(a *app, args []string, flags *pflag.FlagSet) error {
	var err error
	flags.Visit(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "test-") {
			err = fail("--%s only works with --test-size", f.Name)
		}
	})
	if err != nil {
		return err
	}
	argv, err := o.brokerCommand(a, flags.Changed("recovery"))
	if err != nil {
		return err
	}
	argv = append(argv, args...)
	if o.verbose > 0 {
		a.warnf("%s", strings.Join(argv, " "))
	}
	if o.noexec {
		return nil
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return fail("error execing broker: %v", err)
	}
	err = syscall.Exec(path, argv, os.Environ())
	return fail("error execing broker: %v", err)
}

// session is the test mode: brokers as children on this host.
func (o *startOptions) session(a *app, args []string, flags *pflag.FlagSet) error {
	timeout, hosts, err := o.check()
	if err != nil {
		return err
	}
	base, err := o.brokerCommand(a, flags.Changed("recovery"))
	if err != nil {
		return err
	}
	rundir, remove, err := o.makeRundir(flags)
	if err != nil {
		return err
	}
	defer remove()
	command := func(rank int) []string {
		argv := append(append([]string(nil), base...), "--setattr=rundir="+rundir)
		if hosts != nil {
			name, _ := hosts.At(rank)
			argv = append(argv, "--setattr=hostname="+name)
		}
		if rank == 0 {
			argv = append(argv, args...)
		}
		return argv
	}
	if o.verbose > 0 {
		for rank := range o.size {
			a.warnf("%d: %s", rank, strings.Join(command(rank), " "))
		}
	}
	if o.noexec {
		return nil
	}
	code, err := session.Run(session.Options{
		Size: o.size, Command: command, Rundir: rundir, Clique: o.clique,
		LeaderOnly: o.startMode == "leader", LeaderExit: o.exitMode == "leader", ExitTimeout: timeout,
		Verbose: o.verbose, Log: func(text string) { a.warnf("%s", text) },
	})
	if err != nil {
		return err
	}
	return exitStatus(code)
}

// check checks the options of the test mode.
func (o *startOptions) check() (time.Duration, *hostlist.List, error) {
	switch {
	case o.size <= 0:
		return 0, nil, fail("--test-size argument must be > 0")
	case o.exitMode != "any" && o.exitMode != "leader":
		return 0, nil, fail("unknown --test-exit-mode: %s", o.exitMode)
	case o.startMode != "all" && o.startMode != "leader":
		return 0, nil, fail("unknown --test-start-mode: %s", o.startMode)
	}
	timeout, err := fsd.Parse(o.exitTimeout)
	if err != nil {
		return 0, nil, fail("--test-exit-timeout: %v", err)
	}
	if o.hosts == "" {
		return timeout, nil, nil
	}
	hosts, err := hostlist.Parse(o.hosts)
	if err != nil {
		return 0, nil, fail("could not decode --test-hosts hostlist: %v", err)
	}
	if hosts.Len() != o.size {
		return 0, nil, fail("--test-hosts hostlist has incorrect size")
	}
	return timeout, hosts, nil
}

// makeRundir returns the brokers' run directory and what removes it.
func (o *startOptions) makeRundir(flags *pflag.FlagSet) (dir string, remove func(), err error) {
	remove = func() {}
	if !flags.Changed("test-rundir") {
		tmp := os.Getenv("TMPDIR")
		if tmp == "" {
			tmp = "/tmp"
		}
		if dir, err = os.MkdirTemp(tmp, "flux-"); err != nil {
			return "", nil, fail("run directory: %v", err)
		}
		return dir, func() { _ = os.RemoveAll(dir) }, nil
	}
	st, err := os.Stat(o.rundir)
	if err != nil {
		return "", nil, fail("%s: %v", o.rundir, err)
	}
	if !st.IsDir() {
		return "", nil, fail("%s: not a directory", o.rundir)
	}
	if o.cleanup {
		remove = func() { _ = os.RemoveAll(o.rundir) }
	}
	return o.rundir, remove, nil
}
