/* SPDX-License-Identifier: Apache-2.0
 * limits.h - what an image may cost the guest. Each number is a refusal, not a truncation.
 */
#ifndef AGENT_LIMITS_H
#define AGENT_LIMITS_H

#include <stdint.h>

struct agent_limits {
    uint64_t max_bytes;   /* contents of all files of all layers together */
    uint64_t max_entries; /* tar entries of all layers together */
    uint32_t max_depth;   /* components of a path */
    uint32_t max_ratio;   /* plain bytes for one compressed byte, once past ratio_free */
    uint64_t ratio_free;  /* so many plain bytes of a layer are not held against the ratio */
};

#define AGENT_MAX_ENTRIES 1000000u
#define AGENT_MAX_DEPTH 128u
#define AGENT_MAX_RATIO 400u
#define AGENT_RATIO_FREE (UINT64_C(64) << 20)
#define AGENT_MAX_NAME 255u  /* bytes of a component */
#define AGENT_MAX_PATH 4095u /* bytes of a path or link target */

#endif
