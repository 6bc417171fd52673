// SPDX-License-Identifier: LGPL-3.0-or-later

package subproc

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// defaultBuffer is the size of each stream's buffer where the command does not
// say, in bytes. It is what clients may fill before the first credit, and more
// than the least that RFC 42 asks for (4096).
const defaultBuffer = 4 << 20

// fallbackDir is where a process goes whose directory is not on this node.
const fallbackDir = "/tmp"

// forbidden are variables of the client's, or of the server's, that would
// mislead a process started here.
var forbidden = []string{"FLUX_PROXY_REMOTE", "NOTIFY_SOCKET", "INVOCATION_ID"}

type streamOptions struct {
	size  int
	lines bool
}

func readOptions(cmd *rpc.Command) (map[string]streamOptions, error) {
	out := map[string]streamOptions{}
	for _, name := range append([]string{"stdin", "stdout", "stderr"}, cmd.Channels...) {
		o := streamOptions{defaultBuffer, true}
		if v, ok := cmd.Opts[name+"_BUFSIZE"]; ok {
			n, err := parseSize(v)
			if err != nil {
				return nil, err
			}
			o.size = n
		}
		if v, ok := cmd.Opts[name+"_LINE_BUFFER"]; ok {
			switch {
			case strings.EqualFold(v, "false"):
				o.lines = false
			case !strings.EqualFold(v, "true"):
				return nil, syscall.EINVAL
			}
		}
		out[name] = o
	}
	return out, nil
}

// parseSize reads a positive number of bytes with a binary scale: 4096, 4k, 1.5M.
func parseSize(s string) (int, error) {
	scale := 1.0
	if i := strings.IndexAny(s, "kKMGTPE"); i == len(s)-1 && i > 0 {
		power := strings.IndexByte("kMGTPE", strings.Replace(s[i:], "K", "k", 1)[0]) + 1
		scale, s = math.Pow(1024, float64(power)), s[:i]
	}
	f, err := strconv.ParseFloat(s, 64)
	f *= scale
	switch {
	case err != nil || !(f >= 1):
		return 0, syscall.EINVAL
	case f > math.MaxInt32:
		return 0, syscall.EOVERFLOW
	}
	return int(f), nil
}

func (s *Server) environ(cmd *rpc.Command) []string {
	var env []string
	if len(cmd.Env) == 0 {
		env = s.Environ()
	} else {
		env = make([]string, 0, len(cmd.Env)+1)
		for k, v := range cmd.Env {
			env = append(env, k+"="+v)
		}
	}
	kept := env[:0:0]
	for _, kv := range env {
		if !isForbidden(kv) {
			kept = append(kept, kv)
		}
	}
	if s.URI != "" {
		kept = append(kept, "FLUX_URI="+s.URI)
	}
	return kept
}

func isForbidden(kv string) bool {
	for _, name := range forbidden {
		if strings.HasPrefix(kv, name) && len(kv) > len(name) && kv[len(name)] == '=' {
			return true
		}
	}
	return false
}

func isChdir(err error) bool {
	var e *process.Error
	return errors.As(err, &e) && e.Op == "chdir"
}

func chdirNotice(dir string, err error) string {
	return fmt.Sprintf("Could not change dir to %s: %s. Going to %s instead\n",
		dir, message.ErrnoText(message.Errno(err)), fallbackDir)
}
