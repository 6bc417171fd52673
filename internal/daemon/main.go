// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"goflux/internal/boot"
	"goflux/internal/broker"
	"goflux/internal/compose"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/service"
	configsvc "goflux/internal/service/config"
	"goflux/internal/service/overlay"
	procs "goflux/internal/sys/process"
)

// Compose returns the services that a broker can load.
type Compose func(compose.Env) []*service.Registration

// Main runs a broker and returns its exit status.
func Main(args []string, services Compose) int {
	opt, err := parseOptions(args)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(err)
	}
	d := &daemon{opt: opt, attrs: broker.NewAttrs(), services: services}
	defer d.cleanup()
	code, err := d.run()
	if err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintf(os.Stderr, "flux-broker: %v\n", err)
	return 1
}

// daemon is the process.
type daemon struct {
	opt      *options
	attrs    *broker.Attrs
	services Compose
	conf     config.Table
	boot     *boot.Boot
	broker   *broker.Broker
	cleanups []func()
}

func (d *daemon) cleanup() {
	for i := len(d.cleanups) - 1; i >= 0; i-- {
		d.cleanups[i]()
	}
}

// run goes from the command line to the end of the broker's life.
func (d *daemon) run() (int, error) {
	started := time.Now()
	for _, s := range d.opt.attrs {
		if err := d.attrs.SetCommandLine(s.name, s.value); err != nil {
			return 1, err
		}
	}
	d.earlyAttrs(started)
	if err := d.readConfig(); err != nil {
		return 1, err
	}
	if err := d.start(); err != nil {
		return 1, err
	}
	if err := d.directories(); err != nil {
		return 1, err
	}
	commands, err := d.commands()
	if err != nil {
		return 1, err
	}
	w, err := d.boot.Wire()
	if err == nil {
		err = d.boot.Critical(w)
	}
	if err != nil {
		return 1, err
	}
	d.startBroker(w)
	defer d.broker.Close()
	if err := d.broker.SetupLog(); err != nil {
		return 1, err
	}
	life, err := newDriver(d, commands)
	if err != nil {
		return 1, err
	}
	if d.opt.verbose > 1 {
		fmt.Fprintln(os.Stderr, "flux-broker: entering event loop")
	}
	return life.run(), nil
}

// readConfig reads what the command line or the environment names.
func (d *daemon) readConfig() error {
	d.conf = config.Table{}
	path := d.opt.configPath
	if path == "" {
		path = os.Getenv("FLUX_CONF_DIR")
	}
	if path != "" {
		var err error
		if d.conf, err = config.Load(path); err != nil {
			return fmt.Errorf("Config file error: %w", err)
		}
		d.attrs.Put("config.path", path)
	}
	for _, v := range d.opt.conf {
		if err := config.Update(d.conf, v); err != nil {
			return fmt.Errorf("--conf: %w", err)
		}
	}
	return nil
}

// start boots as far as needs no directory.
func (d *daemon) start() error {
	hostname, _ := d.attrs.Get("hostname")
	env := boot.Env{Attrs: d.attrs, Config: d.conf, Hostname: hostname, Getenv: os.Getenv}
	if os.Getenv("FLUX_PMI_DEBUG") != "" {
		env.Trace = func(text string) { fmt.Fprintln(os.Stderr, "bootstrap: "+text) }
	}
	var err error
	if d.boot, err = boot.Start(env); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	d.enclosingAttrs()
	setProcessName(d.boot.Rank)
	return nil
}

// directories makes the rundir and, on the leader, the statedir.
func (d *daemon) directories() error {
	tmp := os.Getenv("TMPDIR")
	remove, err := directory(d.attrs, "rundir", orElse(tmp, "/tmp"))
	if err != nil {
		return err
	}
	d.cleanups = append(d.cleanups, remove)
	rundir, _ := d.attrs.Get("rundir")
	if remove, err = prepareRundir(rundir); err != nil {
		return err
	}
	d.cleanups = append(d.cleanups, remove)
	if d.boot.Rank == 0 {
		if remove, err = directory(d.attrs, "statedir", orElse(tmp, "/var/tmp")); err != nil {
			return err
		}
		d.cleanups = append(d.cleanups, remove)
	} else {
		d.attrs.Delete("statedir")
	}
	return localURI(d.attrs, d.boot.Rank)
}

// startBroker makes the broker; its modules are loaded by the state machine.
func (d *daemon) startBroker(w *boot.Wiring) {
	d.broker = broker.New(broker.Options{
		Rank: d.boot.Rank, Size: d.boot.Size, Attrs: d.attrs, Config: d.conf,
	})
	d.broker.Share(overlay.WiringKey, w)
	d.broker.Share(overlay.RouterKey, d.broker.Router())
	d.broker.Share(overlay.AttrsKey, d.attrs)
	d.broker.Share(configsvc.StoreKey, d.broker)
	d.broker.AddServices(d.services(d.broker))
	d.broker.AddServices([]*service.Registration{broker.ConnectorLocal(d.broker)})
}

// run walks the state machine until the broker is to exit.
func (l *driver) run() int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
		syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2)
	// Faults of this process are panics, which end a module. A fault's signal
	// that somebody sends ends the broker, as it does any other program.
	faults := make(chan os.Signal, 1)
	signal.Notify(faults, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGTTOU)
	l.start()
	for {
		select {
		case s := <-signals:
			l.h.Post(func() { l.signaled(s.(syscall.Signal)) })
		case s := <-faults:
			procs.DieBy(s.(syscall.Signal))
		case <-l.stopped:
			l.hangUp()
			return l.exitCode()
		}
	}
}

// hangUp ends what the initial program has left behind in the background,
// where it runs in the broker's process group.
func (l *driver) hangUp() {
	if syscall.Getpgrp() == os.Getpid() {
		signal.Ignore(syscall.SIGHUP)
		_ = syscall.Kill(0, syscall.SIGHUP)
	}
}

// exitCode is 1 at least when modules were left over.
func (l *driver) exitCode() int {
	code := l.m.ExitCode()
	for _, m := range l.b.Modules().List() {
		l.log.Error(fmt.Sprintf("broker module '%s' was not properly shut down", m.Name))
		code = max(code, 1)
	}
	return code
}

// setProcessName makes the broker's rank appear in lists of processes.
func setProcessName(rank uint32) {
	name := "flux-broker-" + strconv.FormatUint(uint64(rank), 10)
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0) // a courtesy
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// errText is an error as people of Flux know it.
func errText(err error) string {
	var num syscall.Errno
	if errors.As(err, &num) && num == err {
		return message.ErrnoText(num)
	}
	return err.Error()
}
