// SPDX-License-Identifier: LGPL-3.0-or-later

package service

// BrokersReturn tells whether an init system starts brokers again that ended, at
// the same place: those of an instance that is booted by configuration.
func BrokersReturn(h interface {
	Attr(name string) (string, bool)
}) bool {
	method, _ := h.Attr("broker.boot-method")
	return method == "config"
}
