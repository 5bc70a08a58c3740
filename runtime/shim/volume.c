/* SPDX-License-Identifier: Apache-2.0
 * volume.c - the volumes of a container: made in the guest, filled from the host, and results
 * brought back.
 * Trust: what comes back is the guest's: at most SHIM_RESULT_MAX bytes, into the file that kubelet
 * made and no other.
 */
#include "pod_internal.h"

#include "watch.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_FILES 512u

/* The work on one container's volumes, one call at a time. */
struct filling {
    struct shim_pod *pod;
    const struct shim_spec *spec; /* of the creation: there as long as the process is */
    size_t at;                    /* volume */
    struct shim_files files;      /* of it */
    size_t file;                  /* the next */
    uint64_t generation;
    struct {
        char name[SHIM_NAME_MAX + 1];
        bool transient;
    } making; /* a volume, in the guest */
    void (*next)(struct proc *p, enum shim_code code, const char *message);
};

static struct volume_name *find_volume(const struct shim_pod *pod, const char *name)
{
    struct volume_name *v = pod->volumes;
    while (v != NULL && strcmp(v->name, name) != 0) {
        v = v->next;
    }
    return v;
}

static bool note_volume(struct shim_pod *pod, const char *name, bool transient)
{
    struct volume_name *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return false;
    }
    (void)snprintf(v->name, sizeof(v->name), "%s", name);
    v->transient = transient;
    v->next = pod->volumes;
    pod->volumes = v;
    return true;
}

void volumes_done(struct shim_pod *pod)
{
    while (pod->volumes != NULL) {
        struct volume_name *v = pod->volumes;
        pod->volumes = v->next;
        free(v->watched);
        free(v);
    }
    shim_watch_free(pod->watch);
    pod->watch = NULL;
}

/* --- making and filling
 * -------------------------------------------------------------------------------- */

static void make_next(struct proc *p, struct filling *f);

static void filling_free(struct filling *f)
{
    struct shim_pod *pod = f->pod;
    shim_files_done(&f->files);
    free(f);
    pod->fillings--;
    volumes_drop_unused(pod);
    volumes_idle(pod);
}

static void filling_end(struct proc *p, struct filling *f, enum shim_code code, const char *message)
{
    char text[CL_ERR_MSG_SIZE];
    void (*next)(struct proc * p, enum shim_code code, const char *message) = f->next;
    const char *name = f->at < f->spec->volume_count ? f->spec->volume[f->at].name : "";
    (void)snprintf(text, sizeof(text), "volume '%s': %.400s", name, message);
    filling_free(f);
    next(p, code, text);
}

static void put_files(struct proc *p, struct filling *f);

static void on_put(struct job *j, enum shim_code code, const char *message, const void *payload,
                   size_t len)
{
    struct filling *f = j->ctx;
    (void)payload;
    (void)len;
    if (j->proc == NULL) {
        filling_free(f); /* the process is gone, and with it the specification */
    } else if (code != SHIM_CODE_OK) {
        filling_end(j->proc, f, code, message);
    } else if (f->file < f->files.count) {
        put_files(j->proc, f);
    } else {
        f->at++;
        make_next(j->proc, f);
    }
}

void volume_put(struct shim_pod *pod, struct proc *p, const char *name,
                const struct shim_files *files, size_t *file, uint64_t generation, void *ctx,
                void (*done)(struct job *j, enum shim_code code, const char *message,
                             const void *payload, size_t len))
{
    Cloister__Pod__V1__File *list[PIECE_FILES];
    Cloister__Pod__V1__PutFilesRequest r;
    char volume[SHIM_NAME_MAX + 1];
    size_t count = shim_files_piece(files, *file);
    cloister__pod__v1__put_files_request__init(&r);
    (void)snprintf(volume, sizeof(volume), "%s", name);
    for (count = count < PIECE_FILES ? count : PIECE_FILES; r.n_files < count; r.n_files++) {
        list[r.n_files] = &files->file[(*file)++];
    }
    r.files = list;
    r.volume = volume;
    r.generation = generation;
    r.last = *file == files->count;
    const struct job_spec spec = {.proc = p,
                                  .method = "PutFiles",
                                  .request = &r.base,
                                  .timeout_ms = pod->cfg.times.call,
                                  .ctx = ctx,
                                  .done = done};
    pod_call(pod, &spec);
}

