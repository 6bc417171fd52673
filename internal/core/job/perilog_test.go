// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "testing"

// inRun is a job that has just got its resources.
func inRun(t *testing.T, site Site) (*world, *Job) {
	w := newWorld(t)
	w.m.SetSite(site)
	w.m.SchedulerReady(w.tick(), -1)
	w.m.ExecReady(1)
	j := w.submit(16)
	w.out = nil
	w.alloc(j)
	return w, j
}

func TestPrologAndEpilog(t *testing.T) {
	w, j := inRun(t, Site{Prolog: true, Epilog: true, Housekeeping: true})
	w.took(t, "1 alloc\n1 prolog-start\n1 -> prolog")
	w.m.PrologEnded(w.tick(), j, 0, "")
	w.step()
	w.took(t, "1 prolog-finish\n1 -> start")
	w.m.ExecStarted(w.tick(), j)
	w.step()
	w.end(j, 0)
	w.took(t, "1 start\n1 finish\n1 epilog-start\n1 -> epilog\n1 release")
	w.m.EpilogEnded(w.tick(), j, 256, "epilog exited with code=1 on h (rank 0)")
	w.step()
	w.took(t, "1 exception\n1 epilog-finish\n1 free\n1 -> housekeeping\n1 clean\n1 -> retire")
	if !j.Success() {
		t.Error("an epilog that fails is no failure of the job")
	}
}

// A prolog that fails ends the job before it starts; its epilog runs all the same.
func TestPrologFails(t *testing.T) {
	w, j := inRun(t, Site{Prolog: true, Epilog: true})
	w.out = nil
	w.m.PrologEnded(w.tick(), j, 256, "prolog exited with code=1 on h (rank 0)")
	w.step()
	w.took(t, "1 exception\n1 -> stop\n1 prolog-finish\n1 epilog-start\n1 -> epilog")
	w.m.PrologEnded(w.tick(), j, 0, "") // an echo
	w.m.EpilogEnded(w.tick(), j, 0, "")
	w.step()
	w.took(t, "1 epilog-finish\n1 free\n1 -> free\n1 clean\n1 -> retire")
	if j.Result() != Failed {
		t.Errorf("result %s", j.Result())
	}
}

func TestCancelDuringProlog(t *testing.T) {
	w, j := inRun(t, Site{Prolog: true})
	w.out = nil
	w.m.Raise(w.tick(), j, Exception{Type: "test", Severity: 2})
	w.step()
	w.took(t, "1 exception")
	w.cancel(j)
	w.took(t, "1 exception\n1 -> stop")
	w.m.PrologEnded(w.tick(), j, 15, "")
	w.step()
	w.took(t, "1 prolog-finish\n1 free\n1 -> free\n1 clean\n1 -> retire")
}

// With the check, a job that is given what another holds is ended before it runs.
func TestAllocCheck(t *testing.T) {
	w, _ := inRun(t, Site{AllocCheck: true, Prolog: true})
	second := w.submit(16)
	w.out = nil
	w.alloc(second)
	w.took(t, "2 alloc\n2 exception\n2 free\n2 -> free\n2 clean\n2 -> retire")
	if second.EndedBy == nil || second.EndedBy.Type != "alloc-check" {
		t.Errorf("ended by %v", second.EndedBy)
	}
}

// What was under way when the instance stopped is run again, or has failed when
// it is no longer configured.
func TestPerilogAfterRestart(t *testing.T) {
	for _, site := range []Site{{Prolog: true}, {}} {
		_, j := inRun(t, Site{Prolog: true})
		w, _ := restarted(t, j, site)
		w.m.Resume(w.tick())
		w.step()
		if site.Prolog {
			w.took(t, "1 -> prolog")
			continue
		}
		w.took(t, "1 exception\n1 -> stop\n1 prolog-finish\n1 free\n1 -> free\n1 clean\n1 -> retire")
	}
}
