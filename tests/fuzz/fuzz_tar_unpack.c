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
#include <string.h>
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

/* Makes the checksum of each block that looks like a header right: no mutation would. */
static void mend_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 512 <= size; at += 512) {
        uint8_t *h = data + at;
        unsigned sum = 8 * ' ';
        if (memcmp(h + 257, "ustar", 5) != 0) { /* public */
            continue;
        }
        for (size_t i = 0; i < 512; i++) {
            sum += i >= 148 && i < 156 ? 0 : h[i];
        }
        for (size_t i = 6; i-- > 0; sum >>= 3) {
            h[148 + i] = (uint8_t)('0' + (sum & 7));
        }
        h[154] = 0;
        h[155] = ' ';
    }
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
        uint8_t *copy = malloc(size > 0 ? size : 1);
        if (copy != NULL) {
            memcpy(copy, data, size);
            mend_checksums(copy, size);
            unpack(fd, copy, size);
        }
        free(copy);
        (void)close(fd);
    }
    (void)nftw(dir, count_one, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    (void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    return 0;
}
