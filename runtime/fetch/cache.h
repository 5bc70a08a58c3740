/* SPDX-License-Identifier: Apache-2.0
 * cache.h - the node's blobs, as they came from their registries: `DIR/sha256/<hex>`, each under
 * that name only after its digest was right, and `DIR/partial/<hex>-<size>` while it comes.
 * Trust: the folder is root's alone; a disk may rot, so a blob is hashed again before it is handed
 *        out. What is in the blobs is nobody's secret here: layers of encrypted images stay so.
 * Threads: processes share a cache: whoever holds an exclusive lock on a partial file downloads it,
 *        whoever holds a shared lock on a blob keeps it from being evicted. Locks are flock(2)'s
 *        and go with their process, however that ends.
 * Memory: one buffer of 64 KiB; the list of what is there while room is made.
 */
#ifndef FETCH_CACHE_H
#define FETCH_CACHE_H

#include "base/digest.h"

#include <stdbool.h>

#define FETCH_CACHE_MAX_ENTRIES 65536u

struct fetch_cache {
    char dir[3800];
    uint64_t limit; /* bytes of all blobs, partial ones counted whole */
};

/* One blob on its way in. */
struct fetch_partial {
    const struct fetch_cache *cache;
    uint8_t digest[CL_SHA256_SIZE];
    uint64_t size;
    uint64_t have; /* bytes in the file, all of them in `sha` */
    struct cl_sha256_ctx *sha;
    int fd; /* exclusively locked; -1: none */
    char path[4096];
};

/* Makes the folders, mode 0700. */
CL_NODISCARD enum cl_status fetch_cache_open(const char *dir, uint64_t limit,
                                             struct fetch_cache *ret, struct cl_err *err);
/* A blob, hashed: *ret_fd is at its beginning, holds a shared lock, and is the caller's; -1 when
 * there is none. One whose size or digest is wrong is removed, with a warning. It counts as used
 * now. size: UINT64_MAX when it is not known. */
CL_NODISCARD enum cl_status fetch_cache_find(const struct fetch_cache *c,
                                             const uint8_t digest[static CL_SHA256_SIZE],
                                             uint64_t size, int *ret_fd, struct cl_err *err);
/* Begins a blob, or goes on with what an earlier process has left of it, after its room was made.
 * Waits while another process brings it: then *ret_fd may be that blob as above, and ret is empty
 * (fd -1). CL_ERR_REJECTED "cache '<dir>': ..." when it does not fit. */
CL_NODISCARD enum cl_status fetch_cache_begin(const struct fetch_cache *c,
                                              const uint8_t digest[static CL_SHA256_SIZE],
                                              uint64_t size, struct fetch_partial *ret, int *ret_fd,
                                              struct cl_err *err);
/* CL_ERR_SYS "cache '<dir>': ..." when the disk is full though all that may go is evicted. */
CL_NODISCARD enum cl_status fetch_partial_write(struct fetch_partial *p, const uint8_t *data,
                                                size_t len, struct cl_err *err);
CL_NODISCARD enum cl_status fetch_partial_restart(struct fetch_partial *p, struct cl_err *err);
/* All bytes are there: checks the digest and gives the blob its name; *ret_fd as above. A wrong
 * digest is CL_ERR_REJECTED and begins anew (have == 0). */
CL_NODISCARD enum cl_status fetch_partial_commit(struct fetch_partial *p, int *ret_fd,
                                                 struct cl_err *err);
/* What is there stays for the next time; with `drop` it does not. */
void fetch_partial_done(struct fetch_partial *p, bool drop);
/* A small blob whose digest was checked. */
CL_NODISCARD enum cl_status fetch_cache_put(const struct fetch_cache *c,
                                            const uint8_t digest[static CL_SHA256_SIZE],
                                            const void *data, size_t len, int *ret_fd,
                                            struct cl_err *err);

/* Evicts what was used longest ago and is not in use, until `need` more bytes are within the limit
 * (evict.c). `keep`: a file's name that stays; NULL. CL_ERR_REJECTED when they do not fit. */
CL_NODISCARD enum cl_status fetch_cache_make_room(const struct fetch_cache *c, uint64_t need,
                                                  const char *keep, struct cl_err *err);
/* The same until so many bytes of disk came free, or nothing more can go. Returns the bytes. */
uint64_t fetch_cache_evict(const struct fetch_cache *c, uint64_t bytes, const char *keep);

#endif
