// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import "testing"

// twice is a GPU of which two libraries tell.
const twice = `<topology version="2.0"><object type="Machine" cpuset="0x1">
<object type="Package" os_index="0" cpuset="0x1"><object type="Core" os_index="0" cpuset="0x1"/></object>
<object type="PCIDev" pci_busid="0000:41:00.0" pci_type="0302 [10de:1db6]">
<object type="OSDev" name="cuda0"><info name="Backend" value="CUDA"/></object>
<object type="OSDev" name="nvml0"><info name="Backend" value="NVML"/></object>
</object></object></topology>`

func TestDuplicateGPUs(t *testing.T) {
	for env, want := range map[string]int{"": 1, "1": 2} {
		t.Setenv("FLUX_HWLOC_GPU_NO_DEDUP", env)
		m, err := ParseXML([]byte(twice))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.GPUs) != want {
			t.Errorf("FLUX_HWLOC_GPU_NO_DEDUP=%s: %d GPUs, want %d", env, len(m.GPUs), want)
		}
	}
}
