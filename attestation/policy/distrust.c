/* SPDX-License-Identifier: Apache-2.0
 * distrust.c - reads a platform-distrust document and looks platforms up in it.
 * Trust: nothing is looked at before the signature verified. Threads: pure. Memory: one table.
 */
#include "cloister/distrust.h"

#include "base/encode.h"
#include "base/json.h"
#include "cloister/jwt.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "cloister.platform-distrust/1"
#define MAX_TIME ((int64_t)1 << 40)

struct entry { /* texts are borrowed from the document */
    const char *id, *source, *reason, *family, *product;
    bool has_fmspc;
    uint8_t fmspc[CL_DISTRUST_FMSPC_SIZE];
    size_t chip_id_len;
    uint8_t chip_id[CL_DISTRUST_CHIP_ID_MAX];
    size_t component_count;
    struct cl_distrust_component below[CL_DISTRUST_MAX_COMPONENTS];
};

struct cl_distrust {
    json_t *doc;
    size_t count;
    struct entry *entries;
};

void cl_distrust_free(struct cl_distrust *d)
{
    if (d != NULL) {
        json_decref(d->doc);
        free(d->entries);
        free(d);
    }
}

void cl_distrust_freep(struct cl_distrust **d)
{
    cl_distrust_free(*d);
    *d = NULL;
}

static enum cl_status read_texts(const json_t *j, struct entry *e, struct cl_err *err)
{
    const struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"id", &e->id}, {"source", &e->source}, {"reason", &e->reason}, {"family", &e->family}};
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        CL_TRY(cl_json_get_string(j, "entry", texts[i].key, texts[i].at, err));
        if ((*texts[i].at)[0] == '\0') {
            return cl_err_set(err, CL_ERR_MALFORMED, "entry: %s: expected a text, got an empty one",
                              texts[i].key);
        }
    }
    return json_object_get(j, "product") != NULL
               ? cl_json_get_string(j, "entry", "product", &e->product, err)
               : CL_OK;
}

static enum cl_status read_ids(const json_t *j, struct entry *e, struct cl_err *err)
{
    const char *hex = NULL;
    if (json_object_get(j, "fmspc") != NULL) {
        CL_TRY(cl_json_get_string(j, "entry", "fmspc", &hex, err));
        CL_TRY(cl_unhex(e->fmspc, sizeof(e->fmspc), hex, "fmspc", err));
        e->has_fmspc = true;
    }
    if (json_object_get(j, "chip_id") != NULL) {
        CL_TRY(cl_json_get_string(j, "entry", "chip_id", &hex, err));
        size_t n = strlen(hex) / 2;
        if (n == 0 || n > sizeof(e->chip_id)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "entry: chip_id: expected 1 to %u bytes in hex, got %zu characters",
                              CL_DISTRUST_CHIP_ID_MAX, strlen(hex));
        }
        CL_TRY(cl_unhex(e->chip_id, n, hex, "chip_id", err));
        e->chip_id_len = n;
    }
    return CL_OK;
}

static enum cl_status read_below(const json_t *j, struct entry *e, struct cl_err *err)
{
    json_t *obj = NULL, *value = NULL;
    const char *name = NULL;
    if (json_object_get(j, "tcb_below") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_object(j, "entry", "tcb_below", &obj, err));
    size_t n = json_object_size(obj);
    if (n == 0 || n > CL_DISTRUST_MAX_COMPONENTS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "entry: tcb_below: expected 1 to %u components, got %zu",
                          CL_DISTRUST_MAX_COMPONENTS, n);
    }
    json_object_foreach(obj, name, value)
    {
        int64_t v = 0;
        CL_TRY(cl_json_get_int(obj, "tcb_below", name, 1, UINT16_MAX, &v, err));
        e->below[e->component_count++] =
            (struct cl_distrust_component){.name = name, .value = (unsigned)v};
    }
    return CL_OK;
}

static enum cl_status read_entry(const json_t *j, struct entry *e, struct cl_err *err)
{
    static const char *const keys[] = {"id",    "source",  "reason",    "family", "product",
                                       "fmspc", "chip_id", "tcb_below", NULL};
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "entry: expected an object, got another type");
    }
    CL_TRY(cl_json_only_keys(j, "entry", keys, err)); /* a condition that is not known */
    CL_TRY(read_texts(j, e, err));
    CL_TRY(read_ids(j, e, err));
    return read_below(j, e, err);
}

