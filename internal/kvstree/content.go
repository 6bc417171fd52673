// SPDX-License-Identifier: LGPL-3.0-or-later

package kvstree

import (
	"context"
	"fmt"
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/treeobj"
)

// Pending waits for the answer to a request that has been made: a blob, or
// nothing but an error.
type Pending func(ctx context.Context) ([]byte, error)

// failed is a request that could not be made.
func failed(err error) Pending {
	return func(context.Context) ([]byte, error) { return nil, err }
}

// Content is the content service of an instance, or what is behind it on the
// leader.
type Content struct {
	h       *flux.Client
	service string
	node    uint32
	hash    treeobj.Hash
}

// Open finds out what blobs are named by. With bypass, requests pass the cache
// by and go to the backing store.
func Open(ctx context.Context, h *flux.Client, bypass bool) (*Content, error) {
	name, err := h.Attr(ctx, "content.hash")
	if err != nil {
		return nil, fmt.Errorf("content.hash: %w", err)
	}
	hash, err := treeobj.ParseHash(name)
	if err != nil {
		return nil, err
	}
	c := &Content{h: h, service: "content", node: flux.NodeAny, hash: hash}
	if bypass {
		c.service, c.node = "content-backing", 0
	}
	return c, nil
}

// Hash is the hash function blobs are named by.
func (c *Content) Hash() treeobj.Hash { return c.hash }

// Load asks for a blob. ENOENT when it is not there, EIO when what is there is
// another.
func (c *Content) Load(ref string) Pending {
	_, digest, err := treeobj.ParseBlobref(ref)
	if err != nil {
		return failed(err)
	}
	wait := c.request("load", digest)
	return func(ctx context.Context) ([]byte, error) {
		data, err := wait(ctx)
		if err == nil && treeobj.Blobref(c.hash, data) != ref {
			err = message.Errorf(syscall.EIO, "blob does not match its hash")
		}
		return data, err
	}
}

// Validate asks the backing store whether it has a blob, undamaged. Where the
// store cannot tell, the blob is loaded.
func (c *Content) Validate(ref string) Pending {
	_, digest, err := treeobj.ParseBlobref(ref)
	if err != nil {
		return failed(err)
	}
	wait := c.send("content-backing.validate", 0, digest)
	return func(ctx context.Context) ([]byte, error) {
		_, err := wait(ctx)
		if message.Errno(err) == syscall.ENOSYS {
			_, err = c.Load(ref)(ctx)
		}
		return nil, err
	}
}

// store asks for a blob to be kept.
func (c *Content) store(data []byte) (ref string, wait Pending) {
	ref = treeobj.Blobref(c.hash, data)
	answer := c.request("store", data)
	return ref, func(ctx context.Context) ([]byte, error) {
		digest, err := answer(ctx)
		if err != nil {
			return nil, err
		}
		if got, err := treeobj.BlobrefOf(c.hash, digest); err != nil || got != ref {
			return nil, message.Errorf(syscall.EPROTO, "content.store answers another hash")
		}
		return nil, nil
	}
}

func (c *Content) request(method string, payload []byte) Pending {
	return c.send(c.service+"."+method, c.node, payload)
}

func (c *Content) send(topic string, node uint32, payload []byte) Pending {
	if payload == nil {
		payload = []byte{} // the empty blob is a payload, too
	}
	call, err := c.h.Go(topic, node, payload)
	if err != nil {
		return failed(err)
	}
	return func(ctx context.Context) ([]byte, error) {
		m, err := call.Message(ctx)
		if err != nil {
			call.Forget()
			return nil, err
		}
		return m.Payload(), nil
	}
}
