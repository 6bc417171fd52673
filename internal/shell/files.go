// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"context"
	"fmt"
	"os"
	"sync"

	"goflux/internal/fileref"
	"goflux/internal/kvstree"
	"goflux/internal/message"
)

// files puts the files that come with the jobspec (attributes.system.files, a
// batch script for instance) into the job's temporary directory. They are file
// references (RFC 37).
type files struct{ s *Shell }

func (f *files) init() error {
	raw := f.s.job.jobspec.Attr("system.files")
	if raw == nil {
		return nil
	}
	byName := map[string]*fileref.File{}
	if err := message.Unmarshal(raw, &byName); err != nil {
		return fmt.Errorf("failed to unpack jobspec: attributes.system.files: %w", err)
	}
	list := make([]*fileref.File, 0, len(byName))
	for name, file := range byName {
		if file == nil {
			continue
		}
		if file.Path == "" {
			file.Path = name
		}
		list = append(list, file)
	}
	return f.s.extract(f.s.job.env["FLUX_JOB_TMPDIR"], "files", list)
}

// extract makes files below dir, over what is there: never outside of it. The
// log gets their names as of the component.
func (s *Shell) extract(dir, component string, list []*fileref.File) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	x := fileref.Extractor{Root: root, Overwrite: true, Load: s.loader()}
	for _, file := range list {
		s.log.tracef(component, "%s", file.Long())
		if err := x.Extract(s.link.ctx, file); err != nil {
			return fmt.Errorf("extract file %w", err)
		}
	}
	return x.Finish()
}

// loader returns what loads blobs. Most files have none: the content store is
// not opened before one is wanted.
func (s *Shell) loader() func(ref string) func(context.Context) ([]byte, error) {
	open := sync.OnceValues(func() (*kvstree.Content, error) {
		return kvstree.Open(s.link.ctx, s.link.conn(), false)
	})
	return func(ref string) func(context.Context) ([]byte, error) {
		content, err := open()
		if err != nil {
			return func(context.Context) ([]byte, error) { return nil, err }
		}
		return content.Load(ref)
	}
}
