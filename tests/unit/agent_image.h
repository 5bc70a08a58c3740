/* SPDX-License-Identifier: Apache-2.0
 * agent_image.h - makes small OCI images, encrypted or not, and plays the host that serves their
 * blobs.
 */
#ifndef CL_TEST_AGENT_IMAGE_H
#define CL_TEST_AGENT_IMAGE_H

#include "agent_tar.h"

#include "base/bytes.h"
#include "base/encode.h"
#include "base/io.h"
#include "oci/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_BLOBS 12u
#define MAX_SERVING 16u

struct blob {
    struct cl_buf data;
    uint8_t digest[CL_SHA256_SIZE]; /* under which it is asked for */
    const char *name;               /* the same for a document that has none; NULL: it has */
    unsigned asked;                 /* requests, counted by the serving thread */
    uint8_t status;                 /* what the host answers */
    int64_t size_lie;               /* added to the size */
    size_t short_by;                /* bytes that are missing at the end */
};

struct fake_host {
    struct blob blob[MAX_BLOBS];
    size_t count;
    pthread_t serving[MAX_SERVING]; /* since the last host_join() */
    size_t serving_count;
};

struct made_layer {
    struct cl_buf tar; /* input */
    enum cl_oci_compression how;
    bool encrypted;
    const char *kid;
    /* output */
    struct cl_buf stored;
    uint8_t diff_id[CL_SHA256_SIZE];
    uint8_t plain_digest[CL_SHA256_SIZE];
    uint8_t hmac[32];
    struct cl_buf packet; /* base64 */
    struct cl_buf pubopts;
};

static inline void compress_layer(const struct cl_buf *in, enum cl_oci_compression how,
                                  struct cl_buf *out)
{
    ck_assert_int_eq(cl_buf_reserve(out, in->len + in->len / 8 + 1024, NULL), CL_OK);
    if (how == CL_OCI_GZIP) {
        z_stream z = {0};
        ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = in->data;
        z.avail_in = (uInt)in->len;
        z.next_out = out->data;
        z.avail_out = (uInt)(in->len + in->len / 8 + 1024);
        ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        out->len = z.total_out;
        (void)deflateEnd(&z);
    } else if (how == CL_OCI_ZSTD) {
        size_t n = ZSTD_compress(out->data, in->len + in->len / 8 + 1024, in->data, in->len, 3);
        ck_assert(!ZSTD_isError(n));
        out->len = n;
    } else {
        ck_assert_int_eq(cl_buf_append(out, in->data, in->len, NULL), CL_OK);
    }
}

