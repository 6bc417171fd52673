// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"goflux/idset"
)

// machine is a sysfs with packages of nodes of cores of two threads, numbered
// the way Linux does: all first threads, then all second ones, with packages
// taking turns when interleaved.
func machine(pkgs, nodes, cores int, interleaved bool) fstest.MapFS {
	fsys := fstest.MapFS{}
	put := func(path, format string, args ...any) {
		fsys[path] = &fstest.MapFile{Data: fmt.Appendf(nil, format+"\n", args...)}
	}
	total := pkgs * nodes * cores
	put("sys/devices/system/cpu/online", "0-%d", 2*total-1)
	put("sys/devices/system/node/online", "%s", upTo(pkgs*nodes))
	members := make([]*idset.Set, pkgs*nodes)
	for i := range members {
		members[i] = idset.New()
	}
	for i := range total {
		pkg, rest := i/(nodes*cores), i%(nodes*cores)
		if interleaved {
			pkg, rest = i%pkgs, i/pkgs
		}
		node := pkg*nodes + rest/cores
		for _, cpu := range []int{i, i + total} {
			members[node].Add(uint32(cpu))
			dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d", cpu)
			put(dir+"/topology/core_cpus_list", "%d,%d", i, i+total)
			put(dir+"/topology/core_id", "%d", rest)
			put(dir+"/topology/physical_package_id", "%d", pkg)
		}
	}
	for i, m := range members {
		put(fmt.Sprintf("sys/devices/system/node/node%d/cpulist", i), "%s", m)
		put(fmt.Sprintf("sys/devices/system/node/node%d/meminfo", i), "Node %d MemTotal:  1024 kB\nNode %d MemFree: 3 kB", i, i)
	}
	return fsys
}

