// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// Loaders run modules that are not compiled in, by the end of their files'
// names: "flux LOADER PATH".
const (
	soLoader     = "module-exec"
	pythonLoader = "module-python-exec"
)

// LoadModule serves module.load: a service that is compiled in, by its name, or
// a file, by its path or by its name in FLUX_MODULE_PATH, which is run as a
// program. Services that are compiled in have a loop of their own and survive
// each other's failures, so exec makes no difference to them.
func (b *Broker) LoadModule(req *rpc.ModuleLoad, done func(error)) {
	b.mu.Lock()
	reg := b.byName[req.Path]
	b.mu.Unlock()
	switch {
	case reg != nil && reg.Builtin && (req.Exec || req.Loader != ""):
		done(message.Errorf(syscall.EINVAL, "built-in modules cannot execute in a separate process"))
		return
	case !strings.Contains(req.Path, "/") && req.Loader != "":
		done(message.Errorf(syscall.EINVAL, "module loader may only be specified with module path"))
		return
	case reg != nil:
		b.Load(req.Path, req.Name, req.Args, done)
		return
	}
	path, loader, err := resolveModule(req.Path, os.Getenv("FLUX_MODULE_PATH"))
	if req.Loader != "" {
		loader, err = req.Loader, nil
	}
	if err != nil {
		done(err)
		return
	}
	name := req.Name
	if name == "" {
		name, _, _ = strings.Cut(filepath.Base(req.Path), ".")
	}
	b.mods.LoadExtern(b, name, path, loader, req.Args, done)
}

// resolveModule finds a module's file and what runs it.
func resolveModule(target, searchPath string) (path, loader string, err error) {
	if strings.Contains(target, "/") {
		if loader = loaderOf(target); loader == "" {
			return target, "", message.Errorf(syscall.ENOENT, "could not determine loader from path suffix")
		}
		return target, loader, nil
	}
	for _, dir := range filepath.SplitList(searchPath) {
		for _, pattern := range []string{target + ".so*", target + ".py"} {
			found, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(found) == 0 {
				continue
			}
			sort.Strings(found)
			if real, err := filepath.EvalSymlinks(found[0]); err == nil {
				return real, loaderOf(found[0]), nil
			}
		}
	}
	return "", "", message.Errorf(syscall.ENOENT, "module not found in search path")
}

func loaderOf(path string) string {
	base := filepath.Base(path)
	switch {
	case strings.HasSuffix(base, ".py"):
		return pythonLoader
	case strings.Contains(base, ".so"):
		return soLoader
	}
	return ""
}
