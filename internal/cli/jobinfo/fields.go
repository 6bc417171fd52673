// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"maps"
	"os"
	"slices"
	"strings"

	"goflux/internal/message"
	"goflux/internal/sys/userdb"
	"goflux/jobid"
)

// field is what is known about a field of listings: the heading of its column
// and the attributes of job-list that it needs.
type field struct {
	heading string
	attrs   []string
	value   func(*Job) any
}

// fields are all but those below annotations and instance. name is how ids are
// shown.
func fields(name func(jobid.ID) string) map[string]field {
	f := map[string]field{
		"userid":   {"UID", a("userid"), func(j *Job) any { return int64(j.UserID) }},
		"username": {"USER", a("userid"), func(j *Job) any { return userdb.Name(j.UserID) }},
		"urgency":  {"URG", a("urgency"), func(j *Job) any { return j.Urgency }},
		"priority": {"PRI", a("priority"), func(j *Job) any { return integer(j.Priority) }},
		"name":     {"NAME", a("name"), func(j *Job) any { return j.Name }},
		"cwd":      {"CWD", a("cwd"), func(j *Job) any { return j.CWD }},
		"queue":    {"QUEUE", a("queue"), func(j *Job) any { return j.Queue }},
		"project":  {"PROJECT", a("project"), func(j *Job) any { return j.Project }},
		"bank":     {"BANK", a("bank"), func(j *Job) any { return j.Bank }},
		"ntasks":   {"NTASKS", a("ntasks"), func(j *Job) any { return integer(j.NTasks) }},
		"ncores":   {"NCORES", a("ncores"), func(j *Job) any { return integer(j.NCores) }},
		"nnodes":   {"NNODES", a("nnodes"), func(j *Job) any { return integer(j.NNodes) }},
		"ranks":    {"RANKS", a("ranks"), func(j *Job) any { return j.Ranks }},
		"nodelist": {"NODELIST", a("nodelist"), func(j *Job) any { return j.Nodelist }},
		"success":  {"SUCCESS", a("success"), func(j *Job) any { return boolean(j.Success) }},

		"state":         {"STATE", a("state"), func(j *Job) any { return long(j.StateName()) }},
		"state_single":  {"S", a("state"), func(j *Job) any { return short(j.StateName()) }},
		"state_emoji":   {"STATE", a("state"), func(j *Job) any { return j.stateEmoji() }},
		"result":        {"RESULT", a("result"), func(j *Job) any { return long(j.ResultName()) }},
		"result_abbrev": {"RS", a("result"), func(j *Job) any { return short(j.ResultName()) }},
		"result_emoji":  {"RESULT", a("result"), func(j *Job) any { return j.resultEmoji() }},
		"status":        {"STATUS", a("state", "result"), func(j *Job) any { return long(j.Status()) }},
		"status_abbrev": {"ST", a("state", "result"), func(j *Job) any { return short(j.Status()) }},
		"status_emoji":  {"STATUS", a("state", "result"), func(j *Job) any { return j.statusEmoji() }},
		"waitstatus":    {"WSTATUS", a("waitstatus"), func(j *Job) any { return plain(j.WaitStatus) }},
		"returncode":    {"RC", a("waitstatus", "result"), func(j *Job) any { return j.returnCode() }},

		"duration":    {"DURATION", a("duration"), func(j *Job) any { return j.Duration }},
		"expiration":  {"EXPIRATION", a("expiration", "state", "result"), func(j *Job) any { return j.Expiration }},
		"t_remaining": {"T_REMAINING", a("expiration", "state", "result"), func(j *Job) any { return j.Remaining() }},
		"runtime":     {"RUNTIME", a("t_run", "t_cleanup"), func(j *Job) any { return j.Runtime() }},
		"t_submit":    {"T_SUBMIT", a("t_submit"), func(j *Job) any { return j.TSubmit }},
		"t_depend":    {"T_DEPEND", a("t_depend"), func(j *Job) any { return j.TDepend }},
		"t_priority":  {"T_PRIORITY", a("t_priority"), func(j *Job) any { return j.TPriority }},
		"t_sched":     {"T_SCHED", a("t_sched"), func(j *Job) any { return j.TSched }},
		"t_run":       {"T_RUN", a("t_run"), func(j *Job) any { return j.TRun }},
		"t_cleanup":   {"T_CLEANUP", a("t_cleanup"), func(j *Job) any { return j.TCleanup }},
		"t_inactive":  {"T_INACTIVE", a("t_inactive"), func(j *Job) any { return j.TInactive }},

		"exception.occurred": {"EXCEPTION-OCCURRED", a("exception_occurred"), func(j *Job) any { return boolean(j.ExceptionOccurred) }},
		"exception.severity": {"EXCEPTION-SEVERITY", a("exception_severity"), func(j *Job) any { return plain(j.ExceptionSeverity) }},
		"exception.type":     {"EXCEPTION-TYPE", a("exception_type"), func(j *Job) any { return j.ExceptionType }},
		"exception.note":     {"EXCEPTION-NOTE", a("exception_note"), func(j *Job) any { return j.ExceptionNote }},

		"annotations":     {"ANNOTATIONS", a("annotations"), func(j *Job) any { return j.annotationText() }},
		"dependencies":    {"DEPENDENCIES", a("dependencies"), func(j *Job) any { return j.dependencies() }},
		"contextual_info": {"INFO", a("state", "dependencies", "annotations", "nodelist", "priority", "urgency"), func(j *Job) any { return j.Info() }},
		"contextual_time": {"TIME", a("state", "t_run", "t_cleanup", "duration"), func(j *Job) any { return j.Time() }},
		"inactive_reason": {"INACTIVE-REASON", a("state", "result", "waitstatus", "exception_occurred", "exception_severity", "exception_type", "exception_note"), func(j *Job) any { return j.InactiveReason() }},
		"sched":           {"SCHED", a("annotations"), nil},
		"user":            {"USER", a("annotations"), nil},
		"uri":             {"URI", a("annotations"), func(j *Job) any { return orNone(j.shownURI()) }},
		"uri.local":       {"URI", a("annotations"), func(j *Job) any { return orNone(LocalURI(j.URI())) }},
	}
	f["id"] = field{"JOBID", nil, func(j *Job) any { return orderedID{j.ID, name(j.ID)} }}
	for _, form := range []string{"dec", "hex", "f58plain", "emoji", "kvs", "words", "dothex"} {
		f["id."+form] = field{"JOBID", nil, idField(form)}
	}
	f["id.f58"] = f["id"]
	return f
}