static enum cl_status check_head(const json_t *doc, int64_t now, struct cl_err *err)
{
    static const char *const keys[] = {"schema", "iat", "exp", "entries", NULL};
    const char *schema = NULL;
    int64_t issued = 0, expires = 0;
    CL_TRY(cl_json_get_string(doc, "distrust", "schema", &schema, err));
    if (strcmp(schema, SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "distrust: schema: expected %s, got '%.40s'",
                          SCHEMA, schema);
    }
    CL_TRY(cl_json_only_keys(doc, "distrust", keys, err));
    CL_TRY(cl_json_get_int(doc, "distrust", "iat", 0, MAX_TIME, &issued, err));
    CL_TRY(cl_json_get_int(doc, "distrust", "exp", issued, MAX_TIME, &expires, err));
    if (now >= expires) { /* one issued after `now` is fine: archived evidence, newer knowledge */
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "distrust: exp: expected a time to come, got %lld seconds ago",
                          (long long)(now - expires));
    }
    return CL_OK;
}

static enum cl_status read_entries(struct cl_distrust *d, struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(d->doc, "distrust", "entries", &list, err));
    size_t n = json_array_size(list);
    if (n > CL_DISTRUST_MAX_ENTRIES) {
        return cl_err_set(err, CL_ERR_MALFORMED, "distrust: entries: expected at most %u, got %zu",
                          CL_DISTRUST_MAX_ENTRIES, n);
    }
    d->entries = calloc(n > 0 ? n : 1, sizeof(*d->entries));
    if (d->entries == NULL) {
        return cl_err_nomem(err, "distrust");
    }
    for (; d->count < n; d->count++) {
        enum cl_status st = read_entry(json_array_get(list, d->count), &d->entries[d->count], err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "distrust: entry %zu", d->count);
        }
    }
    return CL_OK;
}

enum cl_status cl_distrust_read(const char *token, size_t len, EVP_PKEY *key, int64_t now,
                                struct cl_distrust **ret_distrust, struct cl_err *err)
{
    enum cl_jwt_alg alg = EVP_PKEY_is_a(key, "ED25519") == 1 ? CL_JWT_EDDSA : CL_JWT_ES256;
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return cl_err_nomem(err, "distrust");
    }
    CL_TRY(cl_jwt_verify(alg, key, token, len, &d->doc, err));
    CL_TRY(check_head(d->doc, now, err));
    CL_TRY(read_entries(d, err));
    *ret_distrust = CL_TAKE(d);
    return CL_OK;
}

static enum cl_tristate yes_if(bool known, bool equal)
{
    return !known ? CL_UNKNOWN : equal ? CL_YES : CL_NO;
}

/* Both conditions hold: one that does not decides, then one that is not known. */
static enum cl_tristate both(enum cl_tristate a, enum cl_tristate b)
{
    return a == CL_NO || b == CL_NO             ? CL_NO
           : a == CL_UNKNOWN || b == CL_UNKNOWN ? CL_UNKNOWN
                                                : CL_YES;
}

/* Is any of the entry's components lower? */
static enum cl_tristate is_below(const struct entry *e, const struct cl_distrust_platform *p)
{
    enum cl_tristate answer = CL_NO;
    for (size_t i = 0; i < e->component_count; i++) {
        size_t k = 0;
        while (k < p->component_count && strcmp(p->components[k].name, e->below[i].name) != 0) {
            k++;
        }
        if (k == p->component_count) {
            answer = CL_UNKNOWN;
        } else if (p->components[k].value < e->below[i].value) {
            return CL_YES;
        }
    }
    return answer;
}

static bool same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a != NULL && b != NULL && a_len == b_len && memcmp(a, b, a_len) == 0; /* public */
}

static enum cl_tristate hits(const struct entry *e, const struct cl_distrust_platform *p)
{
    enum cl_tristate t = strcmp(e->family, p->family) == 0 ? CL_YES : CL_NO;
    if (e->product != NULL) {
        bool equal = p->product != NULL && strcmp(e->product, p->product) == 0;
        t = both(t, yes_if(p->product != NULL, equal));
    }
    if (e->has_fmspc) {
        bool equal = same(e->fmspc, sizeof(e->fmspc), p->fmspc, CL_DISTRUST_FMSPC_SIZE);
        t = both(t, yes_if(p->fmspc != NULL, equal));
    }
    if (e->chip_id_len > 0) {
        bool equal = same(e->chip_id, e->chip_id_len, p->chip_id, p->chip_id_len);
        t = both(t, yes_if(p->chip_id != NULL, equal));
    }
    return e->component_count > 0 ? both(t, is_below(e, p)) : t;
}

enum cl_tristate cl_distrust_find(const struct cl_distrust *d,
                                  const struct cl_distrust_platform *platform,
                                  struct cl_distrust_hit *ret_hit)
{
    enum cl_tristate answer = CL_NO;
    for (size_t i = 0; i < d->count && answer != CL_YES; i++) {
        const struct entry *e = &d->entries[i];
        enum cl_tristate t = hits(e, platform);
        if (t == CL_YES || (t == CL_UNKNOWN && answer == CL_NO)) {
            answer = t;
            *ret_hit =
                (struct cl_distrust_hit){.id = e->id, .source = e->source, .reason = e->reason};
        }
    }
    return answer;
}
