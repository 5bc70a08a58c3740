/* SPDX-License-Identifier: Apache-2.0
 * path.c - collateral from files and folders: which file is what follows from its name (documented
 * at cl_collateral_add_path()), what it is about from its contents.
 * Trust: contents are hostile; the names are the user's, or those of `collateral fetch`.
 * Threads: none of its own. Memory: one file at a time.
 */
#include "collateral/collateral_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PATH_SIZE 4096u
#define CHAIN_SUFFIX ".chain.pem"
#define DOCUMENT_SUFFIX ".collateral.json"

static bool ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n > k && strcmp(s + n - k, suffix) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The kind of a raw file by its name; COUNT when it is none. */
static enum cl_collateral_kind kind_of(const char *name)
{
    static const char *const endings[] = {".der", ".crl", ".crt", ".cer", ".pem", ".json"};
    enum cl_collateral_kind kind = collateral_kind_parse(name, strcspn(name, "."));
    if (kind == CL_COLLATERAL_KIND_COUNT ||
        (collateral_kind_has_chain(kind) && ends_with(name, CHAIN_SUFFIX))) {
        return CL_COLLATERAL_KIND_COUNT;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(endings); i++) {
        if (ends_with(name, endings[i])) {
            return kind;
        }
    }
    return CL_COLLATERAL_KIND_COUNT; /* half of a file that is being written, for one */
}

static enum cl_status read_regular(const char *path, size_t max, struct cl_buf *out,
                                   struct cl_err *err)
{
    CL_TRY(cl_buf_read_file(out, path, max, err));
    return out->len > 0 ? CL_OK
                        : cl_err_at(err, CL_ERR_TRUNCATED, 0,
                                    "file '%s': expected contents, got none", path);
}

/* The issuer chain beside a raw file. */
static enum cl_status read_chain(const char *path, struct cl_buf *out, struct cl_err *err)
{
    char name[MAX_PATH_SIZE];
    const char *dot = strrchr(path, '.'); /* there is one: kind_of() saw it */
    int n = snprintf(name, sizeof(name), "%.*s" CHAIN_SUFFIX, (int)(dot - path), path);
    if ((size_t)n >= sizeof(name)) {
        return cl_err_sys(err, ENAMETOOLONG, "open '%s'", path);
    }
    return read_regular(name, CL_COLLATERAL_MAX_CHAIN, out, err);
}

static enum cl_status add_raw(struct cl_collateral *c, enum cl_collateral_kind kind,
                              const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf chain = {0};
    CL_TRY(read_regular(path, CL_COLLATERAL_MAX_DATA, &data, err));
    if (collateral_kind_has_chain(kind)) {
        CL_TRY(read_chain(path, &chain, err));
    }
    enum cl_status st = cl_collateral_add_item(c, kind, data.data, data.len,
                                               (const char *)chain.data, chain.len, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "collateral '%s'", path);
}

static enum cl_status add_document(struct cl_collateral *c, const char *path,
                                   const struct cl_collateral_options *options, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_TRY(read_regular(path, CL_COLLATERAL_MAX_BUNDLE_SIZE, &data, err));
    enum cl_status st = cl_collateral_add_document(c, data.data, data.len, options, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "collateral '%s'", path);
}

static enum cl_status add_file(struct cl_collateral *c, const char *path,
                               const struct cl_collateral_options *options, struct cl_err *err)
{
    enum cl_collateral_kind kind = kind_of(base_name(path));
    if (kind == CL_COLLATERAL_KIND_COUNT) {
        return add_document(c, path, options, err);
    }
    if (options->signer != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "collateral '%s': signature: expected a signed bundle, got a raw file",
                          path);
    }
    return add_raw(c, kind, path, err);
}

static int is_collateral_name(const struct dirent *e)
{
    return kind_of(e->d_name) != CL_COLLATERAL_KIND_COUNT ||
           (e->d_name[0] != '.' && ends_with(e->d_name, DOCUMENT_SUFFIX));
}

static enum cl_status add_entry(struct cl_collateral *c, const char *dir, const char *name,
                                const struct cl_collateral_options *options, struct cl_err *err)
{
    char path[MAX_PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return (size_t)n >= sizeof(path) ? cl_err_sys(err, ENAMETOOLONG, "open '%s'", dir)
                                     : add_file(c, path, options, err);
}

static enum cl_status add_dir(struct cl_collateral *c, const char *dir,
                              const struct cl_collateral_options *options, struct cl_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_collateral_name, alphasort);
    if (n < 0) {
        return cl_err_sys(err, errno, "open directory '%s'", dir);
    }
    enum cl_status st = CL_OK;
    if (n == 0) {
        st = cl_err_set(err, CL_ERR_MALFORMED,
                        "collateral '%s': expected files named by their kind "
                        "(intel-tcb-info.*.json and so on), got none",
                        dir);
    }
    for (int i = 0; i < n; i++) {
        if (st == CL_OK) {
            st = add_entry(c, dir, names[i]->d_name, options, err);
        }
        free(names[i]);
    }
    free(names);
    return st;
}

enum cl_status cl_collateral_add_path(struct cl_collateral *c, const char *path,
                                      const struct cl_collateral_options *options,
                                      struct cl_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    return S_ISDIR(st.st_mode) ? add_dir(c, path, options, err) : add_file(c, path, options, err);
}
