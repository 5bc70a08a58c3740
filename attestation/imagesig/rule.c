/* SPDX-License-Identifier: Apache-2.0
 * rule.c - a rule of a policy by which signatures stand for an image, and a signature against it.
 */
#include "imagesig_internal.h"

#include "base/encode.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_SIZE 192u
#define COSIGN_PAYLOAD "cosign container image signature"
#define SIMPLE_PAYLOAD "atomic container signature"

struct cl_image_rule {
    enum cl_image_sig_type type;
    char *text; /* owned: the reference as it was given */
    struct imagesig_reference reference;
    struct imagesig_identity identity;
    EVP_PKEY *keys[CL_IMAGE_SIG_MAX_KEYS]; /* owned; of a cosign rule */
    size_t key_count;
    struct openpgp_ring ring; /* of a simple-signing rule */
};

static const char *const type_names[] = {"cosign", "simple"};

const char *cl_image_sig_type_name(enum cl_image_sig_type type)
{
    return type_names[type];
}

void cl_image_rule_free(struct cl_image_rule *rule)
{
    if (rule == NULL) {
        return;
    }
    for (size_t i = 0; i < rule->key_count; i++) {
        EVP_PKEY_free(rule->keys[i]);
    }
    openpgp_ring_done(&rule->ring);
    imagesig_identity_done(&rule->identity);
    free(rule->text);
    free(rule);
}

void cl_image_rule_freep(struct cl_image_rule **rule)
{
    cl_image_rule_free(*rule);
    *rule = NULL;
}

enum cl_image_sig_type cl_image_rule_type(const struct cl_image_rule *rule)
{
    return rule->type;
}

const char *cl_image_rule_reference(const struct cl_image_rule *rule)
{
    return rule->text;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum cl_status type_parse(const json_t *j, const char *what, enum cl_image_sig_type *ret,
                                 struct cl_err *err)
{
    const char *type = NULL;
    CL_TRY(cl_json_get_string(j, what, "type", &type, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(type_names); i++) {
        if (strcmp(type_names[i], type) == 0) {
            *ret = (enum cl_image_sig_type)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: type: expected cosign or simple, got '%.32s'",
                      what, type);
}

static enum cl_status reference_parse(const json_t *j, const char *what, struct cl_image_rule *r,
                                      struct cl_err *err)
{
    char inner[WHAT_SIZE];
    const char *text = NULL;
    json_t *identity = NULL;
    CL_TRY(cl_json_get_string(j, what, "reference", &text, err));
    (void)snprintf(inner, sizeof(inner), "%.150s: reference", what);
    CL_TRY(imagesig_reference_parse(text, inner, &r->reference, err));
    r->text = strdup(text);
    if (r->text == NULL) {
        return cl_err_nomem(err, "signature rule");
    }
    CL_TRY(cl_json_get_object(j, what, "identity", &identity, err));
    (void)snprintf(inner, sizeof(inner), "%.150s: identity", what);
    return imagesig_identity_parse(identity, inner, &r->reference, &r->identity, err);
}

static enum cl_status key_parse(const json_t *j, const char *what, struct cl_image_rule *r,
                                struct cl_err *err)
{
    enum imagesig_key_kind kind;
    if (!json_is_string(j) || strlen(json_string_value(j)) != json_string_length(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a string, got another type", what);
    }
    CL_TRY(imagesig_key_from_pem(json_string_value(j), json_string_length(j), what,
                                 &r->keys[r->key_count], err));
    r->key_count++;
    return imagesig_key_kind(r->keys[r->key_count - 1], what, &kind, err);
}

static enum cl_status keys_parse(const json_t *j, const char *what, struct cl_image_rule *r,
                                 struct cl_err *err)
{
    char inner[WHAT_SIZE];
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(j, what, "keys", &list, err));
    if (json_array_size(list) == 0 || json_array_size(list) > CL_IMAGE_SIG_MAX_KEYS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: keys: expected 1 to %u, got %zu", what,
                          CL_IMAGE_SIG_MAX_KEYS, json_array_size(list));
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)snprintf(inner, sizeof(inner), "%.150s: keys[%zu]", what, i);
        CL_TRY(key_parse(json_array_get(list, i), inner, r, err));
    }
    return CL_OK;
}

static enum cl_status ring_parse(const json_t *j, const char *what, struct cl_image_rule *r,
                                 struct cl_err *err)
{
    char inner[WHAT_SIZE];
    const char *text = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_TRY(cl_json_get_string(j, what, "keyring", &text, err));
    (void)snprintf(inner, sizeof(inner), "%.150s: keyring", what);
    if (strlen(text) > CL_IMAGE_SIG_MAX_KEYRING / 3 * 4 + 4) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u bytes, got more", inner,
                          CL_IMAGE_SIG_MAX_KEYRING);
    }
    CL_TRY(cl_b64_decode(&ring, text, strlen(text), inner, err));
    return openpgp_ring_parse(ring.data, ring.len, inner, &r->ring, err);
}

