/* SPDX-License-Identifier: Apache-2.0
 * cgroup.h - the pod's cgroup: a leaf of our own below it holds the shim and all that the shim
 * starts, so that the pod's limit and overhead hold for them (containerd-shim.md 5). cgroup v1 (in
 * each of its hierarchies), v2, and both beside each other.
 * Trust: the path comes from the specification: it cannot lead out of the cgroup file systems.
 * Threads: moves the process, all threads. Memory: paths.
 */
#ifndef SHIM_CGROUP_H
#define SHIM_CGROUP_H

#include "base/err.h"

#define SHIM_CGROUP_ROOT "/sys/fs/cgroup"
#define SHIM_CGROUP_SELF "/proc/self/cgroup"
#define SHIM_CGROUP_MAX 16u /* hierarchies */

struct shim_cgroup; /* where we are; opaque */

/* path: linux.cgroupsPath, "/kubepods/burstable/pod1/abc" or "kubepods-burstable-pod1.slice:cri-
 * containerd:abc"; the pod's cgroup is its parent. Where that is not there, nothing happens in that
 * hierarchy; *ret is NULL when it is nowhere. id names the leaf. root, self: the two paths above,
 * others in tests. CL_ERR_MALFORMED for a path that has no such form. */
CL_NODISCARD enum cl_status shim_cgroup_enter(const char *root, const char *self, const char *path,
                                              const char *id, struct shim_cgroup **ret,
                                              struct cl_err *err);
/* Goes back to where we were, and takes the leaves away. NULL is fine. */
void shim_cgroup_leave(struct shim_cgroup *g);
/* The leaves, borrowed; returns how many. g NULL: none. */
size_t shim_cgroup_folders(const struct shim_cgroup *g, const char *ret[SHIM_CGROUP_MAX]);
/* "<parent>" of a path, below a hierarchy's mount: what is entered. ret holds `size` bytes. */
CL_NODISCARD enum cl_status shim_cgroup_parent(const char *path, char *ret, size_t size,
                                               struct cl_err *err);

#endif
