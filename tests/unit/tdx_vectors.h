/* SPDX-License-Identifier: Apache-2.0
 * tdx_vectors.h - real TDX quotes and collateral for tests: the collateral's parts of several files
 * put together into what the verifier takes.
 */
#ifndef CL_TEST_TDX_VECTORS_H
#define CL_TEST_TDX_VECTORS_H

#include "base/json.h"
#include "shared_vectors.h"
#include "tdx_material.h"

#include <string.h>

static inline void tdx_load(const char *name, struct cl_buf *out)
{
    char path[1024];
    shared_path(path, "tdx/%s", name);
    read_whole(path, out);
}

/* Everything of a QuoteCollateralV3 document. */
static inline void tdx_load_collateral(const char *name, struct tdx_material *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    tdx_load(name, &raw);
    ck_assert_int_eq(cl_json_parse(raw.data, raw.len, "collateral", &j, NULL), CL_OK);
    const struct {
        const char *key;
        struct cl_buf *to;
    } texts[] = {{"tcb_info", &m->tcb_info},
                 {"tcb_info_issuer_chain", &m->tcb_chain},
                 {"qe_identity", &m->qe_identity},
                 {"qe_identity_issuer_chain", &m->qe_chain},
                 {"pck_crl_issuer_chain", &m->pck_chain}};
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        const char *s = json_string_value(json_object_get(j, texts[i].key));
        tdx_put(texts[i].to, s, strlen(s));
    }
    tdx_put_hex(&m->pck_crl, json_string_value(json_object_get(j, "pck_crl")));
    tdx_put_hex(&m->root_crl, json_string_value(json_object_get(j, "root_ca_crl")));
    ck_assert_int_eq(cl_unhex(m->tcb_signature, 64,
                              json_string_value(json_object_get(j, "tcb_info_signature")),
                              "signature", NULL),
                     CL_OK);
    ck_assert_int_eq(cl_unhex(m->qe_signature, 64,
                              json_string_value(json_object_get(j, "qe_identity_signature")),
                              "signature", NULL),
                     CL_OK);
}

/* {"<member>":{...},"signature":"..."} as Intel serves it. */
static inline void tdx_load_served(const char *name, const char *member, struct cl_buf *body,
                                   uint8_t signature[static 64])
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    char head[64];
    static const char middle[] = ",\"signature\":\"";
    tdx_load(name, &raw);
    char *text = (char *)raw.data;
    (void)snprintf(head, sizeof(head), "{\"%s\":", member);
    ck_assert(strncmp(text, head, strlen(head)) == 0);
    char *end = strstr(text, middle);
    ck_assert_ptr_nonnull(end);
    tdx_put(body, text + strlen(head), (size_t)(end - text) - strlen(head));
    end += sizeof(middle) - 1;
    end[128] = '\0';
    ck_assert_int_eq(cl_unhex(signature, 64, end, "signature", NULL), CL_OK);
}

static inline struct cl_tdx_quote *tdx_load_quote(const char *name)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_quote *q = NULL;
    struct cl_err err = {0};
    tdx_load(name, &raw);
    if (strstr(name, ".hex") != NULL || strstr(name, ".json") != NULL) {
        CL_CLEANUP(cl_buf_done) struct cl_buf text = raw;
        raw = (struct cl_buf){0};
        char *hex = (char *)text.data + (text.data[0] == '{' ? sizeof("{\"quote\":\"") - 1 : 2);
        hex[strspn(hex, "0123456789abcdef")] = '\0';
        tdx_put_hex(&raw, hex);
    }
    ck_assert_msg(cl_tdx_quote_parse(raw.data, raw.len, &q, &err) == CL_OK, "%s", err.msg);
    return q;
}

#endif
