// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "goflux/treeobj"

// KVSOp is one change of a kvs.commit: Dirent takes the place of what is at
// Key, or is appended to it (flag 32).
type KVSOp struct {
	Key    string    `json:"key"`
	Flags  int       `json:"flags"`
	Dirent KVSDirent `json:"dirent"`
}

// KVSDirent is a tree object, or null for the removal of a key. One that has
// not been given at all is neither.
type KVSDirent struct {
	treeobj.JSON
	Given bool
}

// UnmarshalJSON notes that the entry was given.
func (d *KVSDirent) UnmarshalJSON(b []byte) error {
	d.Given = true
	return d.JSON.UnmarshalJSON(b)
}

// KVSPut returns the operation that puts an object at key.
func KVSPut(key string, o treeobj.Object) KVSOp {
	return KVSOp{Key: key, Dirent: KVSDirent{treeobj.JSON{Object: o}, true}}
}

// KVSUnlink returns the operation that removes a key.
func KVSUnlink(key string) KVSOp { return KVSOp{Key: key, Dirent: KVSDirent{Given: true}} }

// KVSCommit is kvs.commit. Flags: 1 not to be merged, 4 checkpoint it.
type KVSCommit struct {
	Namespace string  `json:"namespace"`
	Flags     int     `json:"flags"`
	Ops       []KVSOp `json:"ops"`
}

// KVSRoot answers kvs.commit and kvs.wait-version.
type KVSRoot struct {
	Rootref string `json:"rootref"`
	Rootseq int    `json:"rootseq"`
}

// KVSLookup is kvs.lookup, kvs.lookup-plus and kvs-watch.lookup. Without
// Rootdir, a dirref, the namespace's current root is looked in. Flags: 1
// directory, 2 symbolic link, 4 watch, 8 wait for creation, 16 tree object, 64
// full, 128 unique, 256 append, 512 stream, 1024 sentinel.
type KVSLookup struct {
	Key       string        `json:"key"`
	Namespace string        `json:"namespace,omitzero"`
	Flags     int           `json:"flags"`
	Rootdir   *treeobj.JSON `json:"rootdir,omitzero"`
	Rootseq   *int          `json:"rootseq,omitzero"`
}

// KVSValue answers kvs.lookup and kvs-watch.lookup.
type KVSValue struct {
	Val treeobj.JSON `json:"val"`
}

// KVSLookupPlus answers kvs.lookup-plus: Errno is ENOENT when there is no Val.
type KVSLookupPlus struct {
	Val     *treeobj.JSON `json:"val,omitzero"`
	Errno   int           `json:"errno,omitzero"`
	Rootseq int           `json:"rootseq"`
	Rootref string        `json:"rootref"`
}

// KVSGetroot is kvs.getroot, kvs.setroot-pause and kvs.setroot-unpause.
type KVSGetroot struct {
	Namespace string `json:"namespace"`
}

// KVSGetrootResponse answers kvs.getroot.
type KVSGetrootResponse struct {
	Owner     int32  `json:"owner"`
	Rootseq   int    `json:"rootseq"`
	Rootref   string `json:"rootref"`
	Flags     int    `json:"flags"`
	Namespace string `json:"namespace"`
}

// KVSWaitVersion is kvs.wait-version.
type KVSWaitVersion struct {
	Rootseq   int    `json:"rootseq"`
	Namespace string `json:"namespace"`
}

// KVSNamespaceCreate is kvs.namespace-create. Owner -1 is the instance owner;
// without Rootref the namespace is empty.
type KVSNamespaceCreate struct {
	Namespace string `json:"namespace"`
	Rootref   string `json:"rootref"`
	Owner     int64  `json:"owner"`
	Flags     int    `json:"flags"`
	// Fleeting says that whoever makes an empty namespace makes it again after
	// a restart: it is kept only when something has been put there.
	Fleeting bool `json:"fleeting,omitzero"`
}

