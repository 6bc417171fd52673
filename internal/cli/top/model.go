// SPDX-License-Identifier: LGPL-3.0-or-later

package top

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
)

// refresh is how old what is shown may get.
const refresh = 2 * time.Second

// Model is the state of flux top.
type Model struct {
	levels  []level // instances, the one looked at last
	screen  Screen
	problem string // shown until a key is pressed
	results bool   // how inactive jobs ended is shown apart
	err     error  // why the first instance cannot be looked at any more
}

// level is an instance that is being looked at.
type level struct {
	source Source
	queue  string
	seen   *Snapshot
}

// New returns the model of an instance as first seen.
func New(source Source, first *Snapshot, color bool) *Model {
	return &Model{
		levels: []level{{source, first.Queue, first}}, screen: Screen{Width: 80, Height: 24, Color: color}, results: true,
	}
}

// Err is why the program had to end, if it had to.
func (m *Model) Err() error { return m.err }

// Messages of the model to itself.
type (
	tick   struct{}
	looked struct {
		depth int // of the level
		queue string
		seen  *Snapshot
		err   error
	}
	opened struct {
		source Source
		seen   *Snapshot
		err    error
	}
)

func (m *Model) top() *level { return &m.levels[len(m.levels)-1] }

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd { return later() }

func later() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} }) }

// look asks for a new snapshot.
func (m *Model) look() tea.Cmd {
	depth, at := len(m.levels), *m.top()
	return func() tea.Msg {
		seen, err := at.source.Snapshot(at.queue)
		return looked{depth, at.queue, seen, err}
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.screen.Width, m.screen.Height = msg.Width, msg.Height
	case tick:
		return m, tea.Batch(m.look(), later())
	case looked:
		return m, m.looked(msg)
	case opened:
		if msg.err != nil {
			m.problem = msg.err.Error()
			return m, nil
		}
		m.levels = append(m.levels, level{source: msg.source, seen: msg.seen})
		m.screen.Current = ""
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	}
	return m, nil
}

// looked takes a snapshot, unless something else is looked at by now. An
// instance below that is gone is left.
func (m *Model) looked(msg looked) tea.Cmd {
	if msg.depth != len(m.levels) || msg.queue != m.top().queue {
		return nil
	}
	if msg.err == nil {
		m.top().seen = msg.seen
		return nil
	}
	if len(m.levels) == 1 {
		m.err = msg.err
		return tea.Quit
	}
	m.problem = msg.err.Error()
	m.leave()
	return nil
}

// leave goes back to the instance above.
func (m *Model) leave() {
	m.top().source.Close()
	m.levels = m.levels[:len(m.levels)-1]
	m.screen.Current = ""
}

// key does what a key is for.
func (m *Model) key(name string) tea.Cmd {
	if m.problem != "" {
		m.problem = ""
		return tea.ClearScreen
	}
	switch name {
	case "j", "down":
		m.move(+1)
	case "k", "up":
		m.move(-1)
	case "l", "right":
		return m.turn(+1)
	case "h", "left":
		return m.turn(-1)
	case "d":
		m.results = !m.results
	case "enter", "ctrl+j":
		return m.enter()
	case "ctrl+l":
		return tea.ClearScreen
	case "q":
		if len(m.levels) == 1 {
			return tea.Quit
		}
		m.leave()
	case "ctrl+c":
		return tea.Quit
	}
	return nil
}

// move moves the mark, around the ends.
func (m *Model) move(by int) {
	jobs := m.top().seen.Jobs
	if len(jobs) == 0 {
		return
	}
	at := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == m.screen.Current })
	switch {
	case at < 0 && by > 0:
		at = 0
	case at < 0:
		at = len(jobs) - 1
	default:
		at = (at + by + len(jobs)) % len(jobs)
	}
	m.screen.Current = jobs[at].ID
}

// turn goes to the next queue, or the one before; all queues are one of them.
func (m *Model) turn(by int) tea.Cmd {
	queues := append([]string{""}, m.top().seen.Queues...)
	if len(queues) == 1 {
		return nil
	}
	at := max(slices.Index(queues, m.top().queue), 0)
	m.top().queue = queues[(at+by+len(queues))%len(queues)]
	m.screen.Current = ""
	return m.look()
}

// enter opens the instance that the marked job is.
func (m *Model) enter() tea.Cmd {
	jobs := m.top().seen.Jobs
	at := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == m.screen.Current })
	if at < 0 || jobs[at].URI == "" || !jobs[at].Mine {
		return nil
	}
	source := m.top().source
	return func() tea.Msg {
		below, err := source.Open(jobs[at])
		if err != nil {
			return opened{err: err}
		}
		seen, err := below.Snapshot("")
		if err != nil {
			below.Close()
		}
		return opened{below, seen, err}
	}
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	seen := *m.top().seen
	seen.HideResults = seen.HideResults || !m.results
	text := m.screen.Render(&seen)
	if m.problem != "" {
		text = m.screen.paint(m.problem, red, bold) + "\n\npress any key to go on\n\n" + text
	}
	v := tea.NewView(text)
	v.AltScreen = true
	return v
}
