/* SPDX-License-Identifier: Apache-2.0
 * payload.h - what a version consists of: the programs and the guest of a folder with bin/ and
 * guest/, and its name, which its contents decide.
 * Trust: the operator's folder. Threads: plain values. Memory: the list's.
 */
#ifndef NODE_PAYLOAD_H
#define NODE_PAYLOAD_H

#include "journal.h"

#define NODE_VERSION_SIZE 64u

struct node_payload {
    char dir[NODE_PATH_SIZE];
    char version[NODE_VERSION_SIZE]; /* "0.1.0-1f0c8e5b2a44": of this program, and of the files */
    json_t *files;                   /* [{"path":"bin/cloister","sha256":H,"mode":M}] */
};

CL_NODISCARD enum cl_status node_payload_read(const struct node_options *o,
                                              struct node_payload *ret, struct cl_err *err);
void node_payload_done(struct node_payload *p);

#endif
