/* SPDX-License-Identifier: Apache-2.0
 * blob.c - the guest's half of the blob protocol.
 */
#include "agent/blob.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536u

struct agent_blob {
    int fd;
    uint64_t size;
    uint64_t left;
    uint8_t digest[CL_SHA256_SIZE];
    struct cl_sha256_ctx *hash; /* NULL once the end was verified */
};

void agent_blob_free(struct agent_blob *b)
{
    if (b != NULL) {
        cl_close_fdp(&b->fd);
        cl_sha256_free(b->hash);
        free(b);
    }
}

void agent_blob_freep(struct agent_blob **b)
{
    agent_blob_free(*b);
    *b = NULL;
}

static enum cl_status answer_status(uint8_t code, struct cl_err *err)
{
    static const char *const words[] = {"found", "absent", "not allowed", "failed"};
    if (code == 0) {
        return CL_OK;
    }
    if (code >= CL_ARRAY_LEN(words)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "blob: status: expected 0 to 3, got %u",
                          (unsigned)code);
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "blob: host: expected found, got %s", words[code]);
}

/* The host going away is not a property of the blob. */
static enum cl_status read_exact(struct agent_blob *b, void *data, size_t n, struct cl_err *err)
{
    enum cl_status st = cl_read_all(b->fd, data, n, "blob", err);
    if (st == CL_ERR_SYS) {
        return cl_err_wrap(err, CL_ERR_UNAVAILABLE, "host");
    }
    return st;
}

static enum cl_status ask(struct agent_blob *b, const char *name, uint64_t want_size,
                          uint64_t max_size, struct cl_err *err)
{
    char line[AGENT_BLOB_MAX_NAME + 16];
    uint8_t status = 0;
    cl_be64 size;
    int n = snprintf(line, sizeof(line), "CLBLOB1 %.*s\n", (int)AGENT_BLOB_MAX_NAME, name);
    CL_TRY(cl_write_all(b->fd, line, (size_t)n, "blob request", err));
    CL_TRY(read_exact(b, &status, sizeof(status), err));
    CL_TRY(answer_status(status, err));
    CL_TRY(read_exact(b, &size, sizeof(size), err));
    b->size = cl_be64_get(&size);
    b->left = b->size;
    if (want_size != 0 && b->size != want_size) {
        return cl_err_set(err, CL_ERR_REJECTED, "blob: size: expected %" PRIu64 ", got %" PRIu64,
                          want_size, b->size);
    }
    if (b->size == 0 || b->size > max_size) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "blob: size: expected 1 to %" PRIu64 ", got %" PRIu64, max_size, b->size);
    }
    return CL_OK;
}

enum cl_status agent_blob_open(int fd, const uint8_t digest[static CL_SHA256_SIZE], uint64_t size,
                               uint64_t max_size, struct agent_blob **ret_b, struct cl_err *err)
{
    char text[CL_OCI_DIGEST_SIZE];
    CL_CLEANUP(agent_blob_freep) struct agent_blob *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "blob");
    }
    b->fd = fd;
    memcpy(b->digest, digest, CL_SHA256_SIZE);
    CL_TRY(cl_sha256_new(&b->hash, err));
    cl_oci_digest_format(text, b->digest);
    CL_TRY(ask(b, text, size, max_size, err));
    *ret_b = CL_TAKE(b);
    return CL_OK;
}

enum cl_status agent_blob_document(int fd, const char *name, size_t max_size, struct cl_buf *out,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int own = fd;
    struct agent_blob b = {.fd = own}; /* without a hash: there is nothing to compare it with */
    CL_TRY(ask(&b, name, /* want_size= */ 0, max_size, err));
    CL_TRY(cl_buf_reserve(out, (size_t)b.size, err));
    CL_TRY(read_exact(&b, out->data + out->len, (size_t)b.size, err));
    out->len += (size_t)b.size;
    out->data[out->len] = 0;
    return CL_OK;
}

static enum cl_status verify_end(struct agent_blob *b, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    char want_text[CL_OCI_DIGEST_SIZE];
    char got_text[CL_OCI_DIGEST_SIZE];
    CL_TRY(cl_sha256_final(b->hash, got, err));
    if (memcmp(got, b->digest, sizeof(got)) != 0) { /* both are public */
        cl_oci_digest_format(want_text, b->digest);
        cl_oci_digest_format(got_text, got);
        return cl_err_set(err, CL_ERR_REJECTED, "blob: digest: expected %s, got %s", want_text,
                          got_text);
    }
    cl_sha256_free(b->hash);
    b->hash = NULL;
    return CL_OK;
}

enum cl_status agent_blob_read(struct agent_blob *b, uint8_t *data, size_t size, size_t *ret_len,
                               struct cl_err *err)
{
    if (b->left == 0) {
        if (b->hash != NULL) {
            CL_TRY(verify_end(b, err));
        }
        *ret_len = 0;
        return CL_OK;
    }
    size_t want = size < b->left ? size : (size_t)b->left;
    ssize_t n;
    do {
        n = read(b->fd, data, want);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        (void)cl_err_sys(err, errno, "read blob");
        return cl_err_wrap(err, CL_ERR_UNAVAILABLE, "host");
    }
    if (n == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, (size_t)(b->size - b->left),
                         "blob: length: expected %" PRIu64 ", got %" PRIu64, b->size,
                         b->size - b->left);
    }
    CL_TRY(cl_sha256_update(b->hash, data, (size_t)n, err));
    b->left -= (size_t)n;
    *ret_len = (size_t)n;
    return CL_OK;
}

enum cl_status agent_blob_read_all(struct agent_blob *b, struct cl_buf *out, struct cl_err *err)
{
    size_t n = 0;
    do {
        CL_TRY(cl_buf_reserve(out, CHUNK, err));
        CL_TRY(agent_blob_read(b, out->data + out->len, CHUNK, &n, err));
        out->len += n;
        out->data[out->len] = 0;
    } while (n > 0);
    return CL_OK;
}

void agent_blob_cancel(struct agent_blob *b)
{
    if (b != NULL && b->fd >= 0) {
        (void)shutdown(b->fd, SHUT_RDWR);
    }
}

uint64_t agent_blob_left(const struct agent_blob *b)
{
    return b->left;
}
