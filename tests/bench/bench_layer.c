/* SPDX-License-Identifier: Apache-2.0
 * bench_layer.c - a layer of 1 GiB through the agent's own chain (fetch, digest, HMAC, decrypt,
 * plain digest, decompress, diffID), beside the primitives it is made of, each alone in one thread,
 * in the same process and in turns with it. The bound is on the slowest primitive: what is left is
 * what the chain costs. The layer is machine code (libcrypto's file, again and again), as layers
 * are; a child process plays the host. Memory is what the chain adds to this process.
 */
#include "agent/layer.h"
#include "bench.h"

#include "base/bytes.h"
#include "base/io.h"

#include <dlfcn.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define PART (8u << 20) /* of the layer; deflated once */
#define PARTS 128u
#define STEP 65536u
#define ROUNDS 3u

enum primitive { P_DIGEST, P_HMAC, P_CTR, P_INFLATE, P_DIFF_ID, P_COUNT };
static const char *const primitive_names[P_COUNT] = {"SHA-256 of the ciphertext", "HMAC-SHA-256",
                                                     "AES-256-CTR", "inflate",
                                                     "SHA-256 of the archive"};

struct work {
    uint8_t *part; /* PART bytes */
    uint8_t *packed;
    size_t packed_len;
    int fd; /* the stored layer, in memory */
    uint64_t stored_size;
    uint8_t digest[CL_SHA256_SIZE];
    struct cl_oci_layer layer;
    struct cl_ocicrypt_private key;
    uint8_t diff_id[CL_SHA256_SIZE];
    uint8_t chunk[STEP];
};

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_layer: %s failed\n", what);
        exit(5);
    }
}

static void must_ok(enum cl_status st, const struct cl_err *err)
{
    must(st == CL_OK, err->msg);
}

/* Part of a layer: what libcrypto's file holds, as often as it fits. */
static void read_part(struct work *w)
{
    union {
        const EVP_MD *(*function)(void);
        void *object;
    } any = {.function = EVP_sha256};
    Dl_info info = {0};
    struct cl_buf b = {0};
    struct cl_err err = {0};
    w->part = malloc(PART);
    must(w->part != NULL && dladdr(any.object, &info) != 0, "finding libcrypto");
    must_ok(cl_buf_read_file(&b, info.dli_fname, 64u << 20, &err), &err);
    for (size_t at = 0; at < PART;) {
        size_t n = b.len < PART - at ? b.len : PART - at;
        memcpy(w->part + at, b.data, n);
        at += n;
    }
    cl_buf_done(&b);
}

