// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Client is a process's connection to its process manager. It is for one
// goroutine at a time: the protocol is lock-step.
type Client struct {
	// Method is "simple" with a process manager, "single" without.
	Method string
	Rank   int
	Size   int
	// KVSName is the program's name; under Flux, the job id in F58. It is
	// "singleton" for a program of one.
	KVSName string

	conn  io.ReadWriteCloser // nil for a program of one
	r     *bufio.Reader
	local map[string]string // the keys of a program of one
}

// Open connects by the variables PMI_FD, PMI_RANK and PMI_SIZE as getenv (for
// instance os.Getenv) gives them. Without PMI_FD the process is a program of
// one. An error that wraps EINVAL is about the variables, any other about the
// process manager.
func Open(getenv func(string) string) (*Client, error) {
	fdText := getenv("PMI_FD")
	if fdText == "" {
		return &Client{Method: "single", Size: 1, KVSName: "singleton", local: map[string]string{}}, nil
	}
	fd, err := envInt(getenv, "PMI_FD", 0)
	if err != nil {
		return nil, err
	}
	rank, err := envInt(getenv, "PMI_RANK", 0)
	if err != nil {
		return nil, err
	}
	size, err := envInt(getenv, "PMI_SIZE", rank+1)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	// The end that the process manager made may be in blocking mode, which
	// would tie up a thread while a barrier is waited for.
	_ = syscall.SetNonblock(fd, true) // where that is refused a thread is tied up
	return NewClient(os.NewFile(uintptr(fd), "PMI_FD"), rank, size)
}

func envInt(getenv func(string) string, name string, least int) (int, error) {
	v, err := strconv.Atoi(getenv(name))
	if err != nil || v < least {
		return 0, fmt.Errorf("PMI: %s=%q is not a valid number: %w", name, getenv(name), syscall.EINVAL)
	}
	return v, nil
}

// NewClient speaks over conn, which it takes over.
func NewClient(conn io.ReadWriteCloser, rank, size int) (*Client, error) {
	c := &Client{Method: "simple", Rank: rank, Size: size, conn: conn, r: bufio.NewReaderSize(conn, MaxLine)}
	if err := c.start(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) start() error {
	if _, err := c.call("cmd=init pmi_version=1 pmi_subversion=1", "response_to_init"); err != nil {
		return err
	}
	if _, err := c.call("cmd=get_maxes", "maxes"); err != nil {
		return err
	}
	f, err := c.call("cmd=get_my_kvsname", "my_kvsname")
	if err != nil {
		return err
	}
	if c.KVSName = f["kvsname"]; !isWord(c.KVSName, MaxName) {
		return fmt.Errorf("PMI: the process manager sent the kvsname %q: %w", c.KVSName, syscall.EPROTO)
	}
	return nil
}

// call sends a request and returns the answer, whose cmd must be want.
func (c *Client) call(line, want string) (fields, error) {
	what, _, _ := strings.Cut(strings.TrimPrefix(line, "cmd="), " ")
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return nil, fmt.Errorf("PMI %s: %w", what, err)
	}
	answer, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("PMI %s: the process manager closed the connection: %w", what, syscall.EPIPE)
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("PMI %s: an answer of over %d bytes: %w", what, MaxLine, syscall.EPROTO)
	case err != nil:
		return nil, fmt.Errorf("PMI %s: %w", what, err)
	}
	f := parseLine(string(answer))
	if f["cmd"] != want {
		return nil, fmt.Errorf("PMI %s: unexpected answer %q: %w", what, strings.TrimSpace(string(answer)), syscall.EPROTO)
	}
	if rc, ok := f.int("rc"); ok && rc != 0 {
		return nil, fmt.Errorf("PMI %s: %w", what, Code(rc))
	}
	return f, nil
}

// Put makes a key visible to the program's other processes after the next
// barrier. Keys are unique: put one once.
func (c *Client) Put(key, value string) error {
	if !isWord(key, MaxKey) {
		return fmt.Errorf("PMI put: %w: %q", ErrInvalidKey, key)
	}
	if !isText(value) {
		return fmt.Errorf("PMI put %s: %w: %d bytes", key, ErrValLength, len(value))
	}
	if c.conn == nil {
		c.local[key] = value
		return nil
	}
	_, err := c.call("cmd=put kvsname="+c.KVSName+" key="+key+" value="+value, "put_result")
	return err
}

// foundSuffix is what some releases of MPICH's Hydra append to values.
const foundSuffix = " found=TRUE"

// Get returns the value of a key. A key that is not there is an error that
// wraps [ErrInvalidKey] and ENOENT.
func (c *Client) Get(key string) (string, error) {
	if !isWord(key, MaxKey) {
		return "", fmt.Errorf("PMI get: %w: %q", ErrInvalidKey, key)
	}
	if c.conn == nil {
		if v, ok := c.local[key]; ok {
			return v, nil
		}
		return "", fmt.Errorf("PMI get %s: %w", key, ErrInvalidKey)
	}
	f, err := c.call("cmd=get kvsname="+c.KVSName+" key="+key, "get_result")
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(f["value"], foundSuffix), nil
}

// Barrier waits until all processes of the program have entered it.
func (c *Client) Barrier() error {
	if c.conn == nil {
		return nil
	}
	_, err := c.call("cmd=barrier_in", "barrier_out")
	return err
}

// Abort asks the process manager to end the program; the caller should exit
// with code. It does not wait for an answer.
func (c *Client) Abort(code int, message string) error {
	if c.conn == nil {
		return nil
	}
	line := fmt.Sprintf("cmd=abort exitcode=%d", code)
	if message != "" {
		message = strings.NewReplacer("\n", " ", "\r", " ").Replace(message)
		line += " error_msg=" + message[:min(len(message), MaxValue)]
	}
	_, err := io.WriteString(c.conn, line+"\n")
	return err
}

// Ended waits until the process manager is gone or hangs up, which comes before
// it ends a program that was aborted, or with that. It is at once over for a
// program of one.
func (c *Client) Ended() {
	if c.conn != nil {
		_, _ = io.Copy(io.Discard, c.r) // whatever it says until then
	}
}

// Finalize says goodbye and closes the connection.
func (c *Client) Finalize() error {
	if c.conn == nil {
		return nil
	}
	_, err := c.call("cmd=finalize", "finalize_ack")
	return errors.Join(err, c.conn.Close())
}