static void put_files(struct proc *p, struct filling *f)
{
    volume_put(f->pod, p, f->spec->volume[f->at].name, &f->files, &f->file, f->generation, f,
               on_put);
}

/* What is put into a new result volume: the file, empty, for every user. */
static enum cl_status result_file(struct shim_files *ret, struct cl_err *err)
{
    Cloister__Pod__V1__File *file = calloc(1, sizeof(*file));
    char *path = strdup(SHIM_RESULT_FILE);
    if (file == NULL || path == NULL) {
        free(file);
        free(path);
        return cl_err_nomem(err, "files");
    }
    cloister__pod__v1__file__init(file);
    file->path = path;
    file->mode = 0666;
    *ret = (struct shim_files){.file = file, .count = 1};
    return CL_OK;
}

static void fill(struct proc *p, struct filling *f)
{
    const struct shim_volume *v = &f->spec->volume[f->at];
    struct cl_err err = {0};
    enum cl_status st = CL_OK;
    shim_files_done(&f->files);
    f->file = 0;
    f->generation = ++f->pod->generation;
    if (v->kind == SHIM_VOLUME_FILES) {
        if (v->watch) {
            volume_watch(f->pod, find_volume(f->pod, v->name), v->host_path);
        }
        st = shim_files_read(v->host_path, &f->files, &err);
    } else if (v->kind == SHIM_VOLUME_RESULT) {
        st = result_file(&f->files, &err);
    } else {
        f->at++;
        make_next(p, f);
        return;
    }
    if (st != CL_OK) {
        filling_end(p, f, code_of(st), err.msg);
        return;
    }
    put_files(p, f);
}

/* Files are brought up to date; what containers write to stays as it is. */
static void refill(struct proc *p, struct filling *f)
{
    if (f->spec->volume[f->at].kind == SHIM_VOLUME_FILES) {
        fill(p, f);
        return;
    }
    f->at++;
    make_next(p, f);
}

static void on_made(struct job *j, enum shim_code code, const char *message, const void *payload,
                    size_t len)
{
    struct filling *f = j->ctx;
    bool made = code == SHIM_CODE_OK || code == SHIM_CODE_EXISTS; /* for one that was given up */
    bool noted = made && note_volume(f->pod, f->making.name, f->making.transient);
    (void)payload;
    (void)len;
    if (j->proc == NULL) {
        filling_free(f); /* the process is gone, and with it the specification */
    } else if (!made) {
        filling_end(j->proc, f, code, message);
    } else if (!noted) {
        filling_end(j->proc, f, SHIM_CODE_EXHAUSTED, "out of memory");
    } else {
        fill(j->proc, f);
    }
}

static Cloister__Pod__V1__VolumeRequest__Kind kind_of(const struct shim_volume *v)
{
    switch (v->kind) {
    case SHIM_VOLUME_FILES:
        return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__FILES;
    case SHIM_VOLUME_SCRATCH:
    case SHIM_VOLUME_RESULT:
        return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__SCRATCH;
    case SHIM_VOLUME_MEMORY:
        return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__MEMORY;
    case SHIM_VOLUME_SHM:
        return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__SHM;
    case SHIM_VOLUME_BLOCK:
        return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__BLOCK;
    }
    return CLOISTER__POD__V1__VOLUME_REQUEST__KIND__NONE;
}

