/* SPDX-License-Identifier: Apache-2.0
 * unpack.c - from libarchive's tar entries to files. libarchive only reads the format; every path
 * and every file is ours.
 */
#include "agent/unpack.h"

#include "seen.h"
#include "tree.h"

#include "base/bytes.h"
#include "base/io.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WHITEOUT ".wh."
#define WHITEOUT_LEN 4u
#define OPAQUE ".wh..wh..opq"
#define CAPABILITY "security.capability"
#define MAX_CAPABILITY 64u /* bytes; version 3 has 24 */

struct agent_unpack {
    struct agent_tree tree;
    struct agent_limits limits;
    struct agent_seen seen; /* of the layer at hand */
    uint64_t bytes;
    uint64_t entries;
    /* of the layer at hand */
    const struct agent_stream *in;
    struct cl_err *in_err; /* libarchive cannot carry our error through */
    enum cl_status in_status;
};

enum cl_status agent_unpack_new(int root_fd, const struct agent_limits *limits,
                                struct agent_unpack **ret_u, struct cl_err *err)
{
    struct agent_unpack *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        return cl_err_nomem(err, "unpacker");
    }
    /* libarchive gives names in the locale's encoding; with UTF-8 they pass through as they are. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        free(u);
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "unpack: locale C.UTF-8 is not there");
    }
    (void)umask(0);
    agent_tree_init(&u->tree, root_fd);
    u->limits = *limits;
    *ret_u = u;
    return CL_OK;
}

void agent_unpack_free(struct agent_unpack *u)
{
    if (u != NULL) {
        agent_tree_done(&u->tree);
        agent_seen_done(&u->seen);
        free(u);
    }
}

void agent_unpack_freep(struct agent_unpack **u)
{
    agent_unpack_free(*u);
    *u = NULL;
}

static la_ssize_t on_read(struct archive *a, void *ctx, const void **ret_data)
{
    struct agent_unpack *u = ctx;
    const uint8_t *data = NULL;
    size_t n = 0;
    u->in_status = u->in->next(u->in->ctx, &data, &n, u->in_err);
    if (u->in_status != CL_OK) {
        archive_set_error(a, EIO, "source");
        return ARCHIVE_FATAL;
    }
    *ret_data = data;
    return (la_ssize_t)n;
}

static enum cl_status archive_failed(struct agent_unpack *u, struct archive *a, struct cl_err *err)
{
    if (u->in_status != CL_OK) {
        return u->in_status; /* err has been filled */
    }
    const char *text = archive_error_string(a);
    return cl_err_set(err, CL_ERR_MALFORMED, "tar: %s", text != NULL ? text : "cannot be read");
}

static void archive_freep(struct archive **a)
{
    (void)archive_read_free(*a);
}

/* A place for a new file: an older one of that name goes. */
static enum cl_status make_room(struct agent_unpack *u, const struct agent_path *p, int *ret_fd,
                                struct cl_err *err)
{
    struct stat s;
    CL_TRY(agent_tree_parent(&u->tree, p, /* create= */ true, ret_fd, err));
    if (fstatat(*ret_fd, p->name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? CL_OK : cl_err_sys(err, errno, "look at file");
    }
    if (!S_ISDIR(s.st_mode)) {
        return unlinkat(*ret_fd, p->name, 0) == 0 ? CL_OK : cl_err_sys(err, errno, "replace file");
    }
    CL_TRY(agent_tree_remove(&u->tree, p, /* keep= */ NULL, err));
    return agent_tree_parent(&u->tree, p, /* create= */ true, ret_fd, err);
}

static enum cl_status set_capability(int fd, struct archive_entry *e, struct cl_err *err)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    (void)archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
        if (name == NULL || strcmp(name, CAPABILITY) != 0) {
            continue;
        }
        if (size > MAX_CAPABILITY) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              CAPABILITY ": size: expected at most %u bytes, got %zu",
                              MAX_CAPABILITY, size);
        }
        if (fsetxattr(fd, CAPABILITY, value, size, 0) != 0) {
            return cl_err_sys(err, errno, "set " CAPABILITY);
        }
    }
    return CL_OK;
}

