/* SPDX-License-Identifier: Apache-2.0
 * evidence_sources.h - the places where `cloister evidence` looks, in order, and the JSON of what
 * each gives.
 */
#ifndef CL_ATTESTATION_EVIDENCE_SOURCES_H
#define CL_ATTESTATION_EVIDENCE_SOURCES_H

#include "cloister/gather.h"

#include <jansson.h>

struct evidence_request { /* zeroed is fine */
    uint8_t report_data[CL_REPORT_DATA_SIZE];
    size_t report_data_len; /* as given; the rest is zeros */
    bool user_data;         /* this and the next: only a paravisor's TPM is asked */
    struct cl_buf td_quote; /* owned; empty when there is none */
};
void evidence_request_done(struct evidence_request *r);

struct evidence_found {  /* zeroed is fine */
    json_t *json;        /* owned */
    const char *missing; /* what it takes to make this evidence, and who has it; NULL: it is */
    const char *hint;
};
void evidence_found_done(struct evidence_found *f);

/* Asks the first source that is there. CL_ERR_UNAVAILABLE when none is. */
CL_NODISCARD enum cl_status evidence_gather(const struct evidence_request *r,
                                            struct evidence_found *ret_f, struct cl_err *err);
/* --td-quote: a quote, or the metadata service's {"quote": "<base64url>"}. */
CL_NODISCARD enum cl_status evidence_read_td_quote(const char *path, struct cl_buf *out,
                                                   struct cl_err *err);
/* A TDREPORT beside the evidence that lacks its quote, as the metadata service takes it, and what
 * to do with it. */
CL_NODISCARD enum cl_status evidence_of_tdreport(const uint8_t *tdreport,
                                                 struct evidence_found *ret_f, struct cl_err *err);
/* Of a paravisor's TPM: the evidence, or its parts with the TDREPORT to make a quote of. */
CL_NODISCARD enum cl_status evidence_of_parts(const struct cl_vtpm_parts *p,
                                              struct evidence_found *ret_f, struct cl_err *err);

#endif
