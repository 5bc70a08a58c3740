/* SPDX-License-Identifier: Apache-2.0
 * watch.c - inotify on the folders themselves: kubelet renames a new "..data" into them. Nodes run
 * out of inotify instances (128 a user by default), so that without one the links are looked at
 * now and then.
 */
#include "watch.h"

#include "base/io.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR)

struct folder {
    struct folder *next;
    char *path;
    int wd;            /* -1: none */
    char *link;        /* of "..data" when there is no inotify; NULL: none */
    uint64_t first_us; /* the first change that was not told; 0: none */
    uint64_t last_us;
};

struct shim_watch {
    struct event_base *base;
    void (*changed)(void *ctx, const char *path);
    void *ctx;
    int fd; /* -1: no inotify */
    struct event *readable;
    struct event *timer;
    struct folder *folders;
    size_t count;
    bool *freed; /* on the stack of who calls `changed`: set when the watch is gone */
};

static void folder_free(struct folder *f)
{
    free(f->path);
    free(f->link);
    free(f);
}

void shim_watch_free(struct shim_watch *w)
{
    if (w == NULL) {
        return;
    }
    while (w->folders != NULL) {
        struct folder *f = w->folders;
        w->folders = f->next;
        folder_free(f);
    }
    if (w->readable != NULL) {
        event_free(w->readable);
    }
    if (w->timer != NULL) {
        event_free(w->timer);
    }
    cl_close_fdp(&w->fd);
    if (w->freed != NULL) {
        *w->freed = true;
    }
    free(w);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* When a changed folder is to be told: 0: not at all. */
static uint64_t due_us(const struct folder *f)
{
    if (f->first_us == 0) {
        return 0;
    }
    uint64_t quiet = f->last_us + SHIM_WATCH_QUIET_MS * 1000u;
    uint64_t latest = f->first_us + SHIM_WATCH_MAX_MS * 1000u;
    return quiet < latest ? quiet : latest;
}

static void arm(struct shim_watch *w)
{
    uint64_t now = cl_monotonic_us();
    uint64_t next = w->fd < 0 ? now + SHIM_WATCH_POLL_MS * 1000u : 0;
    for (const struct folder *f = w->folders; f != NULL; f = f->next) {
        uint64_t due = due_us(f);
        next = due != 0 && (next == 0 || due < next) ? due : next;
    }
    if (next == 0) {
        (void)event_del(w->timer);
        return;
    }
    uint64_t wait = next > now ? next - now : 0;
    struct timeval tv = {.tv_sec = (time_t)(wait / 1000000u),
                         .tv_usec = (suseconds_t)(wait % 1000000u)};
    (void)event_add(w->timer, &tv);
}

static void note(struct folder *f)
{
    f->last_us = cl_monotonic_us();
    f->first_us = f->first_us != 0 ? f->first_us : f->last_us;
}

static char *read_data_link(const char *path)
{
    char name[PATH_MAX];
    char target[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s/..data", path) >= (int)sizeof(name)) {
        return NULL;
    }
    ssize_t n = readlink(name, target, sizeof(target) - 1);
    if (n < 0) {
        return NULL;
    }
    target[n] = '\0';
    return strdup(target);
}

/* Without inotify: a folder whose link is another one has changed. */
static void look(struct folder *f)
{
    char *link = read_data_link(f->path);
    if (link != NULL && (f->link == NULL || strcmp(f->link, link) != 0)) {
        f->last_us = f->first_us = 1; /* at once: it has been so for some time */
    }
    if (link != NULL) {
        free(f->link);
        f->link = link;
    }
}

/* One folder that is due, or NULL. */
static struct folder *take_due(struct shim_watch *w)
{
    uint64_t now = cl_monotonic_us();
    for (struct folder *f = w->folders; f != NULL; f = f->next) {
        uint64_t due = due_us(f);
        if (due != 0 && due <= now) {
            f->first_us = 0;
            return f;
        }
    }
    return NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_watch *w = ctx;
    bool freed = false;
    (void)fd;
    (void)what;
    for (struct folder *f = w->folders; f != NULL && w->fd < 0; f = f->next) {
        look(f);
    }
    w->freed = &freed;
    for (struct folder *f = take_due(w); f != NULL; f = freed ? NULL : take_due(w)) {
        char *path = strdup(f->path); /* the callback may remove the folder */
        if (path == NULL) {
            note(f); /* later */
            break;
        }
        w->changed(w->ctx, path);
        free(path);
    }
    if (!freed) {
        w->freed = NULL;
        arm(w);
    }
}

/* --- hearing ---------------------------------------------------------------------------------- */

static void on_event(struct shim_watch *w, const struct inotify_event *e)
{
    for (struct folder *f = w->folders; f != NULL; f = f->next) {
        if ((e->mask & IN_Q_OVERFLOW) != 0 || f->wd == e->wd) {
            note(f);
        }
        if (f->wd == e->wd && (e->mask & IN_IGNORED) != 0) { /* the folder is gone */
            f->wd = -1;
            f->first_us = 0;
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_watch *w = ctx;
    _Alignas(struct inotify_event) char buf[16384];
    (void)what;
    ssize_t n = read(fd, buf, sizeof(buf));
    for (ssize_t at = 0; n > 0 && at < n;) {
        struct inotify_event e;
        memcpy(&e, buf + at, sizeof(e));
        on_event(w, &e);
        at += (ssize_t)(sizeof(e) + e.len);
    }
    arm(w);
}

enum cl_status shim_watch_new(struct event_base *base, void (*changed)(void *ctx, const char *path),
                              void *ctx, struct shim_watch **ret_w, struct cl_err *err)
{
    struct shim_watch *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return cl_err_nomem(err, "watch");
    }
    *w = (struct shim_watch){.base = base, .changed = changed, .ctx = ctx};
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->timer = evtimer_new(base, on_timer, w);
    bool good = w->timer != NULL;
    if (good && w->fd >= 0) {
        w->readable = event_new(base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
        good = w->readable != NULL && event_add(w->readable, NULL) == 0;
    }
    if (!good) {
        shim_watch_free(w);
        return cl_err_nomem(err, "watch");
    }
    *ret_w = w;
    return CL_OK;
}

static struct folder **find(struct shim_watch *w, const char *path)
{
    struct folder **at = &w->folders;
    while (*at != NULL && strcmp((*at)->path, path) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static enum cl_status begin(struct shim_watch *w, struct folder *f, struct cl_err *err)
{
    struct stat st;
    f->wd = -1;
    errno = 0;
    if (stat(f->path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return cl_err_sys(err, errno != 0 ? errno : ENOTDIR, "watch '%.200s'", f->path);
    }
    if (w->fd < 0) {
        f->link = read_data_link(f->path);
        return CL_OK;
    }
    f->wd = inotify_add_watch(w->fd, f->path, EVENTS);
    return f->wd >= 0 ? CL_OK : cl_err_sys(err, errno, "watch '%.200s'", f->path);
}

enum cl_status shim_watch_add(struct shim_watch *w, const char *path, struct cl_err *err)
{
    struct folder **at = find(w, path);
    if (*at != NULL && ((*at)->wd >= 0 || w->fd < 0)) {
        return CL_OK;
    }
    shim_watch_remove(w, path); /* it went away, and is there again */
    if (w->count == SHIM_WATCH_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED, "watch: expected at most %u folders",
                          SHIM_WATCH_MAX);
    }
    struct folder *f = calloc(1, sizeof(*f));
    if (f != NULL) {
        f->path = strdup(path);
    }
    if (f == NULL || f->path == NULL) {
        free(f);
        return cl_err_nomem(err, "watch");
    }
    enum cl_status st = begin(w, f, err);
    if (st != CL_OK) {
        folder_free(f);
        return st;
    }
    f->next = w->folders;
    w->folders = f;
    w->count++;
    arm(w);
    return CL_OK;
}

void shim_watch_remove(struct shim_watch *w, const char *path)
{
    struct folder **at = find(w, path);
    struct folder *f = *at;
    if (f == NULL) {
        return;
    }
    if (f->wd >= 0) {
        (void)inotify_rm_watch(w->fd, f->wd);
    }
    *at = f->next;
    w->count--;
    folder_free(f);
}
