/* SPDX-License-Identifier: Apache-2.0
 * filter.h - one filter of List: selectors joined by commas, as containerd's filters package takes
 * them: FIELD, FIELD==VALUE, FIELD!=VALUE, FIELD~=VALUE; parts of a field joined by dots, parts and
 * values plain or quoted.
 * Trust: hostile bytes. Threads: one. Memory: the filter's own, fixed.
 */
#ifndef SNAPSHOTTER_FILTER_H
#define SNAPSHOTTER_FILTER_H

#include "names.h"

#include "base/err.h"

#define SNAP_MAX_FILTERS 16u       /* of one List */
#define SNAP_MAX_FILTER (8u << 10) /* bytes of one */

struct snap_text {
    uint8_t data[SNAP_MAX_NAME];
    size_t len;
};

/* The one snapshot that a filter can mean: everything that is not named by it is not there. */
struct snap_match {
    struct snap_text ref;    /* the chain id; len 0: the filter means nothing that we claim */
    struct snap_text parent; /* len 0: none */
};

/* What a filter selects out of all that could be: the snapshot whose label
 * containerd.io/snapshot.ref, or whose name, it gives as a chain id, with the parent that it gives.
 * Returns CL_OK; CL_ERR_MALFORMED for what is no filter. */
CL_NODISCARD enum cl_status snap_filter_match(const uint8_t *filter, size_t len,
                                              struct snap_match *ret_m, struct cl_err *err);

#endif
