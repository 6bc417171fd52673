// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/treeobj"
)

// note is a key that a shell has committed to its job's guest namespace; it has
// the name of the node's rank as its value.
type note struct {
	id  jobid.ID
	key string
}

func (n note) value() string { return "from " + n.key }

// noteChance is how often a shell leaves a note.
const noteChance = 0.1

// leaveNote has a shell commit something at its end, or not, and then calls done.
// What it is not told to have succeeded has not.
func (p *processes) leaveNote(x *shell, done func()) {
	if !x.alive || !p.a.chance(noteChance) || p.link(x) == nil {
		done()
		return
	}
	n := note{x.info.ID, fmt.Sprintf("rank%d", p.n.rank)}
	val := rpc.KVSDirent{JSON: treeobj.JSON{Object: treeobj.Val{Data: []byte(n.value())}}, Given: true}
	req := &rpc.KVSCommit{Namespace: x.info.ID.Namespace(), Ops: []rpc.KVSOp{{Key: n.key, Dirent: val}}}
	call := p.link(x).request("kvs.commit", req, 0, func(m *message.Message) {
		p.w.note("note", p.n.rank, x.info.ID, m.Err())
		if m.Err() == nil {
			p.w.check.notes = append(p.w.check.notes, n)
		}
		done()
	})
	call.lost = done
}

// askNotes has looked up what shells left: it stays with their jobs, which are
// over.
func (w *world) askNotes() {
	c := w.nodes[0].broker.newClient()
	for _, n := range w.check.notes {
		key := "guest." + n.key
		c.requestTo(0, "job-info.lookup", rpc.JobInfoLookup{ID: n.id, Keys: []string{key}}, 0, func(r *message.Message) {
			var got map[string]any
			err := r.Err()
			if err == nil {
				err = r.Decode(&got)
			}
			if err != nil || got[key] != n.value() {
				w.fail("job %s: %s, which was committed, is %v (%v)", n.id, key, got[key], err)
			}
		})
	}
	w.settle(c)
}
