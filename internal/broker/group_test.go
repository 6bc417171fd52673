// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
)

// Two modules share an instance, and the second is loaded while the first still
// starts: it is loaded when its service is there, not when the instance is.
func TestGroupWhileStarting(t *testing.T) {
	b := host.Start(t, host.Options{Size: 1})
	started, begin := make(chan struct{}), make(chan struct{})
	face := func(name string) *service.Registration {
		return &service.Registration{Name: name, Group: "two", New: func(service.Host, []string) (any, error) {
			close(started)
			<-begin
			return new(struct{}), nil
		}}
	}
	first, second := make(chan error, 1), make(chan error, 1)
	b.Modules().Load(face("first"), "first", "builtin", nil, func(err error) { first <- err })
	<-started
	b.Modules().Load(face("second"), "second", "builtin", nil, func(err error) {
		if err == nil && message.Errno(b.Router().RemoveService("second", "somebody else")) != syscall.EPERM {
			err = message.Errorf(syscall.ENOSYS, "loaded, and its service is not there")
		}
		second <- err
	})
	close(begin)
	for _, ch := range []chan error{first, second} {
		if err := <-ch; err != nil {
			t.Error(err)
		}
	}
}
