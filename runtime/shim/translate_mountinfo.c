/* SPDX-License-Identifier: Apache-2.0
 * translate_mountinfo.c - proc_pid_mountinfo(5): what is mounted where on the host.
 */
#include "translate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* \NNN is how the kernel writes blanks and backslashes. In place. */
static void unescape(char *s)
{
    char *to = s;
    while (*s != '\0') {
        if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* "rw,size=65536k,mode=755" */
static uint64_t size_option(const char *options)
{
    const char *at = strstr(options, "size=");
    if (at == NULL || (at != options && at[-1] != ',')) {
        return 0;
    }
    char *end = NULL;
    unsigned long long n = strtoull(at + strlen("size="), &end, 10);
    if (*end == 'k') {
        return n > (UINT64_MAX >> 10) ? 0 : (uint64_t)n << 10;
    }
    return n;
}

static enum cl_status fill(struct shim_mount *m, const char *root, const char *point,
                           const char *fstype, struct cl_err *err)
{
    m->root = strdup(root);
    m->point = strdup(point);
    m->fstype = strdup(fstype);
    if (m->root == NULL || m->point == NULL || m->fstype == NULL) {
        return cl_err_nomem(err, "mountinfo");
    }
    unescape(m->root);
    unescape(m->point);
    /* of a file that was removed while it is mounted */
    char *gone = strstr(m->root, "//deleted");
    if (gone != NULL && gone[strlen("//deleted")] == '\0') {
        *gone = '\0';
    }
    return CL_OK;
}

/* id parent major:minor root point options [optional ...] - fstype source super-options */
static enum cl_status parse_line(char *line, struct shim_mount *m, struct cl_err *err)
{
    char *field[6];
    char *rest = line;
    for (size_t i = 0; i < CL_ARRAY_LEN(field); i++) {
        field[i] = strsep(&rest, " ");
        if (field[i] == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "mountinfo: expected 10 fields, got %zu", i);
        }
    }
    const char *optional = strsep(&rest, " ");
    while (optional != NULL && strcmp(optional, "-") != 0) {
        optional = strsep(&rest, " ");
    }
    const char *fstype = strsep(&rest, " ");
    const char *source = strsep(&rest, " ");
    if (source == NULL || rest == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "mountinfo: expected a type and its options");
    }
    char *end = NULL;
    unsigned long major = strtoul(field[2], &end, 10);
    unsigned long minor = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (*end != '\0' || major > UINT32_MAX || minor > UINT32_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "mountinfo: device: expected <major>:<minor>, got '%.32s'", field[2]);
    }
    m->major = (unsigned)major;
    m->minor = (unsigned)minor;
    m->size = size_option(rest);
    return fill(m, field[3], field[4], fstype, err);
}

enum cl_status shim_mountinfo_parse(const char *text, struct shim_mountinfo *ret,
                                    struct cl_err *err)
{
    CL_CLEANUP(shim_mountinfo_done) struct shim_mountinfo m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf copy = {0};
    CL_TRY(cl_buf_append_str(&copy, text, err));
    size_t lines = 1;
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    m.mount = calloc(lines, sizeof(*m.mount));
    if (m.mount == NULL) {
        return cl_err_nomem(err, "mountinfo");
    }
    char *rest = (char *)copy.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (line[0] != '\0') {
            CL_TRY(parse_line(line, &m.mount[m.count++], err));
        }
    }
    *ret = m;
    m = (struct shim_mountinfo){0};
    return CL_OK;
}

void shim_mountinfo_done(struct shim_mountinfo *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->mount[i].root);
        free(m->mount[i].point);
        free(m->mount[i].fstype);
    }
    free(m->mount);
    *m = (struct shim_mountinfo){0};
}

const struct shim_mount *shim_mountinfo_at(const struct shim_mountinfo *m, const char *path)
{
    for (size_t i = m->count; i > 0; i--) { /* later mounts cover earlier ones */
        if (strcmp(m->mount[i - 1].point, path) == 0) {
            return &m->mount[i - 1];
        }
    }
    return NULL;
}
