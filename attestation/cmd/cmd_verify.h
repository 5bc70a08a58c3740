/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify.h - options of `cloister verify`, and the reading of the files they name.
 */
#ifndef CL_ATTESTATION_CMD_VERIFY_H
#define CL_ATTESTATION_CMD_VERIFY_H

#include "base/buf.h"
#include "cloister/snp_verify.h"

#define VERIFY_MAX_INPUTS 64u

struct verify_options {
    const char *evidence;
    const char *certs[VERIFY_MAX_INPUTS]; /* files or directories */
    size_t cert_count;
    const char *sim_root_files[VERIFY_MAX_INPUTS];
    size_t sim_root_count;
    const char *measurements[VERIFY_MAX_INPUTS];
    size_t measurement_count;
    const char *reference;
    const char *report_data, *host_data, *initdata, *time;
    const char *vmpl;
    enum cl_tee_class tee; /* NONE: auto */
    bool allow_masked_chip, authenticity_only, json, help;
};

struct verify_inputs { /* what the options came to; zeroed is fine */
    struct cl_snp_evidence *evidence;
    struct cl_snp_reference references[2 * VERIFY_MAX_INPUTS + 1];
    uint8_t sim_roots[VERIFY_MAX_INPUTS][CL_SNP_ROOT_SIZE];
    uint8_t report_data[CL_SNP_REPORT_DATA_SIZE];
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    struct cl_snp_policy policy; /* points into this struct */
};

/* Reads everything. Errors name the file or option. CL_ERR_UNAVAILABLE: a reference has expired. */
CL_NODISCARD enum cl_status verify_read_inputs(const struct verify_options *o,
                                               struct verify_inputs *in, struct cl_err *err);
void verify_inputs_done(struct verify_inputs *in);

#endif
