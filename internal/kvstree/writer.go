// SPDX-License-Identifier: LGPL-3.0-or-later

package kvstree

import "context"

// storer is where a [Writer] stores: a [Content].
type storer interface {
	store(data []byte) (ref string, wait Pending)
}

// Writer stores blobs without waiting for each.
type Writer struct {
	to     storer
	window int
	under  []Pending // way, oldest first
	count  int
}

// NewWriter makes a writer with at most window requests under way.
func NewWriter(c *Content, window int) *Writer { return &Writer{to: c, window: max(1, window)} }

// Put has a blob stored and returns its blobref. It waits only for one stored
// long before; the error may be that one's.
func (w *Writer) Put(ctx context.Context, data []byte) (ref string, err error) {
	for len(w.under) >= w.window {
		if err := w.wait(ctx); err != nil {
			return "", err
		}
	}
	ref, pending := w.to.store(data)
	w.under = append(w.under, pending)
	w.count++
	return ref, nil
}

// Flush waits until all blobs have been stored.
func (w *Writer) Flush(ctx context.Context) error {
	for len(w.under) > 0 {
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Count is the number of blobs put.
func (w *Writer) Count() int { return w.count }

func (w *Writer) wait(ctx context.Context) error {
	oldest := w.under[0]
	w.under = w.under[1:]
	_, err := oldest(ctx)
	return err
}
