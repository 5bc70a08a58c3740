/* SPDX-License-Identifier: Apache-2.0
 * failing_alloc.c - see failing_alloc.h.
 */
#include "failing_alloc.h"

#include "check_main.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdbool.h>

enum owner { OURS, JANSSON, OPENSSL, OWNER_COUNT };

static struct {
    bool armed, failed;
    enum owner owner; /* whose allocations are counted */
    size_t left;      /* of them succeed */
} state;

/* The linker chose these names (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(enum owner owner)
{
    if (!state.armed || state.owner != owner || state.failed) {
        return false;
    }
    state.failed = state.left == 0;
    state.left -= state.failed ? 0 : 1;
    return state.failed;
}

void *__wrap_malloc(size_t n)
{
    return fails(OURS) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(OURS) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails(OURS) ? NULL : __real_realloc(p, n);
}

static void *json_alloc(size_t n)
{
    return fails(JANSSON) ? NULL : __real_malloc(n);
}

static void *crypto_alloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n == 0 || fails(OPENSSL) ? NULL : __real_malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails(OPENSSL) ? NULL : __real_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

void failing_alloc_init(void)
{
    json_set_alloc_funcs(json_alloc, free);
    if (CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free) != 1) {
        abort();
    }
}

/* True when memory ran out. */
static bool run_with(enum cl_status (*run)(void), enum owner owner, size_t left,
                     enum cl_status *ret_st)
{
    state.owner = owner;
    state.left = left;
    state.failed = false;
    state.armed = true;
    *ret_st = run();
    state.armed = false;
    return state.failed;
}

void failing_alloc_each(enum cl_status (*run)(void), enum failing_rule rule, size_t step)
{
    ck_assert_int_eq(run(), CL_OK); /* what is made once and kept is there from now on */
    for (enum owner owner = OURS; owner < OWNER_COUNT; owner++) {
        enum cl_status st = CL_OK;
        size_t n = 0;
        while (run_with(run, owner, n, &st)) {
            bool may_do_without = owner == OPENSSL || (owner == OURS && rule == OURS_MAY_CACHE);
            ck_assert_msg(st != CL_OK || may_do_without, "allocation %zu of owner %d", n,
                          (int)owner);
            n += owner == OURS ? 1 : step;
        }
        ck_assert_msg(st == CL_OK, "after %zu of owner %d", n, (int)owner);
    }
}
