/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_input.c - how the families of `cloister verify` read files and folders.
 * Trust: contents are hostile; the names are the user's word.
 * Threads: one. Memory: one input file at a time.
 */
#include "cmd/cmd_verify.h"

#include "base/io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PATH_SIZE 4096u

/* Of a folder, only what is named like a certificate: evidence may lie beside. */
const char *const verify_cert_suffixes[] = {".der", ".pem", ".crt", ".cer", ".crl", NULL};

enum cl_status verify_is_file(const char *path, struct cl_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "file '%s': expected a file, got a directory",
                          path);
    }
    return CL_OK;
}

enum cl_status verify_read_file(const char *path, size_t max, struct cl_buf *out,
                                struct cl_err *err)
{
    CL_TRY(verify_is_file(path, err));
    CL_TRY(cl_buf_read_file(out, path, max, err));
    if (out->len == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, 0, "file '%s': expected contents, got none", path);
    }
    return CL_OK;
}

static bool has_suffix(const char *name, const char *const *suffixes)
{
    const char *dot = strrchr(name, '.');
    for (; dot != NULL && name[0] != '.' && *suffixes != NULL; suffixes++) {
        if (strcmp(dot, *suffixes) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status each_of_directory(const char *dir, const char *const *suffixes,
                                        verify_file_fn *fn, void *arg, struct cl_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    if (n < 0) {
        return cl_err_sys(err, errno, "open directory '%s'", dir);
    }
    enum cl_status st = CL_OK;
    for (int i = 0; i < n; i++) {
        char path[MAX_PATH_SIZE];
        if (st == CL_OK && has_suffix(names[i]->d_name, suffixes)) {
            int k = snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
            st = k < 0 || (size_t)k >= sizeof(path)
                     ? cl_err_sys(err, ENAMETOOLONG, "open directory '%s'", dir)
                     : fn(path, arg, err);
        }
        free(names[i]);
    }
    free(names);
    return st;
}

enum cl_status verify_each_file(const char *path, const char *const *suffixes, verify_file_fn *fn,
                                void *arg, struct cl_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    return S_ISDIR(st.st_mode) ? each_of_directory(path, suffixes, fn, arg, err)
                               : fn(path, arg, err);
}

bool verify_looks_like_json(const uint8_t *data, size_t len)
{
    size_t first = 0;
    while (first < len && isspace(data[first]) != 0) {
        first++;
    }
    return first < len && data[first] == '{';
}
