/* SPDX-License-Identifier: Apache-2.0
 * tree.c - walking and changing a directory tree by descriptors.
 */
#include "tree.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static enum cl_status add_component(struct agent_path *p, const char *text, size_t n,
                                    const char *what, unsigned max_depth, struct cl_err *err)
{
    if (n > AGENT_MAX_NAME) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: name: expected at most %u bytes, got %zu",
                          what, AGENT_MAX_NAME, n);
    }
    if (p->depth == max_depth) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: depth: expected at most %u, got more", what,
                          max_depth);
    }
    p->parent_len = p->len;
    if (p->len > 0) {
        p->text[p->len++] = '/';
    }
    memcpy(p->text + p->len, text, n);
    p->name = p->text + p->len;
    p->len += n;
    p->text[p->len] = '\0';
    p->depth++;
    return CL_OK;
}

enum cl_status agent_path_parse(const char *text, const char *what, unsigned max_depth,
                                struct agent_path *ret, struct cl_err *err)
{
    ret->len = 0;
    ret->parent_len = 0;
    ret->depth = 0;
    ret->text[0] = '\0';
    ret->name = ret->text;
    if (strlen(text) > AGENT_MAX_PATH) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: path: expected at most %u bytes, got %zu",
                          what, AGENT_MAX_PATH, strlen(text));
    }
    while (*text != '\0') {
        size_t n = strcspn(text, "/");
        if (n == 2 && memcmp(text, "..", 2) == 0) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: path: expected no '..', got one", what);
        }
        if (n > 0 && !(n == 1 && *text == '.')) {
            CL_TRY(add_component(ret, text, n, what, max_depth, err));
        }
        text += n;
        text += *text == '/';
    }
    return CL_OK;
}

void agent_tree_init(struct agent_tree *t, int root_fd)
{
    t->root_fd = root_fd;
    t->parent_fd = -1;
    t->parent[0] = '\0';
}

void agent_tree_forget(struct agent_tree *t)
{
    cl_close_fdp(&t->parent_fd);
}

void agent_tree_done(struct agent_tree *t)
{
    agent_tree_forget(t);
}

/* Opens directory `name` in `at`, making it when asked to. */
static enum cl_status enter(int at, const char *name, bool create, int *ret_fd, struct cl_err *err)
{
    int fd = openat(at, name, DIR_FLAGS);
    if (fd < 0 && errno == ENOENT && create) {
        if (mkdirat(at, name, 0755) != 0) {
            return cl_err_sys(err, errno, "make directory '%s'", name);
        }
        fd = openat(at, name, DIR_FLAGS);
    }
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "path: expected a directory, got a link or file at '%s'", name);
    }
    if (fd < 0) {
        int e = errno;
        enum cl_status st = cl_err_sys(err, e, "open directory '%s'", name);
        return e == ENOENT ? cl_err_set(err, CL_ERR_REJECTED, "path: '%s' does not exist", name)
                           : st;
    }
    *ret_fd = fd;
    return CL_OK;
}

