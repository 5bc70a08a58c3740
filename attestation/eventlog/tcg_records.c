/* SPDX-License-Identifier: Apache-2.0
 * tcg_records.c - see tcg_records.h.
 */
#include "eventlog/tcg_records.h"

#include <stdlib.h>
#include <string.h>

#define SHA1_SIZE 20u

static enum cl_status bad(const struct cl_reader *r, struct cl_err *err, enum cl_status st,
                          const char *field, const char *expected)
{
    return cl_err_at(err, st, r->pos, "event log: %s before byte %zu: expected %s, got another",
                     field, r->pos, expected);
}

enum cl_status tcg_records_bad(const struct tcg_records *it, struct cl_err *err, enum cl_status st,
                               const char *field, const char *expected)
{
    return bad(&it->r, err, st, field, expected);
}

static struct tcg_digest *find(struct tcg_digest *list, size_t count, uint16_t alg)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].alg == alg) {
            return &list[i];
        }
    }
    return NULL;
}

/* Spec ID Event03: which digests records have, and how long they are. */
static enum cl_status read_algorithms(struct cl_reader *r, struct tcg_records *it,
                                      struct cl_err *err)
{
    static const char signature[16] = "Spec ID Event03";
    const uint8_t *s = cl_reader_bytes(r, sizeof(signature), "signature");
    if (s == NULL || memcmp(s, signature, sizeof(signature)) != 0) { /* public */
        return bad(r, err, CL_ERR_UNSUPPORTED, "first event", "Spec ID Event03");
    }
    cl_reader_skip(r, 8, "platform class and version");
    uint32_t n = cl_reader_le32(r, "number of algorithms");
    CL_TRY(cl_reader_check(r, "event log: first event", err));
    if (n == 0 || n > TCG_ALGORITHMS_MAX) {
        return bad(r, err, CL_ERR_MALFORMED, "number of algorithms", "1 to 8");
    }
    for (size_t i = 0; i < n; i++) {
        struct tcg_digest a = {.alg = cl_reader_le16(r, "algorithm")};
        a.size = cl_reader_le16(r, "digest size");
        CL_TRY(cl_reader_check(r, "event log: first event", err));
        if (find(it->algorithms, it->algorithm_count, a.alg) != NULL) {
            return bad(r, err, CL_ERR_MALFORMED, "algorithms", "each of them once");
        }
        it->algorithms[it->algorithm_count++] = a;
    }
    cl_reader_skip(r, cl_reader_u8(r, "vendor info size"), "vendor info");
    return cl_reader_finish(r, "event log: first event", err);
}

enum cl_status tcg_records_start(struct tcg_records *it, const uint8_t *data, size_t len,
                                 uint32_t max_mr, bool unregistered, struct cl_err *err)
{
    *it = (struct tcg_records){
        .r = cl_reader_init(data, len), .max_mr = max_mr, .unregistered = unregistered};
    struct cl_reader *r = &it->r;
    cl_reader_skip(r, 4, "index");
    uint32_t type = cl_reader_le32(r, "type");
    cl_reader_skip(r, SHA1_SIZE, "digest");
    uint32_t size = cl_reader_le32(r, "size");
    CL_TRY(cl_reader_check(r, "event log", err));
    if (type != TCG_NO_ACTION) {
        return bad(r, err, CL_ERR_UNSUPPORTED, "first event", "the crypto-agile form");
    }
    struct cl_reader first = cl_reader_sub(r, size, "first event");
    CL_TRY(cl_reader_check(r, "event log", err));
    return read_algorithms(&first, it, err);
}

bool tcg_records_at_end(const struct tcg_records *it)
{
    const uint8_t *p = it->r.data + it->r.pos;
    size_t left = cl_reader_left(&it->r);
    for (size_t i = 1; i < left; i++) {
        if (p[i] != p[0]) {
            return false;
        }
    }
    return left == 0 || p[0] == 0xFF || p[0] == 0;
}

uint32_t tcg_records_peek(const struct tcg_records *it)
{
    struct cl_reader peek = it->r;
    return cl_reader_le32(&peek, "register");
}

static enum cl_status read_digests(struct tcg_records *it, struct tcg_record *rec,
                                   struct cl_err *err)
{
    struct cl_reader *r = &it->r;
    uint32_t n = cl_reader_le32(r, "digest count");
    CL_TRY(cl_reader_check(r, "event log", err));
    if (n == 0 || n > TCG_ALGORITHMS_MAX) {
        return bad(r, err, CL_ERR_MALFORMED, "digest count", "1 to 8");
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t alg = cl_reader_le16(r, "algorithm");
        const struct tcg_digest *a = find(it->algorithms, it->algorithm_count, alg);
        CL_TRY(cl_reader_check(r, "event log", err));
        if (a == NULL || a->size == 0 || find(rec->digests, rec->digest_count, alg) != NULL) {
            return bad(r, err, CL_ERR_MALFORMED, "algorithm", "one that the log announced, once");
        }
        struct tcg_digest d = {.alg = alg, .size = a->size};
        d.value = cl_reader_bytes(r, d.size, "digest");
        CL_TRY(cl_reader_check(r, "event log", err));
        rec->digests[rec->digest_count++] = d;
    }
    return CL_OK;
}

enum cl_status tcg_records_next(struct tcg_records *it, struct tcg_record *ret, struct cl_err *err)
{
    struct cl_reader *r = &it->r;
    struct tcg_record rec = {.offset = r->pos};
    rec.mr = cl_reader_le32(r, "register");
    rec.type = cl_reader_le32(r, "type");
    CL_TRY(cl_reader_check(r, "event log", err));
    bool none = it->unregistered && rec.mr == TCG_NO_REGISTER && rec.type == TCG_NO_ACTION;
    if (rec.mr > it->max_mr && !none) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                         "event log: register before byte %zu: expected 0 to %u", r->pos,
                         (unsigned)it->max_mr);
    }
    CL_TRY(read_digests(it, &rec, err));
    rec.data_len = cl_reader_le32(r, "size");
    rec.data = cl_reader_bytes(r, rec.data_len, "event");
    CL_TRY(cl_reader_check(r, "event log", err));
    *ret = rec;
    return CL_OK;
}

const struct tcg_digest *tcg_record_digest(const struct tcg_record *rec, uint16_t alg)
{
    for (size_t i = 0; i < rec->digest_count; i++) {
        if (rec->digests[i].alg == alg) {
            return &rec->digests[i];
        }
    }
    return NULL;
}

void *tcg_list_room(void *items, size_t *room, size_t count, size_t size)
{
    if (count < *room) {
        return items;
    }
    size_t want = *room == 0 ? 64 : 2 * *room;
    void *more = reallocarray(items, want, size);
    *room = more == NULL ? *room : want;
    return more;
}
