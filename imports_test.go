// SPDX-License-Identifier: LGPL-3.0-or-later

package goflux_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// importRules says which package may import which, a line each, and why.
// What no line permits is an error. It is changed when the design changes
// (docs/design.md, section 3), not to make a build pass.
//
//	NAME = members          a group of packages
//	from -> to : reason     both are groups or packages
//
// Packages of this module go without its name; PATH/... is PATH and all below
// it, PATH/* all below it alone. The standard library needs no line.
const importRules = `
VALUE = idset hostlist fsd jobid jobspec rset constraint taskmap eventlog treeobj
JSON  = github.com/go-json-experiment/json github.com/go-json-experiment/json/jsontext github.com/tidwall/gjson
OS    = golang.org/x/sys/... golang.org/x/term github.com/creack/pty github.com/godbus/dbus/v5 github.com/coreos/go-systemd/v22/...

VALUE -> VALUE : values are made of values: R of host lists and id sets
VALUE -> JSON : most RFCs' values have a JSON form
jobspec -> go.yaml.in/yaml/v3 : a jobspec may be written in YAML (RFC 14)
treeobj -> github.com/tidwall/btree : an ordered directory that is copied at no cost

internal/message -> JSON : a message is the one place where a payload becomes bytes
internal/rpc -> VALUE : requests and responses carry values
internal/rpc -> JSON : and, now and then, JSON that is passed on unread
internal/rpc -> internal/message : errors keep their errno

internal/core/* -> VALUE : a core decides over values
internal/core/* -> JSON : what a core keeps for others (annotations, jobspec) stays as it came
internal/core/* -> internal/message : for errors with an errno; a core sends and receives nothing
internal/core/* -> github.com/tidwall/btree : copy-on-write copies serve "what if"


internal/store -> VALUE : what is kept is values
internal/store -> internal/message : errors keep their errno
internal/store/dbfile -> zombiezen.com/go/sqlite/... : its tests read what SQLite wrote
internal/store -> internal/store/dbfile : what SQLite wrote, read without it when it may be damaged
internal/store -> zombiezen.com/go/sqlite/... : the one door to the disk, so the only one to know what is behind it
internal/store -> github.com/pierrec/lz4/v4 : flux-core's blobs are LZ4 blocks
internal/store/pagecache -> modernc.org/sqlite/lib : where SQLite's pages are in memory
internal/store/pagecache -> modernc.org/libc : which is C in Go
internal/store/pagecache -> zombiezen.com/go/sqlite/... : its test has some

internal/link -> internal/message : what a link carries
internal/link -> golang.org/x/sys/unix : who is on the other end of a socket
internal/track -> internal/message : remembers requests
internal/proxy -> internal/link : its clients' connections, and the broker's
internal/proxy -> internal/message : what it passes on
internal/proxy -> internal/rpc : events and services are its own at the broker
internal/proxy -> internal/track : whom to tell when a broker or a client is gone
internal/pmi -> VALUE : keys carry host lists and task maps
internal/config -> VALUE : durations and host lists are checked where they are read
internal/config -> internal/message : errors keep their errno
internal/config -> JSON : a value given on the command line may be JSON
internal/config -> github.com/pelletier/go-toml/v2/... : line, column and key of every mistake
internal/sign -> internal/message : errors keep their errno

internal/sys/... -> OS : the only packages to know the operating system's own interfaces
internal/sys/... -> internal/sys/... : a subprocess is a process, a pty and a cgroup
internal/sys/... -> VALUE : processors are id sets
internal/sys/... -> internal/message : errors keep their errno
internal/sys/subproc -> internal/rpc : the subprocess protocol (RFC 42) has two servers, broker and shell, and one engine
internal/sys/terminus -> internal/rpc : as has the terminal protocol

internal/upstream -> internal/service : the host that asks
internal/upstream -> internal/message : what it asks
internal/upstream -> internal/rpc : how it asks whether the parent is there
internal/service -> internal/message : a service is methods on messages
internal/service/* -> internal/upstream : asks its parent again when that was away
internal/service/* -> internal/service : how a service says what it is and sees the world
internal/service/* -> internal/message : what it answers
internal/service/* -> internal/rpc : the only place where services meet
internal/service/* -> internal/core/* : where its decisions are made
internal/service/* -> internal/store : on the leader, what must outlive the process
internal/service/* -> internal/sys/... : processes, topology
internal/service/* -> internal/config : its own table of the configuration
internal/service/* -> internal/install : where the programs are that it starts
internal/service/* -> flux : in a nested instance, asks the enclosing one
internal/service/overlay -> internal/link : connections to parent and children
internal/service/overlay -> internal/boot : where those are, and their keys
internal/service/overlay -> internal/track : whom to tell when one is lost
internal/service/jobs -> internal/sign : a job request is signed (RFC 15)
internal/service/* -> VALUE : what payloads are made of
internal/service/* -> JSON : what is passed on unread

internal/broker -> internal/message : what it routes
internal/broker -> internal/link : where that comes from
internal/broker -> internal/service : the seam to what it hosts; it knows no service by name
internal/broker -> internal/rpc : its own services: attr, log, module, overlay, state machine
internal/broker -> internal/core/* : the life cycle and the tree are decided there
internal/broker -> internal/track : whom to tell when a neighbour is lost
internal/broker -> internal/install : values of the build that attributes show
internal/broker -> internal/config : the configuration that it hands to its modules
internal/broker -> internal/sys/... : processes
internal/broker -> VALUE : attributes are host lists and durations
internal/broker -> JSON : what is passed on unread

internal/boot -> internal/broker : a broker's place in the tree is set before it starts
internal/boot -> internal/link : keys and endpoints
internal/boot -> internal/pmi : one of the ways to find the others
internal/boot -> internal/config : the other one
internal/boot -> internal/core/overlay : the tree's shape
internal/boot -> internal/message : errors keep their errno
internal/boot -> VALUE : host lists, task maps

internal/kvstree -> flux : reads the tree object by object
internal/kvstree -> internal/message : errors keep their errno
internal/kvstree -> VALUE : tree objects
internal/session -> internal/pmi : the brokers that it starts are a parallel program
internal/session -> internal/link : and one of its services is a socket
internal/session -> internal/message : with requests
internal/session -> VALUE : cliques are task maps
internal/startlog -> internal/rpc : it is kept in the KVS
internal/startlog -> internal/message : errors keep their errno
internal/startlog -> internal/install : with the version that was started
internal/startlog -> VALUE : as an event log
internal/modprobe -> internal/rpc : modules are loaded by requests
internal/modprobe -> internal/message : errors keep their errno
internal/modprobe -> internal/config : its files, and the [modules] table
internal/modprobe -> internal/install : where those files are
internal/modprobe -> internal/startlog : one of the tasks of rc1 and rc3
internal/modprobe -> internal/sys/squeue : an instance ends with the Slurm job that it runs in
internal/modprobe -> VALUE : ranks that a module is for

internal/daemon -> internal/broker : what it runs
internal/daemon -> internal/modprobe : how its modules come up and go
internal/daemon -> internal/service/overlay : which it wires to the router
internal/daemon -> internal/service/config : which reads what it was started with
internal/daemon -> flux : it asks the enclosing instance
internal/daemon -> internal/boot : where its rank comes from
internal/daemon -> internal/compose : the names of what it can load
internal/daemon -> internal/upstream : follows the parent's state, also after that was away
internal/daemon -> internal/service : registrations pass through
internal/daemon -> internal/config : read before there is a broker
internal/daemon -> internal/core/* : the life cycle
internal/daemon -> internal/link : its own key
internal/daemon -> internal/install : rc1, rc3
internal/daemon -> internal/message : errors keep their errno
internal/daemon -> internal/pmi : it may be the first of a parallel program
internal/daemon -> internal/rpc : it is a client of its own modules
internal/daemon -> internal/sys/... : the initial program
internal/daemon -> VALUE : durations
internal/daemon -> github.com/spf13/pflag : its command line

internal/compose -> internal/service/... : the one place that knows them all
internal/compose -> internal/store : and hands them the door
internal/compose -> internal/sys/statsd : the monitoring system that services send figures to
internal/compose -> internal/broker : and the broker's own
internal/compose -> internal/message : errors keep their errno

internal/shell/... -> internal/shell/... : one file a plugin
internal/shell/... -> flux : a shell is a client of its broker
internal/shell/... -> internal/message : and a service for its job
internal/shell/... -> internal/rpc : whose requests are here
internal/shell/... -> internal/pmi : for the tasks
internal/shell/... -> internal/sys/... : processes, affinity, ptys
internal/shell/... -> internal/install : its initrc
internal/shell/... -> internal/fileref : files that come with the job
internal/shell/... -> internal/kvstree : and archives, whose blobs are in the content store
internal/shell/... -> VALUE : R, jobspec, taskmap
internal/shell/... -> JSON : options and output entries
internal/shell/... -> github.com/yuin/gopher-lua/... : initrc.lua

flux -> internal/link : its connection
flux -> internal/message : what it sends
flux -> internal/rpc : typed helpers for jobs and KVS
flux -> VALUE : what those return
flux -> JSON : what they pass on


internal/fileref -> internal/message : errors keep their errno
internal/fileref -> VALUE : blobrefs
internal/fileref -> JSON : a file's data may be any JSON
internal/service/content -> internal/fileref : mapped files are cut into the blobs RFC 37 names

internal/cli/... -> flux : a command is a client
internal/cli/... -> internal/fileref : flux archive
internal/cli/... -> internal/kvstree : the commands that dump, restore, check and sweep the KVS
internal/cli/... -> internal/rpc : and knows the services by their requests alone
internal/cli/... -> internal/cli/... : formats, job options
internal/cli/... -> internal/install : where its siblings are
internal/cli/... -> internal/config : flux config load reads files as a broker does
internal/cli/... -> internal/link : flux keygen makes a broker's key
internal/cli/... -> internal/message : errors keep their errno
internal/cli -> internal/core/ingest : flux job-validator and job-frobnicator are the pipeline, by hand
internal/cli -> internal/core/policy : with the site's policy
internal/cli -> internal/core/overlay : the tree's shape, and the words for how it is
internal/cli -> internal/kvstree : flux dump and restore
internal/cli -> internal/modprobe : flux modprobe
internal/cli -> internal/proxy : flux proxy
internal/cli -> internal/session : flux start --test-size
internal/cli -> internal/startlog : flux startlog
internal/cli/... -> internal/pmi : flux start is its brokers' process manager
internal/cli/... -> internal/sign : a submission is signed
internal/cli/... -> internal/sys/... : signals, processes, terminals
internal/cli/... -> VALUE : what users type
internal/cli/... -> JSON : what users read
internal/cli/... -> golang.org/x/term : is it a terminal, and how wide
internal/cli/... -> github.com/spf13/cobra : options and help
internal/cli/... -> github.com/spf13/pflag : options
internal/cli/... -> go.yaml.in/yaml/v3 : job scripts and formats are YAML too
internal/cli/... -> github.com/pelletier/go-toml/v2/... : and TOML
internal/cli/... -> charm.land/bubbletea/v2/... : flux top
internal/cli/... -> github.com/santhosh-tekuri/jsonschema/v6 : the schema validator (flux job-validator)

internal/imp/... -> internal/imp/... : a privileged program: its list of dependencies is closed
internal/imp/... -> golang.org/x/sys/unix : and this is all of it

cmd/flux -> internal/cli : parses, wires, runs
cmd/flux-broker -> internal/daemon : parses, wires, runs
cmd/flux-broker -> internal/compose : with these services
cmd/flux-broker -> internal/store/pagecache : before any of them uses SQLite
cmd/* -> internal/sys/sigdefault : signals as the caller had them, before anything else
cmd/flux-shell -> internal/shell/... : parses, wires, runs
cmd/flux-shell -> internal/rpc : how its starter tells it what to run
cmd/flux-shell -> jobid : which job
cmd/flux-imp -> internal/imp/... : parses, wires, runs

internal/testkit/... -> internal/... : tests may know everything
internal/testkit/... -> flux : clients too
internal/testkit/... -> VALUE : values too
internal/testkit/faultdisk -> modernc.org/sqlite/lib : what stands between SQLite and the disk
internal/testkit/faultdisk -> modernc.org/libc : which is C in Go
internal/testkit/... -> TEST : and make use of the tests' libraries
TEST = pgregory.net/rapid github.com/google/go-cmp/... github.com/rogpeppe/go-internal/... github.com/anishathalye/porcupine github.com/santhosh-tekuri/jsonschema/v6

bench -> flux : measured from outside, as a client
bench -> internal/rpc : with a client's requests
bench -> internal/sign : and submissions
bench -> internal/testkit/instance : which starts instances, for tests and measurements alike
bench -> zombiezen.com/go/sqlite/... : and what of a database is in use
test/... -> VALUE : tables of cases
test/soak -> internal/testkit/soak : parses, wires, runs
`

