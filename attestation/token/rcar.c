/* SPDX-License-Identifier: Apache-2.0
 * rcar.c - RCAR runtime data: RFC 8785 text and REPORT_DATA (see cloister/rcar.h).
 * Trust: nonce and additional evidence may be hostile; the key was parsed by jwk.c.
 */
#include "cloister/rcar.h"

#include "base/digest.h"

#include <stdio.h>
#include <string.h>

enum cl_status cl_rcar_version_parse(const char *text, enum cl_rcar_version *ret_v,
                                     struct cl_err *err)
{
    static const enum cl_rcar_version versions[] = {CL_RCAR_0_4_0, CL_RCAR_0_2_0};
    for (size_t i = 0; i < CL_ARRAY_LEN(versions); i++) {
        const char *v = cl_rcar_version_text(versions[i]);
        size_t n = strlen(v);
        if (strncmp(text, v, n) == 0 &&
            (text[n] == '\0' || (text[n] == '+' && text[n + 1] != '\0'))) {
            *ret_v = versions[i];
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED, "version: expected 0.4.0 or 0.2.0, got %.32s", text);
}

const char *cl_rcar_version_text(enum cl_rcar_version v)
{
    return v == CL_RCAR_0_2_0 ? "0.2.0" : "0.4.0";
}

/* RFC 8785 3.2.2.2: the shortest escapes, lower-case hex, everything else as it is. jansson would
 * write upper-case hex. */
static enum cl_status put_string(struct cl_buf *out, const char *s, struct cl_err *err)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    CL_TRY(cl_buf_append_str(out, "\"", err));
    for (; *s != '\0'; s++) {
        const char *hit = NULL;
        for (const char *p = shorts; *p != '\0' && hit == NULL; p += 2) {
            hit = *p == *s ? p : NULL;
        }
        if (hit != NULL) {
            const char pair[2] = {'\\', hit[1]};
            CL_TRY(cl_buf_append(out, pair, sizeof(pair), err));
        } else if ((unsigned char)*s < 0x20) {
            CL_TRY(cl_buf_printf(out, err, "\\u%04x", (unsigned)(unsigned char)*s));
        } else {
            CL_TRY(cl_buf_append(out, s, 1, err));
        }
    }
    return cl_buf_append_str(out, "\"", err);
}

enum cl_status cl_rcar_runtime_text(enum cl_rcar_version v, const char *nonce,
                                    const struct cl_jwk *tee_key, const char *additional,
                                    struct cl_buf *out, struct cl_err *err)
{
    if (strlen(nonce) > CL_RCAR_MAX_NONCE || strlen(additional) > CL_RCAR_MAX_ADDITIONAL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "runtime data: nonce or additional evidence too long");
    }
    CL_CLEANUP(cl_json_decrefp) json_t *key = NULL;
    CL_TRY(cl_jwk_emit(tee_key, CL_JWK_WRAP, &key, err));
    CL_TRY(cl_buf_append_str(out, "{", err));
    if (v == CL_RCAR_0_4_0) {
        CL_TRY(cl_buf_append_str(out, "\"additional-evidence\":", err));
        CL_TRY(put_string(out, additional, err));
        CL_TRY(cl_buf_append_str(out, ",", err));
    }
    CL_TRY(cl_buf_append_str(out, "\"nonce\":", err));
    CL_TRY(put_string(out, nonce, err));
    CL_TRY(cl_buf_append_str(out, ",\"tee-pubkey\":", err));
    CL_TRY(cl_json_canonical(key, out, err)); /* ASCII, no numbers: equals RFC 8785 */
    return cl_buf_append_str(out, "}", err);
}

enum cl_status cl_rcar_report_data(enum cl_rcar_version v, const char *nonce,
                                   const struct cl_jwk *tee_key, const char *additional,
                                   uint8_t ret[static CL_RCAR_REPORT_DATA_SIZE], struct cl_err *err)
{
    uint8_t hash[CL_SHA384_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_rcar_runtime_text(v, nonce, tee_key, additional, &text, err));
    CL_TRY(cl_sha384(hash, text.data, text.len, err));
    memcpy(ret, hash, sizeof(hash));
    memset(ret + sizeof(hash), 0, CL_RCAR_REPORT_DATA_SIZE - sizeof(hash));
    return CL_OK;
}
