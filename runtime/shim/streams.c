/* SPDX-License-Identifier: Apache-2.0
 * streams.c - the host's ends of a process's streams. Trust, threads, memory: streams.h.
 */
#include "streams.h"

#include "logger.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stream {
    int fd;     /* what is copied from or to; -1: none, or taken */
    int keeper; /* the FIFO's other side, so that it never has none; -1 */
    bool taken;
    bool ended;
};

struct shim_streams {
    struct stream s[3];
    struct shim_logger *logger; /* NULL: none */
};

static enum cl_status not_usable(const char *path, const char *got, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "stdio '%.200s': expected a FIFO or a file, got %s",
                      path, got);
}

static enum cl_status kind_of(const char *path, int fd, bool *ret_fifo, struct cl_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "stdio '%.200s'", path);
    }
    if (!S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode)) {
        return not_usable(path, "something else", err);
    }
    *ret_fifo = S_ISFIFO(st.st_mode);
    return CL_OK;
}

/* --- opening
 * ------------------------------------------------------------------------------------------ */

/* Input: with a writer of our own, that goes with CloseIO: before containerd's has come, and after
 * it went without a word, there is no end of input. Without, when hanging up is a word too: the
 * pump reads nothing before there was a writer. */
static enum cl_status open_in(struct stream *s, const char *path, bool hang_up_ends,
                              struct cl_err *err)
{
    bool fifo = false;
    s->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (s->fd < 0) {
        return cl_err_sys(err, errno, "stdin '%.200s'", path);
    }
    CL_TRY(kind_of(path, s->fd, &fifo, err));
    if (!fifo || hang_up_ends) {
        return CL_OK;
    }
    s->keeper = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return s->keeper >= 0 ? CL_OK : cl_err_sys(err, errno, "stdin '%.200s'", path);
}

/* Output: with a reader of our own, which lets us open it before containerd has, and write while
 * containerd is away. What kind of file it is shows before it is opened for writing, so that no
 * device is. */
static enum cl_status open_out(struct stream *s, const char *path, struct cl_err *err)
{
    bool fifo = false;
    s->keeper = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (s->keeper < 0) {
        return cl_err_sys(err, errno, "output '%.200s'", path);
    }
    CL_TRY(kind_of(path, s->keeper, &fifo, err));
    if (!fifo) {
        cl_close_fdp(&s->keeper);
    }
    s->fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (fifo ? 0 : O_APPEND));
    return s->fd >= 0 ? CL_OK : cl_err_sys(err, errno, "output '%.200s'", path);
}

/* file:///path: made when it is not there. */
static enum cl_status open_file(struct stream *s, const char *path, struct cl_err *err)
{
    bool fifo = false;
    s->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0644);
    if (s->fd < 0) {
        return cl_err_sys(err, errno, "output '%.200s'", path);
    }
    return kind_of(path, s->fd, &fifo, err);
}

/* "scheme://rest" -> rest, or NULL. */
static const char *after_scheme(const char *uri, const char *scheme)
{
    size_t len = strlen(scheme);
    return strncmp(uri, scheme, len) == 0 && strncmp(uri + len, "://", 3) == 0 ? uri + len + 3
                                                                               : NULL;
}

static enum cl_status open_output(struct stream *s, const char *uri, struct cl_err *err)
{
    const char *file = after_scheme(uri, "file");
    const char *fifo = after_scheme(uri, "fifo");
    const char *path = file != NULL ? file : fifo != NULL ? fifo : uri;
    if (path[0] != '/') {
        return not_usable(uri, "no absolute path of one", err);
    }
    return file != NULL ? open_file(s, path, err) : open_out(s, path, err);
}

static enum cl_status open_logger(struct shim_streams *io, const struct shim_streams_config *cfg,
                                  const char *binary, struct cl_err *err)
{
    const struct shim_logger_config logger = {.base = cfg->base,
                                              .uri = binary,
                                              .container_id = cfg->container_id,
                                              .name_space = cfg->name_space};
    return shim_logger_start(&logger, &io->s[1].fd, &io->s[2].fd, &io->logger, err);
}

