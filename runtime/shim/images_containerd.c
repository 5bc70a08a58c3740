/* SPDX-License-Identifier: Apache-2.0
 * images_containerd.c - images out of containerd's content store and, for what it lacks (layers
 * under cloister-snapshotter), the node's cache. Asking containerd blocks, and so does verifying a
 * manifest and bringing blobs: a thread for each image, which leaves a note in a pipe when it has
 * done.
 * Trust: what containerd says is a claim; the manifest's digest is verified here and in the guest.
 * Threads: the thread has the image until its note; from then on it is the loop's.
 */
#include "images.h"

#include "config.h"
#include "fetch.h"

#include "containerd/containerd.h"
#include "image/image.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_MS 10000u

struct shim_image {
    /* for the thread */
    char *socket;
    char *name_space;
    char *container_id;
    char *image_name;   /* as containerd keeps it, or the annotation's; NULL: none is known */
    char *written_name; /* the annotation's; NULL: none */
    const struct shim_config *settings; /* NULL: nothing is fetched */
    int note[2];
    int stop[2];           /* closed at our end: nobody waits any more */
    enum cl_status status; /* and this is what it found */
    struct cl_err err;
    struct cl_image *image;
    /* the loop's */
    struct event *ev;
    bool running;
    bool released;
    shim_image_done done;
    void *ctx;
};

static void image_free(struct shim_image *i)
{
    if (i->ev != NULL) {
        event_free(i->ev);
    }
    cl_close_fdp(&i->note[0]);
    cl_close_fdp(&i->note[1]);
    cl_close_fdp(&i->stop[0]);
    cl_close_fdp(&i->stop[1]);
    cl_image_free(i->image);
    free(i->socket);
    free(i->name_space);
    free(i->container_id);
    free(i->image_name);
    free(i->written_name);
    free(i);
}

/* --- in the thread
 * ----------------------------------------------------------------------------------- */

/* containerd's own record of the container comes first: it has the name under which the image is
 * kept, where the pod's annotation may have what the user wrote. */
static enum cl_status name_of(struct shim_image *i, const struct cl_containerd *c)
{
    struct cl_containerd_container found = {0};
    enum cl_status st = cl_containerd_container_get(c, i->container_id, &found, &i->err);
    if (st == CL_OK && found.image[0] != '\0') {
        free(i->image_name);
        i->image_name = strdup(found.image);
        st = i->image_name != NULL ? CL_OK : cl_err_nomem(&i->err, "image");
    } else if (i->image_name != NULL) {
        st = CL_OK;
    } else if (st == CL_OK) {
        st = cl_err_set(&i->err, CL_ERR_REJECTED,
                        "image: expected one, got none: a root file system of the host stays "
                        "there");
    }
    cl_containerd_container_done(&found);
    return st;
}

/* A name that has a registry in it. containerd's may be a bare digest, once the tag has moved on.
 */
static const char *reference(const struct shim_image *i)
{
    return strchr(i->image_name, '/') == NULL && i->written_name != NULL ? i->written_name
                                                                         : i->image_name;
}

/* Layers that the store lacks, by way of the cache. What was brought is held from here on. */
static enum cl_status fetch(struct shim_image *i, const char *dir,
                            const uint8_t target[CL_SHA256_SIZE])
{
    char cache[4200];
    const struct shim_fetch_request r = {.settings = i->settings,
                                         .image = reference(i),
                                         .target = target,
                                         .store = dir,
                                         .stop_fd = i->stop[0]};
    enum cl_status st = CL_ERR_UNAVAILABLE;
    shim_fetch_folder(i->settings, cache, sizeof(cache));
    for (unsigned n = 0; st == CL_ERR_UNAVAILABLE && n < SHIM_FETCH_TRIES; n++) {
        CL_TRY(shim_fetch(&r, &i->err));
        st = cl_image_open_store(dir, cache, target, &i->image, &i->err);
    }
    return st;
}

