// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
)

// newEvent is flux event.
func newEvent(a *app) *cobra.Command {
	cmd := a.group("event COMMAND", "publish events and subscribe to them")
	cmd.AddCommand(a.eventPub(), a.eventSub())
	return cmd
}

type pubOptions struct{ raw, synchronous, loopback, private bool }

func (a *app) eventPub() *cobra.Command {
	var o pubOptions
	cmd := &cobra.Command{
		Use:   "pub TOPIC [PAYLOAD...]",
		Short: "publish an event",
		Args:  a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.publish(o, args[0], strings.Join(args[1:], " "))
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.raw, "raw", "r", false, "The payload is not JSON")
	fs.BoolVarP(&o.synchronous, "synchronous", "s", false, "Wait for the event's sequence number and print it")
	fs.BoolVarP(&o.loopback, "loopback", "l", false, "Wait for the event to come back")
	fs.BoolVarP(&o.private, "private", "p", false, "The event is for its sender and the instance owner alone")
	return cmd
}

func (a *app) publish(o pubOptions, topic, text string) error {
	var payload any
	switch {
	case text == "":
	case o.raw:
		payload = []byte(text)
	default:
		v := jsontext.Value(text)
		if !v.IsValid() {
			return fail("publish failed: the payload is not JSON (--raw?)")
		}
		payload = v
	}
	flags := 0
	if o.private {
		flags |= flux.EventPrivate
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	var sub *flux.Subscription
	if o.loopback {
		if sub, err = h.Subscribe(a.ctx, topic); err != nil {
			return fail("subscribe to %s: %v", topic, err)
		}
	}
	seq, err := h.Publish(a.ctx, topic, payload, flags)
	if err != nil {
		return fail("publish failed: %v", err)
	}
	if o.synchronous {
		fmt.Fprintf(a.out, "seq=%d\n", seq)
	}
	for sub != nil {
		m, err := sub.Next(a.ctx)
		if err != nil {
			return fail("waiting for the event: %v", err)
		}
		if m.Sequence == seq {
			break
		}
	}
	return nil
}

func (a *app) eventSub() *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "sub [TOPIC...]",
		Short: "print events as they are published",
		RunE:  func(_ *cobra.Command, args []string) error { return a.subscribe(count, args) },
	}
	cmd.Flags().IntVarP(&count, "count", "c", 0, "End after `N` events")
	return cmd
}

// subscribe prints the events that begin with one of topics. One subscription
// to what they have in common keeps events in order.
func (a *app) subscribe(count int, topics []string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	sub, err := h.Subscribe(a.ctx, commonPrefix(topics))
	if err != nil {
		return fail("event.subscribe: %v", err)
	}
	for seen := 0; count <= 0 || seen < count; {
		m, err := sub.Next(a.ctx)
		if err != nil {
			return fail("%v", err)
		}
		wanted := func(topic string) bool { return strings.HasPrefix(m.Topic, topic) }
		if len(topics) > 0 && !slices.ContainsFunc(topics, wanted) {
			continue
		}
		fmt.Fprintf(a.out, "%s\t%s\n", m.Topic, payloadText(m))
		a.flush()
		seen++
	}
	return nil
}

// commonPrefix is what all of words begin with.
func commonPrefix(words []string) string {
	if len(words) == 0 {
		return ""
	}
	common := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, common) {
			common = common[:len(common)-1]
		}
	}
	return common
}

// payloadText is a message's payload: JSON as it is, other bytes with a period
// for what cannot be printed.
func payloadText(m *flux.Message) string {
	p := m.Payload()
	if text, ok := bytes.CutSuffix(p, []byte{0}); ok && jsontext.Value(text).IsValid() {
		return string(text)
	}
	text := bytes.Clone(p)
	for i, b := range text {
		if b < ' ' || b > '~' {
			text[i] = '.'
		}
	}
	return string(text)
}
