// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/fsd"
	"goflux/idset"
	"goflux/internal/pmi"
)

// pmiOptions are those of flux pmi.
type pmiOptions struct {
	verbose, timeout, method string
	timing                   bool
	count, abort             int
	ranks                    string
}

// newPMI is flux pmi (flux-pmi(1)): a client of the process manager interface
// (RFC 13), for tests of process managers.
func newPMI(a *app) *cobra.Command {
	var o pmiOptions
	cmd := a.group("pmi", "test the process manager that this is run under")
	fs := cmd.PersistentFlags()
	fs.StringVarP(&o.verbose, "verbose", "v", "", "Trace what is asked")
	fs.Lookup("verbose").NoOptDefVal = "1"
	fs.StringVarP(&o.timeout, "timeout", "t", "", "Fail after `FSD`")
	fs.StringVar(&o.method, "method", "", "Use the method `URI`: simple or single")
	// About the methods that load a library, which are not there.
	for _, name := range []string{"libpmi-noflux", "libpmi2-cray"} {
		fs.Bool(name, false, "")
		fs.Lookup(name).Hidden = true
	}

	barrier := a.pmiCommand(&o, "barrier", "enter a barrier", 0, (*pmiRun).barrier)
	barrier.Flags().BoolVar(&o.timing, "test-timing", false, "Enter together, and print how long it took")
	barrier.Flags().IntVar(&o.count, "test-count", 1, "Enter `N` barriers")
	barrier.Flags().IntVar(&o.abort, "test-abort", -1, "Have `RANK` end the program")
	exchange := a.pmiCommand(&o, "exchange", "exchange a key of each process", 0, (*pmiRun).exchange)
	exchange.Flags().IntVar(&o.count, "count", 1, "Exchange `N` times")
	get := a.pmiCommand(&o, "get KEY...", "print keys that the process manager has set", 1, (*pmiRun).get)
	get.Flags().StringVar(&o.ranks, "ranks", "0", "Print on these `RANKS`, or all")
	cmd.AddCommand(barrier, exchange, get)
	return cmd
}

func (a *app) pmiCommand(o *pmiOptions, use, short string, least int, f func(*pmiRun, []string) error) *cobra.Command {
	most := 0
	if least > 0 {
		most = -1
	}
	return &cobra.Command{
		Use: use, Short: short, Args: a.operands(least, most),
		RunE: func(_ *cobra.Command, args []string) error { return a.pmi(o, f, args) },
	}
}

// pmi connects, calls f and says goodbye, all in the time there is.
func (a *app) pmi(o *pmiOptions, f func(*pmiRun, []string) error, args []string) error {
	var expired <-chan time.Time
	if o.timeout != "" {
		limit, err := fsd.Parse(o.timeout)
		if err != nil {
			return fail("--timeout: %s is not a valid FSD", o.timeout)
		}
		expired = time.After(limit)
	}
	result := make(chan error, 1)
	go func() {
		r, err := a.openPMI(o)
		if err == nil {
			if err = f(r, args); err == nil {
				err = r.step("finalize", r.c.Finalize)
			}
		}
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-expired:
		return fail("timed out after %s: not all processes of the program have come as far", o.timeout)
	}
}

// pmiRun is a connection to the process manager.
type pmiRun struct {
	*app
	o *pmiOptions
	c *pmi.Client
}

func (a *app) openPMI(o *pmiOptions) (*pmiRun, error) {
	method, _, _ := strings.Cut(o.method, ":")
	getenv := os.Getenv
	switch method {
	case "":
	case "simple":
		if os.Getenv("PMI_FD") == "" {
			return nil, fail("simple: PMI_FD is not set: run this in a job, with -o pmi=simple")
		}
	case "single":
		getenv = func(string) string { return "" }
	case "libpmi", "libpmi2":
		return nil, fail("%s: no library can be loaded: use the method simple", method)
	default:
		return nil, fail("unknown method %s: use simple or single", method)
	}
	r := &pmiRun{app: a, o: o}
	err := r.step("initialize", func() (err error) {
		r.c, err = pmi.Open(getenv)
		return err
	})
	if err == nil {
		r.trace("%s: rank=%d size=%d name=%s", r.c.Method, r.c.Rank, r.c.Size, r.c.KVSName)
	}
	return r, err
}