static enum cl_status owner_of(struct archive_entry *e, uid_t *ret_uid, gid_t *ret_gid,
                               struct cl_err *err)
{
    la_int64_t uid = archive_entry_uid(e);
    la_int64_t gid = archive_entry_gid(e);
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "owner: expected 0 to 4294967294, got %" PRId64 ":%" PRId64, (int64_t)uid,
                          (int64_t)gid);
    }
    *ret_uid = (uid_t)uid;
    *ret_gid = (gid_t)gid;
    return CL_OK;
}

static void times_of(struct archive_entry *e, struct timespec ret[static 2])
{
    bool set = archive_entry_mtime_is_set(e) != 0;
    ret[0] = (struct timespec){.tv_sec = set ? archive_entry_mtime(e) : 0};
    if (set && archive_entry_mtime_nsec(e) >= 0 && archive_entry_mtime_nsec(e) < 1000000000L) {
        ret[0].tv_nsec = archive_entry_mtime_nsec(e);
    }
    ret[1] = ret[0];
}

/* Owner before mode, for a change of owner takes setuid away; capabilities after the owner for the
 * same reason. */
static enum cl_status set_metadata(int fd, struct archive_entry *e, struct cl_err *err)
{
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
    CL_TRY(owner_of(e, &uid, &gid, err));
    if (fchown(fd, uid, gid) != 0 || fchmod(fd, archive_entry_perm(e) & 07777) != 0) {
        return cl_err_sys(err, errno, "set owner and mode");
    }
    CL_TRY(set_capability(fd, e, err));
    times_of(e, times);
    return futimens(fd, times) == 0 ? CL_OK : cl_err_sys(err, errno, "set times");
}

/* The same for what cannot be opened: links and nodes. */
static enum cl_status set_metadata_at(int at, const char *name, struct archive_entry *e,
                                      struct cl_err *err)
{
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
    CL_TRY(owner_of(e, &uid, &gid, err));
    times_of(e, times);
    if (fchownat(at, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) != 0) {
        return cl_err_sys(err, errno, "set owner and times");
    }
    return CL_OK;
}

static enum cl_status put_data(struct agent_unpack *u, struct archive *a, int fd, uint64_t size,
                               struct cl_err *err)
{
    const void *data = NULL;
    size_t n = 0;
    la_int64_t offset = 0;
    int rc;
    while ((rc = archive_read_data_block(a, &data, &n, &offset)) == ARCHIVE_OK) {
        uint64_t end = 0;
        if (offset < 0 || !cl_add_u64((uint64_t)offset, n, &end) || end > size) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "data: expected at most %" PRIu64 " bytes, got more", size);
        }
        const uint8_t *p = data;
        while (n > 0) {
            ssize_t done = pwrite(fd, p, n, offset);
            if (done < 0 && errno == EINTR) {
                continue;
            }
            if (done < 0) {
                return cl_err_sys(err, errno, "write file");
            }
            p += done;
            n -= (size_t)done;
            offset += done;
        }
    }
    if (rc != ARCHIVE_EOF) {
        return archive_failed(u, a, err);
    }
    return ftruncate(fd, (off_t)size) == 0 ? CL_OK : cl_err_sys(err, errno, "write file");
}

static enum cl_status put_file(struct agent_unpack *u, struct archive *a, struct archive_entry *e,
                               const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    la_int64_t size = archive_entry_size(e);
    uint64_t total = 0;
    if (size < 0 || !cl_add_u64(u->bytes, (uint64_t)size, &total) || total > u->limits.max_bytes) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "size: expected at most %" PRIu64 " bytes in all files, got more",
                          u->limits.max_bytes);
    }
    u->bytes = total;
    CL_TRY(make_room(u, p, &at, err));
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(at, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cl_err_sys(err, errno, "create file");
    }
    CL_TRY(put_data(u, a, fd, (uint64_t)size, err));
    return set_metadata(fd, e, err);
}

static enum cl_status put_dir(struct agent_unpack *u, struct archive_entry *e,
                              const struct agent_path *p, struct cl_err *err)
{
    int at = u->tree.root_fd;
    const char *name = ".";
    struct stat s;
    if (p->depth > 0) {
        CL_TRY(agent_tree_parent(&u->tree, p, /* create= */ true, &at, err));
        name = p->name;
        bool there = fstatat(at, name, &s, AT_SYMLINK_NOFOLLOW) == 0;
        if (there && !S_ISDIR(s.st_mode)) {
            CL_TRY(make_room(u, p, &at, err));
            there = false;
        }
        if (!there && mkdirat(at, name, 0700) != 0) {
            return cl_err_sys(err, errno, "make directory");
        }
    }
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open directory");
    }
    return set_metadata(fd, e, err);
}

