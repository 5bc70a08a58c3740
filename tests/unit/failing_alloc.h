/* SPDX-License-Identifier: Apache-2.0
 * failing_alloc.h - memory that runs out at a chosen allocation: the library's own (the program is
 * linked with --wrap of malloc, calloc, realloc), jansson's and OpenSSL's. One thread.
 */
#ifndef CL_TEST_FAILING_ALLOC_H
#define CL_TEST_FAILING_ALLOC_H

#include "base/err.h"

#include <stddef.h>

/* Before the program's first use of OpenSSL or jansson. */
void failing_alloc_init(void);

enum failing_rule {
    EVERY_ONE_COUNTS, /* memory of the library's own or of jansson's ran out: never CL_OK */
    OURS_MAY_CACHE,   /* only jansson's count: the run may do without something remembered */
};

/* Runs `run` with its first allocation failing, then with its second, and so on until none is left;
 * of jansson's and OpenSSL's, every `step`th is enough where there are thousands of them. `run`
 * makes all it needs and frees it, asserts nothing (the framework allocates too), and answers CL_OK
 * only for the result that it gives with enough memory. OpenSSL may always do without some of its
 * own. */
void failing_alloc_each(enum cl_status (*run)(void), enum failing_rule rule, size_t step);

#endif
