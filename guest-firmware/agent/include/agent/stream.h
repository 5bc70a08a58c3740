/* SPDX-License-Identifier: Apache-2.0
 * stream.h - a source of bytes that is pulled piece by piece.
 */
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct agent_stream {
    void *ctx;
    /* The next bytes, borrowed until the next call; *ret_len 0 at the end. */
    enum cl_status (*next)(void *ctx, const uint8_t **ret_data, size_t *ret_len,
                           struct cl_err *err);
};

#endif
