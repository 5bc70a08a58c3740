/* SPDX-License-Identifier: Apache-2.0
 * unpack.c - from tar entries to files.
 */
#include "agent/unpack.h"

#include "seen.h"
#include "tar.h"
#include "tree.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

struct agent_unpack {
    struct agent_tree tree;
    struct agent_limits limits;
    struct agent_seen seen; /* of the layer at hand */
    uint64_t bytes;
    uint64_t entries;
    struct agent_tar tar;
};

enum cl_status agent_unpack_new(int root_fd, const struct agent_limits *limits,
                                struct agent_unpack **ret_u, struct cl_err *err)
{
    struct agent_unpack *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        return cl_err_nomem(err, "unpacker");
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

/* Owner before mode, for a change of owner takes setuid away; capabilities after the owner for the
 * same reason. */
static enum cl_status set_metadata(int fd, const struct agent_tar_entry *e, struct cl_err *err)
{
    const struct timespec times[2] = {e->mtime, e->mtime};
    if (fchown(fd, e->uid, e->gid) != 0 || fchmod(fd, e->mode) != 0) {
        return cl_err_sys(err, errno, "set owner and mode");
    }
    if (e->capability_len > 0 &&
        fsetxattr(fd, CAPABILITY, e->capability, e->capability_len, 0) != 0) {
        return cl_err_sys(err, errno, "set " CAPABILITY);
    }
    return futimens(fd, times) == 0 ? CL_OK : cl_err_sys(err, errno, "set times");
}

/* The same for what cannot be opened: links and nodes. */
static enum cl_status set_metadata_at(int at, const char *name, const struct agent_tar_entry *e,
                                      struct cl_err *err)
{
    const struct timespec times[2] = {e->mtime, e->mtime};
    if (fchownat(at, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) != 0) {
        return cl_err_sys(err, errno, "set owner and times");
    }
    return CL_OK;
}

static enum cl_status put_data(struct agent_unpack *u, int fd, struct cl_err *err)
{
    const uint8_t *data = NULL;
    size_t n = 0;
    do {
        CL_TRY(agent_tar_data(&u->tar, &data, &n, err));
        CL_TRY(cl_write_all(fd, data, n, "file", err));
    } while (n > 0);
    return CL_OK;
}

static enum cl_status put_file(struct agent_unpack *u, const struct agent_tar_entry *e,
                               const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    uint64_t total = 0;
    if (!cl_add_u64(u->bytes, e->size, &total) || total > u->limits.max_bytes) {
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
    CL_TRY(put_data(u, fd, err));
    return set_metadata(fd, e, err);
}

static enum cl_status put_dir(struct agent_unpack *u, const struct agent_tar_entry *e,
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

static enum cl_status put_symlink(struct agent_unpack *u, const struct agent_tar_entry *e,
                                  const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    if (e->link[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED, "link target: expected one, got none");
    }
    CL_TRY(make_room(u, p, &at, err));
    if (symlinkat(e->link, at, p->name) != 0) {
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

static enum cl_status put_node(struct agent_unpack *u, const struct agent_tar_entry *e,
                               const struct agent_path *p, struct cl_err *err)
{
    int at = -1;
    bool block = e->type == AGENT_TAR_BLOCKDEV;
    bool fifo = e->type == AGENT_TAR_FIFO;
    if (block || (!fifo && !is_harmless(e->devmajor, e->devminor))) {
        return cl_err_set(err, CL_ERR_REJECTED, "device: expected a harmless one, got %c %u:%u",
                          block ? 'b' : 'c', (unsigned)e->devmajor, (unsigned)e->devminor);
    }
    CL_TRY(make_room(u, p, &at, err));
    mode_t mode = (fifo ? S_IFIFO : S_IFCHR) | (e->mode & 0777);
    if (mknodat(at, p->name, mode, makedev(e->devmajor, e->devminor)) != 0) {
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

static enum cl_status put_entry(struct agent_unpack *u, const struct agent_tar_entry *e,
                                const struct agent_path *p, struct cl_err *err)
{
    if (strncmp(p->name, WHITEOUT, WHITEOUT_LEN) == 0) {
        return put_whiteout(u, p, err);
    }
    if (p->depth == 0 && e->type != AGENT_TAR_DIR) {
        return cl_err_set(err, CL_ERR_REJECTED, "path: expected a name, got none");
    }
    switch (e->type) {
    case AGENT_TAR_FILE:
        return put_file(u, e, p, err);
    case AGENT_TAR_HARDLINK:
        return put_hardlink(u, e->link, p, err);
    case AGENT_TAR_SYMLINK:
        return put_symlink(u, e, p, err);
    case AGENT_TAR_CHAR:
    case AGENT_TAR_BLOCKDEV:
    case AGENT_TAR_FIFO:
        return put_node(u, e, p, err);
    case AGENT_TAR_DIR:
        break;
    }
    return put_dir(u, e, p, err);
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

static enum cl_status one_entry(struct agent_unpack *u, const struct agent_tar_entry *e,
                                struct cl_err *err)
{
    struct agent_path p;
    if (++u->entries > u->limits.max_entries) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tar: entries: expected at most %" PRIu64 ", got more",
                          u->limits.max_entries);
    }
    CL_TRY(agent_path_parse(e->path, "entry", u->limits.max_depth, &p, err));
    CL_TRY(put_entry(u, e, &p, err));
    bool whiteout = strncmp(p.name, WHITEOUT, WHITEOUT_LEN) == 0;
    return whiteout ? CL_OK : note_seen(u, &p, err);
}

static enum cl_status all_entries(struct agent_unpack *u, struct cl_err *err)
{
    for (;;) {
        const struct agent_tar_entry *e = NULL;
        struct cl_err inner = {0};
        CL_TRY(agent_tar_next(&u->tar, &e, err));
        if (e == NULL) {
            return CL_OK;
        }
        enum cl_status st = one_entry(u, e, &inner);
        if (st != CL_OK) {
            return cl_err_set(err, st, "tar entry '%.200s': %s", e->path, inner.msg);
        }
    }
}

enum cl_status agent_unpack_layer(struct agent_unpack *u, const struct agent_stream *in,
                                  struct cl_err *err)
{
    agent_seen_done(&u->seen);
    agent_tar_init(&u->tar, in);
    enum cl_status st = all_entries(u, err);
    agent_tar_done(&u->tar);
    agent_tree_forget(&u->tree);
    return st;
}
