// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"goflux/hostlist"
	"goflux/internal/core/overlay"
	"goflux/internal/link"
	"goflux/internal/message"
)

// Wiring is what the overlay needs to connect to its peers.
type Wiring struct {
	Topology  *overlay.Topology
	Tbon      *Tbon
	Identity  *link.Identity
	Listeners []*link.Listener
	// Hosts are the hostnames by rank; nil on a follower that its parent will
	// tell.
	Hosts      *hostlist.List
	ParentURI  string
	ParentKey  ed25519.PublicKey
	ParentHost string
	// Returns says that a parent that is lost may come back at the same place
	// with the same key, as brokers do that an init system starts. A process
	// manager starts none anew.
	Returns bool

	mu   sync.Mutex
	keys map[string]uint32 // the rank that proves itself by a key
	any  bool              // all brokers prove the same key
}

// Admit tells whether the owner of a key may connect.
func (w *Wiring) Admit(key ed25519.PublicKey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.keys[string(key)]
	return ok
}

// Owns tells whether the broker of that rank may prove itself by key.
func (w *Wiring) Owns(key ed25519.PublicKey, rank uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.keys[string(key)]
	return ok && (w.any || r == rank)
}

func (w *Wiring) allow(key ed25519.PublicKey, rank uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[string(key)] = rank
}

// Wire finds the peers and binds the endpoints for children. It waits for the
// other brokers where they have to be asked. On an error nothing stays open.
func (b *Boot) Wire() (*Wiring, error) {
	w := &Wiring{keys: map[string]uint32{}}
	err := b.wire(w)
	if err != nil {
		for _, l := range w.Listeners {
			l.Close()
		}
		return nil, err
	}
	b.treeAttrs(w)
	return w, nil
}

func (b *Boot) wire(w *Wiring) (err error) {
	if w.Tbon, err = b.tbon(); err != nil {
		return err
	}
	var hosts []overlay.Host
	if b.hosts != nil {
		for _, h := range b.hosts.list {
			hosts = append(hosts, overlay.Host{Name: h.name, Parent: h.parent})
		}
	}
	if w.Topology, err = overlay.NewTopology(w.Tbon.Topo, int(b.Size), hosts); err != nil {
		return fmt.Errorf("Error creating %s topology: %w", w.Tbon.Topo, err)
	}
	switch {
	case b.hosts != nil:
		err = b.wireConfig(w)
	case b.Size == 1:
		w.Hosts, err = hostlist.New(b.env.Hostname)
	default:
		err = b.exchange(w)
	}
	if err != nil {
		return err
	}
	return b.hostlistAttr(w)
}

// wireConfig takes everything from the [bootstrap] table.
func (b *Boot) wireConfig(w *Wiring) error {
	var err error
	w.Hosts = &hostlist.List{}
	for _, h := range b.hosts.list {
		if err := w.Hosts.Append(h.name); err != nil {
			return err
		}
	}
	if b.hosts.curveCert != "" {
		w.Identity, err = link.LoadIdentity(b.hosts.curveCert)
	} else {
		w.Identity, err = link.NewIdentity()
	}
	if err != nil {
		return fmt.Errorf("Error loading certificate: %w", err)
	}
	key, err := link.PublicKey(w.Identity.Public())
	if err != nil {
		return err
	}
	w.any = true
	w.Returns = b.env.Getenv("FLUX_START_URI") == "" // flux start starts none anew
	w.allow(key, 0)
	me := b.hosts.list[b.Rank]
	_, recovery := b.env.Attrs.Get("broker.recovery-mode")
	if len(w.Topology.Children(b.Rank)) > 0 && !recovery {
		if me.bind == "" {
			return message.Errorf(syscall.EINVAL, "bind URI is undefined for rank %d", b.Rank)
		}
		if err := b.bind(w, me.bind); err != nil {
			return err
		}
		if me.connect == "" {
			return message.Errorf(syscall.EINVAL, "connect URI is undefined for rank %d", b.Rank)
		}
		b.env.Attrs.Put("tbon.endpoint", me.connect)
	}
	parent, ok := w.Topology.Parent(b.Rank)
	if !ok {
		return nil
	}
	p := b.hosts.list[parent]
	if p.connect == "" {
		return message.Errorf(syscall.EINVAL, "connect URI is undefined for rank %d", parent)
	}
	w.ParentURI, w.ParentKey, w.ParentHost = p.connect, key, p.name
	return nil
}

func (b *Boot) bind(w *Wiring, uri string) error {
	l, err := link.Listen(uri, w.Identity, w.Admit, w.Tbon.Link)
	if err != nil {
		return err
	}
	w.Listeners = append(w.Listeners, l)
	return nil
}

