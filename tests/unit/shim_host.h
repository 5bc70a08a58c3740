/* SPDX-License-Identifier: Apache-2.0
 * shim_host.h - a host for the translation of specifications: the mounts of
 * tests/vectors/shim/mountinfo, two devices, a file and a folder.
 */
#ifndef CL_TEST_SHIM_HOST_H
#define CL_TEST_SHIM_HOST_H

#include "translate.h"

#include "check_main.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define UID "0f9d4a6e-2b1c-4c55-9a77-5d2e1c3b7a10"
#define SANDBOX "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"
#define POD "/var/lib/kubelet/pods/" UID

/* The bytes of a vector; the caller's. */
static inline struct cl_buf vector(const char *name)
{
    char path[512];
    struct cl_buf b = {0};
    struct cl_err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", SHIM_VECTORS, name);
    ck_assert_msg(cl_buf_read_file(&b, path, SHIM_SPEC_MAX, &err) == CL_OK, "%s", err.msg);
    return b;
}

static inline enum cl_status test_mountinfo(void *ctx, struct cl_buf *out, struct cl_err *err)
{
    (void)ctx;
    return cl_buf_read_file(out, SHIM_VECTORS "/mountinfo", SHIM_SPEC_MAX, err);
}

static inline int test_stat(void *ctx, const char *path, struct stat *ret)
{
    (void)ctx;
    const struct {
        const char *path;
        mode_t mode;
        dev_t rdev;
    } known[] = {
        {"/dev/sda", S_IFBLK | 0660, makedev(8, 0)}, {"/dev/kvm", S_IFCHR | 0660, makedev(10, 232)},
        {"/srv/file.conf", S_IFREG | 0644, 0},       {"/srv/folder", S_IFDIR | 0755, 0},
        {"/srv/socket", S_IFSOCK | 0755, 0},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].path, path) == 0) {
            *ret = (struct stat){.st_mode = known[i].mode, .st_rdev = known[i].rdev};
            return 0;
        }
    }
    errno = ENOENT;
    return -1;
}

static const struct shim_host test_host = {.mountinfo = test_mountinfo, .stat = test_stat};
static const struct shim_translate_options test_options = {.host = &test_host};

#endif
