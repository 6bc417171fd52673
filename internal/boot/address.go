// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// address finds the address that peers on other nodes connect to, as
// tbon.interface-hint says: default-route, hostname, an interface, a network.
func address(hint, hostname string, v6 bool) (string, error) {
	switch hint {
	case "default-route":
		ifc, err := defaultRoute()
		if err != nil {
			return hostAddress(hostname, v6) // a node without a way out
		}
		return interfaceAddress(ifc, v6)
	case "hostname":
		return hostAddress(hostname, v6)
	}
	if network, err := netip.ParsePrefix(hint); err == nil {
		return networkAddress(network)
	}
	return interfaceAddress(hint, v6)
}

// routes is the kernel's table of IPv4 routes.
const routes = "/proc/net/route"

// defaultRoute returns the interface of the default route.
func defaultRoute() (string, error) {
	f, err := os.Open(routes)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if col := strings.Fields(sc.Text()); len(col) > 1 && col[1] == "00000000" {
			return col[0], nil
		}
	}
	return "", message.Errorf(syscall.ENETUNREACH, "there is no default route")
}

func hostAddress(hostname string, v6 bool) (string, error) {
	ips, err := net.LookupIP(hostname)
	if err != nil {
		return "", fmt.Errorf("address of %s: %w", hostname, err)
	}
	if ip := pick(ips, v6); ip != "" {
		return ip, nil
	}
	return "", message.Errorf(syscall.EADDRNOTAVAIL, "%s has no address", hostname)
}

func interfaceAddress(name string, v6 bool) (string, error) {
	ifc, err := net.InterfaceByName(name)
	if err != nil {
		return "", message.Errorf(syscall.ENODEV, "tbon.interface-hint: %s is neither an interface nor a network", name)
	}
	addrs, err := ifc.Addrs()
	if err != nil {
		return "", err
	}
	var ips []net.IP
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	if ip := pick(ips, v6); ip != "" {
		return ip, nil
	}
	return "", message.Errorf(syscall.EADDRNOTAVAIL, "interface %s has no address", name)
}

// pick prefers the family that is asked for.
func pick(ips []net.IP, v6 bool) string {
	best := ""
	for _, ip := range ips {
		if (ip.To4() == nil) == v6 {
			return ip.String()
		}
		if best == "" {
			best = ip.String()
		}
	}
	return best
}

func networkAddress(network netip.Prefix) (string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok && network.Contains(ip.Unmap()) {
			return ip.Unmap().String(), nil
		}
	}
	return "", message.Errorf(syscall.EADDRNOTAVAIL, "no interface is in the network %s", network)
}
