/* SPDX-License-Identifier: Apache-2.0
 * payload.c - the JSON that cosign and simple signing sign (containers-signature(5)). It is read
 * only after its signature was found good.
 */
#include "imagesig_internal.h"

#include <string.h>

#define WHAT "signature.payload"
#define CRITICAL WHAT ": critical"

static enum cl_status identity_parse(const json_t *critical, struct imagesig_claims *ret,
                                     struct cl_err *err)
{
    static const char *const keys[] = {"docker-reference", NULL};
    json_t *identity = NULL;
    const char *text = NULL;
    CL_TRY(cl_json_get_object(critical, CRITICAL, "identity", &identity, err));
    CL_TRY(cl_json_only_keys(identity, CRITICAL ": identity", keys, err));
    CL_TRY(cl_json_get_string(identity, CRITICAL ": identity", keys[0], &text, err));
    size_t len = strlen(text);
    if (len == 0 || len > CL_IMAGE_SIG_MAX_REFERENCE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          CRITICAL ": identity: docker-reference: expected 1 to %u bytes, got %zu",
                          CL_IMAGE_SIG_MAX_REFERENCE, len);
    }
    memcpy(ret->reference, text, len + 1);
    return CL_OK;
}

static enum cl_status image_parse(const json_t *critical, struct imagesig_claims *ret,
                                  struct cl_err *err)
{
    static const char *const keys[] = {"docker-manifest-digest", NULL};
    json_t *image = NULL;
    const char *text = NULL;
    CL_TRY(cl_json_get_object(critical, CRITICAL, "image", &image, err));
    CL_TRY(cl_json_only_keys(image, CRITICAL ": image", keys, err));
    CL_TRY(cl_json_get_string(image, CRITICAL ": image", keys[0], &text, err));
    enum cl_status st = cl_oci_digest_parse(text, ret->digest, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, CRITICAL ": image: %s", keys[0]);
}

static enum cl_status check_type(const json_t *critical, const char *expected, struct cl_err *err)
{
    const char *type = NULL;
    CL_TRY(cl_json_get_string(critical, CRITICAL, "type", &type, err));
    return strcmp(type, expected) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "signature.type: expected '%s', got '%.64s'",
                            expected, type);
}

enum cl_status imagesig_payload_parse(const void *data, size_t len, const char *type,
                                      struct imagesig_claims *ret, struct cl_err *err)
{
    static const char *const outer[] = {"critical", "optional", NULL};
    static const char *const inner[] = {"identity", "image", "type", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    struct imagesig_claims claims = {0};
    json_t *critical = NULL;
    if (len > CL_IMAGE_SIG_MAX_PAYLOAD) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected at most %u bytes, got %zu",
                          CL_IMAGE_SIG_MAX_PAYLOAD, len);
    }
    CL_TRY(cl_json_parse(data, len, WHAT, &j, err));
    CL_TRY(cl_json_only_keys(j, WHAT, outer, err));
    CL_TRY(cl_json_get_object(j, WHAT, "critical", &critical, err));
    CL_TRY(cl_json_only_keys(critical, CRITICAL, inner, err));
    CL_TRY(check_type(critical, type, err));
    CL_TRY(identity_parse(critical, &claims, err));
    CL_TRY(image_parse(critical, &claims, err));
    *ret = claims;
    return CL_OK;
}
