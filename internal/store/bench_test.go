// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// sample is what a plain job leaves, in the sizes of real ones.
func sample(id uint64) (*Job, []string, *FinishedJob) {
	spec := fmt.Sprintf(`{"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],"tasks":[{"command":["/bin/true","%d"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":0,"cwd":"/home/user%d","environment":{"HOME":"/home/user","USER":"user","PATH":"/usr/bin:/bin","LANG":"en_US.UTF-8","SHELL":"/bin/bash"},"shell":{"options":{"rlimit":{"cpu":-1,"core":0,"nofile":1024}}}}},"version":1}`, id, id%7)
	j := "eyJ2ZXJzaW9uIjoxLCJ1c2VyaWQiOjEwMDAsIm1lY2hhbmlzbSI6Im5vbmUifQ." + strings.Repeat("eyJyZXNvdXJjZXMiOlt7InR5cGUi", 30) + ".none"
	events := []string{
		fmt.Sprintf("{\"timestamp\":1795378553.%d,\"name\":\"submit\",\"context\":{\"userid\":1000,\"urgency\":16,\"flags\":0,\"version\":1}}\n", id),
		fmt.Sprintf("{\"timestamp\":1795378554.%d,\"name\":\"validate\"}\n{\"timestamp\":1795378554.%d,\"name\":\"depend\"}\n{\"timestamp\":1795378554.%d,\"name\":\"priority\",\"context\":{\"priority\":16}}\n", id, id+1, id+2),
		fmt.Sprintf("{\"timestamp\":1795378555.%d,\"name\":\"alloc\",\"context\":{\"annotations\":{\"sched\":{\"resource_summary\":\"rank%d/core0\"}}}}\n", id, id%100),
		fmt.Sprintf("{\"timestamp\":1795378556.%d,\"name\":\"start\"}\n", id),
		fmt.Sprintf("{\"timestamp\":1795378557.%d,\"name\":\"finish\",\"context\":{\"status\":0}}\n{\"timestamp\":1795378557.%d,\"name\":\"release\",\"context\":{\"ranks\":\"all\",\"final\":true}}\n{\"timestamp\":1795378557.%d,\"name\":\"free\"}\n{\"timestamp\":1795378557.%d,\"name\":\"clean\"}\n", id, id+1, id+2, id+3),
	}
	r := fmt.Sprintf(`{"version":1,"execution":{"R_lite":[{"rank":"%d","children":{"core":"0"}}],"starttime":1795378555.0,"expiration":0.0,"nodelist":["node%d"]}}`, id%100, id%100)
	return &Job{ID: id, UserID: 1000, Urgency: 16, TSubmit: 1, Fields: map[string][]byte{"jobspec": []byte(spec), "J": []byte(j)}}, events,
		&FinishedJob{ID: id, UserID: 1000, Result: 1, TInactive: float64(id), Name: "true", Queue: "batch", Info: []byte(r[:80]),
			Records: map[string][]byte{"eventlog": []byte(strings.Join(events, "")), "jobspec": []byte(spec), "J": []byte(j), "R": []byte(r)}}
}

// run takes one job through its life; every step is a commit, many of which
// wait at a time.
func run(s *Store, id uint64, done func(error)) {
	job, events, fin := sample(id)
	var b Batch
	b.PutJob(job)
	s.Commit(&b, done)
	for _, e := range events {
		var b Batch
		b.AppendEvents(id, []byte(e))
		b.AppendStream(id, "exec", []byte("{\"timestamp\":1795378556.5,\"name\":\"starting\"}\n"))
		s.Commit(&b, done)
	}
	var last Batch
	last.FinishJob(fin)
	s.Commit(&last, done)
}

func BenchmarkJobs(b *testing.B) {
	for _, lasting := range []bool{true, false} {
		b.Run(fmt.Sprintf("lasting=%v", lasting), func(b *testing.B) {
			s := open(b, tempPath(b), Options{Lasting: lasting})
			const steps = 7
			done := make(chan error, steps*256)
			inFlight := 0
			for i := range b.N {
				run(s, uint64(i+1), func(err error) { done <- err })
				for inFlight += steps; inFlight > steps*200; inFlight-- {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			}
			for ; inFlight > 0; inFlight-- {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A finished job takes no more than 2 kB on disk.
func TestJobSize(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	const jobs = 3000
	for i := range jobs {
		errs := make(chan error, 7)
		run(s, uint64(i+1)*1000003, func(err error) { errs <- err })
		for range 7 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = s.Close()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	perJob := (fi.Size() - journalLimit*3/2) / jobs
	t.Logf("%d bytes a job", perJob)
	if perJob > 2048 {
		t.Errorf("%d bytes a job", perJob)
	}
}
