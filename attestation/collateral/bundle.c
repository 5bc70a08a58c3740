/* SPDX-License-Identifier: Apache-2.0
 * bundle.c - one file with everything that offline verification needs: a flattened JWS (RFC 7515
 * 7.2.2) whose payload is the list of items.
 * Trust: the file is hostile. Its signature, when one is demanded, is checked before the payload is
 *        parsed. Without one the items still stand for themselves: AMD or Intel signed each.
 * Threads: pure. Memory: the file, its payload and one item at a time.
 */
#include "collateral/collateral_internal.h"

#include "base/encode.h"
#include "base/io.h"

#include <string.h>

#define SCHEMA "cloister.collateral/1"
#define WHAT "bundle"

static enum cl_status check_schema(const json_t *j, struct cl_err *err)
{
    const char *schema = NULL;
    CL_TRY(cl_json_get_string(j, WHAT, "schema", &schema, err));
    return strcmp(schema, SCHEMA) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNSUPPORTED,
                            WHAT ": schema: expected " SCHEMA ", got '%.40s'", schema);
}

static enum cl_status read_base64(const json_t *item, const char *key, struct cl_buf *out,
                                  struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(item, "item", key, &text, err));
    return cl_b64_decode(out, text, strlen(text), key, err);
}

static enum cl_status read_item(struct cl_collateral *c, const json_t *j, struct cl_err *err)
{
    static const char *const keys[] = {"kind", "data", "chain", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf chain = {0};
    const char *word = NULL;
    CL_TRY(cl_json_only_keys(j, "item", keys, err));
    CL_TRY(cl_json_get_string(j, "item", "kind", &word, err));
    enum cl_collateral_kind kind = collateral_kind_parse(word, strlen(word));
    if (kind == CL_COLLATERAL_KIND_COUNT) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "item: kind: expected a known one, got '%.40s'",
                          word);
    }
    CL_TRY(read_base64(j, "data", &data, err));
    if (json_object_get(j, "chain") != NULL) {
        CL_TRY(read_base64(j, "chain", &chain, err));
    }
    return cl_collateral_add_item(c, kind, data.data, data.len, (const char *)chain.data, chain.len,
                                  err);
}

static enum cl_status read_times(const json_t *j, const struct cl_collateral_options *options,
                                 struct cl_collateral_bundle *b, struct cl_err *err)
{
    char created[21], expires[21], now[21];
    CL_TRY(cl_json_get_time(j, WHAT, "created", &b->created, err));
    CL_TRY(cl_json_get_time(j, WHAT, "expires", &b->expires, err));
    cl_time_format(created, b->created);
    cl_time_format(expires, b->expires);
    cl_time_format(now, options->time);
    if (b->expires <= b->created) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expires: expected a time after %s, got %s",
                          created, expires);
    }
    if (options->time >= b->expires && !options->allow_expired) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, WHAT ": expires: expected after %s, got %s", now,
                          expires);
    }
    return CL_OK;
}

static enum cl_status read_payload(struct cl_collateral *c, const struct cl_buf *text,
                                   const struct cl_collateral_options *options,
                                   struct cl_collateral_bundle *b, struct cl_err *err)
{
    static const char *const keys[] = {"schema", "created", "expires", "items", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *items = NULL, *item = NULL;
    size_t i = 0;
    CL_TRY(cl_json_parse(text->data, text->len, WHAT, &j, err));
    CL_TRY(check_schema(j, err));
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    CL_TRY(read_times(j, options, b, err));
    CL_TRY(cl_json_get_array(j, WHAT, "items", &items, err));
    json_array_foreach(items, i, item)
    {
        enum cl_status st = read_item(c, item, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, WHAT ": item %zu", i);
        }
    }
    return CL_OK;
}

