// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

// jobCommands are the rows of the commands that submit, follow and change jobs.
func jobCommands() []command {
	return []command{
		{"run", submitting, pyStyle, "run a job and attach to it", newRun},
		{"submit", submitting, pyStyle, "submit jobs and print their ids", newSubmit},
		{"jobs", jobs, pyStyle, "list jobs", newJobs},
		{"cancel", jobs, pyStyle, "cancel jobs", newCancel},
		{"job", jobs, cStyle, "attach to, query and change single jobs", newJob},
	}
}
