/* SPDX-License-Identifier: Apache-2.0
 * fuzz_cosign.c - what a host brings as cosign's signatures: the manifest; and, behind a zero byte,
 * a payload with the text of a signature behind another zero byte. The key is one whose private
 * half nobody has, so that nothing may ever verify; references and rules are read from the payload,
 * too.
 */
#include "cloister/image_signature.h"

#include "imagesig/imagesig_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY                                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoxkZJMG+MRuAmXEba50735RBDa2t\n"                           \
    "dny2PCGALK7bcMn5u/5Z3XSbp2gBBqruBvilQYMbKzIouDcGDSCMXGuZ/g==\n"                               \
    "-----END PUBLIC KEY-----\n"

static const struct cl_image_rule *fixed_rule(void)
{
    static struct cl_image_rule *rule;
    if (rule == NULL) {
        json_t *j =
            json_pack("{s:s, s:s, s:{s:s}, s:[s]}", "type", "cosign", "reference",
                      "registry.example/app:1", "identity", "type", "matchRepository", "keys", KEY);
        if (cl_image_rule_parse(j, "rule", &rule, NULL) != CL_OK) {
            abort();
        }
        json_decref(j);
    }
    return rule;
}

static void read_manifest(const uint8_t *data, size_t len)
{
    struct cl_cosign_manifest m = {0};
    if (cl_cosign_manifest_parse(data, len, &m, NULL) == CL_OK) {
        for (size_t i = 0; i < m.count; i++) {
            if (m.layers[i].size == 0 || m.layers[i].size > CL_IMAGE_SIG_MAX_PAYLOAD ||
                strlen(m.layers[i].signature) > CL_IMAGE_SIG_MAX_TEXT) {
                abort();
            }
        }
    }
    cl_cosign_manifest_done(&m);
}

/* What is in a payload that somebody signed. */
static void read_claims(const uint8_t *data, size_t len)
{
    struct imagesig_claims claims;
    struct imagesig_reference ours;
    struct imagesig_reference theirs;
    struct imagesig_identity identity = {.match = IMAGESIG_REPOSITORY};
    if (imagesig_payload_parse(data, len, "cosign container image signature", &claims, NULL) !=
            CL_OK ||
        imagesig_reference_parse("registry.example/app:1", "ours", &ours, NULL) != CL_OK) {
        return;
    }
    bool good = imagesig_identity_check(&identity, &ours, claims.reference, NULL) == CL_OK;
    bool same = imagesig_reference_parse(claims.reference, "theirs", &theirs, NULL) == CL_OK &&
                strcmp(theirs.name, ours.name) == 0;
    if (good != same) {
        abort();
    }
}

static void read_rule(const uint8_t *data, size_t len)
{
    json_t *j = NULL;
    struct cl_image_rule *rule = NULL;
    if (cl_json_parse(data, len, "rule", &j, NULL) == CL_OK &&
        cl_image_rule_parse(j, "rule", &rule, NULL) == CL_OK) {
        json_decref(cl_image_rule_describe(rule));
    }
    cl_image_rule_free(rule);
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t len = zero != NULL ? (size_t)(zero - data) : size;
    struct cl_image_signed s;
    read_manifest(data, len);
    read_rule(data, len);
    if (zero == NULL) {
        return 0;
    }
    const uint8_t *payload = zero + 1;
    size_t rest = size - len - 1;
    const uint8_t *end = rest > 0 ? memchr(payload, '\0', rest) : NULL;
    size_t payload_len = end != NULL ? (size_t)(end - payload) : rest;
    char *text =
        strndup(end != NULL ? (const char *)end + 1 : "", end != NULL ? rest - payload_len - 1 : 0);
    read_claims(payload, payload_len);
    if (text == NULL ||
        cl_image_rule_cosign(fixed_rule(), payload, payload_len, text, &s, NULL) == CL_OK) {
        abort();
    }
    free(text);
    return 0;
}