/* Present or not, right or wrong: a signature that is there must be right, whoever asks. */
static enum cl_status read_signature(const json_t *doc, const char *payload,
                                     const struct cl_collateral_options *options,
                                     struct cl_collateral_bundle *b, struct cl_err *err)
{
    const char *header = NULL, *signature = NULL;
    char want[2 * CL_COLLATERAL_SIGNER_SIZE + 1], got[sizeof(want)];
    b->is_signed =
        json_object_get(doc, "protected") != NULL || json_object_get(doc, "signature") != NULL;
    if (b->is_signed) {
        CL_TRY(cl_json_get_string(doc, WHAT, "protected", &header, err));
        CL_TRY(cl_json_get_string(doc, WHAT, "signature", &signature, err));
        CL_TRY(collateral_check_signature(payload, header, signature, b->signer, err));
    }
    if (options->signer == NULL) {
        return CL_OK;
    }
    cl_hex(want, options->signer, CL_COLLATERAL_SIGNER_SIZE);
    cl_hex(got, b->signer, CL_COLLATERAL_SIGNER_SIZE);
    if (!b->is_signed || strcmp(want, got) != 0) { /* public values */
        return cl_err_set(err, CL_ERR_REJECTED, WHAT ": signer: expected %s, got %s", want,
                          b->is_signed ? got : "no signature");
    }
    return CL_OK;
}

enum cl_status collateral_read_bundle(struct cl_collateral *c, const json_t *doc,
                                      const struct cl_collateral_options *options,
                                      struct cl_err *err)
{
    static const char *const keys[] = {"schema", "payload", "protected", "signature", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_collateral_bundle b = {.present = true};
    const char *payload = NULL;
    CL_TRY(check_schema(doc, err));
    CL_TRY(cl_json_only_keys(doc, WHAT, keys, err));
    CL_TRY(cl_json_get_string(doc, WHAT, "payload", &payload, err));
    CL_TRY(read_signature(doc, payload, options, &b, err));
    CL_TRY(cl_b64url_decode(&text, payload, strlen(payload), WHAT ": payload", err));
    CL_TRY(read_payload(c, &text, options, &b, err));
    c->bundle = b;
    return CL_OK;
}

/* --- the other direction
 * ------------------------------------------------------------------------------------ */

static enum cl_status base64_member(json_t *j, const char *key, const void *data, size_t len,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_b64_encode(&text, data, len, err));
    return json_object_set_new(j, key, json_string((const char *)text.data)) == 0
               ? CL_OK
               : cl_err_nomem(err, WHAT);
}

static enum cl_status append_item(json_t *items, const struct cl_collateral_item *it,
                                  struct cl_err *err)
{
    json_t *j = json_pack("{s:s}", "kind", cl_collateral_kind_name(it->kind));
    if (j == NULL || json_array_append_new(items, j) != 0) {
        return cl_err_nomem(err, WHAT);
    }
    CL_TRY(base64_member(j, "data", it->data, it->len, err));
    return it->chain == NULL ? CL_OK : base64_member(j, "chain", it->chain, it->chain_len, err);
}

static enum cl_status make_payload(const struct cl_collateral *c, int64_t created, int64_t expires,
                                   struct cl_buf *ret_payload, struct cl_err *err)
{
    char from[21], until[21];
    cl_time_format(from, created);
    cl_time_format(until, expires);
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s,s:s,s:s,s:[]}", "schema", SCHEMA, "created", from, "expires", until,
                          "items");
    if (j == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    for (size_t i = 0; i < c->count; i++) {
        CL_TRY(append_item(json_object_get(j, "items"), &c->items[i], err));
    }
    CL_TRY(cl_json_compact(j, &text, err));
    return cl_b64url_encode(ret_payload, text.data, text.len, err);
}

enum cl_status cl_collateral_write_bundle(const struct cl_collateral *c, int64_t created,
                                          int64_t expires, struct evp_pkey_st *key,
                                          struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf signature = {0};
    if (expires <= created) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expires: expected a time after created");
    }
    CL_TRY(make_payload(c, created, expires, &payload, err));
    CL_TRY(cl_buf_printf(out, err, "{\"schema\":\"" SCHEMA "\",\"payload\":\"%s\"",
                         (const char *)payload.data));
    if (key != NULL) {
        CL_TRY(collateral_sign(key, &payload, &header, &signature, err));
        CL_TRY(cl_buf_printf(out, err, ",\"protected\":\"%s\",\"signature\":\"%s\"",
                             (const char *)header.data, (const char *)signature.data));
    }
    return cl_buf_append_str(out, "}\n", err);
}