// trace tells what is done.
func (r *pmiRun) trace(format string, args ...any) {
	if r.o.verbose != "" && r.o.verbose != "0" {
		fmt.Fprintf(r.err, "flux-pmi: %s\n", fmt.Sprintf(format, args...))
	}
}

// step is one question to the process manager.
func (r *pmiRun) step(what string, f func() error) error {
	err := f()
	if err != nil {
		r.trace("%s: %v", what, err)
		return err
	}
	r.trace("%s: success", what)
	return nil
}

func (r *pmiRun) meet() error { return r.step("barrier", r.c.Barrier) }

// done has the first process tell what took how long.
func (r *pmiRun) done(what string, n int, since time.Time) {
	if r.c.Rank != 0 {
		return
	}
	times := ""
	if n != 1 {
		times = fmt.Sprintf(" x%d", n)
	}
	fmt.Fprintf(r.out, "%s: completed pmi %s%s on %d tasks in %.3fs.\n", r.c.KVSName, what, times, r.c.Size, time.Since(since).Seconds())
}

func (r *pmiRun) barrier([]string) error {
	if r.o.abort == r.c.Rank {
		if err := r.c.Abort(1, "flux-pmi: --test-abort"); err != nil {
			return err
		}
		// Whoever manages this process ends it, with the others.
		r.c.Ended()
		return fail("aborted, as --test-abort says")
	}
	if r.o.timing {
		if err := r.meet(); err != nil {
			return err
		}
	}
	start := time.Now()
	for range r.o.count {
		if err := r.meet(); err != nil {
			return err
		}
	}
	r.done("barrier", r.o.count, start)
	return nil
}

func (r *pmiRun) exchange([]string) error {
	if err := r.meet(); err != nil {
		return err
	}
	start := time.Now()
	for n := range r.o.count {
		if err := r.exchangeOnce(n); err != nil {
			return err
		}
	}
	r.done("exchange", r.o.count, start)
	return nil
}

// exchangeOnce has each process put a key and read those of all others. n keeps
// the keys of several rounds apart: PMI has no way to change one.
func (r *pmiRun) exchangeOnce(n int) error {
	key := func(rank int) string { return fmt.Sprintf("key-%d-%d", n, rank) }
	value := func(rank int) string { return fmt.Sprintf("value-%d-%d", n, rank) }
	err := r.step("put", func() error { return r.c.Put(key(r.c.Rank), value(r.c.Rank)) })
	if err == nil {
		err = r.meet()
	}
	for rank := 0; rank < r.c.Size && err == nil; rank++ {
		var got string
		err = r.step("get", func() (err error) {
			got, err = r.c.Get(key(rank))
			return err
		})
		if err == nil && got != value(rank) {
			err = fail("%s is %q and not %q", key(rank), got, value(rank))
		}
	}
	if err == nil {
		err = r.meet()
	}
	return err
}

func (r *pmiRun) get(keys []string) error {
	mine := r.o.ranks == "all"
	if !mine {
		ranks, err := idset.Parse(r.o.ranks)
		if err != nil {
			return fail("could not parse --ranks argument %s: it is a list of ranks, or all", r.o.ranks)
		}
		mine = ranks.Contains(uint32(r.c.Rank))
	}
	for _, key := range keys {
		var value string
		err := r.step("get "+key, func() (err error) {
			value, err = r.c.Get(key)
			return err
		})
		if err != nil {
			return err
		}
		if mine {
			fmt.Fprintln(r.out, value)
		}
	}
	return nil
}