/* Walks the first `len` bytes of an agent_path's text. */
static enum cl_status walk(int root_fd, const char *text, size_t len, bool create, int *ret_fd,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(root_fd, ".", DIR_FLAGS); /* a duplicate would share the position */
    if (fd < 0) {
        return cl_err_sys(err, errno, "open root");
    }
    size_t at = 0;
    while (at < len) {
        char name[AGENT_MAX_NAME + 1];
        size_t n = strcspn(text + at, "/");
        n = n < len - at ? n : len - at;
        memcpy(name, text + at, n);
        name[n] = '\0';
        int next = -1;
        CL_TRY(enter(fd, name, create, &next, err));
        (void)close(fd);
        fd = next;
        at += n + 1;
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status agent_tree_parent(struct agent_tree *t, const struct agent_path *p, bool create,
                                 int *ret_fd, struct cl_err *err)
{
    bool same = t->parent_fd >= 0 && strlen(t->parent) == p->parent_len &&
                memcmp(t->parent, p->text, p->parent_len) == 0;
    if (!same) {
        int fd = -1;
        agent_tree_forget(t);
        CL_TRY(walk(t->root_fd, p->text, p->parent_len, create, &fd, err));
        t->parent_fd = fd;
        memcpy(t->parent, p->text, p->parent_len);
        t->parent[p->parent_len] = '\0';
    }
    *ret_fd = t->parent_fd;
    return CL_OK;
}

/* The recursion below is as deep as the tree, which nobody made deeper than the limit. */
struct removal {
    const struct agent_keep *keep;
    char path[AGENT_MAX_PATH + 1];
    size_t len;
    unsigned depth;
};

static enum cl_status remove_entry(struct removal *r, int at, const char *name, struct cl_err *err);

static enum cl_status clear_dir(struct removal *r, int take_fd, struct cl_err *err)
{
    DIR *dir = fdopendir(take_fd);
    if (dir == NULL) {
        int e = errno;
        (void)close(take_fd);
        return cl_err_sys(err, e, "read directory");
    }
    enum cl_status st = CL_OK;
    struct dirent *e = NULL;
    while (st == CL_OK && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            st = remove_entry(r, dirfd(dir), e->d_name, err);
        }
    }
    (void)closedir(dir);
    return st;
}

/* What holds something kept is kept itself. */
static enum cl_status remove_dir(struct removal *r, int at, const char *name, bool kept,
                                 struct cl_err *err)
{
    int fd = openat(at, name, DIR_FLAGS);
    if (fd < 0) {
        return cl_err_sys(err, errno, "remove directory '%s'", name);
    }
    if (r->depth++ > AGENT_MAX_DEPTH) {
        (void)close(fd);
        return cl_err_set(err, CL_ERR_REJECTED, "remove: depth: expected at most %u, got more",
                          AGENT_MAX_DEPTH);
    }
    CL_TRY(clear_dir(r, fd, err));
    r->depth--;
    if (!kept && unlinkat(at, name, AT_REMOVEDIR) != 0) {
        return cl_err_sys(err, errno, "remove directory '%s'", name);
    }
    return CL_OK;
}

static enum cl_status remove_entry(struct removal *r, int at, const char *name, struct cl_err *err)
{
    struct stat s;
    size_t old_len = r->len;
    size_t n = strlen(name);
    if (fstatat(at, name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? CL_OK : cl_err_sys(err, errno, "look at '%s'", name);
    }
    if (r->len + 1 + n > AGENT_MAX_PATH) {
        return cl_err_set(err, CL_ERR_REJECTED, "remove: path: expected at most %u bytes, got more",
                          AGENT_MAX_PATH);
    }
    if (r->len > 0) {
        r->path[r->len++] = '/';
    }
    memcpy(r->path + r->len, name, n + 1);
    r->len += n;
    bool kept = r->keep != NULL && r->keep->keep(r->keep->ctx, r->path);
    enum cl_status st = CL_OK;
    if (S_ISDIR(s.st_mode)) {
        st = remove_dir(r, at, name, kept, err); /* a kept one may hold older things that go */
    } else if (!kept && unlinkat(at, name, 0) != 0) {
        st = cl_err_sys(err, errno, "remove '%s'", name);
    }
    r->len = old_len;
    r->path[old_len] = '\0';
    return st;
}

static enum cl_status begin_removal(struct agent_tree *t, const char *text, size_t len,
                                    const struct agent_keep *keep, struct removal *ret_r,
                                    int *ret_fd, struct cl_err *err)
{
    agent_tree_forget(t);
    ret_r->keep = keep;
    ret_r->depth = 0;
    ret_r->len = len;
    memcpy(ret_r->path, text, len);
    ret_r->path[len] = '\0';
    return walk(t->root_fd, text, len, /* create= */ false, ret_fd, err);
}

enum cl_status agent_tree_remove(struct agent_tree *t, const struct agent_path *p,
                                 const struct agent_keep *keep, struct cl_err *err)
{
    struct removal r;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(begin_removal(t, p->text, p->parent_len, keep, &r, &fd, err));
    return remove_entry(&r, fd, p->name, err);
}

enum cl_status agent_tree_clear(struct agent_tree *t, const struct agent_path *dir,
                                const struct agent_keep *keep, struct cl_err *err)
{
    struct removal r;
    int fd = -1;
    CL_TRY(begin_removal(t, dir->text, dir->len, keep, &r, &fd, err));
    return clear_dir(&r, fd, err);
}
