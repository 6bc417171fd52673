// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"time"

	"goflux/internal/cli/jobwatch"
	"goflux/internal/cli/progress"
	"goflux/internal/sys/tty"
)

// submitBar is the bar of --progress: of the jobs themselves when they are
// waited for, else of their submission. A nil bar draws nothing.
type submitBar struct {
	bar   *progress.Bar
	flush func()
	since time.Time
	count int
	total int
}

// startBar begins to draw, if that is wanted.
func (b *bulk) startBar() *submitBar {
	if !b.sub.progress {
		return nil
	}
	if b.sub.Wait != "" || b.sub.watch {
		bar := b.app.watchBar(b.watcher, b.sub.jps)
		return &submitBar{bar: bar.bar, flush: bar.flush, total: -1}
	}
	s := &submitBar{flush: b.flush, since: time.Now(), total: b.total}
	s.bar = progress.Start(os.Stdout, terminalSize, progress.Source{
		Before: func() string { return fmt.Sprintf("Submitting %d jobs: ", s.total) },
		After:  func() string { return barEnd(s.done(), b.sub.jps, s.count, time.Since(s.since)) },
		Done:   s.done,
	})
	b.watcher.Every(progress.Redraw, s.draw)
	return s
}

// watchBar draws the progress of the jobs that are watched.
func (a *app) watchBar(w *jobwatch.Watcher, jps bool) *submitBar {
	done := func() float64 {
		if w.Total() == 0 {
			return 0
		}
		return float64(w.Done()) / float64(w.Total())
	}
	s := &submitBar{flush: a.flush, total: -1}
	s.bar = progress.Start(os.Stdout, terminalSize, progress.Source{
		Before: func() string {
			n := w.Counts()
			return fmt.Sprintf("PD:%-3d R:%-3d CD:%-3d F:%-3d ",
				n[jobwatch.Pending], n[jobwatch.Running], n[jobwatch.Complete], n[jobwatch.Failed])
		},
		After: func() string { return barEnd(done(), jps, w.Done(), w.Elapsed(time.Now())) },
		Done:  done,
	})
	w.Changed = func() {
		a.flush()
		s.bar.Update()
	}
	w.Every(progress.Redraw, s.draw)
	return s
}

// barEnd is what stands after a bar.
func barEnd(done float64, jps bool, count int, elapsed time.Duration) string {
	if jps {
		return fmt.Sprintf("%5.1f%% %4.1f job/s", 100*done, float64(count)/max(elapsed.Seconds(), 1e-3))
	}
	return fmt.Sprintf("%5.1f%% %s", 100*done, progress.Clock(elapsed))
}

func terminalSize() (rows, cols int) {
	if rows, cols, ok := tty.Size(os.Stdout); ok && cols > 0 {
		return rows, cols
	}
	return 24, 80
}

func (s *submitBar) done() float64 {
	if s.total == 0 {
		return 1
	}
	return float64(s.count) / float64(s.total)
}

func (s *submitBar) draw() {
	s.flush()
	s.bar.Draw()
}

// advance counts a submission, failed or not.
func (s *submitBar) advance() {
	if s == nil || s.total < 0 {
		return
	}
	s.count++
	s.flush()
	s.bar.Update()
}

func (s *submitBar) stop() {
	if s != nil {
		s.flush()
		s.bar.Stop()
	}
}
