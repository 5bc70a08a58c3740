/* SPDX-License-Identifier: Apache-2.0
 * corim_comid.c - reads the CoMID tags of a CoRIM: reference triples of our classes.
 * Trust: hostile bytes; every count is bounded. A measurement of one of our classes may hold
 *        digests and integrity registers only: anything else is a demand that we would not check.
 * Threads: pure. Spec: draft-ietf-rats-corim, concise-mid-tag.
 */
#include "corim/corim_internal.h"

#include <string.h>

static enum cl_status unsupported(const struct cl_cbor_reader *r, const char *map,
                                  const struct cl_cbor_item *key, struct cl_err *err)
{
    if (key->type == CL_CBOR_UINT) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                         "%s: expected only what can be compared, got key %llu", map,
                         (unsigned long long)key->u);
    }
    return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                     "%s: expected only what can be compared, got an extension", map);
}

static bool is_key(const struct cl_cbor_item *key, uint64_t n)
{
    return key->type == CL_CBOR_UINT && key->u == n;
}

static bool text_is(const struct cl_cbor_item *i, const char *want)
{
    return i->u == strlen(want) && memcmp(i->data, want, (size_t)i->u) == 0; /* public names */
}

struct env {                         /* what an environment-map names */
    const struct corim_class *found; /* by class-id; NULL: not one of ours */
    struct cl_cbor_item vendor, model;
    bool narrower; /* more than a class: an instance, a group, a layer, ... */
};

/* class-id: one that is not a UUID is nobody we know. */
static enum cl_status read_class_id(struct cl_cbor_reader *r, struct env *e, struct cl_err *err)
{
    struct cl_cbor_reader ahead = *r;
    struct cl_cbor_item tag, id;
    CL_TRY(cl_cbor_expect(&ahead, "class-id", CL_CBOR_TAG, &tag, err));
    if (tag.u != TAG_UUID) {
        return cl_cbor_skip(r, "class-id", err);
    }
    CL_TRY(cl_cbor_expect(&ahead, "class-id", CL_CBOR_BYTES, &id, err));
    if (id.u != CORIM_UUID_SIZE) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "class-id: expected %u bytes, got %llu",
                         CORIM_UUID_SIZE, (unsigned long long)id.u);
    }
    *r = ahead;
    for (size_t i = 0; i < corim_class_count; i++) {
        if (memcmp(id.data, corim_classes[i].class_id, CORIM_UUID_SIZE) == 0) { /* public */
            e->found = &corim_classes[i];
        }
    }
    return CL_OK;
}

static enum cl_status read_class(struct cl_cbor_reader *r, struct env *e, struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    CL_TRY(cl_cbor_map(r, "class", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "class", &m, &key, &more, err));
        if (!more) {
            return CL_OK;
        }
        if (is_key(&key, CLASS_ID)) {
            CL_TRY(read_class_id(r, e, err));
        } else if (is_key(&key, CLASS_VENDOR)) {
            CL_TRY(cl_cbor_expect(r, "vendor", CL_CBOR_TEXT, &e->vendor, err));
        } else if (is_key(&key, CLASS_MODEL)) {
            CL_TRY(cl_cbor_expect(r, "model", CL_CBOR_TEXT, &e->model, err));
        } else {
            e->narrower = true;
            CL_TRY(cl_cbor_skip(r, "class", err));
        }
    }
}

/* The class of ours that the environment is, or NULL for somebody else's. */
static enum cl_status read_environment(struct cl_cbor_reader *r, const struct corim_class **ret,
                                       struct cl_err *err)
{
    struct env e = {0};
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    CL_TRY(cl_cbor_map(r, "environment", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "environment", &m, &key, &more, err));
        if (!more) {
            break;
        }
        if (is_key(&key, ENVIRONMENT_CLASS)) {
            CL_TRY(read_class(r, &e, err));
        } else {
            e.narrower = true;
            CL_TRY(cl_cbor_skip(r, "environment", err));
        }
    }
    if (e.found != NULL &&
        (e.narrower || (e.vendor.data != NULL && !text_is(&e.vendor, e.found->vendor)) ||
         (e.model.data != NULL && !text_is(&e.model, e.found->model)))) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                         "environment: expected the class of %s %s alone, got something narrower",
                         e.found->vendor, e.found->model);
    }
    *ret = e.found;
    return CL_OK;
}

/* [+ [alg, value]]: the one SHA-384 among them. */
static enum cl_status read_digests(struct cl_cbor_reader *r, const char *field,
                                   uint8_t ret[static CL_CORIM_MEASUREMENT_SIZE],
                                   struct cl_err *err)
{
    uint64_t n = 0, parts = 0;
    bool found = false;
    CL_TRY(cl_cbor_array(r, field, 1, CORIM_MAX_DIGESTS, &n, err));
    for (; n > 0; n--) {
        struct cl_cbor_item alg, value;
        CL_TRY(cl_cbor_array(r, field, 2, 2, &parts, err));
        CL_TRY(cl_cbor_next(r, field, &alg, err));
        CL_TRY(cl_cbor_expect(r, field, CL_CBOR_BYTES, &value, err));
        if (!is_key(&alg, CORIM_HASH_SHA384)) {
            continue;
        }
        if (found || value.u != CL_CORIM_MEASUREMENT_SIZE) {
            return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                             "%s: expected one SHA-384 digest of %u bytes, got %s", field,
                             CL_CORIM_MEASUREMENT_SIZE, found ? "two" : "another length");
        }
        memcpy(ret, value.data, CL_CORIM_MEASUREMENT_SIZE);
        found = true;
    }
    return found ? CL_OK
                 : cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                             "%s: expected a SHA-384 digest (7), got none", field);
}