/* Deflated so that it can stand behind itself. */
static void pack_part(struct work *w)
{
    z_stream z = {0};
    must(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflate");
    w->packed = malloc(PART + PART / 8);
    must(w->packed != NULL, "memory");
    z.next_in = w->part;
    z.avail_in = PART;
    z.next_out = w->packed;
    z.avail_out = PART + PART / 8;
    must(deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out > 0, "deflate");
    w->packed_len = (size_t)z.total_out;
    (void)deflateEnd(&z);
}

struct store {
    struct work *w;
    struct cl_ocicrypt_cipher *cipher;
    struct cl_sha256_ctx *plain;
    struct cl_sha256_ctx *stored;
};

static void store_bytes(struct store *s, const uint8_t *data, size_t len)
{
    struct cl_err err = {0};
    for (size_t at = 0; at < len;) {
        size_t n = len - at < STEP ? len - at : STEP;
        must_ok(cl_sha256_update(s->plain, data + at, n, &err), &err);
        must_ok(cl_ocicrypt_update(s->cipher, s->w->chunk, data + at, n, &err), &err);
        must_ok(cl_sha256_update(s->stored, s->w->chunk, n, &err), &err);
        must_ok(cl_write_all(s->w->fd, s->w->chunk, n, "layer", &err), &err);
        s->w->stored_size += n;
        at += n;
    }
}

static void store_gzip(struct store *s)
{
    static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    uint8_t tail[10] = {3, 0}; /* an empty last block */
    cl_le32 crc_bytes;
    cl_le32 size_bytes;
    unsigned long one = crc32(0, s->w->part, PART);
    unsigned long crc = 0;
    store_bytes(s, head, sizeof(head));
    for (unsigned i = 0; i < PARTS; i++) {
        store_bytes(s, s->w->packed, s->w->packed_len);
        crc = crc32_combine(crc, one, PART);
    }
    cl_le32_put(&crc_bytes, (uint32_t)crc);
    cl_le32_put(&size_bytes, PART * PARTS);
    memcpy(tail + 2, &crc_bytes, 4);
    memcpy(tail + 6, &size_bytes, 4);
    store_bytes(s, tail, sizeof(tail));
}

static void make_layer(struct work *w, enum cl_oci_compression how)
{
    struct store s = {.w = w};
    struct cl_sha256_ctx *diff = NULL;
    struct cl_err err = {0};
    w->layer = (struct cl_oci_layer){.compression = how, .encrypted = true};
    w->stored_size = 0;
    w->fd = memfd_create("layer", MFD_CLOEXEC);
    must(w->fd >= 0, "memfd_create");
    must_ok(cl_secret_random(&w->key.key, CL_OCICRYPT_KEY_SIZE, &err), &err);
    must_ok(cl_ocicrypt_encrypt_new(&w->key.key, w->key.nonce, &s.cipher, &err), &err);
    must_ok(cl_sha256_new(&s.plain, &err), &err);
    must_ok(cl_sha256_new(&s.stored, &err), &err);
    must_ok(cl_sha256_new(&diff, &err), &err);
    if (how == CL_OCI_GZIP) {
        store_gzip(&s);
    }
    for (unsigned i = 0; i < PARTS; i++) {
        must_ok(cl_sha256_update(diff, w->part, PART, &err), &err);
        if (how == CL_OCI_PLAIN) {
            store_bytes(&s, w->part, PART);
        }
    }
    must_ok(cl_sha256_final(diff, w->diff_id, &err), &err);
    must_ok(cl_sha256_final(s.plain, w->key.plain_digest, &err), &err);
    must_ok(cl_sha256_final(s.stored, w->digest, &err), &err);
    must_ok(cl_ocicrypt_encrypt_final(s.cipher, w->layer.pub.hmac, &err), &err);
    cl_ocicrypt_free(s.cipher);
    cl_sha256_free(s.plain);
    cl_sha256_free(s.stored);
    cl_sha256_free(diff);
}

static void drop_layer(struct work *w)
{
    (void)close(w->fd);
    cl_ocicrypt_private_done(&w->key);
}

/* ---- primitives, over as many bytes as the chain gives them */

static void run_hash(struct work *w, uint64_t size)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    must(EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1, "SHA-256");
    for (uint64_t at = 0; at < size; at += STEP) {
        must(EVP_DigestUpdate(c, w->chunk, STEP) == 1, "SHA-256");
    }
    must(EVP_DigestFinal_ex(c, out, NULL) == 1, "SHA-256");
    EVP_MD_CTX_free(c);
}

static void run_hmac(struct work *w, uint64_t size)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    size_t n = 0;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
    must(c != NULL && EVP_MAC_init(c, w->key.key.data, w->key.key.len, params) == 1, "HMAC");
    for (uint64_t at = 0; at < size; at += STEP) {
        must(EVP_MAC_update(c, w->chunk, STEP) == 1, "HMAC");
    }
    must(EVP_MAC_final(c, out, &n, sizeof(out)) == 1, "HMAC");
    EVP_MAC_CTX_free(c);
    EVP_MAC_free(mac);
}

static void run_ctr(struct work *w, uint64_t size)
{
    int n = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    must(c != NULL &&
             EVP_CipherInit_ex(c, EVP_aes_256_ctr(), NULL, w->key.key.data, w->key.nonce, 1) == 1,
         "AES-256-CTR");
    for (uint64_t at = 0; at < size; at += STEP) {
        must(EVP_CipherUpdate(c, w->chunk, &n, w->chunk, (int)STEP) == 1, "AES-256-CTR");
    }
    EVP_CIPHER_CTX_free(c);
}

static void run_inflate(struct work *w)
{
    z_stream z = {0};
    must(inflateInit2(&z, -15) == Z_OK, "inflate");
    for (unsigned i = 0; i < PARTS; i++) {
        z.next_in = w->packed;
        z.avail_in = (uInt)w->packed_len;
        do {
            z.next_out = w->chunk;
            z.avail_out = STEP;
            int rc = inflate(&z, Z_NO_FLUSH); /* Z_BUF_ERROR: nothing was left */
            must(rc == Z_OK || rc == Z_BUF_ERROR, "inflate");
        } while (z.avail_in > 0 || z.avail_out == 0);
    }
    must(z.total_out == (uLong)PART * PARTS, "inflate");
    (void)inflateEnd(&z);
}

static double seconds_of(struct work *w, enum primitive p)
{
    uint64_t t = bench_now_ns();
    switch (p) {
    case P_DIGEST:
        run_hash(w, w->stored_size);
        break;
    case P_HMAC:
        run_hmac(w, w->stored_size);
        break;
    case P_CTR:
        run_ctr(w, w->stored_size);
        break;
    case P_INFLATE:
        if (w->layer.compression == CL_OCI_PLAIN) {
            return 0;
        }
        run_inflate(w);
        break;
    default:
        run_hash(w, (uint64_t)PART * PARTS);
    }
    return (double)(bench_now_ns() - t) / 1e9;
}

