/* SPDX-License-Identifier: Apache-2.0
 * tdx_verify_internal.h - a verifier, one verification in progress, and the steps it consists of.
 * Trust: everything reached from here is hostile until `root_class` says which root vouches for it.
 */
#ifndef CL_ATTESTATION_TDX_VERIFY_INTERNAL_H
#define CL_ATTESTATION_TDX_VERIFY_INTERNAL_H

#include "base/buf.h"
#include "tdx/tdx_internal.h"
#include "tdx/tdx_tcb.h"
#include "verdict/verdict.h"
#include "x509/x509.h"

#include <openssl/evp.h>

/* tdx_chain.c: what holds for every link of a chain that has been looked at. */
struct tdx_chain_facts {
    bool algorithms, signatures, constraints;
    int64_t from, until; /* when all its certificates are valid */
};
enum tdx_cert_role { TDX_CERT_LEAF, TDX_CERT_CA, TDX_CERT_ROOT };
/* One certificate under its issuer (a root: itself), added to the facts so far. */
void tdx_chain_link(const X509 *x, const X509 *issuer, enum tdx_cert_role role,
                    struct tdx_chain_facts *facts);
struct tdx_chain_facts tdx_chain_facts_init(void);
/* "algorithms" or another word for the first fact that does not hold; NULL when all do. */
const char *tdx_chain_broken(const struct tdx_chain_facts *facts);

/* One piece of collateral, judged once. */
struct tdx_issuer {
    struct cl_x509_chain chain; /* issuer, root */
    struct tdx_chain_facts facts;
    uint8_t root_spki[CL_TDX_ROOT_SIZE];
    bool good; /* names and facts hold: only the root and the time are left to ask */
};

/* tdx_platforms.c: what a quote brings that does not change from quote to quote of one platform. */
struct tdx_known {
    X509 *certs[3]; /* PCK, CA, root; owned */
    struct tdx_chain_facts facts;
    uint8_t root_spki[CL_TDX_ROOT_SIZE];
    struct tdx_pck_extension ext;
    uint8_t att_key[TDX_POINT_SIZE];
    EVP_PKEY *att_pkey; /* owned */
};
void tdx_known_done(struct tdx_known *k); /* zeroed is fine */
struct tdx_platforms;                     /* opaque */
CL_NODISCARD enum cl_status tdx_platforms_new(struct tdx_platforms **ret_p, struct cl_err *err);
void tdx_platforms_free(struct tdx_platforms *p);
/* True with references of its own when chain and attestation key of the quote were met before. */
bool tdx_platforms_find(struct tdx_platforms *p, const struct cl_tdx_quote *q,
                        struct tdx_known *ret_known);
/* Only for a quote that turned out authentic. Takes references of its own. */
void tdx_platforms_add(struct tdx_platforms *p, const struct cl_tdx_quote *q,
                       const struct tdx_known *known);

struct cl_tdx_verifier {
    struct tdx_platforms *platforms;
    struct cl_verify_result *checks; /* of collateral alone: repeated in each result */
    struct tdx_issuer tcb_issuer, qe_issuer, crl_issuer;
    bool tcb_given, qe_given, pck_crl_given, root_crl_given;
    /* NULL unless present and good */
    struct tdx_tcb_info *tcb_info;
    struct tdx_qe_identity *qe_identity;
    X509_CRL *pck_crl, *root_crl;
    int64_t pck_crl_from, pck_crl_until, root_crl_from, root_crl_until;
    uint8_t root_crl_spki[CL_TDX_ROOT_SIZE]; /* of the key that signed it */
};

struct tdx_ctx {
    const struct cl_tdx_verifier *v; /* NULL: no collateral */
    const struct cl_tdx_quote *quote;
    const struct cl_tdx_policy *policy;
    struct cl_tdx_rules rules; /* those for the class; its lists are borrowed */
    struct cl_verify_result *result;
    struct tdx_known known; /* of the quote's chain; certs are NULL when it could not be read */
    bool met;               /* `known` is of an earlier quote */
    bool ext_good;
    enum cl_tee_class root_class; /* of the root found; trusted only with authentic == CL_YES */
    bool tcb_trusted, qe_trusted; /* that collateral is genuine and speaks of this platform */
    int64_t lapsed; /* the earliest date of a level that is not UpToDate: grace counts from it */
    struct cl_tdx_tcb tcb;
};

/* tdx_roots.c */
const uint8_t *tdx_pinned_root(void); /* CL_TDX_ROOT_SIZE bytes */

/* tdx_signature.c: ECDSA P-256 with SHA-256, r || s. */
bool tdx_signed_by(EVP_PKEY *key, const void *data, size_t len,
                   const uint8_t signature[static TDX_SIG_SIZE]);

/* tdx_pck_chain.c: steps 2 and 5, its certificates. */
CL_NODISCARD enum cl_status tdx_check_pck_chain(struct tdx_ctx *c, struct cl_err *err);
void tdx_check_pck_revocation(struct tdx_ctx *c);

/* tdx_qe.c: steps 5 and 6. */
CL_NODISCARD enum cl_status tdx_check_signatures(struct tdx_ctx *c, struct cl_err *err);
void tdx_check_qe_identity(struct tdx_ctx *c);

/* tdx_collateral_checks.c: step 3, what depends on time, root and quote. */
void tdx_check_collateral(struct tdx_ctx *c);

/* tdx_tcb_checks.c: steps 4 and 7 to 12. */
void tdx_check_tcb(struct tdx_ctx *c);

/* tdx_td_checks.c: what policy says of the TD (tdx.md a.11). tdx_check_measurement: true when
 * something trusted was compared. */
void tdx_check_td(struct tdx_ctx *c);
bool tdx_check_measurement(struct tdx_ctx *c);
CL_NODISCARD enum cl_status tdx_check_event_log(struct tdx_ctx *c, struct cl_err *err);

/* Unknown; or skipped, when the policy does without collateral and none was given. */
void tdx_miss_collateral(struct tdx_ctx *c, const char *id, const char *why, bool given);

#endif
