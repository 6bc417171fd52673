// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"fmt"
	"os"

	"goflux/internal/core/lifecycle"
)

// beforePhase tells whoever gets a shell in recovery mode where they are.
func (l *driver) beforePhase(name lifecycle.Phase) {
	_, recovery := l.d.attrs.Get("broker.recovery-mode")
	if name != lifecycle.RC2 || !recovery || !l.phases[name].commands[0].interactive {
		return
	}
	attr := func(name string) string {
		v, ok := l.d.attrs.Get(name)
		if !ok {
			return "-"
		}
		return v
	}
	statedir := attr("statedir")
	if attr("statedir-cleanup") != "0" {
		statedir = "changes will not be preserved"
	}
	const line = "+-----------------------------------------------------\n"
	fmt.Fprintf(os.Stdout, line+
		"| Entering Flux recovery mode: no resource is online, no other\n"+
		"| broker may connect. If rc1 failed above, some services are\n"+
		"| missing until what is wrong has been repaired.\n"+
		"|\n"+
		"| broker.rc1_path    %s\n"+
		"| broker.rc3_path    %s\n"+
		"| config.path        %s\n"+
		"| statedir           %s\n"+
		"|\n"+
		"| Leave this shell to stop the instance.\n"+line,
		attr("broker.rc1_path"), attr("broker.rc3_path"), attr("config.path"), statedir)
}