static enum cl_status put_symlink(struct agent_unpack *u, struct archive_entry *e,
                                  const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    const char *target = archive_entry_symlink(e);
    if (target == NULL || target[0] == '\0' || strlen(target) > AGENT_MAX_PATH) {
        return cl_err_set(err, CL_ERR_MALFORMED, "link target: expected 1 to %u bytes",
                          AGENT_MAX_PATH);
    }
    CL_TRY(make_room(u, p, &at, err));
    if (symlinkat(target, at, p->name) != 0) {
        return cl_err_sys(err, errno, "make symbolic link");
    }
    return set_metadata_at(at, p->name, e, err);
}

static enum cl_status put_hardlink(struct agent_unpack *u, const char *target,
                                   const struct agent_path *p, struct cl_err *err)
{
    struct agent_path t;
    struct stat s;
    int at = -1;
    CL_TRY(agent_path_parse(target, "link target", u->limits.max_depth, &t, err));
    if (strcmp(t.text, p->text) == 0 || t.depth == 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "link target: expected another file, got itself");
    }
    CL_TRY(agent_tree_parent(&u->tree, &t, /* create= */ false, &at, err));
    CL_CLEANUP(cl_close_fdp) int from = fcntl(at, F_DUPFD_CLOEXEC, 0);
    if (from < 0) {
        return cl_err_sys(err, errno, "open directory of the link target");
    }
    if (fstatat(from, t.name, &s, AT_SYMLINK_NOFOLLOW) != 0 ||
        (!S_ISREG(s.st_mode) && !S_ISLNK(s.st_mode))) {
        return cl_err_set(err, CL_ERR_REJECTED, "link target: expected a file, got none at '%s'",
                          target);
    }
    CL_TRY(make_room(u, p, &at, err));
    if (linkat(from, t.name, at, p->name, 0) != 0) {
        return cl_err_sys(err, errno, "make hard link to '%s'", target);
    }
    return CL_OK;
}

/* Nodes without which some images would not start, and with which none can do harm. */
static bool is_harmless(unsigned major_no, unsigned minor_no)
{
    return (major_no == 1 &&
            (minor_no == 3 || minor_no == 5 || minor_no == 7 || minor_no == 8 || minor_no == 9)) ||
           (major_no == 5 && minor_no <= 2);
}

static enum cl_status put_node(struct agent_unpack *u, struct archive_entry *e,
                               const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    mode_t type = archive_entry_filetype(e);
    unsigned major_no = (unsigned)archive_entry_rdevmajor(e);
    unsigned minor_no = (unsigned)archive_entry_rdevminor(e);
    if (type == AE_IFBLK || (type == AE_IFCHR && !is_harmless(major_no, minor_no))) {
        return cl_err_set(err, CL_ERR_REJECTED, "device: expected a harmless one, got %c %u:%u",
                          type == AE_IFBLK ? 'b' : 'c', major_no, minor_no);
    }
    CL_TRY(make_room(u, p, &at, err));
    mode_t mode = (type == AE_IFCHR ? S_IFCHR : S_IFIFO) | (archive_entry_perm(e) & 0777);
    if (mknodat(at, p->name, mode, makedev(major_no, minor_no)) != 0) {
        return cl_err_sys(err, errno, "make node");
    }
    return set_metadata_at(at, p->name, e, err);
}

static bool keep_seen(void *ctx, const char *path)
{
    const struct agent_unpack *u = ctx;
    return agent_seen_has(&u->seen, path, strlen(path));
}

/* "dir/.wh.name" hides name of the layers below, ".wh..wh..opq" all that they have in the
 * directory. */
static enum cl_status put_whiteout(struct agent_unpack *u, const struct agent_path *p,
                                   struct cl_err *err)
{
    struct agent_keep keep = {u, keep_seen};
    struct agent_path target;
    char text[AGENT_MAX_PATH + 1];
    int at = -1;
    const char *rest = strcmp(p->name, OPAQUE) == 0 ? "" : p->name + WHITEOUT_LEN;
    memcpy(text, p->text, p->parent_len);
    text[p->parent_len] = '/';
    memcpy(text + p->parent_len + 1, rest, strlen(rest) + 1);
    CL_TRY(agent_path_parse(text, "whiteout", u->limits.max_depth, &target, err));
    if (strcmp(p->name, OPAQUE) == 0) {
        CL_TRY(agent_tree_parent(&u->tree, p, /* create= */ true, &at, err));
        return agent_tree_clear(&u->tree, &target, &keep, err);
    }
    if (target.depth != p->depth) { /* ".wh." and ".wh.." name nothing */
        return cl_err_set(err, CL_ERR_REJECTED, "whiteout: expected a name behind it, got none");
    }
    CL_TRY(agent_tree_parent(&u->tree, &target, /* create= */ true, &at, err));
    return agent_tree_remove(&u->tree, &target, &keep, err);
}

