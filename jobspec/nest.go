// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Nest says how a job that is a Flux instance starts.
type Nest struct {
	// BrokerOptions are passed to the broker.
	BrokerOptions []string
	// Config is the brokers' configuration as a JSON object; nil for none.
	Config jsontext.Value
}

// FromNest builds the jobspec of flux alloc: a Flux instance whose initial
// program is command. Tasks in l are slots. The commands' rule that -N alone
// takes whole nodes holds here too.
func FromNest(command []string, l Layout, n Nest, o Options) (*Jobspec, error) {
	if l.perResource() {
		return nil, errorf("", "an instance cannot be laid out by resource")
	}
	broker := append([]string{"flux", "broker"}, n.BrokerOptions...)
	if n.Config != nil {
		broker = append(broker, "-c{{tmpdir}}/conf.json")
	}
	j, err := FromCommand(slices.Concat(broker, command), l, o)
	if err != nil {
		return nil, err
	}
	s := attrSetter{j: j}
	s.option("per-resource.type", `"node"`)
	s.option("mpi", `"none"`)
	s.option("exit-timeout", `"none"`)
	if s.err == nil && n.Config != nil {
		s.err = j.addFile("conf.json", 0o600, n.Config, "")
	}
	return j, s.err
}

// FromBatch builds the jobspec of flux batch: a Flux instance that runs a
// script, which travels in the jobspec, with args. o.Name is the job's name.
func FromBatch(script string, args []string, l Layout, n Nest, o Options) (*Jobspec, error) {
	if !strings.HasPrefix(script, "#!") {
		return nil, errorf("", "%s does not appear to start with '#!'", o.Name)
	}
	j, err := FromNest(append([]string{"{{tmpdir}}/script"}, args...), l, n, o)
	if err != nil {
		return nil, err
	}
	return j, j.AddTextFile("script", 0o700, script)
}

// AddTextFile adds a file of UTF-8 text to attributes.system.files (RFC 37).
func (j *Jobspec) AddTextFile(name string, perm fs.FileMode, text string) error {
	return j.addFile(name, perm, quote(nil, text), "utf-8")
}

// AddFile adds a file with data in the given encoding, "base64" or "utf-8"
// (RFC 37).
func (j *Jobspec) AddFile(name string, perm fs.FileMode, data, encoding string) error {
	if encoding != "base64" && encoding != "utf-8" {
		return errorf("attributes.system.files."+name, "invalid encoding: %s", encoding)
	}
	return j.addFile(name, perm, quote(nil, data), encoding)
}

// regularFile is S_IFREG in the mode of a file object.
const regularFile = 0o100000

func (j *Jobspec) addFile(name string, perm fs.FileMode, data jsontext.Value, encoding string) error {
	const path = "attributes.system.files"
	if !data.IsValid() {
		return errorf(path+"."+name, "data is not valid JSON")
	}
	object := fmt.Appendf(nil, `{"mode":%d,"data":`, regularFile|uint32(perm.Perm()))
	object = append(object, data...)
	if encoding != "" {
		object = quote(append(object, `,"encoding":`...), encoding)
	}
	object = append(object, '}')
	// A file's name may have dots, so it is no attribute path.
	files, err := setChild(j.Attr(path), []string{name}, object, path)
	if err != nil {
		return err
	}
	return j.SetAttr(path, files)
}
