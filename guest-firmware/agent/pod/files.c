/* SPDX-License-Identifier: Apache-2.0
 * files.c - files that the host puts into volumes, and those that it gets back.
 * A volume of kind FILES changes all at once: a generation is a directory "..g<n>", "..data" is a
 * link to the one that counts, and what containers see are links through it.
 * Trust: paths and link targets are the host's, and what lies in a volume may be a container's:
 * nothing is followed out of the volume.
 */
#include "engine.h"

#include "base/io.h"
#include "rootfile.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIND(name) CLOISTER__POD__V1__VOLUME_REQUEST__KIND__##name
#define MAX_FILE_DEPTH 8u
#define DATA_LINK "..data"
#define NEW_LINK "..data.new"

static void generation_name(uint64_t n, char ret[static 32])
{
    (void)snprintf(ret, 32, "..g%" PRIu64, n);
}

/* --- one file --------------------------------------------------------------------------------- */

/* A relative target that, from the link's own directory, never climbs above the volume. */
static enum cl_status check_link(const struct agent_path *p, const char *target, struct cl_err *err)
{
    unsigned depth = p->depth - 1;
    bool good = target[0] != '/' && strlen(target) <= AGENT_MAX_PATH;
    for (const char *at = target; good && *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && strncmp(at, "..", 2) == 0) {
            good = depth > 0;
            depth -= good;
        } else if (n > 0 && !(n == 1 && *at == '.')) {
            depth++;
        }
        at += n;
        at += *at == '/';
    }
    return good ? CL_OK
                : cl_err_set(err, CL_ERR_REJECTED,
                             "file '%.128s': link: expected one that stays inside, got '%.128s'",
                             p->text, target);
}

/* A new file, or the end of one that earlier entries began. */
static enum cl_status open_regular(int at, const char *name, uint64_t offset, int *ret_fd,
                                   struct cl_err *err)
{
    struct stat s;
    int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(at, name, flags | (offset == 0 ? O_CREAT | O_EXCL : O_APPEND), 0600);
    if (fd < 0 || fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "file '%s'", name);
    }
    if (!S_ISREG(s.st_mode) || (uint64_t)s.st_size != offset) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "file '%.128s': offset: expected %" PRIu64 ", got %" PRIu64, name,
                          S_ISREG(s.st_mode) ? (uint64_t)s.st_size : 0, offset);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status write_regular(int at, const char *name, const Cloister__Pod__V1__File *f,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(open_regular(at, name, f->offset, &fd, err));
    CL_TRY(cl_write_all(fd, f->data.data, f->data.len, name, err));
    if (fchown(fd, f->uid, f->gid) != 0 || fchmod(fd, f->mode & 0777) != 0) {
        return cl_err_sys(err, errno, "file '%s'", name);
    }
    return CL_OK;
}

static enum cl_status write_directory(int at, const char *name, const Cloister__Pod__V1__File *f,
                                      struct cl_err *err)
{
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "directory '%s'", name);
    }
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, f->uid, f->gid) != 0 || fchmod(fd, f->mode & 0777) != 0) {
        return cl_err_sys(err, errno, "directory '%s'", name);
    }
    return CL_OK;
}

static enum cl_status write_file(struct agent_tree *t, const Cloister__Pod__V1__File *f,
                                 struct cl_err *err)
{
    struct agent_path path;
    int at = -1;
    if (f->path[0] == '/' || strncmp(f->path, "..", 2) == 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "file '%.128s': path: expected a relative one that does not begin with "
                          "'..', got another",
                          f->path);
    }
    CL_TRY(agent_path_parse(f->path, "file", MAX_FILE_DEPTH, &path, err));
    if (path.len == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "file: path: expected one, got none");
    }
    CL_TRY(agent_tree_parent(t, &path, /* create= */ true, &at, err));
    if (f->link[0] != '\0') {
        CL_TRY(check_link(&path, f->link, err));
        return symlinkat(f->link, at, path.name) == 0
                   ? CL_OK
                   : cl_err_sys(err, errno, "link '%s'", path.name);
    }
    return f->directory ? write_directory(at, path.name, f, err)
                        : write_regular(at, path.name, f, err);
}