static enum cl_status find(struct shim_image *i)
{
    const struct cl_containerd c = {
        .socket = i->socket, .name_space = i->name_space, .timeout_ms = CALL_MS};
    uint8_t target[CL_SHA256_SIZE];
    char *dir = NULL;
    CL_TRY(name_of(i, &c));
    CL_TRY(cl_containerd_image_target(&c, i->image_name, target, &i->err));
    CL_TRY(cl_containerd_blobs_dir(&c, &dir, &i->err));
    enum cl_status st = cl_image_open_store(dir, NULL, target, &i->image, &i->err);
    if (st == CL_ERR_UNAVAILABLE && i->settings != NULL) {
        st = fetch(i, dir, target);
    }
    free(dir);
    return st == CL_OK ? CL_OK : cl_err_wrap(&i->err, st, "'%.200s'", i->image_name);
}

static void *run(void *arg)
{
    struct shim_image *i = arg;
    int note = i->note[1]; /* i is not ours any more once the note is there */
    i->status = find(i);
    ssize_t n = 0;
    do {
        n = write(note, "", 1);
    } while (n < 0 && errno == EINTR);
    return NULL;
}

/* --- in the loop
 * ------------------------------------------------------------------------------------- */

static void on_note(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_image *i = ctx;
    char byte;
    char digest[CL_OCI_DIGEST_SIZE];
    (void)what;
    if (read((int)fd, &byte, 1) != 1) {
        return;
    }
    (void)event_del(i->ev);
    i->running = false;
    if (i->released) {
        image_free(i);
    } else if (i->status != CL_OK) {
        i->done(i->ctx, i->status, NULL, &i->err);
    } else {
        cl_oci_digest_format(digest, cl_image_manifest_digest(i->image));
        i->done(i->ctx, CL_OK, digest, &i->err);
    }
}

static enum cl_status begin(struct shim_image *i, struct event_base *base, struct cl_err *err)
{
    pthread_t thread;
    pthread_attr_t attr;
    if (pipe2(i->note, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(i->stop, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "image");
    }
    i->ev = event_new(base, i->note[0], EV_READ | EV_PERSIST, on_note, i);
    if (i->ev == NULL || event_add(i->ev, NULL) != 0 || pthread_attr_init(&attr) != 0) {
        return cl_err_nomem(err, "image");
    }
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attr, run, i);
    (void)pthread_attr_destroy(&attr);
    i->running = error == 0;
    return error == 0 ? CL_OK : cl_err_sys(err, error, "image");
}

static enum cl_status resolve(void *ctx, const struct shim_image_request *r, shim_image_done done,
                              void *done_ctx, struct shim_image **ret_image, struct cl_err *err)
{
    const struct shim_containerd_images *from = ctx;
    struct shim_image *i = calloc(1, sizeof(*i));
    if (i == NULL) {
        return cl_err_nomem(err, "image");
    }
    *i = (struct shim_image){.socket = strdup(from->socket),
                             .name_space = strdup(r->name_space),
                             .container_id = strdup(r->container_id),
                             .image_name = r->image_name != NULL ? strdup(r->image_name) : NULL,
                             .written_name = r->image_name != NULL ? strdup(r->image_name) : NULL,
                             .settings = from->settings,
                             .note = {-1, -1},
                             .stop = {-1, -1},
                             .done = done,
                             .ctx = done_ctx};
    bool good = i->socket != NULL && i->name_space != NULL && i->container_id != NULL &&
                (r->image_name == NULL || (i->image_name != NULL && i->written_name != NULL));
    enum cl_status st = good ? begin(i, from->base, err) : cl_err_nomem(err, "image");
    if (st != CL_OK) {
        image_free(i);
        return st;
    }
    *ret_image = i;
    return CL_OK;
}

static enum cl_status open_blob(struct shim_image *i, const uint8_t digest[CL_SHA256_SIZE],
                                int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    return i->running ? cl_err_set(err, CL_ERR_REJECTED, "blob: its image is not known yet")
                      : cl_image_blob_open(i->image, digest, ret_fd, ret_size, err);
}

static void release(struct shim_image *i)
{
    if (i != NULL && i->running) {
        i->released = true; /* the thread has it; the note will come */
        cl_close_fdp(&i->stop[1]);
    } else if (i != NULL) {
        image_free(i);
    }
}

struct shim_image_ops shim_images_of(struct shim_containerd_images *from)
{
    return (struct shim_image_ops){
        .ctx = from, .resolve = resolve, .open_blob = open_blob, .release = release};
}
