/* SPDX-License-Identifier: Apache-2.0
 * snp_report.h - the ATTESTATION_REPORT of SEV-SNP: decode, encode, name its claims.
 * Trust: the bytes are hostile; decoding believes nothing, it only gives names to bytes.
 * Threads: pure functions. Memory: the caller's struct.
 * Spec: AMD 56860 (SNP ABI), ATTESTATION_REPORT.
 */
#ifndef CLOISTER_SNP_REPORT_H
#define CLOISTER_SNP_REPORT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_SNP_REPORT_SIZE 1184u
#define CL_SNP_SIGNED_SIZE 672u /* bytes 0x000..0x29F */
#define CL_SNP_MEASUREMENT_SIZE 48u
#define CL_SNP_REPORT_DATA_SIZE 64u
#define CL_SNP_HOST_DATA_SIZE 32u
#define CL_SNP_CHIP_ID_SIZE 64u
#define CL_SNP_SIG_PART_SIZE 72u

enum cl_snp_product {
    CL_SNP_PRODUCT_UNKNOWN = 0,
    CL_SNP_PRODUCT_MILAN,
    CL_SNP_PRODUCT_GENOA, /* Bergamo and Siena too */
    CL_SNP_PRODUCT_TURIN,
    CL_SNP_PRODUCT_COUNT,
};

/* A TCB_VERSION by component. has_fmc marks Turin's layout of the 8 bytes. */
struct cl_snp_tcb {
    bool has_fmc;
    uint8_t fmc;
    uint8_t bootloader;
    uint8_t tee;
    uint8_t snp;
    uint8_t microcode;
};

struct cl_snp_fw_version {
    uint8_t major, minor, build;
};

struct cl_snp_report {
    uint8_t raw[CL_SNP_REPORT_SIZE]; /* exactly what came in; the signature is checked over this */
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy;
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t vmpl;
    uint32_t signature_algo;
    uint8_t current_tcb[8]; /* raw: the layout depends on the product */
    uint64_t platform_info;
    uint32_t key_info;
    uint8_t report_data[CL_SNP_REPORT_DATA_SIZE];
    uint8_t measurement[CL_SNP_MEASUREMENT_SIZE];
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    uint8_t id_key_digest[48];
    uint8_t author_key_digest[48];
    uint8_t report_id[32];
    uint8_t report_id_ma[32];
    uint8_t reported_tcb[8];
    uint8_t cpuid_fam_id, cpuid_mod_id, cpuid_step; /* version 3 and later */
    uint8_t chip_id[CL_SNP_CHIP_ID_SIZE];
    uint8_t committed_tcb[8];
    struct cl_snp_fw_version current;
    struct cl_snp_fw_version committed;
    uint8_t launch_tcb[8];
    uint64_t launch_mit_vector, current_mit_vector; /* version 5 and later */
    uint8_t signature_r[CL_SNP_SIG_PART_SIZE];      /* little-endian */
    uint8_t signature_s[CL_SNP_SIG_PART_SIZE];
};

/* Gives names to exactly CL_SNP_REPORT_SIZE bytes. No field is judged: that is verification.
 * Returns CL_OK, CL_ERR_TRUNCATED or CL_ERR_MALFORMED (too long). */
CL_NODISCARD enum cl_status cl_snp_report_decode(const uint8_t *data, size_t len,
                                                 struct cl_snp_report *ret_r, struct cl_err *err);

/* The other direction: from the named fields (not from `raw`) to bytes, every reserved byte zero.
 */
void cl_snp_report_encode(const struct cl_snp_report *r, uint8_t ret[static CL_SNP_REPORT_SIZE]);

/* True when a reserved byte is set that a report of this version may not set; *ret_offset is the
 * first. The bytes behind the signature count. */
bool cl_snp_report_reserved_set(const struct cl_snp_report *r, size_t *ret_offset);

/* From family and model; UNKNOWN for a pair that no rule covers. */
enum cl_snp_product cl_snp_product_from_fms(uint8_t family, uint8_t model);
const char *cl_snp_product_name(enum cl_snp_product p); /* "milan", ...; NULL for UNKNOWN */

/* Component by component; `turin` chooses the layout. */
struct cl_snp_tcb cl_snp_tcb_decode(const uint8_t raw[static 8], bool turin);
void cl_snp_tcb_encode(const struct cl_snp_tcb *tcb, uint8_t ret[static 8]);
/* Every component of a is at least that of b. */
bool cl_snp_tcb_at_least(const struct cl_snp_tcb *a, const struct cl_snp_tcb *b);
bool cl_snp_tcb_equal(const struct cl_snp_tcb *a, const struct cl_snp_tcb *b);
#define CL_SNP_TCB_TEXT_SIZE 80u
/* "bootloader=4 tee=0 snp=24 microcode=219" */
void cl_snp_tcb_format(const struct cl_snp_tcb *tcb, char ret[static CL_SNP_TCB_TEXT_SIZE]);

/* Every decoded field under its specification name (cli.md): hex strings, TCBs as objects. */
CL_NODISCARD enum cl_status cl_snp_report_claims(const struct cl_snp_report *r,
                                                 enum cl_snp_product product, json_t **ret_claims,
                                                 struct cl_err *err);

#endif
