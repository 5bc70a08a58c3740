/* SPDX-License-Identifier: Apache-2.0
 * shared_vectors.h - where tests find evidence that is not ours to copy into the tree:
 * $CLOISTER_SHARED, else ../shared beside the source tree. Absent: the test says SKIP and passes.
 */
#ifndef CL_TEST_SHARED_VECTORS_H
#define CL_TEST_SHARED_VECTORS_H

#include "base/buf.h"

#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void shared_path(char ret[static 1024], const char *fmt, ...)
{
    char name[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    const char *root = getenv("CLOISTER_SHARED");
    (void)snprintf(ret, 1024, "%s/vectors/%s", root != NULL ? root : CL_TEST_SHARED_DIR, name);
}

/* True when the folder is there; else prints why the calling test does nothing. */
static inline bool shared_available(const char *folder)
{
    char path[1024];
    shared_path(path, "%s", folder);
    if (access(path, R_OK) == 0) {
        return true;
    }
    printf("SKIP: no vectors at '%s' (set CLOISTER_SHARED)\n", path);
    return false;
}

static inline void read_whole(const char *path, struct cl_buf *out)
{
    struct cl_err err = {0};
    ck_assert_msg(cl_buf_read_file(out, path, 1u << 24, &err) == CL_OK, "%s", err.msg);
}

#endif
