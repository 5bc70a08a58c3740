/* SPDX-License-Identifier: Apache-2.0
 * tdx_world.h - a world of its own for tests: SGX root, PCK CA, PCK, quoting enclave, TCB signer
 * and their quotes and collateral, made here in whatever good or bad shape a test asks for. Nothing
 * of it is trusted by the library.
 */
#ifndef CL_TEST_TDX_WORLD_H
#define CL_TEST_TDX_WORLD_H

#include "cloister/collateral.h"
#include "tdx/tdx_internal.h"
#include "tdx_material.h"

#include <openssl/evp.h>

#define TW_TIME INT64_C(1767225600) /* all default dates are around it */
#define TW_DAY INT64_C(86400)
#define TW_MAX_LEVELS 4

enum tw_key { TW_ROOT, TW_CA, TW_PCK, TW_SIGNER, TW_ATT, TW_OTHER, TW_P384, TW_KEY_COUNT };

struct tw_cert {
    const char *cn, *issuer_cn;
    enum tw_key key, issuer_key;
    bool sha384;
    long serial;
    int64_t from, until;
    const char *basic_constraints, *key_usage; /* NULL: none */
    bool unknown_critical;
    bool sgx; /* carries the SGX extension */
};

struct tw_sgx {
    uint8_t comp_svn[16];
    uint16_t pcesvn;
    uint8_t fmspc[6], pceid[2];
    /* One member of the extension ("1", "2", "2.1" ...): left out, there twice, or with an unknown
     * OID or value in its place. */
    const char *drop, *twice, *unknown, *damaged;
    bool two_extensions, none;
};

struct tw_words {
    const char *status, *date;
    const char *advisories[3];
};
struct tw_level {
    uint8_t sgx[16], tdx[16];
    uint16_t pcesvn;
    struct tw_words words;
};
struct tw_svn_level {
    uint16_t isvsvn;
    struct tw_words words;
};

struct tw_crl {
    enum tw_key key;
    const char *issuer_cn;
    int64_t from, until;
    long revoked; /* serial, 0: none */
    bool critical;
};

struct tw {
    struct tw_cert root, ca, pck, signer;
    struct tw_sgx sgx;
    struct cl_tdx_td td;
    struct tdx_qe_report qe;
    uint16_t version; /* of the quote: 4, or 5 with a TD of TDX 1.5 */
    /* TCB Info */
    const char *tcb_issued, *tcb_next, *module_id;
    uint8_t fmspc[6], pceid[2];
    uint32_t evaluation_number;
    size_t level_count, module_level_count, qe_level_count;
    struct tw_level levels[TW_MAX_LEVELS];
    struct tw_svn_level module_levels[TW_MAX_LEVELS];
    /* QE Identity */
    const char *qe_issued, *qe_next;
    struct tw_svn_level qe_levels[TW_MAX_LEVELS];
    struct tw_crl pck_crl, root_crl;
};

/* Makes the keys; once, before any test runs. */
void tw_init(void);
/* A perfect world at TW_TIME: UpToDate, not revoked. */
void tw_default(struct tw *w);
/* Signs and encodes all of it. */
void tw_material(const struct tw *w, struct tdx_material *out);
/* As items of collateral; tcb_info false: without that one. */
void tw_store(const struct tdx_material *m, bool tcb_info, struct cl_collateral *c);
void tw_quote_bytes(const struct tw *w, struct cl_buf *out);
struct cl_tdx_quote *tw_quote(const struct tw *w);
/* The same with this PEM as its chain. */
void tw_quote_with_chain(const struct tw *w, const struct cl_buf *pem, struct cl_buf *out);
void tw_cert_pem(const struct tw *w, const struct tw_cert *c, struct cl_buf *out);
/* r || s of ECDSA P-256 with SHA-256. */
void tw_sign(enum tw_key key, const void *data, size_t len, uint8_t ret[static 64]);
/* The TDREPORT that a quote of this TD is made of. */
void tw_tdreport(const struct cl_tdx_td *td, uint8_t ret[static CL_TDX_REPORT_SIZE]);
void tw_root_digest(const struct tw *w, uint8_t ret[static CL_TDX_ROOT_SIZE]);

#endif
