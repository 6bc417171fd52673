// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/fsd"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/rset"
)

// defaultJournalMax is how many events resource.journal keeps
// (flux-config-resource(5)).
const defaultJournalMax = 100000

// defaultHistory is how long events are kept in the KVS: 90 days in seconds.
const defaultHistory = 90 * 24 * 3600

// options are the [resource] table and the module's arguments.
type options struct {
	r          *rset.R // as configured, nil if it is not
	exclude    string
	verify     rset.VerifyConfig
	verifySet  bool // resource.verify is there
	noverify   bool
	norestrict bool
	rediscover bool
	journalMax int
	history    float64 // seconds, +Inf for ever
	online     string  // the group of brokers that are up

	forceUp    bool
	notruncate bool
	recovery   bool
}

// readOptions reads configuration and module arguments. Errors wrap EINVAL, or
// the errno of a file that cannot be read.
func readOptions(h service.Host, args []string) (*options, error) {
	o, err := readConfig(h)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		switch arg {
		case "monitor-force-up":
			o.forceUp = true
		case "noverify":
			o.noverify = true
		case "notruncate":
			o.notruncate = true
		default:
			return nil, message.Errorf(syscall.EINVAL, "unknown option: %s", arg)
		}
	}
	if _, ok := h.Attr("broker.recovery-mode"); ok {
		o.recovery, o.noverify = true, true
	}
	return o, nil
}

// readConfig reads the [resource] table (flux-config-resource(5)).
func readConfig(h service.Host) (*options, error) {
	o := &options{journalMax: defaultJournalMax, history: defaultHistory, online: "broker.online"}
	conf := h.Config()
	if systemd := config.Read(conf, "systemd"); systemd.Present() {
		if on, _ := systemd.Bool("enable"); on {
			o.online = "sdmon.online"
		}
	}
	s := config.Read(conf, "resource")
	path, _ := s.String("path")
	scheduling, _ := s.String("scheduling")
	entries, configured := s.Array("config")
	verify, verifySet := s.Any("verify")
	if text, ok := s.String("exclude"); ok {
		o.exclude = text
		_, ranks := idset.Parse(text)
		if _, hosts := hostlist.Parse(text); ranks != nil && hosts != nil {
			s.Fail("exclude", "%q is neither an idset nor a hostlist: %v", text, hosts)
		}
	}
	o.norestrict, _ = s.Bool("norestrict")
	o.noverify, _ = s.Bool("noverify")
	s.Bool("no-update-watch") // of use in flux-core's own tests alone
	o.rediscover, _ = s.Bool("rediscover")
	if n, ok := s.Int("journal-max"); ok {
		o.journalMax = int(max(1, min(n, math.MaxInt32)))
	}
	if text, ok := s.String("history"); ok {
		var err error
		if o.history, err = fsd.ParseSeconds(text); err != nil {
			s.Fail("history", "invalid history time: %v", err)
		}
	}
	if err := s.Err(true); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "error parsing [resource] configuration: %v", err)
	}
	if err := o.setVerify(verify, verifySet); err != nil {
		return nil, err
	}
	return o, o.setR(h, path, scheduling, entries, configured)
}

func (o *options) setVerify(v any, set bool) error {
	var err error
	if o.verify, err = rset.ParseVerify(v); err != nil {
		return message.Errorf(syscall.EINVAL, "error parsing [resource] configuration: %v", err)
	}
	o.verifySet = set
	return nil
}

// setR makes R of [[resource.config]] or the file at path, if there is either.
func (o *options) setR(h service.Host, path, scheduling string, entries []any, configured bool) (err error) {
	switch {
	case configured:
		o.r, err = fromEntries(entries)
	case path != "":
		o.r, err = fromFile(path)
	}
	if err != nil {
		return err
	}
	if scheduling != "" && h.Rank() == 0 { // the scheduler's alone
		if err := o.setScheduling(scheduling); err != nil {
			return err
		}
	}
	if o.r == nil {
		return nil
	}
	return o.rerank(h)
}

func fromEntries(entries []any) (*rset.R, error) {
	var list []rset.ConfigEntry
	b, err := message.Marshal(entries)
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	var r *rset.R
	if err == nil {
		r, err = rset.FromConfig(list)
	}
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "error parsing [resource.config] array: %v", err)
	}
	return r, nil
}

func fromFile(path string) (*rset.R, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r, err := rset.Parse(b)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "error parsing R: %v", err)
	}
	return r, nil
}

func (o *options) setScheduling(path string) error {
	if o.r == nil {
		return message.Errorf(syscall.EINVAL, "resource.scheduling requires resource.path or [resource.config]")
	}
	b, err := readFile(path)
	if err != nil {
		return message.Errorf(message.Errno(err), "error loading resource.scheduling: %v", err)
	}
	v := jsontext.Value(b)
	if err := v.Compact(); err != nil {
		return message.Errorf(syscall.EINVAL, "error loading resource.scheduling: %s: %v", path, err)
	}
	o.r = o.r.Clone()
	o.r.Scheduling = v
	return nil
}

// rerank gives hosts the ranks that [bootstrap] assigns them, so that R need
// not be written anew when those change.
func (o *options) rerank(h service.Host) error {
	if _, ok := h.Config()["bootstrap"]; !ok {
		return nil
	}
	hosts, ok := h.Attr("hostlist")
	if !ok {
		return message.Errorf(syscall.EINVAL, "error reranking R: the hostlist attribute is not set")
	}
	list, err := hostlist.Parse(hosts)
	if err == nil {
		o.r, err = o.r.Rerank(list)
	}
	if err != nil {
		return message.Errorf(syscall.EINVAL, "error reranking R: %v", err)
	}
	return nil
}

// readFile reads a file; its error is worded as flux-core's users know it.
func readFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	num := syscall.EIO
	errors.As(err, &num)
	return nil, message.Errorf(num, "%s:-1 unable to open %s: %s", path, path, message.ErrnoText(num))
}