static enum cl_status rule_parse(const json_t *j, const char *what, struct cl_image_rule *r,
                                 struct cl_err *err)
{
    static const char *const cosign[] = {"type", "reference", "identity", "keys", NULL};
    static const char *const simple[] = {"type", "reference", "identity", "keyring", NULL};
    CL_TRY(type_parse(j, what, &r->type, err));
    CL_TRY(cl_json_only_keys(j, what, r->type == CL_IMAGE_SIG_COSIGN ? cosign : simple, err));
    CL_TRY(reference_parse(j, what, r, err));
    return r->type == CL_IMAGE_SIG_COSIGN ? keys_parse(j, what, r, err)
                                          : ring_parse(j, what, r, err);
}

enum cl_status cl_image_rule_parse(const json_t *j, const char *what,
                                   struct cl_image_rule **ret_rule, struct cl_err *err)
{
    CL_CLEANUP(cl_image_rule_freep) struct cl_image_rule *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return cl_err_nomem(err, "signature rule");
    }
    CL_TRY(rule_parse(j, what, r, err));
    *ret_rule = CL_TAKE(r);
    return CL_OK;
}

/* --- for people ------------------------------------------------------------------------------- */

static bool add_spki(json_t *list, const EVP_PKEY *key)
{
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool good = len > 0 && cl_sha256(digest, der, (size_t)len, NULL) == CL_OK;
    OPENSSL_free(der);
    if (!good) {
        return false;
    }
    cl_hex(hex, digest, sizeof(digest));
    return json_array_append_new(list, json_string(hex)) == 0;
}

static json_t *fingerprints(const struct cl_image_rule *rule)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < rule->key_count; i++) {
        good = add_spki(list, rule->keys[i]);
    }
    for (size_t i = 0; good && i < rule->ring.count; i++) {
        char hex[2 * OPENPGP_FINGERPRINT_SIZE + 1];
        const struct openpgp_key *k = &rule->ring.keys[i];
        if (k->key != NULL && k->signs && !k->revoked) {
            cl_hex(hex, k->fingerprint, sizeof(k->fingerprint));
            good = json_array_append_new(list, json_string(hex)) == 0;
        }
    }
    if (!good) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *describe_identity(const struct imagesig_identity *i)
{
    const char *type = imagesig_match_name(i->match);
    char text[sizeof(i->other.name) + sizeof(i->other.tag) + sizeof(i->other.digest) + 2];
    switch (i->match) {
    case IMAGESIG_EXACT_REFERENCE:
    case IMAGESIG_EXACT_REPOSITORY:
        (void)snprintf(text, sizeof(text), "%s%s%s%s%s", i->other.name,
                       i->other.tag[0] != '\0' ? ":" : "", i->other.tag,
                       i->other.digest[0] != '\0' ? "@" : "", i->other.digest);
        return json_pack(
            "{s:s, s:s}", "type", type,
            i->match == IMAGESIG_EXACT_REFERENCE ? "dockerReference" : "dockerRepository", text);
    case IMAGESIG_REMAP:
        return json_pack("{s:s, s:s, s:s}", "type", type, "prefix", i->prefix, "signedPrefix",
                         i->signed_prefix);
    default:
        return json_pack("{s:s}", "type", type);
    }
}