static void make_next(struct proc *p, struct filling *f)
{
    if (f->at == f->spec->volume_count) {
        filling_end(p, f, SHIM_CODE_OK, "");
        return;
    }
    const struct shim_volume *v = &f->spec->volume[f->at];
    Cloister__Pod__V1__VolumeRequest r;
    cloister__pod__v1__volume_request__init(&r);
    char name[SHIM_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "%s", v->name);
    r.name = name;
    r.size = v->size;
    r.kind = kind_of(v);
    if (v->kind == SHIM_VOLUME_BLOCK) {
        struct cl_err err = {0};
        enum cl_status st = block_attach(f->pod, v, &r.slot, &err);
        if (st != CL_OK) {
            filling_end(p, f, code_of(st), err.msg);
            return;
        }
    }
    if (find_volume(f->pod, v->name) != NULL) {
        refill(p, f);
        return;
    }
    (void)snprintf(f->making.name, sizeof(f->making.name), "%s", v->name);
    f->making.transient = v->transient;
    const struct job_spec spec = {.proc = p,
                                  .method = "Volume",
                                  .request = &r.base,
                                  .timeout_ms = f->pod->cfg.times.call,
                                  .ctx = f,
                                  .done = on_made};
    pod_call(f->pod, &spec);
}

void volumes_make(struct proc *p, const struct shim_spec *spec,
                  void (*next)(struct proc *p, enum shim_code code, const char *message))
{
    struct filling *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        next(p, SHIM_CODE_EXHAUSTED, "volumes: out of memory");
        return;
    }
    *f = (struct filling){.pod = p->c->pod, .spec = spec, .next = next};
    f->pod->fillings++;
    make_next(p, f);
}

/* --- results
 * ------------------------------------------------------------------------------------------- */

/* kubelet's file: it is there, and it is no link. */
static enum cl_status write_result(const char *path, const ProtobufCBinaryData *data,
                                   struct cl_err *err)
{
    struct stat st;
    size_t len = data->len < SHIM_RESULT_MAX ? data->len : SHIM_RESULT_MAX; /* its end counts */
    CL_CLEANUP(cl_close_fdp)
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "'%.200s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected a file", path);
    }
    return ftruncate(fd, 0) == 0 ? cl_write_all(fd, data->data + (data->len - len), len, path, err)
                                 : cl_err_sys(err, errno, "'%.200s'", path);
}

static void on_result(struct job *j, enum shim_code code, const char *message, const void *payload,
                      size_t len)
{
    const char *host_path = j->ctx; /* the container's: there as long as the process is */
    struct proc *p = j->proc;
    struct cl_err err = {0};
    if (p == NULL) {
        return;
    }
    Cloister__Pod__V1__GetFileResponse *r =
        code == SHIM_CODE_OK ? cloister__pod__v1__get_file_response__unpack(NULL, len, payload)
                             : NULL;
    if (r == NULL) {
        cl_log(CL_LOG_INFO, "shim.pod", "container '%s': no result: %d %s", j->container_id,
               (int)code, message);
    } else if (r->data.len > 0 && write_result(host_path, &r->data, &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.pod", "container '%s': %s", j->container_id, err.msg);
    }
    cloister__pod__v1__get_file_response__free_unpacked(r, NULL);
    p->results--;
    proc_check(p);
}

void volumes_fetch_results(struct proc *p)
{
    struct container *c = p->c;
    char path[] = SHIM_RESULT_FILE;
    for (size_t i = 0; i < c->own_count; i++) { /* before the first can be answered */
        p->results += c->own[i].result_path != NULL ? 1u : 0u;
    }
    for (size_t i = 0; i < c->own_count; i++) {
        if (c->own[i].result_path == NULL) {
            continue;
        }
        Cloister__Pod__V1__GetFileRequest r;
        cloister__pod__v1__get_file_request__init(&r);
        r.volume = c->own[i].name;
        r.path = path;
        const struct job_spec spec = {.proc = p,
                                      .method = "GetFile",
                                      .request = &r.base,
                                      .timeout_ms = c->pod->cfg.times.drain,
                                      .ctx = c->own[i].result_path,
                                      .done = on_result};
        pod_call(c->pod, &spec);
    }
}
