/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tar_unpack.c - hostile tar layers into a real directory, two in a row (threats.md row 48).
 * Whatever they hold, nothing appears beside the root.
 */
#include "agent/unpack.h"

#include "base/buf.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t len;
};

static enum cl_status next(void *ctx, const uint8_t **ret_data, size_t *ret_len, struct cl_err *err)
{
    struct source *s = ctx;
    (void)err;
    size_t n = s->len < 10240 ? s->len : 10240;
    *ret_data = s->data;
    *ret_len = n;
    s->data += n;
    s->len -= n;
    return CL_OK;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s;
    (void)type;
    (void)f;
    return remove(path);
}

static int count_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)path;
    (void)s;
    (void)type;
    /* below the temporary directory there is "root" and nothing else */
    if (f->level == 1 && path[f->base] != 'r') {
        abort();
    }
    return f->level > 1 ? FTW_SKIP_SUBTREE : 0;
}

static void unpack(int root_fd, const uint8_t *data, size_t size)
{
    const struct agent_limits limits = {65536, 64, 12, 10, 1024};
    struct agent_unpack *u = NULL;
    if (agent_unpack_new(root_fd, &limits, &u, NULL) != CL_OK) {
        return;
    }
    size_t half = size / 1024 * 512;
    struct source s[2] = {{data, half}, {data + half, size - half}};
    struct agent_stream in[2] = {{&s[0], next}, {&s[1], next}};
    if (agent_unpack_layer(u, &in[0], NULL) == CL_OK) {
        enum cl_status st = agent_unpack_layer(u, &in[1], NULL);
        (void)st;
    }
    agent_unpack_free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char dir[] = "/tmp/cl-fuzz-tar-XXXXXX";
    char root[64];
    if (size > 65536 || mkdtemp(dir) == NULL) {
        return 0;
    }
    (void)snprintf(root, sizeof(root), "%s/root", dir);
    int fd = mkdir(root, 0755) == 0 ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        unpack(fd, data, size);
        (void)close(fd);
    }
    (void)nftw(dir, count_one, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    (void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    return 0;
}
