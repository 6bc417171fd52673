// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/pflag"

	"goflux/internal/broker"
	"goflux/internal/compose"
	"goflux/internal/config"
	"goflux/internal/service"
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
	broker   *broker.Broker
}

func (d *daemon) run() (int, error) {
	for _, s := range d.opt.attrs {
		if err := d.attrs.SetCommandLine(s.name, s.value); err != nil {
			return 1, err
		}
	}
	conf := config.Table{}
	if path := d.configPath(); path != "" {
		var err error
		if conf, err = config.Load(path); err != nil {
			return 1, fmt.Errorf("Config file error: %w", err)
		}
		d.attrs.Put("config.path", path)
	}
	for _, v := range d.opt.conf {
		if err := config.Update(conf, v); err != nil {
			return 1, fmt.Errorf("--conf: %w", err)
		}
	}
	tmp := os.Getenv("TMPDIR")
	cleanup, err := directory(d.attrs, "rundir", orElse(tmp, "/tmp"))
	if err != nil {
		return 1, err
	}
	defer cleanup()
	rundir, _ := d.attrs.Get("rundir")
	if err := prepareRundir(rundir); err != nil {
		return 1, err
	}
	cleanup, err = directory(d.attrs, "statedir", orElse(tmp, "/var/tmp"))
	if err != nil {
		return 1, err
	}
	defer cleanup()
	if err := localURI(d.attrs, 0); err != nil {
		return 1, err
	}
	d.broker = broker.New(broker.Options{Rank: 0, Size: 1, Attrs: d.attrs, Config: conf})
	defer d.broker.Close()
	d.broker.AddServices([]*service.Registration{broker.ConnectorLocal(d.broker)})
	regs := d.services(d.broker)
	d.broker.AddServices(regs)
	if err := d.load("connector-local"); err != nil {
		return 1, err
	}
	for _, r := range regs {
		if err := d.load(r.Name); err != nil {
			return 1, err
		}
	}
	return d.program()
}

func (d *daemon) load(name string) error {
	done := make(chan error, 1)
	d.broker.Load(name, "", nil, func(err error) { done <- err })
	if err := <-done; err != nil {
		return fmt.Errorf("loading %s: %w", name, err)
	}
	return nil
}

// program runs the initial program.
func (d *daemon) program() (int, error) {
	argv := d.opt.program
	if len(argv) <= 1 {
		argv = append([]string{orElse(os.Getenv("SHELL"), "/bin/bash")}, argv...)
		if len(argv) > 1 {
			argv = []string{argv[0], "-c", argv[1]}
		}
	}
	uri, _ := d.attrs.Get("local-uri")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "FLUX_URI="+uri)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		return ee.ExitCode(), nil
	}
	return 0, err
}

func (d *daemon) configPath() string {
	return orElse(d.opt.configPath, os.Getenv("FLUX_CONF_DIR"))
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