static enum cl_status write_files(int dir, const Cloister__Pod__V1__PutFilesRequest *r,
                                  struct cl_err *err)
{
    struct agent_tree t;
    enum cl_status st = CL_OK;
    agent_tree_init(&t, dir);
    for (size_t i = 0; st == CL_OK && i < r->n_files; i++) {
        st = write_file(&t, r->files[i], err);
    }
    agent_tree_done(&t);
    return st;
}

/* --- generations ------------------------------------------------------------------------------ */

static void remove_entry(int root, const char *name)
{
    struct agent_tree t;
    struct agent_path p;
    agent_tree_init(&t, root);
    if (agent_path_parse(name, "generation", 1, &p, NULL) == CL_OK &&
        agent_tree_remove(&t, &p, /* keep= */ NULL, NULL) != CL_OK) {
        /* what stays only costs memory */
        agent_tree_forget(&t);
    }
    agent_tree_done(&t);
}

static enum cl_status stage(struct pod_volume *v, int root, uint64_t generation, int *ret_dir,
                            struct cl_err *err)
{
    char name[32];
    if (generation <= v->generation || generation < v->staged) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "generation: expected above %" PRIu64 ", got %" PRIu64,
                          v->staged > v->generation ? v->staged - 1 : v->generation, generation);
    }
    if (generation != v->staged && v->staged != 0) {
        generation_name(v->staged, name);
        remove_entry(root, name);
    }
    generation_name(generation, name);
    if (generation != v->staged) {
        if (mkdirat(root, name, 0755) != 0) {
            return cl_err_sys(err, errno, "generation");
        }
        v->staged = generation;
        v->staged_size = 0;
        v->staged_count = 0;
    }
    *ret_dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_dir >= 0 ? CL_OK : cl_err_sys(err, errno, "generation");
}

/* Calls `each` for the names of a directory that are not "." or "..". */
static enum cl_status for_names(int dir, enum cl_status (*each)(int, int, const char *), int a,
                                int b, struct cl_err *err)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        cl_close_fdp(&fd);
        return cl_err_sys(err, errno, "read a volume");
    }
    enum cl_status st = CL_OK;
    const struct dirent *e = readdir(d);
    while (st == CL_OK && e != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            st = each(a, b, e->d_name);
        }
        e = readdir(d);
    }
    (void)closedir(d);
    return st == CL_OK ? CL_OK : cl_err_sys(err, errno, "links of a volume");
}

/* A name of the new generation gets its link in the root. */
static enum cl_status add_link(int root, int unused, const char *name)
{
    char target[AGENT_MAX_NAME + 16];
    (void)unused;
    (void)snprintf(target, sizeof(target), DATA_LINK "/%s", name);
    return symlinkat(target, root, name) == 0 || errno == EEXIST ? CL_OK : CL_ERR_SYS;
}