const module = "goflux"

// listedPackage is what is read of go list's output.
type listedPackage struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p listedPackage) short() string { return short(p.ImportPath) }

// short is a package's name as the rules have it.
func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// listPackages asks go for this module's packages.
func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

// ruleSet is importRules, read.
type ruleSet struct {
	groups map[string][]string
	rules  [][2]string
}

func readRules(text string) (*ruleSet, error) {
	rs := &ruleSet{groups: map[string][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if name, members, ok := strings.Cut(line, " = "); ok {
			rs.groups[strings.TrimSpace(name)] = strings.Fields(members)
			continue
		}
		edge, reason, ok := strings.Cut(line, " : ")
		from, to, arrow := strings.Cut(edge, " -> ")
		if !ok || !arrow || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("%q: want FROM -> TO : REASON", line)
		}
		rs.rules = append(rs.rules, [2]string{from, to})
	}
	return rs, nil
}

// permits tells whether a line allows from to import to.
func (rs *ruleSet) permits(from, to string) bool {
	return slices.ContainsFunc(rs.rules, func(r [2]string) bool {
		return rs.names(r[0], from) && rs.names(r[1], to)
	})
}

// names tells whether a rule's word means pkg.
func (rs *ruleSet) names(word, pkg string) bool {
	if members, ok := rs.groups[word]; ok {
		return slices.ContainsFunc(members, func(m string) bool { return rs.names(m, pkg) })
	}
	if dir, ok := strings.CutSuffix(word, "/..."); ok {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	}
	if dir, ok := strings.CutSuffix(word, "/*"); ok {
		return strings.HasPrefix(pkg, dir+"/")
	}
	return word == pkg
}