static enum cl_status read_registers(struct cl_cbor_reader *r, struct cl_corim_reference *ref,
                                     struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    CL_TRY(cl_cbor_map(r, "integrity registers", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "integrity registers", &m, &key, &more, err));
        if (!more) {
            return CL_OK;
        }
        if (key.type != CL_CBOR_UINT || key.u >= CL_CORIM_RTMR_COUNT) {
            return unsupported(r, "integrity registers", &key, err);
        }
        CL_TRY(read_digests(r, "integrity register", ref->rtmr[key.u], err));
        ref->has_rtmr[key.u] = true;
    }
}

static enum cl_status read_values(struct cl_cbor_reader *r, const struct corim_class *class,
                                  struct cl_corim_reference *ref, struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    bool digests = false;
    CL_TRY(cl_cbor_map(r, "measurement values", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "measurement values", &m, &key, &more, err));
        if (!more) {
            break;
        }
        if (is_key(&key, VALUES_DIGESTS)) {
            CL_TRY(read_digests(r, "digests", ref->measurement, err));
            digests = true;
        } else if (class->has_registers && is_key(&key, VALUES_REGISTERS)) {
            CL_TRY(read_registers(r, ref, err));
        } else {
            return unsupported(r, "measurement values", &key, err);
        }
    }
    return digests ? CL_OK
                   : cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                               "measurement values: expected digests, got none");
}

/* mkey 0 is the guest's own measurement (profile for SEV-SNP); it may be left out. */
static enum cl_status read_measurement(struct cl_cbor_reader *r, const struct corim_class *class,
                                       struct cl_corim_reference *ref, struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key, mkey;
    bool values = false;
    CL_TRY(cl_cbor_map(r, "measurement", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "measurement", &m, &key, &more, err));
        if (!more) {
            break;
        }
        if (is_key(&key, MEASUREMENT_VALUES)) {
            CL_TRY(read_values(r, class, ref, err));
            values = true;
            continue;
        }
        if (!is_key(&key, MEASUREMENT_KEY)) {
            return unsupported(r, "measurement", &key, err);
        }
        CL_TRY(cl_cbor_next(r, "mkey", &mkey, err));
        if (!is_key(&mkey, 0)) {
            return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos, "mkey: expected 0, got another");
        }
    }
    return values
               ? CL_OK
               : cl_err_at(err, CL_ERR_MALFORMED, r->pos, "measurement: expected values, got none");
}

/* Only one measurement a triple: several would all have to hold, and mkey 0 stands for all. */
static enum cl_status read_triple(struct cl_cbor_reader *r, struct cl_corim *c, struct cl_err *err)
{
    uint64_t n = 0;
    const struct corim_class *class = NULL;
    CL_TRY(cl_cbor_array(r, "reference triple", 2, 2, &n, err));
    CL_TRY(read_environment(r, &class, err));
    if (class == NULL) {
        return cl_cbor_skip(r, "reference triple", err);
    }
    struct cl_corim_reference ref = {.tee_class = class->tee_class};
    CL_TRY(cl_cbor_array(r, "measurements", 1, CORIM_MAX_KEYS, &n, err));
    if (n != 1) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                         "measurements: expected one in a triple of %s, got %llu", class->model,
                         (unsigned long long)n);
    }
    CL_TRY(read_measurement(r, class, &ref, err));
    if (c->count > 0 && memcmp(&c->references[c->count - 1], &ref, sizeof(ref)) == 0) { /* public */
        return CL_OK; /* the same under the class's other name */
    }
    if (c->count == CL_CORIM_MAX_REFERENCES) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                         "reference values: expected at most %u, got more",
                         CL_CORIM_MAX_REFERENCES);
    }
    c->references[c->count++] = ref;
    return CL_OK;
}

static enum cl_status read_triples(struct cl_cbor_reader *r, struct cl_corim *c, struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    CL_TRY(cl_cbor_map(r, "triples", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "triples", &m, &key, &more, err));
        if (!more) {
            return CL_OK;
        }
        if (!is_key(&key, TRIPLES_REFERENCE)) {
            CL_TRY(cl_cbor_skip(r, "triples", err));
            continue;
        }
        uint64_t n = 0;
        CL_TRY(cl_cbor_array(r, "reference triples", 1, CORIM_MAX_TRIPLES, &n, err));
        for (; n > 0; n--) {
            CL_TRY(read_triple(r, c, err));
        }
    }
}

enum cl_status corim_read_comid(const uint8_t *data, size_t len, struct cl_corim *c,
                                struct cl_err *err)
{
    struct cl_cbor_reader r = cl_cbor_reader_init(data, len);
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    bool identity = false;
    CL_TRY(cl_cbor_map(&r, "CoMID", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(&r, "CoMID", &m, &key, &more, err));
        if (!more) {
            break;
        }
        identity = identity || is_key(&key, COMID_TAG_IDENTITY);
        if (is_key(&key, COMID_TRIPLES)) {
            CL_TRY(read_triples(&r, c, err));
        } else {
            CL_TRY(cl_cbor_skip(&r, "CoMID", err));
        }
    }
    if (!identity) {
        return cl_err_at(err, CL_ERR_MALFORMED, r.pos, "CoMID: expected a tag identity, got none");
    }
    return cl_cbor_finish(&r, "CoMID", err);
}
