/* SPDX-License-Identifier: Apache-2.0
 * files.h - reads a file or a folder of the host into the messages that carry it into the guest
 * (configMap, secret, projected, downwardAPI, hosts, resolv.conf).
 * Trust: the folder belongs to kubelet, its contents to whoever may make such objects: bounded, no
 * link leads out of it, devices and sockets are refused. Threads: no shared state.
 * Memory: SHIM_FILES_MAX_SIZE bytes of contents.
 */
#ifndef SHIM_FILES_H
#define SHIM_FILES_H

#include "base/err.h"

#include "pod.pb-c.h"
#include "rpc/ttrpc.h"

#define SHIM_FILES_MAX 1024u
#define SHIM_FILES_MAX_DEPTH 8u
#define SHIM_FILES_MAX_SIZE (4u << 20)                   /* bytes, all files together */
#define SHIM_FILES_MAX_FILE (CL_TTRPC_MAX_FRAME - 8192u) /* bytes; one goes in one message */

struct shim_files {
    Cloister__Pod__V1__File *file; /* paths and contents are owned */
    size_t count;
    size_t size; /* bytes of contents */
};

/* A folder: the files in it, links followed, all of one moment of kubelet's. A file: itself, under
 * its last name.
 * CL_ERR_SYS, CL_ERR_REJECTED for what cannot be copied or is too much. */
CL_NODISCARD enum cl_status shim_files_read(const char *path, struct shim_files *ret,
                                            struct cl_err *err);
void shim_files_done(struct shim_files *f); /* zeroed is fine */

#endif
