// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import "strings"

// AttrFlag says how an attribute behaves (flux-broker-attributes(7)).
type AttrFlag uint8

// Attribute flags.
const (
	// AttrImmutable attributes never change once set: clients may keep the value.
	AttrImmutable AttrFlag = 1 << iota
	// AttrReadonly attributes may not be set on the command line.
	AttrReadonly
	// AttrRuntime attributes may be updated by the owner at run time.
	AttrRuntime
	// AttrConfig attributes override the configuration key of the same name.
	AttrConfig
)

// attrRules are the attributes that there are. A name that ends in ".*" stands
// for all that begin so.
var attrRules = map[string]AttrFlag{
	"rank":                           AttrReadonly | AttrImmutable,
	"size":                           AttrReadonly | AttrImmutable,
	"version":                        AttrReadonly,
	"rundir":                         0,
	"rundir-cleanup":                 AttrImmutable,
	"statedir":                       0,
	"statedir-cleanup":               AttrImmutable,
	"security.owner":                 AttrReadonly | AttrImmutable,
	"local-uri":                      AttrImmutable,
	"parent-uri":                     AttrReadonly | AttrImmutable,
	"instance-level":                 AttrReadonly | AttrImmutable,
	"jobid":                          AttrReadonly | AttrImmutable,
	"jobid-path":                     AttrReadonly | AttrImmutable,
	"parent-kvs-namespace":           AttrReadonly | AttrImmutable,
	"hostlist":                       AttrImmutable,
	"hostname":                       AttrImmutable,
	"broker.mapping":                 AttrReadonly | AttrImmutable,
	"broker.critical-ranks":          AttrImmutable,
	"broker.boot-method":             AttrImmutable,
	"broker.pid":                     AttrReadonly | AttrImmutable,
	"broker.quorum":                  AttrImmutable,
	"broker.quorum-warn":             AttrImmutable,
	"broker.shutdown-warn":           AttrImmutable,
	"broker.shutdown-timeout":        AttrImmutable,
	"broker.cleanup-timeout":         0,
	"broker.unload-builtins-timeout": 0,
	"broker.rc1_path":                0,
	"broker.rc3_path":                0,
	"broker.rc2_none":                0,
	"broker.rc2_pgrp":                0,
	"broker.exit-restart":            AttrRuntime,
	"broker.module-nopanic":          AttrRuntime,
	"broker.starttime":               AttrReadonly | AttrImmutable,
	"broker.sd-notify":               0,
	"broker.sd-stop-timeout":         AttrImmutable,
	"broker.exit-norestart":          0,
	"broker.recovery-mode":           0,
	"broker.uuid":                    AttrReadonly | AttrImmutable,
	"conf.shell_initrc":              AttrRuntime,
	"conf.shell_pluginpath":          AttrRuntime,
	"config.path":                    AttrImmutable,

	"tbon.topo":             AttrConfig,
	"tbon.fanout":           0, // an older way to say tbon.topo=kary:K
	"tbon.descendants":      AttrReadonly,
	"tbon.level":            AttrReadonly,
	"tbon.maxlevel":         AttrReadonly,
	"tbon.endpoint":         AttrReadonly,
	"tbon.parent-endpoint":  AttrReadonly,
	"tbon.zmqdebug":         AttrConfig,
	"tbon.zmq_io_threads":   AttrConfig,
	"tbon.child_rcvhwm":     AttrConfig,
	"tbon.prefertcp":        0,
	"tbon.interface-hint":   AttrRuntime | AttrConfig | AttrImmutable,
	"tbon.torpid_min":       AttrConfig,
	"tbon.torpid_max":       AttrConfig,
	"tbon.tcp_user_timeout": AttrConfig,
	"tbon.connect_timeout":  AttrConfig,

	"log-ring-size":      AttrImmutable,
	"log-forward-level":  AttrImmutable,
	"log-critical-level": AttrImmutable,
	"log-filename":       0,
	"log-syslog-enable":  AttrImmutable,
	"log-syslog-level":   AttrImmutable,
	"log-stderr-mode":    AttrImmutable,
	"log-stderr-level":   AttrRuntime,
	"log-level":          AttrImmutable,

	"content.backing-module": 0,
	"content.hash":           AttrImmutable,
	"content.dump":           AttrRuntime,
	"content.restore":        AttrRuntime,
	"cron.directory":         0,

	// For tests of this table.
	"test.*":    AttrRuntime,
	"test-ro.*": AttrReadonly,
	"test-nr.*": 0,
	"test-im.*": AttrImmutable,
	"test-rd.*": AttrRuntime,

	// For process managers that pass something on to their programs.
	"vendor.*": AttrRuntime | AttrImmutable,
}

// ruleOf returns how the attribute name behaves; false when there is none.
func ruleOf(name string) (AttrFlag, bool) {
	if f, ok := attrRules[name]; ok {
		return f, true
	}
	prefix, _, ok := strings.Cut(name, ".")
	if !ok {
		return 0, false
	}
	f, ok := attrRules[prefix+".*"]
	return f, ok
}

// redirects are attributes whose updates a service must agree to.
var redirects = map[string]string{"test-rd.": "testrd.setattr"}

// redirectOf returns the topic that is asked before name is updated, or "".
func redirectOf(name string) string {
	for prefix, topic := range redirects {
		if strings.HasPrefix(name, prefix) {
			return topic
		}
	}
	return ""
}