static inline void encrypt_layer(struct made_layer *l, const struct cl_secret *kek)
{
    struct cl_ocicrypt_private priv = {0};
    struct cl_ocicrypt_public pub = {0};
    struct cl_ocicrypt_packet packet = {0};
    struct cl_ocicrypt_cipher *c = NULL;
    struct cl_secret json = {0};
    struct cl_buf text = {0};
    ck_assert_int_eq(cl_secret_random(&priv.key, 32, NULL), CL_OK);
    ck_assert_int_eq(cl_random(priv.nonce, sizeof(priv.nonce), NULL), CL_OK);
    memcpy(priv.plain_digest, l->plain_digest, sizeof(priv.plain_digest));
    ck_assert_int_eq(cl_ocicrypt_encrypt_new(&priv.key, priv.nonce, &c, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_update(c, l->stored.data, l->stored.data, l->stored.len, NULL),
                     CL_OK);
    ck_assert_int_eq(cl_ocicrypt_encrypt_final(c, pub.hmac, NULL), CL_OK);
    cl_ocicrypt_free(c);
    memcpy(l->hmac, pub.hmac, sizeof(l->hmac));
    ck_assert_int_eq(cl_ocicrypt_public_make(&pub, &l->pubopts, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_private_make(&priv, &json, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_packet_wrap(l->kid, kek, json.data, json.len, &packet, NULL),
                     CL_OK);
    ck_assert_int_eq(cl_ocicrypt_packet_make(&packet, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_b64_encode(&l->packet, text.data, text.len, NULL), CL_OK);
    cl_buf_done(&text);
    cl_ocicrypt_packet_done(&packet);
    cl_secret_done(&json);
    cl_ocicrypt_private_done(&priv);
}

static inline void make_layer(struct made_layer *l, const struct cl_secret *kek)
{
    ck_assert_int_eq(cl_sha256(l->diff_id, l->tar.data, l->tar.len, NULL), CL_OK);
    compress_layer(&l->tar, l->how, &l->stored);
    ck_assert_int_eq(cl_sha256(l->plain_digest, l->stored.data, l->stored.len, NULL), CL_OK);
    if (l->encrypted) {
        encrypt_layer(l, kek);
    }
}

static inline void layer_done(struct made_layer *l)
{
    cl_buf_done(&l->tar);
    cl_buf_done(&l->stored);
    cl_buf_done(&l->packet);
    cl_buf_done(&l->pubopts);
}

/* Adds a blob; its digest is that of the bytes now. */
static inline struct blob *host_add(struct fake_host *h, const void *data, size_t len)
{
    struct blob *b = &h->blob[h->count++];
    ck_assert_uint_le(h->count, MAX_BLOBS);
    *b = (struct blob){0};
    ck_assert_int_eq(cl_buf_append(&b->data, data, len, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256(b->digest, data, len, NULL), CL_OK);
    return b;
}

/* Waits for the threads that serve; each ends when the guest closes its connection. */
static inline void host_join(struct fake_host *h)
{
    for (size_t i = 0; i < h->serving_count; i++) {
        ck_assert_int_eq(pthread_join(h->serving[i], NULL), 0);
    }
    h->serving_count = 0;
}

static inline void host_done(struct fake_host *h)
{
    host_join(h);
    for (size_t i = 0; i < h->count; i++) {
        cl_buf_done(&h->blob[i].data);
    }
    h->count = 0;
}

static inline void put_layer_json(struct cl_buf *out, const struct made_layer *l, bool first)
{
    static const char *const suffix[] = {"", "+gzip", "+zstd"};
    uint8_t digest[CL_SHA256_SIZE];
    char text[CL_OCI_DIGEST_SIZE];
    ck_assert_int_eq(cl_sha256(digest, l->stored.data, l->stored.len, NULL), CL_OK);
    cl_oci_digest_format(text, digest);
    ck_assert_int_eq(
        cl_buf_printf(out, NULL,
                      "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar%s%s\","
                      "\"digest\":\"%s\",\"size\":%zu",
                      first ? "" : ",", suffix[l->how], l->encrypted ? "+encrypted" : "", text,
                      l->stored.len),
        CL_OK);
    if (l->encrypted) {
        ck_assert_int_eq(cl_buf_printf(out, NULL,
                                       ",\"annotations\":{\"" CL_OCICRYPT_PUBOPTS "\":\"%s\","
                                       "\"" CL_OCICRYPT_PROVIDER_PREFIX CL_OCICRYPT_PROVIDER
                                       "\":\"%s\"}",
                                       (const char *)l->pubopts.data, (const char *)l->packet.data),
                         CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(out, "}", NULL), CL_OK);
}

/* Manifest, configuration and layers to the host, in that order; gives the manifest's digest. */
static inline void make_image(struct fake_host *h, const struct made_layer *layers, size_t count,
                              uint8_t ret_manifest[static CL_SHA256_SIZE])
{
    struct cl_buf config = {0};
    struct cl_buf manifest = {0};
    uint8_t digest[CL_SHA256_SIZE];
    char text[CL_OCI_DIGEST_SIZE];
    ck_assert_int_eq(
        cl_buf_append_str(
            &config,
            "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/x\"]},"
            "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
            NULL),
        CL_OK);
    for (size_t i = 0; i < count; i++) {
        cl_oci_digest_format(text, layers[i].diff_id);
        ck_assert_int_eq(cl_buf_printf(&config, NULL, "%s\"%s\"", i == 0 ? "" : ",", text), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&config, "]}}", NULL), CL_OK);
    ck_assert_int_eq(cl_sha256(digest, config.data, config.len, NULL), CL_OK);
    cl_oci_digest_format(text, digest);
    ck_assert_int_eq(
        cl_buf_printf(
            &manifest, NULL,
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+"
            "json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
            "\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
            text, config.len),
        CL_OK);
    for (size_t i = 0; i < count; i++) {
        put_layer_json(&manifest, &layers[i], i == 0);
    }
    ck_assert_int_eq(cl_buf_append_str(&manifest, "]}", NULL), CL_OK);
    memcpy(ret_manifest, host_add(h, manifest.data, manifest.len)->digest, CL_SHA256_SIZE);
    (void)host_add(h, config.data, config.len);
    for (size_t i = 0; i < count; i++) {
        (void)host_add(h, layers[i].stored.data, layers[i].stored.len);
    }
    cl_buf_done(&config);
    cl_buf_done(&manifest);
}

struct serving {
    struct fake_host *host;
    int fd;
};

static inline struct blob *host_find(struct fake_host *h, const char *line)
{
    char text[CL_OCI_DIGEST_SIZE];
    for (size_t i = 0; i < h->count; i++) {
        cl_oci_digest_format(text, h->blob[i].digest);
        const char *name = h->blob[i].name != NULL ? h->blob[i].name : text;
        if (strncmp(line, "CLBLOB1 ", 8) == 0 && strcmp(line + 8, name) == 0) {
            return &h->blob[i];
        }
    }
    return NULL;
}

static inline bool host_read_line(int fd, char *line, size_t size)
{
    size_t n = 0;
    while (n < size && read(fd, line + n, 1) == 1) {
        if (line[n] == '\n') {
            line[n] = '\0';
            return true;
        }
        n++;
    }
    return false;
}

static inline void *host_serve(void *arg)
{
    struct serving s = *(struct serving *)arg;
    char line[200];
    uint8_t head[9];
    free(arg);
    if (host_read_line(s.fd, line, sizeof(line))) {
        struct blob *b = host_find(s.host, line);
        if (b != NULL) {
            b->asked++;
        }
        struct cl_writer w = cl_writer_init(head, sizeof(head));
        cl_writer_u8(&w, b == NULL ? 1 : b->status);
        cl_writer_be64(&w, b == NULL ? 0 : (uint64_t)((int64_t)b->data.len + b->size_lie));
        (void)send(s.fd, head, sizeof(head), MSG_NOSIGNAL);
        size_t len = b == NULL ? 0 : b->data.len - b->short_by;
        const uint8_t *p = b == NULL ? NULL : b->data.data;
        while (len > 0) {
            ssize_t n = send(s.fd, p, len, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            p += n;
            len -= (size_t)n;
        }
    }
    (void)close(s.fd);
    return NULL;
}

/* Fits agent_image_ops.dial_blob with a struct fake_host at the head of ctx. */
static inline enum cl_status host_dial(void *ctx, int *ret_fd, struct cl_err *err)
{
    int sv[2];
    struct fake_host *h = ctx;
    struct serving *s = malloc(sizeof(*s));
    (void)err;
    ck_assert_uint_lt(h->serving_count, MAX_SERVING);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    *s = (struct serving){h, sv[1]};
    ck_assert_int_eq(pthread_create(&h->serving[h->serving_count++], NULL, host_serve, s), 0);
    *ret_fd = sv[0];
    return CL_OK;
}

#endif