json_t *cl_image_rule_describe(const struct cl_image_rule *rule)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "type", type_names[rule->type], "reference",
                     rule->text, "identity", describe_identity(&rule->identity), "keys",
                     fingerprints(rule));
}

/* --- a signature ------------------------------------------------------------------------------ */

/* What was signed by a key of the rule: is it about this image? */
static enum cl_status check_payload(const struct cl_image_rule *rule, const void *data, size_t len,
                                    const char *type, struct cl_image_signed *ret,
                                    struct cl_err *err)
{
    struct imagesig_claims claims;
    ret->verified = true;
    CL_TRY(imagesig_payload_parse(data, len, type, &claims, err));
    CL_TRY(imagesig_identity_check(&rule->identity, &rule->reference, claims.reference, err));
    memcpy(ret->digest, claims.digest, sizeof(ret->digest));
    return CL_OK;
}

/* Base64, in which some tools break lines. */
static enum cl_status signature_bytes(const char *text, struct cl_buf *out, struct cl_err *err)
{
    char plain[CL_IMAGE_SIG_MAX_TEXT + 1];
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            continue;
        }
        if (n == CL_IMAGE_SIG_MAX_TEXT) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "signature.format: expected at most %u bytes, got more",
                              CL_IMAGE_SIG_MAX_TEXT);
        }
        plain[n++] = *text;
    }
    return cl_b64_decode(out, plain, n, "signature.format", err);
}

static bool made_by(EVP_PKEY *key, const void *payload, size_t len,
                    const uint8_t hash[static CL_SHA256_SIZE], const struct cl_buf *sig)
{
    bool whole = EVP_PKEY_is_a(key, "ED25519") == 1;
    return imagesig_key_verifies(key, EVP_sha256(), whole ? payload : hash,
                                 whole ? len : CL_SHA256_SIZE, sig->data, sig->len);
}

enum cl_status cl_image_rule_cosign(const struct cl_image_rule *rule, const void *payload,
                                    size_t len, const char *signature, struct cl_image_signed *ret,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sig = {0};
    uint8_t hash[CL_SHA256_SIZE];
    *ret = (struct cl_image_signed){0};
    if (rule->type != CL_IMAGE_SIG_COSIGN || len > CL_IMAGE_SIG_MAX_PAYLOAD) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.type: expected %s of at most %u bytes, got cosign of %zu",
                          type_names[rule->type], CL_IMAGE_SIG_MAX_PAYLOAD, len);
    }
    CL_TRY(signature_bytes(signature, &sig, err));
    CL_TRY(cl_sha256(hash, payload, len, err));
    for (size_t i = 0; i < rule->key_count && sig.len > 0; i++) {
        if (made_by(rule->keys[i], payload, len, hash, &sig)) {
            return check_payload(rule, payload, len, COSIGN_PAYLOAD, ret, err);
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "signature.key: expected a signature by one of %zu keys of the policy, got "
                      "another",
                      rule->key_count);
}

enum cl_status cl_image_rule_simple(const struct cl_image_rule *rule, const void *data, size_t len,
                                    int64_t now, struct cl_image_signed *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf content = {0};
    *ret = (struct cl_image_signed){0};
    if (rule->type != CL_IMAGE_SIG_SIMPLE || len > CL_IMAGE_SIG_MAX_SIMPLE) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.type: expected %s of at most %u bytes, got simple of %zu",
                          type_names[rule->type], CL_IMAGE_SIG_MAX_SIMPLE, len);
    }
    CL_TRY(openpgp_message_verify(&rule->ring, data, len, now, &content, err));
    return check_payload(rule, content.data, content.len, SIMPLE_PAYLOAD, ret, err);
}
