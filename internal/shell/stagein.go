// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"path"
	"strings"
	"time"

	"goflux/flux"
	"goflux/internal/fileref"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// stageIn copies archives (flux-archive(1)) to where the tasks find them: the
// job's temporary directory, or the destination that the option gives. A
// global destination is seen by all nodes: the leader alone copies.
type stageIn struct {
	s       *Shell
	names   []string
	pattern string // of paths; "" for all
	dest    string
	global  bool
}

func (in *stageIn) init() error {
	if !in.s.job.opts.isSet("stage-in") {
		return nil
	}
	if err := in.configure(); err != nil {
		return err
	}
	if in.global && !in.s.leader() {
		return nil
	}
	began := time.Now()
	count, size, err := in.copyAll()
	if err != nil {
		return err
	}
	in.s.log.debugf("stage-in", "%d files, %d bytes in %.3fs => %s", count, size, time.Since(began).Seconds(), in.dest)
	return nil
}

func (in *stageIn) configure() error {
	names, tags, dest := "main", "", ""
	opts := in.s.job.opts
	err := firstError(
		opts.only("stage-in", "names", "tags", "pattern", "destination"),
		opts.str("stage-in.names", &names),
		opts.str("stage-in.tags", &tags),
		opts.str("stage-in.pattern", &in.pattern),
		opts.str("stage-in.destination", &dest),
	)
	if err != nil {
		return fmt.Errorf("stage-in: %w", err)
	}
	if tags != "" {
		names = tags
		if in.s.leader() {
			in.s.log.warnf("stage-in", "the option stage-in.tags is deprecated: use stage-in.names")
		}
	}
	in.names = strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	return in.setDestination(dest)
}

func (in *stageIn) setDestination(dest string) error {
	scope, dir, found := strings.Cut(dest, ":")
	switch {
	case dest == "":
		in.dest = in.s.job.env["FLUX_JOB_TMPDIR"]
	case !found:
		in.dest = dest
	case scope == "local", scope == "global":
		in.dest, in.global = dir, scope == "global"
	default:
		return fmt.Errorf("stage-in: destination prefix must be local: or global:")
	}
	return nil
}

// copyAll returns how many files there were, and their size in bytes.
func (in *stageIn) copyAll() (count int, size int64, err error) {
	for _, name := range in.names {
		files, err := in.lookup(name)
		if err == nil {
			err = in.s.extract(in.dest, "stage-in", files)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("stage-in: archive %s: %w", name, err)
		}
		for _, f := range files {
			if count++; f.Size != nil {
				size += *f.Size
			}
		}
	}
	return count, size, nil
}

// lookup returns what is wanted of an archive.
func (in *stageIn) lookup(name string) ([]*fileref.File, error) {
	var resp rpc.KVSValue
	req := rpc.KVSLookup{Key: "archive." + name, Namespace: "primary"}
	if err := in.s.link.conn().RPC(in.s.link.ctx, "kvs.lookup", flux.NodeAny, req, &resp); err != nil {
		return nil, fmt.Errorf("KVS lookup %s: %s", req.Key, flux.ErrorText(err))
	}
	val, ok := resp.Val.Object.(treeobj.Val)
	if !ok {
		return nil, fmt.Errorf("%s is no archive", req.Key)
	}
	var all, wanted []*fileref.File
	if err := message.Unmarshal(val.Data, &all); err != nil {
		return nil, fmt.Errorf("%s is no archive: %w", req.Key, err)
	}
	for _, f := range all {
		if f != nil && in.matches(f.Path) {
			wanted = append(wanted, f)
		}
	}
	return wanted, nil
}

// matches compares a path with the pattern, whose wildcards match slashes, too.
func (in *stageIn) matches(name string) bool {
	flat := strings.NewReplacer("/", "\x00", "[!", "[^")
	ok, _ := path.Match(flat.Replace(in.pattern), strings.ReplaceAll(name, "/", "\x00"))
	return ok || in.pattern == ""
}
