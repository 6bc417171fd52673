// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/sys/userdb"
	"goflux/jobid"
)

// document is a job as flux jobs --json prints it: what is not known is left
// out.
type document struct {
	TDepend      float64        `json:"t_depend,omitzero"`
	TPriority    float64        `json:"t_priority,omitzero"`
	TSched       float64        `json:"t_sched,omitzero"`
	TRun         float64        `json:"t_run,omitzero"`
	TCleanup     float64        `json:"t_cleanup,omitzero"`
	TInactive    float64        `json:"t_inactive,omitzero"`
	Duration     float64        `json:"duration"`
	Expiration   float64        `json:"expiration,omitzero"`
	Name         string         `json:"name,omitzero"`
	CWD          string         `json:"cwd,omitzero"`
	Queue        string         `json:"queue,omitzero"`
	Project      string         `json:"project,omitzero"`
	Bank         string         `json:"bank,omitzero"`
	NTasks       *int64         `json:"ntasks,omitempty"`
	NCores       *int64         `json:"ncores,omitempty"`
	NNodes       *int64         `json:"nnodes,omitempty"`
	Priority     *int64         `json:"priority,omitempty"`
	Ranks        string         `json:"ranks,omitzero"`
	Nodelist     string         `json:"nodelist,omitzero"`
	Success      *bool          `json:"success,omitempty"`
	Result       string         `json:"result,omitzero"`
	WaitStatus   *int           `json:"waitstatus,omitempty"`
	ID           uint64         `json:"id"`
	TSubmit      float64        `json:"t_submit,omitzero"`
	TRemaining   float64        `json:"t_remaining,omitzero"`
	State        string         `json:"state"`
	UserName     string         `json:"username"`
	UserID       uint32         `json:"userid"`
	Urgency      int64          `json:"urgency"`
	Runtime      float64        `json:"runtime,omitzero"`
	Status       string         `json:"status"`
	ReturnCode   *int           `json:"returncode,omitempty"`
	Dependencies []string       `json:"dependencies"`
	JobID        string         `json:"jobid"`
	Annotations  map[string]any `json:"annotations"`
	Exception    any            `json:"exception"`
	URI          string         `json:"uri,omitzero"`
	Jobs         []*document    `json:"jobs,omitempty"`
}

// exception is a job's gravest exception.
type exception struct {
	Occurred bool   `json:"occurred"`
	Severity int    `json:"severity"`
	Type     string `json:"type"`
	Note     string `json:"note"`
}

// document describes the job.
func (j *Job) document(name func(jobid.ID) string) *document {
	state, _ := j.StateName()
	status, _ := j.Status()
	result, _ := j.ResultName()
	d := &document{
		TDepend: j.TDepend, TPriority: j.TPriority, TSched: j.TSched, TRun: j.TRun,
		TCleanup: j.TCleanup, TInactive: j.TInactive, Duration: j.Duration,
		Expiration: j.Expiration, Name: j.Name, CWD: j.CWD, Queue: j.Queue,
		Project: j.Project, Bank: j.Bank, NTasks: j.NTasks, NCores: j.NCores,
		NNodes: j.NNodes, Priority: j.Priority, Ranks: j.Ranks, Nodelist: j.Nodelist,
		Success: j.Success, Result: result, WaitStatus: j.WaitStatus, ID: uint64(j.ID),
		TSubmit: j.TSubmit, TRemaining: j.Remaining(), State: state,
		UserName: userdb.Name(j.UserID), UserID: j.UserID, Urgency: j.Urgency,
		Runtime: j.Runtime(), Status: status, JobID: name(j.ID), URI: j.shownURI(),
		Dependencies: j.Dependencies, Annotations: j.annotationsWithoutURI(),
		Exception: map[string]bool{"occurred": false},
	}
	if d.Dependencies == nil {
		d.Dependencies = []string{}
	}
	for i, dep := range d.Dependencies {
		d.Dependencies[i] = j.dependency(dep)
	}
	if code, ok := j.ReturnCode(); ok {
		d.ReturnCode = &code
	}
	if j.ExceptionOccurred != nil && *j.ExceptionOccurred {
		x := exception{Occurred: true, Type: j.ExceptionType, Note: j.ExceptionNote}
		if j.ExceptionSeverity != nil {
			x.Severity = *j.ExceptionSeverity
		}
		d.Exception = x
	}
	return d
}

// annotationsWithoutURI leaves out what has a member of its own.
func (j *Job) annotationsWithoutURI() map[string]any {
	all := map[string]any{}
	for k, v := range j.annotations {
		all[k] = v
	}
	user, ok := all["user"].(map[string]any)
	if !ok || j.URI() == "" {
		return all
	}
	rest := map[string]any{}
	for k, v := range user {
		if k != "uri" {
			rest[k] = v
		}
	}
	all["user"] = rest
	if len(rest) == 0 {
		delete(all, "user")
	}
	return all
}

// Tree is a job and those of the instance it is.
type Tree struct {
	Job      *Job
	Children []*Tree
}

func (t *Tree) document(name func(jobid.ID) string) *document {
	d := t.Job.document(name)
	for _, c := range t.Children {
		d.Jobs = append(d.Jobs, c.document(name))
	}
	return d
}

// JSON is one job as an object; name is how ids are shown.
func (t *Tree) JSON(name func(jobid.ID) string) (string, error) { return spaced(t.document(name)) }

// ListJSON is jobs as an object with the member jobs.
func ListJSON(list []*Tree, name func(jobid.ID) string) (string, error) {
	docs := make([]*document, len(list))
	for i, t := range list {
		docs[i] = t.document(name)
	}
	return spaced(map[string]any{"jobs": docs})
}

func spaced(v any) (string, error) {
	raw, err := message.Marshal(v)
	return Spaced(raw), err
}

// Spaced is JSON on one line with a blank after commas and colons.
func Spaced(raw []byte) string {
	v := jsontext.Value(raw).Clone()
	if v.Format(jsontext.Multiline(false), jsontext.SpaceAfterComma(true), jsontext.SpaceAfterColon(true),
		jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true)) != nil {
		return string(raw)
	}
	return string(v)
}
