/* SPDX-License-Identifier: Apache-2.0
 * source.c - reads files of a tree, and writes down what it read when a record is made.
 * Trust: a recorded tree is hostile: links are followed inside it only (openat2), nothing blocks,
 *        only plain files are read, and each to its maximum.
 */
#include "hostcheck_internal.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_in(const struct hc_source *s, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, s->root, path, &how, sizeof(how));
}

static enum hc_seen absent_or_unknown(void)
{
    return errno == ENOENT || errno == ENOTDIR ? HC_ABSENT : HC_UNKNOWN;
}

/* At most max bytes; true when there are more. */
static enum cl_status read_some(int fd, size_t max, struct cl_buf *ret, bool *ret_more)
{
    char block[4096];
    *ret_more = false;
    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? CL_ERR_SYS : CL_OK;
        }
        size_t room = max - ret->len;
        *ret_more = (size_t)n > room;
        CL_TRY(cl_buf_append(ret, block, *ret_more ? room : (size_t)n, NULL));
        if (*ret_more) {
            return CL_OK;
        }
    }
}

enum hc_seen hc_source_read(struct hc_source *s, const char *path, size_t max, bool cut,
                            struct cl_buf *ret)
{
    CL_CLEANUP(cl_close_fdp) int fd = open_in(s, path, O_RDONLY | O_NONBLOCK);
    struct stat st;
    bool more = false;
    cl_buf_reset(ret);
    if (fd < 0) {
        return absent_or_unknown();
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || read_some(fd, max, ret, &more) != CL_OK ||
        (more && !cut)) {
        cl_buf_reset(ret);
        return HC_UNKNOWN;
    }
    return HC_PRESENT;
}

void hc_source_line(struct hc_source *s, const char *path, struct hc_text *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    *ret = (struct hc_text){.seen = hc_source_read(s, path, HC_MAX_SMALL, false, &b)};
    if (ret->seen == HC_PRESENT) {
        hc_source_record(s, path, b.data, b.len);
    }
    for (size_t i = 0; i < b.len && i + 1 < sizeof(ret->text) && b.data[i] != '\n'; i++) {
        ret->text[i] = b.data[i] >= ' ' && b.data[i] <= '~' ? (char)b.data[i] : '?';
    }
}

enum hc_seen hc_source_exists(struct hc_source *s, const char *path, bool directory)
{
    CL_CLEANUP(cl_close_fdp) int fd = open_in(s, path, O_PATH | (directory ? O_DIRECTORY : 0));
    char mark[256];
    if (fd < 0) {
        return absent_or_unknown();
    }
    if (!directory || snprintf(mark, sizeof(mark), "%s/.there", path) < (int)sizeof(mark)) {
        hc_source_record(s, directory ? mark : path, "", 0);
    }
    return HC_PRESENT;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum hc_seen hc_source_list(struct hc_source *s, const char *path, struct hc_names *ret)
{
    int fd = open_in(s, path, O_RDONLY | O_DIRECTORY);
    ret->count = 0;
    if (fd < 0) {
        return absent_or_unknown();
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return HC_UNKNOWN;
    }
    for (const struct dirent *e; ret->count < HC_MAX_ENTRIES && (e = readdir(dir)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] != '.' && n < sizeof(ret->name[0])) {
            memcpy(ret->name[ret->count++], e->d_name, n + 1);
        }
    }
    (void)closedir(dir);
    qsort(ret->name, ret->count, sizeof(ret->name[0]), by_name);
    return HC_PRESENT;
}

/* --- the record
 * --------------------------------------------------------------------------------------- */

static bool make_parents(int root, const char *path)
{
    char dir[256];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path) >= (int)sizeof(dir) ||
            (mkdirat(root, dir, 0755) != 0 && errno != EEXIST)) {
            return false;
        }
    }
    return true;
}

void hc_source_record(struct hc_source *s, const char *path, const void *data, size_t len)
{
    if (s->record < 0 || s->failed) {
        return;
    }
    CL_CLEANUP(cl_close_fdp)
    int fd =
        make_parents(s->record, path)
            ? openat(s->record, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644)
            : -1;
    s->failed = fd < 0 || (len > 0 && cl_write_all(fd, data, len, path, NULL) != CL_OK);
}
