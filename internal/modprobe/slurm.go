// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"goflux/internal/install"
	"goflux/internal/rpc"
	"goflux/internal/sys/squeue"
)

// syncSlurm has an instance that Slurm started end when its Slurm job does: once
// now, so that the first job knows, and from then on by a process of its own.
func syncSlurm(ctx context.Context, m *Modprobe) error {
	text, _ := m.inst.Getenv("SLURM_JOB_ID")
	job, err := strconv.Atoi(text)
	if err != nil {
		m.err("invalid SLURM_JOB_ID. Skipping expiration sync")
		return nil
	}
	// Programs that ask libyogrt for their time ask Flux.
	const name = "YOGRT_BACKEND"
	value := "flux"
	if err := m.inst.RPC(ctx, "broker.setenv", rpc.EnvSet{Env: map[string]*string{name: &value}}, nil); err != nil {
		return err
	}
	if err := os.Setenv(name, value); err != nil {
		return err
	}
	if left, limited, err := squeue.TimeLeft(ctx, job); err != nil {
		m.err(err.Error()) // the other process tries again
	} else if limited {
		end := float64(time.Now().Add(left).UnixMilli()) / 1000
		// It is refused while no resources are known; then there are no jobs.
		_ = m.inst.RPC(ctx, "resource.expiration-update", rpc.ResourceExpiration{Expiration: &end}, nil)
	}
	return m.inst.RPC(ctx, "rexec.exec", rpc.RexecExec{Cmd: &rpc.Command{
		Cmdline: []string{install.Flux(), "slurm-expiration-sync", fmt.Sprintf("--jobid=%d", job)},
		Opts:    map[string]string{}, Channels: []string{}, Label: "slurm-sync",
	}}, nil)
}
