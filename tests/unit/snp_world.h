/* SPDX-License-Identifier: Apache-2.0
 * snp_world.h - a world of its own for tests: root, intermediate, endorsement key and reports, made
 * here in whatever good or bad shape a test asks for. Nothing of it is trusted by the library.
 */
#ifndef CL_TEST_SNP_WORLD_H
#define CL_TEST_SNP_WORLD_H

#include "base/buf.h"
#include "cloister/snp_verify.h"

#include <openssl/evp.h>

#define WORLD_TIME INT64_C(1767225600) /* all default certificates are valid around it */
#define WORLD_MAX_EXT 16

enum world_key { WORLD_ARK, WORLD_ASK, WORLD_EK, WORLD_OTHER_RSA, WORLD_P256, WORLD_KEY_COUNT };

struct world_ext {
    const char *oid; /* tail under AMD's arc, or a whole OID that begins with '=' */
    uint8_t value[80];
    size_t len;
    bool critical;
};

enum world_signing { WORLD_PSS_384, WORLD_PSS_256, WORLD_PSS_SALT_32, WORLD_PKCS1 };

struct world_cert {
    const char *cn, *issuer_cn;
    enum world_key key, issuer_key;
    enum world_signing signing;
    int64_t from, until;
    long serial;
    const char *basic_constraints, *key_usage; /* NULL: none */
    size_t ext_count;
    struct world_ext ext[WORLD_MAX_EXT];
};

/* Makes the keys; once, before any test runs. */
void world_init(void);
/* The keys of a world in a file of PEM: for another process, or where making them takes long. */
void world_save(const char *path);
void world_load(const char *path);
EVP_PKEY *world_pkey(enum world_key key); /* borrowed */

struct world_cert world_ark(void), world_ask(void), world_vcek(void);
/* The three as AMD names them, for class snp under a root of ours (world_pinned_root()). */
struct world_chain {
    struct world_cert ek, ask, ark;
};
struct world_chain world_amd(enum cl_snp_product product, bool vlek);
/* A table for snp_verify_with_roots(): our root, as that product's. */
struct snp_root;
void world_pinned_root(enum cl_snp_product product, struct snp_root *ret_two);

/* A revocation list. */
struct world_crl {
    const char *issuer_cn;
    enum world_key issuer_key;
    enum world_signing signing;
    int64_t from, until; /* until 0: no nextUpdate */
    long serials[4];     /* those listed, ended by -1 */
    int extra_nid;       /* a delta CRL indicator, or a distribution point (critical); 0: none */
};
struct world_crl world_crl(void); /* of the root, for a year, lists nothing */
void world_crl_der(const struct world_crl *c, struct cl_buf *out);
void world_add_crl(struct cl_snp_evidence *ev, const struct world_crl *c);
/* The index of the extension with that tail; asserts that there is one. */
size_t world_ext_at(const struct world_cert *c, const char *oid);
void world_drop_ext(struct world_cert *c, const char *oid);
void world_add_ext(struct world_cert *c, const char *oid, const void *value, size_t len);
void world_cert_der(const struct world_cert *c, struct cl_buf *out);

/* The same report from another product line, and of another version. */
void world_report_of(struct cl_snp_report *r, enum cl_snp_product product, uint32_t version,
                     bool vlek);
/* A good version 3 report of a Milan part; sign with world_sign() after changing it. */
void world_report(struct cl_snp_report *r);
void world_sign(struct cl_snp_report *r, uint8_t ret_raw[static CL_SNP_REPORT_SIZE]);

/* Evidence of a signed report and three certificates (NULL: leave it out). */
struct cl_snp_evidence *world_evidence(const struct cl_snp_report *r, const struct world_cert *ek,
                                       const struct world_cert *ask, const struct world_cert *ark);

/* SPKI digest of the root's key. */
void world_root(uint8_t ret[static CL_SNP_ROOT_SIZE]);

#endif