// exchange tells the other brokers about this one, by the process manager, and
// asks about its parent and children.
func (b *Boot) exchange(w *Wiring) error {
	var err error
	if w.Identity, err = link.NewIdentity(); err != nil {
		return err
	}
	children := w.Topology.Children(b.Rank)
	remote, err := b.bindFor(w, children)
	if err != nil {
		return err
	}
	me := &card{Host: b.env.Hostname, Pubkey: w.Identity.Public()}
	for _, l := range w.Listeners {
		me.URIs = append(me.URIs, l.URI())
	}
	if len(me.URIs) > 0 {
		b.env.Attrs.Put("tbon.endpoint", me.URIs[0])
	}
	if err := b.pmi.Put(cardKey(b.Rank), me.encode()); err != nil {
		return fmt.Errorf("%s: put: %w", b.Method, err)
	}
	if err := b.pmi.Barrier(); err != nil {
		return fmt.Errorf("%s: barrier: %w", b.Method, err)
	}
	for _, rank := range remote {
		if err := b.authorize(w, rank); err != nil {
			return err
		}
	}
	if b.Rank == 0 {
		err = b.allHosts(w)
	} else {
		err = b.findParent(w)
	}
	return err
}

// bindFor opens the endpoints that the children need: a unix socket for those
// on this node, TCP for the others, which it returns.
func (b *Boot) bindFor(w *Wiring, children []uint32) (remote []uint32, err error) {
	local := 0
	for _, c := range children {
		if !w.Tbon.PreferTCP && b.sameNode(c) {
			local++
		} else {
			remote = append(remote, c)
		}
	}
	if len(remote) > 0 {
		ip, err := address(w.Tbon.Hint, b.env.Hostname, b.env.Getenv("FLUX_IPADDR_V6") != "")
		if err != nil {
			return nil, err
		}
		if err := b.bind(w, "tcp://"+net.JoinHostPort(ip, "*")); err != nil {
			return nil, err
		}
	}
	if local > 0 {
		rundir, _ := b.env.Attrs.Get("rundir")
		if err := b.bind(w, "ipc://"+filepath.Join(rundir, fmt.Sprintf("tbon-%d", b.Rank))); err != nil {
			return nil, err
		}
	}
	return remote, nil
}

func (b *Boot) card(rank uint32) (*card, error) {
	v, err := b.pmi.Get(cardKey(rank))
	if err != nil {
		return nil, fmt.Errorf("business card of rank %d: %w", rank, err)
	}
	c, err := decodeCard(v)
	if err != nil {
		return nil, fmt.Errorf("business card of rank %d: %w", rank, err)
	}
	return c, nil
}

func (b *Boot) authorize(w *Wiring, rank uint32) error {
	c, err := b.card(rank)
	if err != nil {
		return err
	}
	key, err := link.PublicKey(c.Pubkey)
	if err != nil {
		return fmt.Errorf("business card of rank %d: %w", rank, err)
	}
	w.allow(key, rank)
	return nil
}

func (b *Boot) allHosts(w *Wiring) error {
	w.Hosts = &hostlist.List{}
	for rank := range b.Size {
		c, err := b.card(rank)
		if err != nil {
			return err
		}
		if err := w.Hosts.Append(c.Host); err != nil {
			return fmt.Errorf("hostname of rank %d: %w", rank, err)
		}
	}
	return nil
}

func (b *Boot) findParent(w *Wiring) error {
	parent, _ := w.Topology.Parent(b.Rank)
	c, err := b.card(parent)
	if err != nil {
		return err
	}
	scheme := "tcp://"
	if !w.Tbon.PreferTCP && b.sameNode(parent) {
		scheme = "ipc://"
	}
	w.ParentURI, w.ParentHost = c.uri(scheme), c.Host
	if w.ParentURI == "" || scheme == "tcp://" && !strings.HasPrefix(w.ParentURI, scheme) {
		return message.Errorf(syscall.EADDRNOTAVAIL, "rank %d offers no endpoint that can be reached from here", parent)
	}
	if w.ParentKey, err = link.PublicKey(c.Pubkey); err != nil {
		return fmt.Errorf("business card of rank %d: %w", parent, err)
	}
	return nil
}

// hostlistAttr makes the attribute win over what was found out.
func (b *Boot) hostlistAttr(w *Wiring) error {
	if text, ok := b.env.Attrs.Get("hostlist"); ok {
		l, err := hostlist.Parse(text)
		if err != nil {
			return fmt.Errorf("hostlist attribute: %w", err)
		}
		w.Hosts = l
	}
	if w.Hosts != nil {
		b.env.Attrs.Put("hostlist", w.Hosts.String())
	}
	return nil
}

// treeAttrs sets the attributes that tell the place in the tree.
func (b *Boot) treeAttrs(w *Wiring) {
	attrs := b.env.Attrs
	if w.ParentURI != "" {
		attrs.Put("tbon.parent-endpoint", w.ParentURI)
	}
	attrs.Put("tbon.level", fmt.Sprint(w.Topology.Level(b.Rank)))
	attrs.Put("tbon.maxlevel", fmt.Sprint(w.Topology.MaxLevel()))
	attrs.Put("tbon.descendants", fmt.Sprint(w.Topology.Descendants(b.Rank)))
}

// Critical returns the ranks whose loss ends the instance, by the attribute or
// by default rank 0 and all that have children, and sets the attribute.
func (b *Boot) Critical(w *Wiring) error {
	text, ok := b.env.Attrs.Get("broker.critical-ranks")
	if !ok {
		ranks := w.Topology.Internal()
		ranks.Add(0)
		b.env.Attrs.Put("broker.critical-ranks", ranks.String())
		return nil
	}
	return checkCritical(text, b.Size)
}
