// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"fmt"
	"strconv"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/link"
	"goflux/internal/message"
)

// Tbon are the settings of the tree (flux-config-tbon(5)). What the command
// line set wins over the configuration, which wins over the default.
type Tbon struct {
	Topo      string
	PreferTCP bool
	Hint      string // where to find the address that peers connect to
	Torpid    Torpid
	Link      link.Options
}

// Torpid is when a silent child is torpid, and how long to be silent oneself.
type Torpid struct {
	Min, Max time.Duration // Max 0: never
}

// Defaults of flux-config-tbon(5).
const (
	defaultTorpidMin   = 5 * time.Second
	defaultTorpidMax   = 30 * time.Second
	defaultUserTimeout = 20 * time.Second
	defaultConnect     = 30 * time.Second
)

// tbon reads the settings and sets the attributes that tell them.
func (b *Boot) tbon() (*Tbon, error) {
	attrs, conf := b.env.Attrs, b.env.Config
	t := &Tbon{}
	var err error
	if t.PreferTCP, err = flag(attrs, "tbon.prefertcp"); err != nil {
		return nil, err
	}
	if err := t.topology(attrs, conf); err != nil {
		return nil, err
	}
	if err := t.hint(attrs, conf, b.env.Getenv); err != nil {
		return nil, err
	}
	if t.Torpid, err = ReadTorpid(attrs, conf, Torpid{defaultTorpidMin, defaultTorpidMax}, true); err != nil {
		return nil, err
	}
	if t.Link.UserTimeout, err = duration(attrs, conf, "tcp_user_timeout", defaultUserTimeout); err != nil {
		return nil, err
	}
	if t.Link.ConnectTimeout, err = duration(attrs, conf, "connect_timeout", defaultConnect); err != nil {
		return nil, err
	}
	return t, b.zmqSettings()
}

func flag(attrs Attrs, name string) (bool, error) {
	attrs.Default(name, "0")
	v, _ := attrs.Get(name)
	n, err := strconv.Atoi(v)
	if err != nil {
		return false, message.Errorf(syscall.EINVAL, "%s value must be an integer", name)
	}
	return n != 0, nil
}

func (t *Tbon) topology(attrs Attrs, conf config.Table) error {
	topo := "kary:32"
	if config.Read(conf, "bootstrap").Present() {
		topo = "custom"
	}
	s := config.Read(conf, "tbon")
	if v, ok := s.String("topo"); ok {
		topo = v
	}
	if v, ok := attrs.Get("tbon.fanout"); ok {
		topo = "kary:" + v
	}
	attrs.Default("tbon.topo", topo)
	t.Topo, _ = attrs.Get("tbon.topo")
	return s.Err(false)
}

func (t *Tbon) hint(attrs Attrs, conf config.Table, getenv func(string) string) error {
	s := config.Read(conf, "tbon")
	hint, ok := s.String("interface-hint")
	switch {
	case ok:
	case getenv("FLUX_IPADDR_INTERFACE") != "":
		hint = getenv("FLUX_IPADDR_INTERFACE")
	case getenv("FLUX_IPADDR_HOSTNAME") != "":
		hint = "hostname"
	default:
		hint = "default-route"
	}
	attrs.Default("tbon.interface-hint", hint)
	t.Hint, _ = attrs.Get("tbon.interface-hint")
	return s.Err(false)
}

// duration reads tbon.NAME from the configuration and the command line.
func duration(attrs Attrs, conf config.Table, name string, def time.Duration) (time.Duration, error) {
	d := def
	s := config.Read(conf, "tbon")
	if v, ok := s.Duration(name); ok {
		d = v
	}
	if err := s.Err(false); err != nil {
		return 0, err
	}
	attr := "tbon." + name
	if v, ok := attrs.Get(attr); ok {
		var err error
		if d, err = fsd.Parse(v); err != nil {
			return 0, message.Errorf(syscall.EINVAL, "Error parsing %s attribute", attr)
		}
	}
	attrs.Put(attr, fsd.FormatDuration(d))
	return d, nil
}

// ReadTorpid reads torpid_min and torpid_max over what holds now. The command
// line counts at the start only: afterwards the configuration does.
func ReadTorpid(attrs Attrs, conf config.Table, now Torpid, initial bool) (Torpid, error) {
	s := config.Read(conf, "tbon")
	for _, f := range []struct {
		name string
		d    *time.Duration
	}{{"torpid_min", &now.Min}, {"torpid_max", &now.Max}} {
		if v, ok := s.Duration(f.name); ok {
			*f.d = v
		}
		if v, ok := attrs.Get("tbon." + f.name); ok && initial {
			d, err := fsd.Parse(v)
			if err != nil {
				return now, message.Errorf(syscall.EINVAL, "error parsing tbon.%s attribute", f.name)
			}
			*f.d = d
		}
	}
	switch err := s.Err(false); {
	case err != nil:
		return now, err
	case now.Min == 0:
		return now, message.Errorf(syscall.EINVAL, "tbon.torpid_min must be nonzero")
	case now.Max != 0 && now.Min >= now.Max:
		return now, message.Errorf(syscall.EINVAL, "tbon.torpid_min must be less than torpid_max")
	}
	attrs.Put("tbon.torpid_min", fsd.FormatDuration(now.Min))
	attrs.Put("tbon.torpid_max", fsd.FormatDuration(now.Max))
	return now, nil
}

// zmqSettings are those of a transport that we do not have: they are checked
// and told, and change nothing.
func (b *Boot) zmqSettings() error {
	for _, z := range []struct {
		name      string
		def       int64
		valid     func(int64) bool
		rule      string
		onlyFirst bool
	}{
		{"zmqdebug", 0, func(int64) bool { return true }, "", false},
		{"child_rcvhwm", 0, func(n int64) bool { return n == 0 || n >= 2 }, "must be 0 (unlimited) or >= 2", false},
		{"zmq_io_threads", 1, func(n int64) bool { return n >= 1 }, "must be >= 1", true},
	} {
		attr := "tbon." + z.name
		n := z.def
		s := config.Read(b.env.Config, "tbon")
		if v, ok := s.Int(z.name); ok {
			n = v
		}
		if err := s.Err(false); err != nil {
			return err
		}
		if v, ok := b.env.Attrs.Get(attr); ok {
			var err error
			if n, err = strconv.ParseInt(v, 10, 32); err != nil {
				return message.Errorf(syscall.EINVAL, "%s value must be an integer", attr)
			}
		}
		if !z.valid(n) {
			return message.Errorf(syscall.EINVAL, "%s %s", attr, z.rule)
		}
		if z.onlyFirst && b.Rank != 0 {
			n = z.def
		}
		b.env.Attrs.Put(attr, fmt.Sprint(n))
	}
	return nil
}
