// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

// plugin is a feature of the shell. It implements those of the hooks below
// that it wants; they are called on the loop, in the order of [builtins]. An
// error ends the job unless said otherwise.
type plugin any

type (
	// initializer runs when the job is known, and before any shell starts a
	// task.
	initializer interface{ init() error }
	// taskPreparer completes what a task is to be started as.
	taskPreparer interface{ prepareTask(t *task) error }
	// taskStarted is told that a task runs.
	taskStarter interface{ taskStarted(t *task) }
	// starter runs when all local tasks have been started.
	starter interface{ start() error }
	// taskExiter is told that a task and its output have ended.
	taskExiter interface{ taskExited(t *task) }
	// finisher runs when all local tasks have ended. It may hold the loop.
	finisher interface{ finish() }
	// completer runs on the leader when all tasks of the job have ended.
	completer interface{ tasksComplete() }
	// loser is told on the leader of a shell that is lost.
	loser interface{ shellLost(rank int) }
	// reconnecter runs when the broker is back.
	reconnecter interface{ reconnected() }
	// stopper runs at the very end.
	stopper interface{ stop() }
)

// builtins lists the plugins. A plugin may use what those before it have set.
func builtins(s *Shell) []plugin {
	return []plugin{
		&tmpdir{s: s},
		&files{s: s},
		&stageIn{s: s},
		s.output,
		&input{s: s},
		&affinity{s: s},
		&gpuBind{s: s},
		&procTable{s: s},
		&pty{s: s},
		&batch{s: s},
		&doom{s: s},
		&exceptions{s: s},
		&tasksDone{s: s},
		&limits{s: s},
		&mpi{s: s},
		&expiry{s: s},
		&oom{s: s},
		&sysmon{s: s},
		&coprocesses{s: s},
		&hwloc{s: s},
		&execServer{s: s},
		&envExpand{s: s},
		&pmiServer{s: s},
		s.lua,
	}
}

// each calls fn for the plugins that implement H, and stops at an error.
func each[H any](s *Shell, fn func(H) error) error {
	for _, p := range s.plugins {
		if h, ok := p.(H); ok {
			if err := fn(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// all calls fn for the plugins that implement H.
func all[H any](s *Shell, fn func(H)) {
	_ = each(s, func(h H) error { fn(h); return nil })
}