/* A link of the root that the new generation does not have goes. */
static enum cl_status drop_link(int root, int generation, const char *name)
{
    struct stat s;
    if (strncmp(name, "..", 2) != 0 && fstatat(generation, name, &s, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno == ENOENT) {
        (void)unlinkat(root, name, 0);
    }
    return CL_OK;
}

static enum cl_status put_in_place(struct pod_volume *v, int root, int dir, struct cl_err *err)
{
    char name[32];
    char old[32];
    generation_name(v->staged, name);
    generation_name(v->generation, old);
    (void)unlinkat(root, NEW_LINK, 0);
    if (symlinkat(name, root, NEW_LINK) != 0 || renameat(root, NEW_LINK, root, DATA_LINK) != 0) {
        return cl_err_sys(err, errno, "generation");
    }
    CL_TRY(for_names(dir, add_link, root, -1, err));
    CL_TRY(for_names(root, drop_link, root, dir, err));
    if (v->generation != 0) {
        remove_entry(root, old);
    }
    v->generation = v->staged;
    v->staged = 0;
    return CL_OK;
}

static enum cl_status count(struct pod_volume *v, const Cloister__Pod__V1__PutFilesRequest *r,
                            struct cl_err *err)
{
    uint64_t size = v->staged_size;
    for (size_t i = 0; i < r->n_files; i++) {
        size += r->files[i]->data.len; /* below the size of a frame each time */
    }
    if (size > AGENT_POD_MAX_FILES_SIZE || r->n_files > AGENT_POD_MAX_FILES - v->staged_count) {
        return cl_err_set(err, CL_ERR_NOMEM,
                          "files of a volume: expected at most %u with %u bytes, got more",
                          AGENT_POD_MAX_FILES, AGENT_POD_MAX_FILES_SIZE);
    }
    v->staged_size = size;
    v->staged_count += (unsigned)r->n_files;
    return CL_OK;
}

static enum cl_status put(struct pod_volume *v, const Cloister__Pod__V1__PutFilesRequest *r,
                          struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int root = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CL_CLEANUP(cl_close_fdp) int dir = -1;
    if (root < 0) {
        return cl_err_sys(err, errno, "open '%s'", v->dir);
    }
    if (v->kind != KIND(FILES)) { /* what a container will write to, made before it comes */
        CL_TRY(count(v, r, err));
        return write_files(root, r, err);
    }
    CL_TRY(stage(v, root, r->generation, &dir, err));
    CL_TRY(count(v, r, err));
    CL_TRY(write_files(dir, r, err));
    return r->last ? put_in_place(v, root, dir, err) : CL_OK;
}

/* --- calls ------------------------------------------------------------------------------------ */

POD_RUN(pod_put_files)
{
    const Cloister__Pod__V1__PutFilesRequest *r = (const Cloister__Pod__V1__PutFilesRequest *)m;
    (void)out;
    enum cl_status st = pod_policy_put(p, r->volume, err);
    if (st != CL_OK) {
        return pod_code(st);
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_volume *v = pod_volume_find(p, r->volume);
    while (v != NULL && v->busy) {
        (void)pthread_cond_wait(&p->changed, &p->lock);
        v = pod_volume_find(p, r->volume);
    }
    if (v != NULL) {
        v->busy = true;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (v == NULL) {
        return pod_error(err, CL_TTRPC_NOT_FOUND, "volume '%.80s': not found", r->volume);
    }
    st = put(v, r, err);
    (void)pthread_mutex_lock(&p->lock);
    v->busy = false;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
    return pod_code(st);
}

/* The end of a file, at most AGENT_POD_MAX_GET bytes of it. */
static enum cl_status get(const struct pod_volume *v, const char *path, struct cl_buf *out,
                          struct cl_err *err)
{
    struct stat s;
    CL_CLEANUP(cl_close_fdp) int root = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CL_CLEANUP(cl_close_fdp) int fd = agent_open_in_root(root, path, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "file '%.128s'", path);
    }
    if (!S_ISREG(s.st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "file '%.128s': expected a file, got another kind",
                          path);
    }
    off_t from = s.st_size > (off_t)AGENT_POD_MAX_GET ? s.st_size - (off_t)AGENT_POD_MAX_GET : 0;
    CL_TRY(cl_buf_reserve(out, AGENT_POD_MAX_GET, err));
    ssize_t n = pread(fd, out->data, AGENT_POD_MAX_GET, from);
    if (n < 0) {
        return cl_err_sys(err, errno, "file '%.128s'", path);
    }
    out->len = (size_t)n;
    return CL_OK;
}

POD_RUN(pod_get_file)
{
    const Cloister__Pod__V1__GetFileRequest *r = (const Cloister__Pod__V1__GetFileRequest *)m;
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    Cloister__Pod__V1__GetFileResponse answer;
    cloister__pod__v1__get_file_response__init(&answer);
    enum cl_status st = pod_policy_get(p, r->volume, err);
    if (st != CL_OK) {
        return pod_code(st);
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_volume *v = pod_volume_find(p, r->volume);
    if (v != NULL) {
        v->users++;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (v == NULL) {
        return pod_error(err, CL_TTRPC_NOT_FOUND, "volume '%.80s': not found", r->volume);
    }
    st = get(v, r->path, &data, err);
    (void)pthread_mutex_lock(&p->lock);
    v->users--;
    (void)pthread_mutex_unlock(&p->lock);
    if (st != CL_OK) {
        return err->sys_errno == ENOENT ? CL_TTRPC_NOT_FOUND : pod_code(st);
    }
    answer.data = (ProtobufCBinaryData){.len = data.len, .data = data.data};
    return pod_code(pod_pack(&answer.base, out, err));
}
