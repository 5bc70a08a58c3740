/* SPDX-License-Identifier: Apache-2.0
 * agent.h - what host and agent say to each other (agent.proto), as plain structs, and their
 * encoding. Trust: whoever decodes distrusts the encoder. Counts are bounded by the size of a
 * frame. Threads: plain values. Memory: decoded values own what they point to; free them with
 * _done.
 */
#ifndef CL_RPC_AGENT_H
#define CL_RPC_AGENT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define CL_AGENT_SERVICE "cloister.agent.v1.Agent"
#define CL_AGENT_ID_MAX 64u     /* bytes of a container id */
#define CL_AGENT_MAX_PHASES 64u /* phases in one outcome */

/* A request to start. To send one, fill it with borrowed strings and leave `owner` NULL; a NULL
 * string counts as empty. A decoded one has no NULL strings. */
struct cl_agent_start {
    const char *container_id;
    const char *manifest; /* "sha256:<64 hex>" */
    const char *const *command;
    size_t command_count; /* 0: as the image says */
    const char *const *env;
    size_t env_count;
    const char *workdir;
    const char *user;
    bool terminal;
    bool attach_stdin;
    bool attach_stdout;
    bool attach_stderr;
    uint32_t rows;
    uint32_t cols;
    void *owner; /* memory behind a decoded request */
};

CL_NODISCARD enum cl_status cl_agent_start_encode(const struct cl_agent_start *s,
                                                  struct cl_buf *out, struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_start_parse(const void *data, size_t len,
                                                 struct cl_agent_start *ret, struct cl_err *err);
void cl_agent_start_done(struct cl_agent_start *s);

struct cl_agent_phase {
    char name[32];
    uint64_t uptime_us; /* guest CLOCK_BOOTTIME at its end */
};

/* How it ended: of failed, step and code are never empty. */
struct cl_agent_outcome {
    bool failed;
    int exit_status; /* !failed: 0 to 255 */
    char step[32];
    char code[32]; /* cl_status_name() */
    char field[64];
    char expected[256]; /* cut to fit */
    char actual[256];
    char message[CL_ERR_MSG_SIZE];
    struct cl_agent_phase phase[CL_AGENT_MAX_PHASES];
    size_t phase_count;
};

CL_NODISCARD enum cl_status cl_agent_outcome_encode(const struct cl_agent_outcome *o,
                                                    struct cl_buf *out, struct cl_err *err);
/* Text that is not printable ASCII becomes \xNN: the guest may have written anything. */
CL_NODISCARD enum cl_status cl_agent_outcome_parse(const void *data, size_t len,
                                                   struct cl_agent_outcome *ret,
                                                   struct cl_err *err);

struct cl_agent_info {
    char agent_version[32];
    char kernel_release[64];
    char tee[16];
};

CL_NODISCARD enum cl_status cl_agent_info_encode(const struct cl_agent_info *i, struct cl_buf *out,
                                                 struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_info_parse(const void *data, size_t len,
                                                struct cl_agent_info *ret, struct cl_err *err);

/* Signal {signal} and ResizeTty {rows, cols}. */
CL_NODISCARD enum cl_status cl_agent_signal_encode(uint32_t signo, struct cl_buf *out,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_signal_parse(const void *data, size_t len, uint32_t *ret_signo,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_resize_encode(uint32_t rows, uint32_t cols, struct cl_buf *out,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_resize_parse(const void *data, size_t len, uint32_t *ret_rows,
                                                  uint32_t *ret_cols, struct cl_err *err);

#endif
