/* SPDX-License-Identifier: Apache-2.0
 * grant.c - grants and the table of sessions (see grant.h). Cookies hold 11 bytes of our own
 * randomness behind a MAC'ed nonce, so nobody chooses where in the table they land.
 */
#include "grant.h"

#include <stdlib.h>
#include <string.h>

struct session {
    struct session *next;
    uint8_t cookie[CL_COOKIE_SIZE];
    int64_t until;
    struct cl_grant grant;
};

struct cl_sessions {
    struct session **buckets;
    size_t bucket_count; /* a power of two */
    uint32_t max;
    uint32_t count;
    int64_t swept; /* when the last sweep ran */
};

void cl_grant_done(struct cl_grant *g)
{
    if (g != NULL) {
        cl_jwk_free(g->tee_key);
        *g = (struct cl_grant){0};
    }
}

enum cl_status cl_sessions_new(uint32_t max, struct cl_sessions **ret_s, struct cl_err *err)
{
    struct cl_sessions *s = calloc(1, sizeof(*s));
    size_t n = 64;
    while (n < max && n < ((size_t)1 << 20)) {
        n *= 2;
    }
    if (s != NULL) {
        s->buckets = calloc(n, sizeof(struct session *));
    }
    if (s == NULL || s->buckets == NULL) {
        free(s);
        return cl_err_nomem(err, "sessions");
    }
    s->bucket_count = n;
    s->max = max;
    *ret_s = s;
    return CL_OK;
}

static void session_free(struct session *e)
{
    cl_grant_done(&e->grant);
    free(e);
}

void cl_sessions_free(struct cl_sessions *s)
{
    for (size_t i = 0; s != NULL && i < s->bucket_count; i++) {
        while (s->buckets[i] != NULL) {
            struct session *e = s->buckets[i];
            s->buckets[i] = e->next;
            session_free(e);
        }
    }
    if (s != NULL) {
        free(s->buckets);
        free(s);
    }
}

static struct session **bucket(const struct cl_sessions *s, const uint8_t *cookie)
{
    uint64_t h = 0;
    memcpy(&h, cookie + CL_COOKIE_SIZE - sizeof(h), sizeof(h));
    return &s->buckets[h & (s->bucket_count - 1)];
}

static struct session *find(const struct cl_sessions *s, const uint8_t *cookie)
{
    struct session *e = *bucket(s, cookie);
    while (e != NULL && !cl_ct_equal(e->cookie, cookie, CL_COOKIE_SIZE)) {
        e = e->next;
    }
    return e;
}

/* Drops what has ended; at most once a second, for it walks the whole table. */
static void sweep(struct cl_sessions *s, int64_t now)
{
    if (s->swept == now) {
        return;
    }
    s->swept = now;
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct session **link = &s->buckets[i];
        while (*link != NULL) {
            struct session *e = *link;
            if (e->until >= now) {
                link = &e->next;
                continue;
            }
            *link = e->next;
            session_free(e);
            s->count--;
        }
    }
}

bool cl_sessions_full(struct cl_sessions *s, int64_t now)
{
    if (s->count >= s->max) {
        sweep(s, now);
    }
    return s->count >= s->max;
}

enum cl_status cl_sessions_add(struct cl_sessions *s, const uint8_t cookie[static CL_COOKIE_SIZE],
                               int64_t until, int64_t now, struct cl_grant *grant,
                               struct cl_err *err)
{
    if (find(s, cookie) != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED, "nonce was spent");
    }
    if (cl_sessions_full(s, now)) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "session table is full");
    }
    struct session *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return cl_err_nomem(err, "session");
    }
    memcpy(e->cookie, cookie, CL_COOKIE_SIZE);
    e->until = until;
    e->grant = *grant;
    *grant = (struct cl_grant){0};
    struct session **b = bucket(s, cookie);
    e->next = *b;
    *b = e;
    s->count++;
    return CL_OK;
}

const struct cl_grant *cl_sessions_get(const struct cl_sessions *s,
                                       const uint8_t cookie[static CL_COOKIE_SIZE])
{
    const struct session *e = find(s, cookie);
    return e != NULL ? &e->grant : NULL;
}
