// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"os"
	"strings"
	"syscall"

	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

func (s *coreService) getenv(_ *service.Call, req *rpc.EnvNames) (any, error) {
	if req.Names == nil {
		return nil, message.Errorf(syscall.EPROTO, "Protocol error: no names")
	}
	env := map[string]string{}
	for _, name := range req.Names {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	return rpc.Env{Env: env}, nil
}

// setenv changes the environment of what the broker starts from now on; a null
// unsets. All is checked before anything is changed.
func (s *coreService) setenv(_ *service.Call, req *rpc.EnvSet) (any, error) {
	if req.Env == nil {
		return nil, message.Errorf(syscall.EPROTO, "Protocol error: no env")
	}
	for name := range req.Env {
		if name == "" || strings.Contains(name, "=") {
			return nil, message.Errorf(syscall.EPROTO, "Protocol error: %q is not the name of a variable", name)
		}
	}
	for name, v := range req.Env {
		var err error
		if v == nil {
			err = os.Unsetenv(name)
		} else {
			err = os.Setenv(name, *v)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *coreService) confBuiltin(_ *service.Call, req *rpc.ConfKeys) (any, error) {
	if req.Keys == nil {
		return nil, syscall.EPROTO
	}
	values := map[string]string{}
	for _, k := range req.Keys {
		key, ok := k.(string)
		if !ok {
			continue
		}
		v, ok := install.Builtin(key)
		if !ok {
			return nil, message.Errorf(syscall.EINVAL, "%s: invalid key", key)
		}
		values[key] = v
	}
	return rpc.ConfValues{Values: values}, nil
}