static enum cl_status put_entry(struct agent_unpack *u, struct archive *a, struct archive_entry *e,
                                const struct agent_path *p, struct cl_err *err)
{
    const char *hardlink = archive_entry_hardlink(e);
    mode_t type = archive_entry_filetype(e);
    if (strncmp(p->name, WHITEOUT, WHITEOUT_LEN) == 0) {
        return put_whiteout(u, p, err);
    }
    if (p->depth == 0 && (hardlink != NULL || type != AE_IFDIR)) {
        return cl_err_set(err, CL_ERR_REJECTED, "path: expected a name, got none");
    }
    if (hardlink != NULL) {
        return put_hardlink(u, hardlink, p, err);
    }
    switch (type) {
    case AE_IFREG:
        return put_file(u, a, e, p, err);
    case AE_IFDIR:
        return put_dir(u, e, p, err);
    case AE_IFLNK:
        return put_symlink(u, e, p, err);
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
        return put_node(u, e, p, err);
    default:
        return cl_err_set(err, CL_ERR_REJECTED,
                          "type: expected file, directory, link or node, got %o", (unsigned)type);
    }
}

/* The path and the directories above it are this layer's. */
static enum cl_status note_seen(struct agent_unpack *u, const struct agent_path *p,
                                struct cl_err *err)
{
    for (size_t i = 1; i <= p->len; i++) {
        if (i == p->len || p->text[i] == '/') {
            CL_TRY(agent_seen_add(&u->seen, p->text, i, err));
        }
    }
    return CL_OK;
}

static enum cl_status one_entry(struct agent_unpack *u, struct archive *a, struct archive_entry *e,
                                struct cl_err *err)
{
    struct agent_path p;
    const char *name = archive_entry_pathname(e);
    if (name == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "tar entry: path: cannot be read");
    }
    if (++u->entries > u->limits.max_entries) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tar: entries: expected at most %" PRIu64 ", got more",
                          u->limits.max_entries);
    }
    struct cl_err inner = {0};
    enum cl_status st = agent_path_parse(name, "entry", u->limits.max_depth, &p, &inner);
    st = st == CL_OK ? put_entry(u, a, e, &p, &inner) : st;
    bool whiteout = st == CL_OK && strncmp(p.name, WHITEOUT, WHITEOUT_LEN) == 0;
    st = st == CL_OK && !whiteout ? note_seen(u, &p, &inner) : st;
    if (st == CL_OK || u->in_status != CL_OK) {
        return st;
    }
    return cl_err_set(err, st, "tar entry '%.200s': %s", name, inner.msg);
}

static enum cl_status all_entries(struct agent_unpack *u, struct archive *a, struct cl_err *err)
{
    for (;;) {
        struct archive_entry *e = NULL;
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF) {
            return CL_OK;
        }
        if (rc != ARCHIVE_OK) { /* a warning means that a field was not understood */
            return archive_failed(u, a, err);
        }
        CL_TRY(one_entry(u, a, e, err));
    }
}

enum cl_status agent_unpack_layer(struct agent_unpack *u, const struct agent_stream *in,
                                  struct cl_err *err)
{
    struct cl_err own = {0};
    struct cl_err *e = err != NULL ? err : &own;
    CL_CLEANUP(archive_freep) struct archive *a = archive_read_new();
    if (a == NULL) {
        return cl_err_nomem(e, "tar reader");
    }
    u->in = in;
    u->in_err = e;
    u->in_status = CL_OK;
    agent_seen_done(&u->seen);
    if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_support_format_empty(a) != ARCHIVE_OK ||
        archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK) {
        return archive_failed(u, a, e);
    }
    enum cl_status st = all_entries(u, a, e);
    agent_tree_forget(&u->tree);
    return st;
}
