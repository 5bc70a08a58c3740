/* SPDX-License-Identifier: Apache-2.0
 * tdx_platforms.c - the platforms that a verifier has met: a quote whose chain and attestation key
 * are byte for byte those of an earlier one needs no second look at them. What depends on the time,
 * the policy or collateral is not remembered.
 * Trust: only chains are kept whose every link was good, under a root that was accepted.
 * Threads: one lock; what is handed out is a reference of its own. Memory:
 * TDX_MAX_PLATFORMS chains, the oldest gives way.
 */
#include "tdx/tdx_verify_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PLATFORMS 64u

struct platform {
    struct cl_buf text; /* the chain, as quotes carry it */
    struct tdx_known known;
};

struct tdx_platforms {
    pthread_mutex_t lock;
    size_t count, next;
    struct platform all[MAX_PLATFORMS];
};

void tdx_known_done(struct tdx_known *k)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(k->certs); i++) {
        X509_free(k->certs[i]);
    }
    EVP_PKEY_free(k->att_pkey);
    *k = (struct tdx_known){0};
}

static struct tdx_known known_dup(const struct tdx_known *k)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(k->certs); i++) {
        X509_up_ref(k->certs[i]);
    }
    EVP_PKEY_up_ref(k->att_pkey);
    return *k;
}

enum cl_status tdx_platforms_new(struct tdx_platforms **ret_p, struct cl_err *err)
{
    struct tdx_platforms *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return cl_err_nomem(err, "verifier");
    }
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return cl_err_nomem(err, "verifier");
    }
    *ret_p = p;
    return CL_OK;
}

void tdx_platforms_free(struct tdx_platforms *p)
{
    for (size_t i = 0; p != NULL && i < p->count; i++) {
        cl_buf_done(&p->all[i].text);
        tdx_known_done(&p->all[i].known);
    }
    if (p != NULL) {
        pthread_mutex_destroy(&p->lock);
    }
    free(p);
}

static struct platform *find(struct tdx_platforms *p, const struct cl_tdx_quote *q)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct cl_buf *text = &p->all[i].text;
        if (text->len == q->pck_chain.len &&
            memcmp(text->data, q->pck_chain.data, text->len) == 0 &&
            memcmp(p->all[i].known.att_key, q->att_key, TDX_POINT_SIZE) == 0) {
            return &p->all[i];
        }
    }
    return NULL;
}

bool tdx_platforms_find(struct tdx_platforms *p, const struct cl_tdx_quote *q,
                        struct tdx_known *ret_known)
{
    (void)pthread_mutex_lock(&p->lock);
    const struct platform *found = find(p, q);
    if (found != NULL) {
        *ret_known = known_dup(&found->known);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return found != NULL;
}

void tdx_platforms_add(struct tdx_platforms *p, const struct cl_tdx_quote *q,
                       const struct tdx_known *known)
{
    struct platform fresh = {0};
    if (cl_buf_append(&fresh.text, q->pck_chain.data, q->pck_chain.len, /* err= */ NULL) != CL_OK) {
        return; /* not remembered: the next quote is looked at as this one was */
    }
    fresh.known = known_dup(known);
    (void)pthread_mutex_lock(&p->lock);
    if (find(p, q) == NULL) {
        struct platform old = p->all[p->next];
        p->all[p->next] = fresh;
        fresh = old;
        p->next = (p->next + 1) % MAX_PLATFORMS;
        p->count += p->count < MAX_PLATFORMS ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&p->lock);
    cl_buf_done(&fresh.text);
    tdx_known_done(&fresh.known);
}