// isStandard tells whether path is part of the standard library.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != module && !strings.Contains(first, ".")
}

func TestImports(t *testing.T) {
	rs, err := readRules(importRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range listPackages(t) {
		for _, imp := range p.Imports {
			if to := short(imp); !isStandard(imp) && !rs.permits(p.short(), to) {
				t.Errorf("%s imports %s: no line of importRules permits that", p.short(), to)
			}
		}
		// Tests put together what they like of ours, and of the libraries those made for tests.
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imp, module+"/") || isStandard(imp) || rs.names("TEST", imp) || rs.permits(p.short(), imp) || rs.names("JSON", imp) {
				continue
			}
			t.Errorf("the tests of %s import %s: no line of importRules permits that", p.short(), imp)
		}
	}
}

// A core and a service must not know their siblings, whatever a wildcard allows.
func TestSiblings(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, layer := range []string{"internal/core/", "internal/service/"} {
			if !strings.HasPrefix(p.short(), layer) {
				continue
			}
			for _, imp := range p.Imports {
				if strings.HasPrefix(short(imp), layer) {
					t.Errorf("%s imports %s: they meet by messages (services) or in a service (cores)", p.short(), short(imp))
				}
			}
		}
	}
}

func TestImportRulesCanFail(t *testing.T) {
	rs, err := readRules(importRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range [][2]string{
		{"idset", "internal/message"},
		{"internal/core/job", "internal/service"},
		{"internal/core/job", "internal/store"},
		{"internal/service/kvs", "internal/broker"},
		{"internal/cli", "internal/store"},
		{"internal/cli", "internal/broker"},
		{"internal/broker", "zombiezen.com/go/sqlite"},
		{"cmd/flux", "internal/daemon"},
		{"internal/imp", "internal/message"},
		{"internal/store", "pgregory.net/rapid"},
	} {
		if rs.permits(e[0], e[1]) {
			t.Errorf("the rules permit %s to import %s", e[0], e[1])
		}
	}
	if _, err := readRules("a -> b"); err == nil {
		t.Error("a rule without a reason is accepted")
	}
}
