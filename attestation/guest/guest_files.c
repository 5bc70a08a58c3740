/* SPDX-License-Identifier: Apache-2.0
 * guest_files.c - the search of docs/interfaces.md I-6.
 * Trust: options and environment of the user. Threads: none of its own. Memory: no allocation.
 */
#include "cloister/guest_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cl_status join(char ret[static CL_GUEST_PATH_SIZE], const char *dir, const char *name,
                           struct cl_err *err)
{
    int n = snprintf(ret, CL_GUEST_PATH_SIZE, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= CL_GUEST_PATH_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "guest directory '%.64s...': path: expected at most %u bytes, got more",
                          dir, CL_GUEST_PATH_SIZE - 1u);
    }
    return CL_OK;
}

static enum cl_status fill(const char *dir, struct cl_guest_files *ret_files, struct cl_err *err)
{
    CL_TRY(join(ret_files->firmware, dir, "stage0.bin", err));
    CL_TRY(join(ret_files->kernel, dir, "vmlinuz", err));
    CL_TRY(join(ret_files->initrd, dir, "initrd.img", err));
    CL_TRY(join(ret_files->cmdline, dir, "guest.cmdline", err));
    CL_TRY(join(ret_files->info, dir, "guest.json", err));
    memcpy(ret_files->dir, dir, strlen(dir) + 1); /* shorter than the joined paths that fitted */
    struct stat st;
    if (stat(ret_files->firmware, &st) != 0) {
        return cl_err_sys(err, errno, "guest file '%s'", ret_files->firmware);
    }
    if (!S_ISREG(st.st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "guest file '%s': expected a regular file, got something else",
                          ret_files->firmware);
    }
    return CL_OK;
}

/* <folder of the running program>/../guest: where the build tree keeps its guest. */
static enum cl_status build_tree(char ret[static CL_GUEST_PATH_SIZE], struct cl_err *err)
{
    char exe[CL_GUEST_PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n < 0) {
        return cl_err_sys(err, errno, "read the link '/proc/self/exe'");
    }
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "program path '%s': expected a '/', got none",
                          exe);
    }
    *slash = '\0';
    return join(ret, exe, "../guest", err);
}

enum cl_status cl_guest_find(const char *dir, struct cl_guest_files *ret_files, struct cl_err *err)
{
    static const char installed[] = "/usr/lib/cloister/guest";
    struct cl_guest_files files;
    const char *chosen = dir != NULL ? dir : getenv("CLOISTER_GUEST_DIR");
    if (chosen != NULL) {
        CL_TRY(fill(chosen, &files, err));
        *ret_files = files;
        return CL_OK;
    }
    char tree[CL_GUEST_PATH_SIZE];
    if (build_tree(tree, /* err= */ NULL) == CL_OK &&
        fill(tree, &files, /* err= */ NULL) == CL_OK) {
        *ret_files = files;
        return CL_OK;
    }
    enum cl_status st = fill(installed, &files, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "no installed guest found");
    }
    *ret_files = files;
    return CL_OK;
}

enum cl_status cl_guest_read_cmdline(const char *path, struct cl_buf *out, struct cl_err *err)
{
    CL_TRY(cl_buf_read_file(out, path, CL_GUEST_CMDLINE_MAX, err));
    if (out->len > 0 && out->data[out->len - 1] == '\n') {
        return cl_err_at(err, CL_ERR_MALFORMED, out->len - 1,
                         "command line '%s': last byte: expected no line end, got one", path);
    }
    if (out->len > 0 && memchr(out->data, '\0', out->len) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "command line '%s': contents: expected text, got a NUL byte", path);
    }
    return CL_OK;
}

/* Where the word stands, whole, between spaces or ends; NULL. */
static char *find_word(char *text, const char *word)
{
    size_t n = strlen(word);
    for (char *p = strstr(text, word); p != NULL; p = strstr(p + 1, word)) {
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) {
            return p;
        }
    }
    return NULL;
}

/* With the space behind it; at the end, with the one before it. */
static void drop_word(char *text, char *at, size_t n)
{
    size_t behind = n + (at[n] == ' ' ? 1 : 0);
    if (at[n] == '\0' && at > text) {
        at--;
        behind++;
    }
    memmove(at, at + behind, strlen(at + behind) + 1);
}

enum cl_status cl_guest_read_class_cmdline(const char *path, bool hardware, struct cl_buf *out,
                                           struct cl_err *err)
{
    CL_TRY(cl_guest_read_cmdline(path, out, err));
    if (!hardware || out->len == 0) {
        return CL_OK;
    }
    char *text = (char *)out->data; /* without a NUL in it, and one behind it */
    for (char *at; (at = find_word(text, CL_GUEST_SIM_WORD)) != NULL;) {
        drop_word(text, at, strlen(CL_GUEST_SIM_WORD));
    }
    out->len = strlen(text);
    return CL_OK;
}
