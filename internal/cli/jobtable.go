// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

// jobCommands are the rows of the commands that submit, follow and change jobs.
func jobCommands() []command {
	return []command{
		{"run", submitting, pyStyle, "run a job and attach to it", newRun},
		{"submit", submitting, pyStyle, "submit jobs and print their ids", newSubmit},
		{"bulksubmit", submitting, pyStyle, "submit a job for every input", newBulksubmit},
		{"batch", submitting, pyStyle, "submit a script that runs in an instance of its own", newBatch},
		{"alloc", submitting, pyStyle, "allocate resources and start an instance on them", newAlloc},
		{"jobs", jobs, pyStyle, "list jobs", newJobs},
		{"cancel", jobs, pyStyle, "cancel jobs", newCancel},
		{"pstree", jobs, pyStyle, "show jobs, and the jobs in them, as a tree", newPstree},
		{"pgrep", jobs, pyStyle, "find jobs by name or range of ids", newPgrep},
		{"pkill", jobs, pyStyle, "cancel jobs by name or range of ids", newPkill},
		{"update", jobs, pyStyle, "change attributes of a job", newUpdate},
		{"watch", jobs, pyStyle, "follow the output of jobs", newWatch},
		{"job", jobs, cStyle, "attach to, query and change single jobs", newJob},
		{"multi-prog", unlisted, pyStyle, "run a command of its own in each task of a job", newMultiProg},
		{"job-validator", unlisted, pyStyle, "judge job requests, as job-ingest does", newJobValidator},
		{"job-frobnicator", unlisted, pyStyle, "fill in job requests, as job-ingest does", newJobFrobnicator},
		{"job-exec-override", unlisted, pyStyle, "start and end mock jobs by hand", newJobOverride},
		{"post-job-event", unlisted, pyStyle, "add an event to a job's log", newPostEvent},
	}
}