func read(t *testing.T, fsys fstest.MapFS) *Machine {
	t.Helper()
	m, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cpusOf(m *Machine) string {
	var out []string
	for _, c := range m.Cores {
		out = append(out, c.CPUs.String())
	}
	return strings.Join(out, " ")
}

func TestLogicalOrder(t *testing.T) {
	m := read(t, machine(2, 1, 3, true))
	if got, want := cpusOf(m), "0,6 2,8 4,10 1,7 3,9 5,11"; got != want {
		t.Errorf("cores %s, want %s", got, want)
	}
	if m.Packages() != 2 || m.CoreIDs().String() != "0-5" || !m.GPUIDs().Empty() || m.NUMA[1].Memory != 1024*1024 {
		t.Errorf("%+v", m)
	}
	cpus, ok := m.CoreCPUs(idset.New(1, 3))
	if !ok || cpus.String() != "1-2,7-8" {
		t.Errorf("processors %v", cpus)
	}
	if _, ok := m.CoreCPUs(idset.New(6)); ok {
		t.Error("core 6 of 6 was found")
	}
}

func TestRestrict(t *testing.T) {
	m := read(t, machine(2, 2, 2, false)).Restrict(idset.MustParse("3-5,11,99"))
	if got, want := cpusOf(m), "3,11 4 5"; got != want {
		t.Errorf("cores %s, want %s", got, want)
	}
	if len(m.NUMA) != 2 || m.CoreIDs().String() != "0-2" {
		t.Errorf("%+v", m)
	}
}

func TestReadErrors(t *testing.T) {
	for name, text := range map[string]string{"garbage": "x", "huge": "0-4000000000", "missing": ""} {
		fsys := fstest.MapFS{}
		if text != "" {
			fsys["sys/devices/system/cpu/online"] = &fstest.MapFile{Data: []byte(text)}
		}
		if _, err := Read(fsys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func gpu(fsys fstest.MapFS, address, class, driver string) {
	dir := "sys/bus/pci/devices/" + address
	for name, text := range map[string]string{"class": class, "vendor": "0x10de", "device": "0x1234", "numa_node": "0", "uevent": "DRIVER=" + driver} {
		fsys[dir+"/"+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
}

func TestGPUs(t *testing.T) {
	fsys := machine(1, 1, 1, false)
	gpu(fsys, "0000:82:00.0", "0x030200", "nvidia")
	gpu(fsys, "0000:02:00.0", "0x030000", "ast")
	gpu(fsys, "0000:00:02.0", "0x030000", "i915")
	gpu(fsys, "0000:03:00.0", "0x020000", "nvidia")
	gpu(fsys, "0000:41:00.0", "0x030000", "nvidia")
	gpu(fsys, "0000:42:00.0", "0x030200", "vfio-pci")
	m := read(t, fsys)
	if len(m.GPUs) != 2 || m.GPUs[0].Address != "0000:41:00.0" || m.GPUs[1].Address != "0000:82:00.0" {
		t.Errorf("GPUs %+v", m.GPUs)
	}
}

func TestAMDPartitions(t *testing.T) {
	fsys := machine(1, 1, 1, false)
	gpu(fsys, "0000:01:00.0", "0x120000", "amdgpu")
	gpu(fsys, "0001:01:00.0", "0x120000", "amdgpu")
	for i, text := range []string{"simd_count 0\ncpu_cores_count 24", "simd_count 152\nlocation_id 256\ndomain 0", "simd_count 152\nlocation_id 257\ndomain 0", "simd_count 152\nlocation_id 256\ndomain 1"} {
		fsys[fmt.Sprintf("sys/class/kfd/kfd/topology/nodes/%d/properties", i)] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	m := read(t, fsys)
	if len(m.GPUs) != 3 || m.GPUs[1].Address != "0000:01:00.0" || m.GPUs[2].Address != "0001:01:00.0" {
		t.Errorf("GPUs %+v", m.GPUs)
	}
}

// What is written is what is read.
func TestXMLRoundTrip(t *testing.T) {
	for _, tc := range []struct{ pkgs, nodes, cores int }{{1, 1, 2}, {2, 1, 3}, {2, 2, 20}} {
		fsys := machine(tc.pkgs, tc.nodes, tc.cores, true)
		gpu(fsys, "0000:41:00.0", "0x030200", "nvidia")
		gpu(fsys, "0000:42:00.0", "0x030200", "nvidia")
		m := read(t, fsys)
		m.Hostname = "a<b"
		got, err := ParseXML(m.XML())
		if err != nil {
			t.Fatal(err)
		}
		if got.Hostname != "a<b" || cpusOf(got) != cpusOf(m) || len(got.GPUs) != 2 || len(got.NUMA) != len(m.NUMA) || got.Packages() != tc.pkgs {
			t.Errorf("%+v: got %+v", tc, got)
		}
	}
}

// hwloc itself, where it is installed, counts the same.
func TestXMLForHwloc(t *testing.T) {
	lstopo, err := exec.LookPath("lstopo-no-graphics")
	if err != nil {
		t.Skip("lstopo is not installed")
	}
	for _, shape := range [][3]int{{1, 1, 2}, {2, 1, 3}, {2, 2, 20}} {
		fsys := machine(shape[0], shape[1], shape[2], true)
		gpu(fsys, "0000:41:00.0", "0x030200", "nvidia")
		m := read(t, fsys)
		path := filepath.Join(t.TempDir(), "m.xml")
		if err := os.WriteFile(path, m.XML(), 0o644); err != nil {
			t.Fatal(err)
		}
		for kind, want := range map[string]int{"core": len(m.Cores), "pu": 2 * len(m.Cores), "numanode": len(m.NUMA), "package": shape[0], "osdev": 1} {
			out, err := exec.Command(lstopo, "-i", path, "--whole-io", "--only", kind).CombinedOutput()
			if n := strings.Count(string(out), "\n"); err != nil || n != want {
				t.Errorf("%v: %d of %s, want %d (%v)\n%s", shape, n, kind, want, err, out)
			}
		}
	}
}

func TestLocal(t *testing.T) {
	m, err := Local(true)
	if err != nil {
		t.Fatal(err)
	}
	cpus, err := Affinity()
	if err != nil || !m.CPUs().Equal(cpus) || m.Hostname == "" {
		t.Errorf("%+v, affinity %v, %v", m, cpus, err)
	}
}

func TestParseXMLErrors(t *testing.T) {
	for _, text := range []string{"", "<topology/>", "<topology><object type='Core' cpuset='0xzz'/></topology>", "<topology>", "\x00"} {
		if _, err := ParseXML([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func FuzzParseXML(f *testing.F) {
	m, err := Read(machine(1, 1, 1, false))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.XML())
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = ParseXML(b) })
}
