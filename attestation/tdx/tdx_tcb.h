/* SPDX-License-Identifier: Apache-2.0
 * tdx_tcb.h - Intel's TCB Info and QE Identity, decoded, and the judgement of a platform by them.
 * Trust: documents are hostile until their signature has verified; decoding comes after that.
 * Threads: pure; decoded documents are immutable.
 */
#ifndef CL_ATTESTATION_TDX_TCB_H
#define CL_ATTESTATION_TDX_TCB_H

#include "cloister/tdx_verify.h"

#define TDX_MAX_LEVELS 64u
#define TDX_MAX_MODULES 16u

struct tdx_level_words { /* what each level says of itself */
    enum cl_tdx_tcb_status status;
    int64_t date;
    const json_t *advisories; /* borrowed from the document; NULL: none */
};

struct tdx_platform_level {
    uint8_t sgx[CL_TDX_SVN_SIZE];
    uint8_t tdx[CL_TDX_SVN_SIZE];
    uint16_t pcesvn;
    struct tdx_level_words words;
};

struct tdx_svn_level { /* of a TDX module or a quoting enclave */
    uint16_t isvsvn;
    struct tdx_level_words words;
};

struct tdx_module {
    uint8_t version; /* 3 for "TDX_03" */
    uint8_t mrsigner[CL_TDX_MR_SIZE];
    uint8_t attributes[8], attributes_mask[8];
    size_t level_count;
    struct tdx_svn_level levels[TDX_MAX_LEVELS]; /* highest first */
};

struct tdx_document { /* what both have in common */
    json_t *json;     /* owned */
    int64_t issued, next_update;
    uint32_t evaluation_number;
};

struct tdx_tcb_info {
    struct tdx_document doc;
    uint8_t fmspc[CL_TDX_FMSPC_SIZE];
    uint8_t pceid[CL_TDX_PCEID_SIZE];
    struct tdx_module module_v0; /* tdxModule: modules of major version 0; no levels */
    size_t module_count;
    struct tdx_module modules[TDX_MAX_MODULES];
    size_t level_count;
    struct tdx_platform_level levels[TDX_MAX_LEVELS]; /* highest first */
};

struct tdx_qe_identity {
    struct tdx_document doc;
    uint8_t miscselect[4], miscselect_mask[4];
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t isvprodid;
    size_t level_count;
    struct tdx_svn_level levels[TDX_MAX_LEVELS]; /* highest first */
};

/* tdx_tcb_info.c, tdx_qe_identity.c: from the signed bytes. Freed with the _free functions. */
CL_NODISCARD enum cl_status tdx_tcb_info_parse(const uint8_t *body, size_t len,
                                               struct tdx_tcb_info **ret_info, struct cl_err *err);
void tdx_tcb_info_free(struct tdx_tcb_info *info);
void tdx_tcb_info_freep(struct tdx_tcb_info **info);
CL_NODISCARD enum cl_status tdx_qe_identity_parse(const uint8_t *body, size_t len,
                                                  struct tdx_qe_identity **ret_id,
                                                  struct cl_err *err);
void tdx_qe_identity_free(struct tdx_qe_identity *id);
void tdx_qe_identity_freep(struct tdx_qe_identity **id);

/* tdx_document.c: the members that both documents share. */
CL_NODISCARD enum cl_status tdx_document_parse(const uint8_t *body, size_t len, const char *what,
                                               const char *id, int64_t version,
                                               struct tdx_document *ret_doc, struct cl_err *err);
CL_NODISCARD enum cl_status tdx_get_hex(const json_t *obj, const char *what, const char *key,
                                        uint8_t *ret, size_t n, struct cl_err *err);
CL_NODISCARD enum cl_status tdx_get_words(const json_t *level, const char *what,
                                          struct tdx_level_words *ret, struct cl_err *err);
/* Levels with one isvsvn each, sorted. */
CL_NODISCARD enum cl_status tdx_get_svn_levels(const json_t *obj, const char *what,
                                               struct tdx_svn_level levels[static TDX_MAX_LEVELS],
                                               size_t *ret_count, struct cl_err *err);

/* tdx_tcb.c */

/* What is judged. */
struct tdx_svns {
    uint8_t comp_svn[CL_TDX_SVN_SIZE]; /* of the PCK certificate */
    uint16_t pcesvn;
    uint8_t tee_tcb_svn[CL_TDX_SVN_SIZE];
    uint8_t tee_tcb_svn2[CL_TDX_SVN_SIZE];
    bool tdx15;
    uint16_t qe_isvsvn;
};

struct tdx_judgement { /* NULL: no level matches, or none is needed (module version 0) */
    const struct tdx_platform_level *sgx; /* matches as an SGX platform */
    const struct tdx_platform_level *platform;
    const struct tdx_module *module; /* the identity that speaks of the module; NULL: none */
    const struct tdx_svn_level *module_level; /* NULL for module version 0 */
    const struct tdx_svn_level *qe_level;
    enum cl_tdx_tcb_status status;
};

/* The module identity for a major version, or NULL. */
const struct tdx_module *tdx_find_module(const struct tdx_tcb_info *info, uint8_t version);
/* Steps 7 to 11 of tdx.md a.10. id may be NULL: then the QE is not judged. */
void tdx_judge(const struct tdx_tcb_info *info, const struct tdx_qe_identity *id,
               const struct tdx_svns *svns, struct tdx_judgement *ret_j);

#endif