func idField(form string) func(*Job) any {
	return func(j *Job) any {
		text, err := j.ID.Encode(form)
		if err != nil {
			return ""
		}
		return text
	}
}

// orderedID is a job's id that sorts as the number it is.
type orderedID struct {
	id   jobid.ID
	text string
}

// String is the id as it is shown.
func (o orderedID) String() string { return o.text }

// Order makes listings sort by age.
func (o orderedID) Order() uint64 { return uint64(o.id) }

func a(attrs ...string) []string  { return attrs }
func long(word, _ string) string  { return word }
func short(_, word string) string { return word }

func (j *Job) shownURI() string {
	if os.Getenv("FLUX_URI_RESOLVE_LOCAL") != "" {
		return LocalURI(j.URI())
	}
	return j.URI()
}

// orNone is how a job that is no instance shows in scripts that list where
// instances are: shell completion looks for the word.
func orNone(uri string) string {
	if uri == "" {
		return "None"
	}
	return uri
}

func integer(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func plain(n *int) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

func boolean(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}

func (j *Job) returnCode() any {
	if code, ok := j.ReturnCode(); ok {
		return int64(code)
	}
	return nil
}

// special are the headings of annotations that RFC 27 defines.
func special() map[string]string {
	return map[string]string{
		"t_estimate": "T_ESTIMATE", "reason_pending": "REASON", "resource_summary": "RESOURCES",
	}
}

// Headings are the headings of all fields, completed by those that a format
// names below annotations and instance.
func Headings(format string) map[string]string {
	h := map[string]string{}
	for name, f := range fields(jobid.ID.F58) {
		h[name] = f.heading
	}
	for _, name := range formatFields(format) {
		if _, known := h[name]; known {
			continue
		}
		if rest, ok := strings.CutPrefix(name, "annotations."); ok {
			h[name] = annotationHeading(rest, strings.ToUpper(rest))
		} else if strings.HasPrefix(name, "sched.") || strings.HasPrefix(name, "user.") {
			h[name] = annotationHeading(name, strings.ToUpper(name))
		} else if rest, ok := strings.CutPrefix(name, "instance."); ok {
			h[name] = instanceHeading(rest)
		}
	}
	return h
}

func annotationHeading(path, other string) string {
	if key, ok := strings.CutPrefix(path, "sched."); ok {
		if heading, ok := special()[key]; ok {
			return heading
		}
	}
	return other
}

// formatFields finds the names of fields in a format string.
func formatFields(format string) []string {
	var found []string
	for _, part := range strings.Split(format, "{")[1:] {
		if end := strings.IndexAny(part, "}:!"); end > 0 {
			found = append(found, part[:end])
		}
	}
	return found
}

// Attrs are the attributes of job-list that some fields need, sorted.
func Attrs(names []string) []string {
	known := fields(jobid.ID.F58)
	set := map[string]bool{}
	for _, name := range names {
		var attrs []string
		switch {
		case known[name].attrs != nil:
			attrs = known[name].attrs
		case strings.HasPrefix(name, "instance."):
			attrs = a("annotations", "state", "result")
		case isAnnotation(name):
			attrs = a("annotations")
		}
		for _, attr := range attrs {
			set[attr] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func isAnnotation(name string) bool {
	for _, prefix := range []string{"annotations.", "sched.", "user."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Fields resolves fields of jobs by name; make one for a listing.
type Fields struct{ known map[string]field }

// NewFields makes a Fields; name is how ids are shown.
func NewFields(name func(jobid.ID) string) *Fields { return &Fields{known: fields(name)} }

// Of is a field's value, nil for what is not there.
func (f *Fields) Of(j *Job, name string) any {
	if k, ok := f.known[name]; ok && k.value != nil {
		return k.value(j)
	}
	if rest, ok := strings.CutPrefix(name, "instance."); ok {
		return j.Instance.Field(rest)
	}
	path := strings.Split(strings.TrimPrefix(name, "annotations."), ".")
	return shownAnnotation(j.annotation(path...))
}

// shownAnnotation is an annotation as a field: what is not simple is JSON.
func shownAnnotation(v any) any {
	switch v.(type) {
	case nil, string, float64, int64, bool:
		return v
	}
	text, err := message.Marshal(v)
	if err != nil {
		return ""
	}
	return Spaced(text)
}

func (j *Job) annotationText() string {
	if len(j.annotations) == 0 {
		return ""
	}
	return Spaced(j.Annotations)
}
