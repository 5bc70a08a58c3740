/* SPDX-License-Identifier: Apache-2.0
 * shim_folder.h - a folder as kubelet keeps one: the files in a folder of a time, "..data" pointing
 * to it, and links through that in the folder itself.
 */
#ifndef CL_TEST_SHIM_FOLDER_H
#define CL_TEST_SHIM_FOLDER_H

#include "check_main.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64]; /* of the running test */

static inline const char *in_folder(const char *name)
{
    static char path[4][4400];
    static unsigned i;
    i = (i + 1) % 4;
    (void)snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
    return path[i];
}

static inline void put_bytes(const char *name, const void *data, size_t len)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    ck_assert_int_eq(close(fd), 0);
}

static inline void put_text(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static inline void put_link(const char *name, const char *target)
{
    ck_assert_int_eq(symlink(target, in_folder(name)), 0);
}

static inline void put_folder(const char *name)
{
    ck_assert_int_eq(mkdir(in_folder(name), 0755), 0);
}

static inline int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

static inline void remove_all(const char *path)
{
    ck_assert_int_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void folder_setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/cloister-shim-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void folder_teardown(void)
{
    remove_all(folder);
}

/* A new folder of a time with one file, put in place as kubelet does it; the old one goes. */
static inline void swap_to(const char *time, const char *name, const char *text)
{
    char path[300];
    char old[256];
    put_folder(time);
    (void)snprintf(path, sizeof(path), "%s/%s", time, name);
    put_text(path, text);
    ssize_t n = readlink(in_folder("..data"), old, sizeof(old) - 1);
    put_link("..data_tmp", time);
    ck_assert_int_eq(rename(in_folder("..data_tmp"), in_folder("..data")), 0);
    (void)snprintf(path, sizeof(path), "..data/%s", name);
    ck_assert(symlink(path, in_folder(name)) == 0 || n > 0); /* it is there already */
    if (n > 0) {
        old[n] = '\0';
        remove_all(in_folder(old));
    }
}

#endif