/* ---- the chain */

/* The host, in a process of its own. */
static pid_t serve(const struct work *w, int sv[2])
{
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid != 0) {
        return pid;
    }
    char line[CL_OCI_DIGEST_SIZE + 8];
    uint8_t head[9] = {0};
    off_t at = 0;
    cl_be64 size;
    cl_be64_put(&size, w->stored_size);
    memcpy(head + 1, &size, sizeof(size));
    (void)close(sv[0]);
    bool good = cl_read_all(sv[1], line, sizeof(line), "request", NULL) == CL_OK &&
                cl_write_all(sv[1], head, sizeof(head), "head", NULL) == CL_OK;
    while (good && (uint64_t)at < w->stored_size) {
        good = sendfile(sv[1], w->fd, &at, (size_t)(w->stored_size - (uint64_t)at)) > 0;
    }
    _exit(good ? 0 : 1);
}

/* Seconds; *ret_kib: what this process grew by. */
static double run_chain(const struct work *w, uint64_t *ret_kib)
{
    const struct agent_limits limits = {UINT64_MAX, UINT64_MAX, AGENT_MAX_DEPTH, AGENT_MAX_RATIO,
                                        AGENT_RATIO_FREE};
    const struct agent_layer_config cfg = {&w->layer, &w->key, w->diff_id, &limits};
    struct agent_blob *b = NULL;
    struct agent_layer *l = NULL;
    struct cl_err err = {0};
    const uint8_t *data = NULL;
    uint64_t total = 0;
    size_t n = 1;
    int sv[2];
    int status = 1;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0, "socketpair");
    pid_t pid = serve(w, sv);
    (void)close(sv[1]);
    (void)malloc_trim(0);
    bench_reset_peak();
    uint64_t before = bench_self_kib("VmRSS");
    uint64_t t = bench_now_ns();
    must_ok(agent_blob_open(sv[0], w->digest, w->stored_size, UINT64_MAX, &b, &err), &err);
    must_ok(agent_layer_new(b, &cfg, &l, &err), &err);
    while (n > 0) {
        must_ok(agent_layer_next(l, &data, &n, &err), &err);
        total += n;
    }
    double s = (double)(bench_now_ns() - t) / 1e9;
    uint64_t peak = bench_self_kib("VmHWM");
    agent_layer_free(l);
    must(total == (uint64_t)PART * PARTS, "the length of the layer");
    must(waitpid(pid, &status, 0) == pid && status == 0, "the host");
    *ret_kib = peak > before ? peak - before : 0;
    return s;
}

static double better(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static void run_case(struct bench *b, struct work *w, const char *name, bool bound)
{
    double best[P_COUNT] = {0};
    double chain = 0;
    double slowest = 0;
    uint64_t grown = 0;
    char line[96];
    const double mb = (double)PART * PARTS / 1e6;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t kib = 0;
        for (enum primitive p = 0; p < P_COUNT; p++) {
            best[p] = better(best[p], seconds_of(w, p));
        }
        chain = better(chain, run_chain(w, &kib));
        grown = kib > grown ? kib : grown;
    }
    for (enum primitive p = 0; p < P_COUNT; p++) {
        slowest = best[p] > slowest ? best[p] : slowest;
    }
    for (enum primitive p = 0; p < P_COUNT; p++) {
        if (best[p] > 0) {
            (void)snprintf(line, sizeof(line), "%s: chain / %s [MB/s]", name, primitive_names[p]);
            bool judged = bound && best[p] == slowest;
            bench_ratio(b, line, mb / chain, mb / best[p], judged ? BENCH_AT_LEAST : BENCH_NO_BOUND,
                        judged ? 0.8 : 0);
        }
    }
    (void)snprintf(line, sizeof(line), "%s: peak memory [KiB]", name);
    bench_value(b, line, (double)grown, BENCH_AT_MOST, 32768);
}

int main(int argc, char **argv)
{
    static struct work w;
    struct bench b;
    if (!bench_init(&b, argc, argv, 0, "")) {
        return 2;
    }
    read_part(&w);
    pack_part(&w);
    make_layer(&w, CL_OCI_GZIP);
    run_case(&b, &w, "gzip", /* bound= */ true);
    drop_layer(&w);
    /* Three hashes of every byte: two CPUs cannot come nearer than 2/3 to one hash. */
    make_layer(&w, CL_OCI_PLAIN);
    run_case(&b, &w, "uncompressed", /* bound= */ sysconf(_SC_NPROCESSORS_ONLN) >= 4);
    drop_layer(&w);
    free(w.part);
    free(w.packed);
    return bench_status(&b);
}
