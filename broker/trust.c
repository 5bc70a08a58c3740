/* SPDX-License-Identifier: Apache-2.0
 * trust.c - loading what evidence is judged by (see trust.h).
 */
#include "trust.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

void cl_trust_state_done(struct cl_trust_state *s)
{
    if (s != NULL) {
        cl_verify_policy_free(s->policy);
        cl_collateral_free(s->collateral);
        cl_buf_done(&s->distrust_token);
        EVP_PKEY_free(s->distrust_key);
        *s = (struct cl_trust_state){0};
    }
}

enum cl_status cl_trust_parse_collateral(const void *data, size_t len, struct cl_collateral **ret_c,
                                         struct cl_err *err)
{
    /* allow_expired: a broker must start on what it was given; each use looks at the time. */
    static const struct cl_collateral_options options = {.allow_expired = true};
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    CL_TRY(cl_collateral_new(&c, err));
    CL_TRY(cl_collateral_add_document(c, data, len, &options, err));
    *ret_c = CL_TAKE(c);
    return CL_OK;
}

static EVP_PKEY *key_of_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static void pkey_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* The two members, without a look at the signature. */
static enum cl_status split_distrust(const void *data, size_t len, struct cl_buf *token,
                                     EVP_PKEY **ret_key, struct cl_err *err)
{
    static const char *const keys[] = {"document", "key", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *text = NULL;
    const char *pem = NULL;
    CL_TRY(cl_json_parse(data, len, "distrust", &j, err));
    CL_TRY(cl_json_only_keys(j, "distrust", keys, err));
    CL_TRY(cl_json_get_string(j, "distrust", "document", &text, err));
    CL_TRY(cl_json_get_string(j, "distrust", "key", &pem, err));
    CL_CLEANUP(pkey_freep) EVP_PKEY *key = key_of_pem(pem);
    if (key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "distrust: key: expected a public key in PEM, got something else");
    }
    CL_TRY(cl_buf_append_str(token, text, err));
    *ret_key = CL_TAKE(key);
    return CL_OK;
}

enum cl_status cl_trust_parse_distrust(const void *data, size_t len, int64_t now,
                                       struct cl_buf *ret_token, EVP_PKEY **ret_key,
                                       struct cl_distrust **ret_d, struct cl_err *err)
{
    CL_CLEANUP(pkey_freep) EVP_PKEY *key = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_TRY(split_distrust(data, len, &token, &key, err));
    CL_TRY(cl_distrust_read((const char *)token.data, token.len, key, now, ret_d, err));
    CL_TRY(cl_buf_append(ret_token, token.data, token.len, err));
    *ret_key = CL_TAKE(key);
    return CL_OK;
}

static enum cl_status load_policy(struct cl_store *store, struct cl_trust_state *s,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_trust_document_done) struct cl_trust_document d = {0};
    CL_TRY(cl_store_document_get(store, CL_TRUST_VERIFY_POLICY, &d, err));
    s->policy_version = d.version;
    return d.data.len > 0 ? cl_verify_policy_parse(d.data.data, d.data.len, &s->policy, err)
                          : cl_verify_policy_profile("default", &s->policy, err);
}

static enum cl_status load_collateral(struct cl_store *store, struct cl_trust_state *s,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_trust_document_done) struct cl_trust_document d = {0};
    CL_TRY(cl_store_document_get(store, CL_TRUST_COLLATERAL, &d, err));
    s->collateral_version = d.version;
    return d.data.len > 0 ? cl_trust_parse_collateral(d.data.data, d.data.len, &s->collateral, err)
                          : CL_OK;
}

static enum cl_status load_distrust(struct cl_store *store, struct cl_trust_state *s,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_trust_document_done) struct cl_trust_document d = {0};
    CL_TRY(cl_store_document_get(store, CL_TRUST_DISTRUST, &d, err));
    s->distrust_version = d.version;
    return d.data.len > 0
               ? split_distrust(d.data.data, d.data.len, &s->distrust_token, &s->distrust_key, err)
               : CL_OK;
}

enum cl_status cl_trust_state_load(struct cl_store *store, struct cl_trust_state *s,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_trust_state_done) struct cl_trust_state fresh = {0};
    CL_TRY(cl_store_trust_version(store, &fresh.version, err));
    CL_TRY(load_policy(store, &fresh, err));
    CL_TRY(load_collateral(store, &fresh, err));
    CL_TRY(load_distrust(store, &fresh, err));
    cl_trust_state_done(s);
    *s = fresh;
    fresh = (struct cl_trust_state){0};
    return CL_OK;
}
