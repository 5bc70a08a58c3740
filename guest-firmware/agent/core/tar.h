/* SPDX-License-Identifier: Apache-2.0
 * tar.h - reads a tar archive as a stream: ustar, pax and GNU headers, as image builders write
 * them. Names are bytes and stay what they are. Trust: every byte is hostile. What is not
 * understood is an error, never skipped: sparse files, volume headers, global pax records other
 * than comments. Threads: one. Memory: one pax header (at most AGENT_TAR_MAX_PAX).
 */
#ifndef AGENT_TAR_H
#define AGENT_TAR_H

#include "agent/limits.h"
#include "agent/stream.h"
#include "base/buf.h"

#include <stdbool.h>
#include <time.h>

#define AGENT_TAR_MAX_PAX (256u << 10)
#define AGENT_TAR_MAX_CAPABILITY 64u /* bytes of security.capability; version 3 has 24 */
#define AGENT_TAR_BLOCK 512u

enum agent_tar_type {
    AGENT_TAR_FILE,
    AGENT_TAR_HARDLINK,
    AGENT_TAR_SYMLINK,
    AGENT_TAR_CHAR,
    AGENT_TAR_BLOCKDEV,
    AGENT_TAR_DIR,
    AGENT_TAR_FIFO,
};

struct agent_tar_entry {
    enum agent_tar_type type;
    char path[AGENT_MAX_PATH + 1];
    char link[AGENT_MAX_PATH + 1]; /* of links */
    uint64_t size;                 /* of files; 0 for all others */
    uint32_t mode;                 /* permissions, setuid, setgid, sticky */
    uint32_t uid;
    uint32_t gid;
    uint32_t devmajor;
    uint32_t devminor;
    struct timespec mtime;
    uint8_t capability[AGENT_TAR_MAX_CAPABILITY]; /* security.capability */
    size_t capability_len;                        /* 0: none */
};

struct agent_tar {
    const struct agent_stream *in; /* borrowed */
    const uint8_t *have;           /* read and not yet used */
    size_t have_len;
    uint64_t left;    /* bytes of the entry's data that were not read */
    uint64_t padding; /* behind them */
    struct cl_buf pax;
    struct agent_tar_entry entry;
};

void agent_tar_init(struct agent_tar *t, const struct agent_stream *in);
void agent_tar_done(struct agent_tar *t);
/* The next entry, borrowed until the next call; *ret_entry NULL at the archive's end. What was not
 * read of the last one's data is skipped. */
CL_NODISCARD enum cl_status
agent_tar_next(struct agent_tar *t, const struct agent_tar_entry **ret_entry, struct cl_err *err);
/* The next piece of the entry's data; *ret_len 0 at its end. */
CL_NODISCARD enum cl_status agent_tar_data(struct agent_tar *t, const uint8_t **ret_data,
                                           size_t *ret_len, struct cl_err *err);

#endif
