/* SPDX-License-Identifier: Apache-2.0
 * files.h - reads a file or a folder of the host into the messages that carry it into the guest
 * (configMap, secret, projected, downwardAPI, hosts, resolv.conf; containerd-shim.md 6).
 * Trust: the folder belongs to kubelet, its contents to whoever may make such objects: bounded,
 * read without leaving the folder, and what is no file, folder or link inside is refused.
 * Threads: no shared state. Memory: SHIM_FILES_MAX_SIZE bytes of contents.
 */
#ifndef SHIM_FILES_H
#define SHIM_FILES_H

#include "base/err.h"

#include "pod.pb-c.h"

#define SHIM_FILES_MAX 4096u            /* entries, each piece of a large file being one */
#define SHIM_FILES_MAX_DEPTH 8u         /* components of a path */
#define SHIM_FILES_MAX_SIZE (16u << 20) /* bytes, all files together */
#define SHIM_FILES_PIECE (160u << 10)   /* bytes of contents of one entry */
#define SHIM_FILES_MESSAGE (200u << 10) /* bytes of a PutFiles, encoded */

struct shim_files {
    Cloister__Pod__V1__File *file; /* paths, contents and links are owned */
    size_t count;
    size_t size; /* bytes of contents */
};

/* A folder: what is in it, links as links; one that kubelet swaps ("..data") is read at one moment:
 * what "..data" points to, as if it were the folder. A file: itself, under its last name. A file
 * above SHIM_FILES_PIECE is several entries, with rising `offset`.
 * CL_ERR_SYS; CL_ERR_REJECTED for what cannot be copied or is too much; CL_ERR_UNAVAILABLE when it
 * was swapped again and again. */
CL_NODISCARD enum cl_status shim_files_read(const char *path, struct shim_files *ret,
                                            struct cl_err *err);
void shim_files_done(struct shim_files *f); /* zeroed is fine */

/* How many entries from `from` on go into one PutFiles of SHIM_FILES_MESSAGE bytes: at least one,
 * when one is left. */
size_t shim_files_piece(const struct shim_files *f, size_t from);

#endif
