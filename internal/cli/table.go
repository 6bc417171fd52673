// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import "github.com/spf13/cobra"

// style is how a command words its errors and what it exits with on a mistake
// in its usage; scripts depend on both.
type style int

const (
	cStyle  style = iota // "flux-NAME: text", usage errors exit 1
	pyStyle              // "flux-NAME: ERROR: text", usage errors exit 2
)

// section is where "flux --help" lists a command.
type section int

const (
	unlisted section = iota
	submitting
	jobs
	instance
	other
)

// sectionTitles are the headings of "flux --help", in its order.
var sectionTitles = [...]string{
	submitting: "start work",
	jobs:       "follow and change jobs",
	instance:   "look at the instance",
	other:      "everything else",
}

// command is a row of the table of commands. new is nil for rows that are
// another row's second name in the help.
type command struct {
	name    string
	section section
	style   style
	short   string
	new     func(*app) *cobra.Command
}

// commandTable lists every command, in the order of "flux --help".
func commandTable() []command {
	return append(jobCommands(), []command{
		{"start", other, cStyle, "start an instance", newStart},
		{"admin", unlisted, pyStyle, "what is rarely needed", newAdmin},
		{"modprobe", other, pyStyle, "load and remove modules in the order of their needs", newModprobe},
		{"overlay", instance, cStyle, "look at the tree of brokers, and cut it", newOverlay},
		{"proxy", jobs, cStyle, "share a connection to another instance", newProxy},
		{"relay", unlisted, cStyle, "connect standard input and output to a broker's socket", newRelay},
		{"shutdown", other, cStyle, "end an instance", newShutdown},
		{"startlog", other, cStyle, "list when the instance was started and stopped", newStartlog},
		{"uri", jobs, pyStyle, "tell where another instance is", newURI},
		{"top", jobs, cStyle, "watch an instance and its running jobs", newTop},
		{"uptime", instance, cStyle, "tell how long the instance has been running", newUptime},
		{"broker", unlisted, cStyle, "run a broker", newBroker},
		{"getattr", instance, cStyle, "print a broker attribute", newGetattr},
		{"setattr", instance, cStyle, "set a broker attribute", newSetattr},
		{"lsattr", instance, cStyle, "list broker attributes", newLsattr},
		{"dmesg", instance, cStyle, "print or clear the broker's log", newDmesg},
		{"ping", instance, cStyle, "measure the round trip to a service", newPing},
		{"logger", unlisted, cStyle, "write to the broker's log", newLogger},
		{"module", instance, cStyle, "load, list and watch broker modules", newModule},
		{"event", instance, cStyle, "publish events and subscribe to them", newEvent},
		{"cron", other, cStyle, "run commands at intervals, on events and at dates", newCron},
		{"config", other, cStyle, "look at and change the instance's configuration", newConfig},
		{"kvs", instance, cStyle, "read and write the key-value store", newKVS},
		{"dump", unlisted, cStyle, "write the KVS and the jobs to an archive", newDump},
		{"restore", unlisted, cStyle, "read an archive of flux dump into the KVS", newRestore},
		{"fsck", unlisted, cStyle, "check that nothing is missing in the content store", newFsck},
		{"gc", unlisted, cStyle, "delete what nothing refers to from the content store", newGC},
		{"archive", other, cStyle, "keep copies of files in the KVS, for the brokers' nodes", newArchive},
		{"filemap", unlisted, cStyle, "the former name of flux archive", newFilemap},
		{"pmi", unlisted, cStyle, "test the process manager that this is run under", newPMI},
		{"lptest", unlisted, cStyle, "print lines of rippling text", newLptest},
		{"content", unlisted, cStyle, "read and write the content store", newContent},
		{"cgroup", unlisted, cStyle, "tell of the control group that this is run in", newCgroup},
		{"exec", instance, cStyle, "run a command on brokers or on the nodes of a job", newExec},
		{"terminus", unlisted, cStyle, "hold terminals that one may leave and come back to", newTerminus},
		{"slurm-expiration-sync", unlisted, pyStyle, "have the instance end with its Slurm job", newSlurmExpirationSync},
		{"sproc", unlisted, pyStyle, "list, signal and wait for remote processes", newSproc},
		{"resource", instance, pyStyle, "look at and change the instance's resources", newResource},
		{"queue", instance, pyStyle, "look at and control queues", newQueue},
		{"housekeeping", instance, pyStyle, "list and signal what cleans up after jobs", newHousekeeping},
		{"jobtap", other, pyStyle, "load, remove and list plugins of the job manager", newJobtap},
		{"keygen", unlisted, cStyle, "make the certificate of a system instance", newKeygen},
		{"hostlist", other, pyStyle, "fetch, combine and query lists of hosts", newHostlist},
		{"R", unlisted, cStyle, "read, write and transform R version 1 objects", newR},
		{"completion", unlisted, cStyle, "print a shell's completion script", newCompletion},
		{"env", other, cStyle, "print the environment of commands, or run one in it", newEnv},
		{"fortune", unlisted, pyStyle, "have Flux speak", newFortune},
		{"heaptrace", unlisted, cStyle, "write profiles of the broker's memory", newHeaptrace},
		{"help", unlisted, cStyle, "show a command's manual page", newHelp},
		{"python", unlisted, cStyle, "run Python with Flux's modules in reach", newPython},
		{"version", other, cStyle, "show the versions of commands and broker", newVersion},
	}...)
}

// lookup finds a command's row.
func lookup(name string) (command, bool) {
	for _, c := range commandTable() {
		if c.name == name && c.new != nil {
			return c, true
		}
	}
	return command{}, false
}
