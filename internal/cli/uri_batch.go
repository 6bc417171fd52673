// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"goflux/hostlist"
	"goflux/internal/install"
)

// slurmURI is that of an instance that runs as a Slurm job (flux-uri(1)): what
// a process of the job on this host has in its environment, or else what flux
// uri finds on the job's first node.
func (a *app) slurmURI(id string) (string, error) {
	if !batchJobID(id) {
		return "", fail("%q is not a Slurm job id", id)
	}
	list, err := exec.CommandContext(a.ctx, "scontrol", "listpids", id).Output()
	if err != nil {
		return a.slurmRemoteURI(id)
	}
	for _, pid := range slurmTasks(list) {
		if uri, err := processURI(strconv.Itoa(pid)); err == nil && pid != os.Getpid() {
			return remoteURI(uri)
		}
	}
	return "", fail("no process of Slurm job %s on this host has a FLUX_URI", id)
}

// slurmTasks are the processes that Slurm itself has started, of a list with the
// columns PID, JOBID, STEPID, LOCALID, GLOBALID: LOCALID is 0. Others may
// belong to an instance within the one that is looked for.
func slurmTasks(list []byte) (pids []int) {
	for line := range bytes.Lines(list) {
		f := strings.Fields(string(line))
		if len(f) < 4 || f[3] != "0" {
			continue
		}
		if pid, err := strconv.Atoi(f[0]); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (a *app) slurmRemoteURI(id string) (string, error) {
	nodes, err := exec.CommandContext(a.ctx, "squeue", "-h", "-o", "%N", "-j", id).Output()
	if err != nil {
		return "", fail("unable to query nodelist for Slurm job %s: %s", id, commandError(err))
	}
	hosts, err := hostlist.Parse(string(bytes.TrimSpace(nodes)))
	if err != nil {
		return "", fail("squeue lists the nodes of Slurm job %s as %q: %v", id, nodes, err)
	}
	first, ok := hosts.At(0)
	if !ok {
		return "", fail("empty nodelist returned for Slurm job %s", id)
	}
	cmd := exec.CommandContext(a.ctx, "srun", "--overlap", "--jobid="+id, "-w", first, "-N1", "-n1", "flux", "uri", "slurm:"+id)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FLUX_URI=") }) // not ours
	uri, err := cmd.Output()
	if err != nil {
		return "", fail("no URI found for Slurm job %s on its first node, %s: %s", id, first, commandError(err))
	}
	return string(bytes.TrimSpace(uri)), nil
}

// onComputeNode is what flux uri adds to an lsf target that it hands on to the
// job's node.
const onComputeNode = "is_compute"

// lsfURI is that of an instance that runs as a job of LSF: of the broker that
// has the job in its environment, on the first node of the job.
func (a *app) lsfURI(id string, here bool) (string, error) {
	if !batchJobID(id) {
		return "", fail("%q is not an LSF job id", id)
	}
	if here {
		pid, err := lsfBroker(id)
		if err != nil {
			return "", err
		}
		uri, err := processURI(strconv.Itoa(pid))
		if err != nil {
			return "", err
		}
		return remoteURI(uri)
	}
	host, err := a.lsfHost(id)
	if err != nil {
		return "", err
	}
	uri, err := exec.CommandContext(a.ctx, cmp.Or(os.Getenv("FLUX_SSH"), "ssh"), host,
		cmp.Or(os.Getenv("FLUX_SSH_RCMD"), install.Flux()), "uri", "--remote", "'lsf:"+id+"?"+onComputeNode+"'").Output()
	if err != nil {
		return "", fail("no URI found for LSF job %s on %s: %s", id, host, commandError(err))
	}
	return string(bytes.TrimSpace(uri)), nil
}

// lsfHost is the first node of a job, as IBM's Cluster System Management knows it.
func (a *app) lsfHost(id string) (string, error) {
	query := cmp.Or(os.Getenv("CSM_ALLOCATION_QUERY"), "/opt/ibm/csm/bin/csm_allocation_query")
	out, err := exec.CommandContext(a.ctx, query, "-j", id).Output()
	if err != nil {
		return "", fail("Unable to find a compute node attached to job %s: %s", id, commandError(err))
	}
	var job struct {
		Nodes []string `yaml:"compute_nodes"`
	}
	err = yaml.Unmarshal(out, &job)
	hosts, herr := hostlist.New(job.Nodes...)
	if err != nil || herr != nil || hosts.Empty() {
		return "", fail("Unable to find a compute node attached to job %s: %s told of none", id, query)
	}
	hosts.Sort()
	first, _ := hosts.At(0)
	return first, nil
}

// lsfBroker is the user's leader that runs in a job of LSF.
func lsfBroker(id string) (int, error) {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		var st syscall.Stat_t
		if syscall.Stat(dir, &st) != nil || int(st.Uid) != os.Getuid() {
			continue
		}
		name, _ := os.ReadFile(dir + "/comm") // it may have ended
		env, _ := os.ReadFile(dir + "/environ")
		if strings.TrimSpace(string(name)) == "flux-broker-0" && bytes.Contains(env, fmt.Appendf(nil, "LSB_JOBID=%s\x00", id)) {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, fail("Unable to find a flux broker of LSF job %s on this host", id)
}

// batchJobID tells whether a text may be handed to the commands of another batch
// system as a job id: a number, of an array or a heterogeneous job two.
func batchJobID(text string) bool {
	return text != "" && strings.Trim(text, "0123456789_+") == "" && text[0] >= '0' && text[0] <= '9'
}

// commandError is why a command has failed, with what it said.
func commandError(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Sprintf("%v: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err.Error()
}