// KVSNamespaceRemove is kvs.namespace-remove. With Rootseq, which is ours, the
// namespace is only removed as it was in that version (ESTALE), or, if that is
// negative, in whichever; and the answer is a KVSGetrootResponse of what it was.
type KVSNamespaceRemove struct {
	Namespace string `json:"namespace"`
	Rootseq   *int   `json:"rootseq,omitempty"`
}

// KVSNamespace is an entry of kvs.namespace-list.
type KVSNamespace struct {
	Namespace string `json:"namespace"`
	Owner     int32  `json:"owner"`
	Flags     int    `json:"flags"`
}

// KVSNamespaceList answers kvs.namespace-list.
type KVSNamespaceList struct {
	Namespaces []KVSNamespace `json:"namespaces"`
}

// KVSStats answers kvs.stats-get.
type KVSStats struct {
	Cache     KVSCacheStats                `json:"cache"`
	Namespace map[string]KVSNamespaceStats `json:"namespace"`
	Opcount   KVSOpcount                   `json:"transaction-opcount"`
	Pending   int                          `json:"pending_requests"`
}

// KVSCacheStats describes the tree objects in memory.
type KVSCacheStats struct {
	Total      float64   `json:"obj size total (MiB)"`
	Sizes      KVSSpread `json:"obj size (KiB)"`
	Dirty      int       `json:"#obj dirty"`
	Incomplete int       `json:"#obj incomplete"`
	Faults     int       `json:"#faults"`
}

// KVSSpread describes samples.
type KVSSpread struct {
	Count  int     `json:"count"`
	Min    int64   `json:"min"`
	Mean   float64 `json:"mean"`
	Stddev float64 `json:"stddev"`
	Max    int64   `json:"max"`
}

// KVSOpcount says how many operations transactions had.
type KVSOpcount struct {
	Commit KVSSpread `json:"commit"`
}

// KVSNamespaceStats describes a namespace.
type KVSNamespaceStats struct {
	VersionWaiters int `json:"#versionwaiters"`
	NoopStores     int `json:"#no-op stores"`
	Transactions   int `json:"#transactions"`
	Ready          int `json:"#readytransactions"`
	Revision       int `json:"store revision"`
}

// KVSVersions is kvs.versions, which stays within the leader: a stream of
// [KVSVersion], the first at once. It ends with EOPNOTSUPP when the namespace
// is removed.
type KVSVersions struct {
	Namespace string
}

// KVSVersion is a root that a namespace has got, with the keys that changed,
// normalized; nil says that any may have. Before the namespace exists Rootref
// is empty.
type KVSVersion struct {
	Owner   uint32
	Rootref string
	Rootseq int
	Keys    map[string]bool
}

// KVSView is job-info.kvs-view, which the kvs service asks for keys below
// "job" of the primary namespace that are not in its tree: jobs are records,
// and shown there. Key is what follows "job"; Flags are the lookup's. The
// answer is a [KVSViewed], or ENOENT.
type KVSView struct {
	Key   []string
	Flags int
	// Checkpoint asks for the job manager's ([JobCheckpoint]) instead.
	Checkpoint bool
}

// KVSViewed answers KVSView: an object, a place in the tree where the key
// continues, or both, for a directory that has entries in either. The place is
// the key Rest in a namespace, or below the directory that is the blob Root.
type KVSViewed struct {
	Object    treeobj.Object
	Namespace string
	Root      string
	Rest      []string
}

// KVSCancel is kvs-watch.cancel, and kvs.cancel for kvs.versions.
type KVSCancel struct {
	Matchtag uint32 `json:"matchtag"`
}

// KVSWatchStats answers kvs-watch.stats-get.
type KVSWatchStats struct {
	Watchers   int                              `json:"watchers"`
	Count      int                              `json:"namespace-count"`
	Namespaces map[string]KVSWatchNamespaceStat `json:"namespaces"`
}

// KVSWatchNamespaceStat describes a watched namespace.
type KVSWatchNamespaceStat struct {
	Owner    int32  `json:"owner"`
	Rootseq  int    `json:"rootseq"`
	Rootref  string `json:"rootref"`
	Watchers int    `json:"watchers"`
}
