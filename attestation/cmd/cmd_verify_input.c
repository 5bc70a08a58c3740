/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_input.c - how the families of `cloister verify` read files and folders.
 * Trust: contents are hostile; the names are the user's word.
 * Threads: one. Memory: one input file at a time.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/initdata.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PATH_SIZE 4096u
#define MAX_ROOT (16u << 10)

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

enum cl_status verify_read_sim_root(const char *path, verify_root_fn *digest_of,
                                    uint8_t ret[static VERIFY_ROOT_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(verify_read_file(path, MAX_ROOT, &raw, err));
    size_t len = raw.len;
    while (len > 0 && isspace(raw.data[len - 1]) != 0) {
        len--;
    }
    enum cl_status st = CL_OK;
    if (len == 2 * (size_t)VERIFY_ROOT_SIZE) {
        raw.data[len] = '\0';
        st = cl_unhex(ret, VERIFY_ROOT_SIZE, (const char *)raw.data, "digest", err);
    } else {
        st = digest_of(raw.data, raw.len, ret, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "simulated root '%s'", path);
}

enum cl_status verify_read_initdata(const struct verify_options *o, uint8_t *data, size_t size,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    uint8_t digest[VERIFY_HOST_DATA_MAX] = {0};
    CL_TRY(verify_read_file(o->initdata, CL_INITDATA_MAX_SIZE, &raw, err));
    CL_TRY(cl_initdata_digest(raw.data, raw.len, digest, err));
    if (o->host_data != NULL && memcmp(digest, data, size) != 0) { /* public values */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "initdata '%s': digest: expected the value of --host-data, got another",
                          o->initdata);
    }
    memcpy(data, digest, size);
    return CL_OK;
}
