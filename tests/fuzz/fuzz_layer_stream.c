/* SPDX-License-Identifier: Apache-2.0
 * fuzz_layer_stream.c - hostile blobs through digest, HMAC, cipher and decompression (threats.md
 * rows 46 and 47). The first byte chooses the kind of layer.
 */
#include "agent/layer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct agent_blob *blob_of(const uint8_t *data, size_t size)
{
    int sv[2];
    uint8_t head[9] = {0};
    uint8_t digest[CL_SHA256_SIZE];
    struct agent_blob *b = NULL;
    if (cl_sha256(digest, data, size, NULL) != CL_OK ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return NULL;
    }
    head[7] = (uint8_t)(size >> 8);
    head[8] = (uint8_t)size;
    bool sent = write(sv[1], head, sizeof(head)) == sizeof(head) &&
                write(sv[1], data, size) == (ssize_t)size;
    if (sent && agent_blob_open(sv[0], digest, size, 65536, &b, NULL) != CL_OK) {
        b = NULL;
    }
    (void)close(sv[1]);
    if (!sent) {
        (void)close(sv[0]);
    }
    return b;
}

static void run(struct agent_layer *l)
{
    const uint8_t *out = NULL;
    size_t n = 1;
    uint64_t total = 0;
    struct cl_err err = {0};
    enum cl_status st = CL_OK;
    while (st == CL_OK && n > 0) {
        st = agent_layer_next(l, &out, &n, &err);
        total += n;
    }
    st = agent_layer_finish(l, st, &err);
    if (st == CL_OK && total > 0) {
        abort(); /* a diffID of zeros was matched */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct agent_limits limits = {1u << 20, 64, 12, 100, 4096};
    const uint8_t diff_id[CL_SHA256_SIZE] = {0};
    struct cl_ocicrypt_private key = {0};
    struct cl_oci_layer layer = {0};
    struct agent_layer *l = NULL;
    if (size < 2 || size > 65535 || cl_secret_alloc(&key.key, 32, NULL) != CL_OK) {
        cl_ocicrypt_private_done(&key);
        return 0;
    }
    layer.compression = (enum cl_oci_compression)(data[0] % 3);
    layer.encrypted = (data[0] & 0x80) != 0;
    struct agent_layer_config cfg = {&layer, layer.encrypted ? &key : NULL, diff_id, &limits};
    struct agent_blob *b = blob_of(data + 1, size - 1);
    if (b != NULL && agent_layer_new(b, &cfg, &l, NULL) == CL_OK) {
        run(l);
        agent_layer_free(l);
    }
    cl_ocicrypt_private_done(&key);
    return 0;
}