static bool given(const char *path)
{
    return path != NULL && path[0] != '\0';
}

static enum cl_status open_all(struct shim_streams *io, const struct shim_streams_config *cfg,
                               struct cl_err *err)
{
    const char *in = cfg->path[0];
    const char *out = cfg->path[1];
    const char *errors = cfg->terminal ? NULL : cfg->path[2];
    if (given(in)) {
        const char *path = after_scheme(in, "fifo") != NULL ? after_scheme(in, "fifo") : in;
        CL_TRY(path[0] == '/' ? open_in(&io->s[0], path, cfg->hang_up_ends, err)
                              : not_usable(in, "no absolute path of one", err));
    }
    const char *binary = given(out) ? after_scheme(out, "binary") : NULL;
    if (binary != NULL) {
        return open_logger(io, cfg, binary, err);
    }
    if (given(out)) {
        CL_TRY(open_output(&io->s[1], out, err));
    }
    if (given(errors) && given(out) && strcmp(out, errors) == 0) {
        io->s[2].fd = fcntl(io->s[1].fd, F_DUPFD_CLOEXEC, 3); /* one offset, should it be a file */
        return io->s[2].fd >= 0 ? CL_OK : cl_err_sys(err, errno, "output '%.200s'", errors);
    }
    return given(errors) ? open_output(&io->s[2], errors, err) : CL_OK;
}

enum cl_status shim_streams_open(const struct shim_streams_config *cfg,
                                 struct shim_streams **ret_io, struct cl_err *err)
{
    struct shim_streams *io = calloc(1, sizeof(*io));
    if (io == NULL) {
        return cl_err_nomem(err, "stdio");
    }
    for (unsigned i = 0; i < 3; i++) {
        io->s[i].fd = -1;
        io->s[i].keeper = -1;
    }
    enum cl_status st = open_all(io, cfg, err);
    if (st != CL_OK) {
        shim_streams_free(io);
        return st;
    }
    *ret_io = io;
    return CL_OK;
}

void shim_streams_free(struct shim_streams *io)
{
    if (io == NULL) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        cl_close_fdp(&io->s[i].fd);
        cl_close_fdp(&io->s[i].keeper);
    }
    shim_logger_free(io->logger);
    free(io);
}

void shim_streams_when_ready(struct shim_streams *io,
                             void (*done)(void *ctx, const struct cl_err *why), void *ctx)
{
    const struct cl_err fine = {.status = CL_OK};
    if (io != NULL && io->logger != NULL) {
        shim_logger_when_ready(io->logger, done, ctx);
    } else {
        done(ctx, &fine);
    }
}

/* --- use
 * ---------------------------------------------------------------------------------------------- */

bool shim_streams_has(const struct shim_streams *io, unsigned stream)
{
    return io != NULL && stream < 3 && (io->s[stream].fd >= 0 || io->s[stream].taken);
}

bool shim_streams_take(struct shim_streams *io, unsigned stream, int *ret_fd)
{
    if (io == NULL || stream > 2 || io->s[stream].fd < 0) {
        return false;
    }
    io->s[stream].taken = true;
    *ret_fd = io->s[stream].fd;
    io->s[stream].fd = -1;
    return true;
}

void shim_streams_close_stdin(struct shim_streams *io)
{
    if (io != NULL) {
        cl_close_fdp(&io->s[0].keeper);
    }
}

/* The reader of our own stays until _free: what nobody has read yet is not lost with the writer. */
void shim_streams_output_end(struct shim_streams *io, unsigned stream)
{
    if (io != NULL && stream < 3) {
        io->s[stream].ended = true;
    }
}

bool shim_streams_pending(const struct shim_streams *io)
{
    return io != NULL &&
           ((io->s[1].taken && !io->s[1].ended) || (io->s[2].taken && !io->s[2].ended));
}

void shim_streams_close_unused(struct shim_streams *io)
{
    if (io != NULL) {
        cl_close_fdp(&io->s[1].fd);
        cl_close_fdp(&io->s[2].fd);
    }
}
