/* SPDX-License-Identifier: Apache-2.0
 * test_agent_image.c - whole images from a host that lies: each change is refused at its step and
 * with its field, and leaves an empty root (threats.md rows 42 to 48).
 */
#include "agent/image.h"
#include "agent/layer.h"
#include "cloister/initdata.h"

#include "agent_image.h"
#include "check_main.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define KEY_PATH "default/image-kek/1"

struct world {
    struct fake_host host; /* first: host_dial gets a pointer to it */
    struct cl_secret kek;
    struct cl_initdata init;
    struct made_layer layer[2];
    unsigned key_requests;
    enum cl_status key_status;
    struct agent_limits limits;
    char dir[64];
    int root_fd;
    struct cl_oci_config config;
    const char *step;
    struct cl_err err;
    char phases[256];
};
static struct world w;

static enum cl_status get_key(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err)
{
    struct world *x = ctx;
    x->key_requests++;
    if (x->key_status != CL_OK) {
        return cl_err_set(err, x->key_status, "broker: said no");
    }
    ck_assert_str_eq(path, KEY_PATH);
    return cl_secret_from(ret, x->kek.data, x->kek.len, err);
}

static void on_done(void *ctx, const char *phase)
{
    struct world *x = ctx;
    size_t n = strlen(x->phases);
    (void)snprintf(x->phases + n, sizeof(x->phases) - n, "%s;", phase);
}

static void build(enum cl_oci_compression how, bool encrypted)
{
    host_done(&w.host);
    for (size_t i = 0; i < 2; i++) {
        layer_done(&w.layer[i]);
        w.layer[i] =
            (struct made_layer){.how = how, .encrypted = encrypted, .kid = "kbs:///" KEY_PATH};
    }
    tar_file(&w.layer[0].tar, "x", "program");
    tar_file(&w.layer[0].tar, "gone", "1");
    tar_end(&w.layer[0].tar);
    tar_file(&w.layer[1].tar, "data", "confidential");
    tar_file(&w.layer[1].tar, ".wh.gone", "");
    tar_end(&w.layer[1].tar);
    for (size_t i = 0; i < 2; i++) {
        make_layer(&w.layer[i], &w.kek);
    }
    make_image(&w.host, w.layer, 2, w.init.manifest);
}

static void setup(void)
{
    w = (struct world){.root_fd = -1};
    (void)snprintf(w.dir, sizeof(w.dir), "/tmp/cl-image-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w.dir));
    w.root_fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(w.root_fd, 0);
    ck_assert_int_eq(cl_secret_random(&w.kek, 32, NULL), CL_OK);
    w.limits = (struct agent_limits){1u << 26, 1000, 64, 100, 1u << 16};
    w.init.encryption_required = true;
    build(CL_OCI_GZIP, true);
}

static void teardown(void)
{
    char cmd[96];
    host_done(&w.host);
    layer_done(&w.layer[0]);
    layer_done(&w.layer[1]);
    cl_secret_done(&w.kek);
    cl_oci_config_done(&w.config);
    (void)close(w.root_fd);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w.dir);
    ck_assert_int_eq(system(cmd), 0);
}

static enum cl_status fetch(void)
{
    const struct agent_image_ops ops = {&w, host_dial, get_key, on_done};
    const struct agent_image_want want = {w.init.manifest, w.init.encryption_required};
    w.err = (struct cl_err){0};
    w.phases[0] = '\0';
    enum cl_status st =
        agent_image_fetch(&want, &ops, w.root_fd, &w.limits, &w.config, &w.step, &w.err);
    host_join(&w.host);
    return st;
}

static unsigned entries_in_root(void)
{
    unsigned n = 0;
    DIR *d = opendir(w.dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

static void fetch_good(void)
{
    enum cl_status st = fetch();
    ck_assert_msg(st == CL_OK, "%s: %s", w.step, w.err.msg);
    ck_assert_uint_eq(entries_in_root(), 2);
    char got[32] = {0};
    int fd = openat(w.root_fd, "data", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, got, sizeof(got) - 1), 12);
    (void)close(fd);
    ck_assert_str_eq(got, "confidential");
}

static void fetch_refused(const char *step, enum cl_status want, const char *message)
{
    enum cl_status st = fetch();
    ck_assert_str_eq(w.err.msg, message);
    ck_assert_int_eq(st, want);
    ck_assert_str_eq(w.step, step);
    ck_assert_uint_eq(entries_in_root(), 0);
}

/* The message with both digests in their places; the second one is that of the blob as it is now.
 */
static const char *digest_message(const char *head, const uint8_t *want, const struct cl_buf *now)
{
    static char text[320];
    uint8_t got[CL_SHA256_SIZE];
    char a[CL_OCI_DIGEST_SIZE];
    char b[CL_OCI_DIGEST_SIZE];
    ck_assert_int_eq(cl_sha256(got, now->data, now->len, NULL), CL_OK);
    cl_oci_digest_format(a, want);
    cl_oci_digest_format(b, got);
    (void)snprintf(text, sizeof(text), "%s: expected %s, got %s", head, a, b);
    return text;
}

START_TEST(test_good_images_of_every_kind)
{
    static const enum cl_oci_compression how[] = {CL_OCI_PLAIN, CL_OCI_GZIP, CL_OCI_ZSTD};
    for (size_t i = 0; i < 6; i++) {
        teardown();
        setup();
        w.init.encryption_required = i < 3;
        build(how[i % 3], i < 3);
        fetch_good();
        ck_assert_uint_eq(w.key_requests, i < 3 ? 1 : 0); /* one key for both layers */
        for (size_t k = 0; k < w.host.count; k++) {
            ck_assert_uint_eq(w.host.blob[k].asked, 1); /* each byte is fetched once */
        }
        ck_assert_str_eq(
            w.phases, i < 3 ? "image.manifest;image.config;image.key;image.layer.0;image.layer.1;"
                            : "image.manifest;image.config;image.layer.0;image.layer.1;");
    }
}
END_TEST

START_TEST(test_changed_byte_in_manifest_and_configuration)
{
    w.host.blob[0].data.data[30] ^= 1;
    fetch_refused("image.manifest", CL_ERR_REJECTED,
                  digest_message("blob: digest", w.host.blob[0].digest, &w.host.blob[0].data));
    w.host.blob[0].data.data[30] ^= 1;
    w.host.blob[1].data.data[30] ^= 1;
    fetch_refused("image.config", CL_ERR_REJECTED,
                  digest_message("blob: digest", w.host.blob[1].digest, &w.host.blob[1].data));
    w.host.blob[1].data.data[30] ^= 1;
    fetch_good();
}
END_TEST

/* Whatever the ciphertext decrypts to, the refusal names the digest. */
START_TEST(test_each_changed_byte_of_a_layer_is_the_digest)
{
    struct blob *b = &w.host.blob[2];
    for (size_t i = 0; i < b->data.len; i += 1 + b->data.len / 40) {
        b->data.data[i] ^= 0x40;
        fetch_refused("image.layer", CL_ERR_REJECTED,
                      digest_message("layer 0: blob: digest", b->digest, &b->data));
        b->data.data[i] ^= 0x40;
    }
    fetch_good();
}
END_TEST

START_TEST(test_layers_in_the_wrong_order)
{
    struct cl_buf t = w.host.blob[2].data;
    w.host.blob[2].data = w.host.blob[3].data;
    w.host.blob[3].data = t;
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_str_eq(w.step, "image.layer");
    ck_assert_ptr_nonnull(strstr(w.err.msg, "layer 0: blob: size: expected "));
    ck_assert_uint_eq(entries_in_root(), 0);
}
END_TEST

/* A manifest that pairs layers and diffIDs wrongly, made by someone who could also sign it. */
START_TEST(test_diff_ids_in_the_wrong_order)
{
    uint8_t t[CL_SHA256_SIZE];
    host_done(&w.host);
    memcpy(t, w.layer[0].diff_id, sizeof(t));
    memcpy(w.layer[0].diff_id, w.layer[1].diff_id, sizeof(t));
    memcpy(w.layer[1].diff_id, t, sizeof(t));
    make_image(&w.host, w.layer, 2, w.init.manifest);
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_str_eq(w.step, "image.layer");
    ck_assert_ptr_nonnull(strstr(w.err.msg, "layer 0: layer: diffID: expected sha256:"));
    ck_assert_uint_eq(entries_in_root(), 0);
}
END_TEST

START_TEST(test_wrong_hmac_with_everything_else_right)
{
    host_done(&w.host);
    struct cl_ocicrypt_public pub;
    memcpy(pub.hmac, w.layer[1].hmac, sizeof(pub.hmac));
    pub.hmac[31] ^= 1;
    cl_buf_done(&w.layer[1].pubopts);
    ck_assert_int_eq(cl_ocicrypt_public_make(&pub, &w.layer[1].pubopts, NULL), CL_OK);
    make_image(&w.host, w.layer, 2, w.init.manifest);
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_str_eq(w.step, "image.layer");
    ck_assert_msg(strstr(w.err.msg, "HMAC") != NULL, "%s", w.err.msg);
    ck_assert_int_eq(strncmp(w.err.msg, "layer 1: ", 9), 0);
    ck_assert_uint_eq(entries_in_root(), 0);
}
END_TEST

/* Builds the layers anew with layer 0's plain digest as it now stands in *l. */
static void encrypt_again(struct made_layer *l)
{
    host_done(&w.host);
    cl_buf_done(&l->stored);
    cl_buf_done(&l->packet);
    cl_buf_done(&l->pubopts);
    compress_layer(&l->tar, l->how, &l->stored);
    encrypt_layer(l, &w.kek);
    make_image(&w.host, w.layer, 2, w.init.manifest);
}

/* skopeo that compresses and encrypts in one go leaves the digest of the uncompressed layer there.
 */
START_TEST(test_plain_digest_may_be_the_diff_id)
{
    build(CL_OCI_GZIP, true);
    memcpy(w.layer[0].plain_digest, w.layer[0].diff_id, sizeof(w.layer[0].plain_digest));
    encrypt_again(&w.layer[0]);
    fetch_good();
}
END_TEST

START_TEST(test_wrong_plain_digest)
{
    static const enum cl_oci_compression how[] = {CL_OCI_PLAIN, CL_OCI_GZIP};
    for (size_t i = 0; i < 2; i++) {
        build(how[i], true);
        w.layer[0].plain_digest[0] ^= 1; /* inside the wrapped options */
        encrypt_again(&w.layer[0]);
        ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
        ck_assert_str_eq(w.step, "image.layer");
        ck_assert_ptr_nonnull(strstr(w.err.msg, "layer 0: layer: plain digest: expected sha256:"));
        ck_assert_uint_eq(entries_in_root(), 0);
    }
}
END_TEST

START_TEST(test_unencrypted_where_encryption_is_required)
{
    build(CL_OCI_GZIP, false);
    fetch_refused("image.manifest", CL_ERR_REJECTED,
                  "image: encryption: expected every layer encrypted, got none encrypted");
    host_done(&w.host);
    layer_done(&w.layer[1]);
    w.layer[1] =
        (struct made_layer){.how = CL_OCI_GZIP, .encrypted = true, .kid = "kbs:///" KEY_PATH};
    tar_end(&w.layer[1].tar);
    make_layer(&w.layer[1], &w.kek);
    make_image(&w.host, w.layer, 2, w.init.manifest);
    fetch_refused("image.manifest", CL_ERR_REJECTED,
                  "image: encryption: expected every layer encrypted, got some not encrypted");
    w.init.encryption_required = false;
    fetch_refused("image.manifest", CL_ERR_REJECTED,
                  "image: encryption: expected all layers alike, got some encrypted");
    ck_assert_uint_eq(w.key_requests, 0);
}
END_TEST

START_TEST(test_key_that_the_broker_refuses_or_that_is_another)
{
    w.key_status = CL_ERR_REJECTED;
    fetch_refused("image.key", CL_ERR_REJECTED,
                  "layer 0: key 'kbs:///" KEY_PATH "': broker: said no");
    w.key_status = CL_ERR_UNAVAILABLE;
    fetch_refused("image.key", CL_ERR_UNAVAILABLE,
                  "layer 0: key 'kbs:///" KEY_PATH "': broker: said no");
    w.key_status = CL_OK;
    w.kek.data[7] ^= 1;
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_str_eq(w.step, "image.key");
    w.kek.data[7] ^= 1;
    fetch_good();
}
END_TEST

START_TEST(test_host_answers)
{
    static const char *const words[] = {"absent", "not allowed", "failed"};
    for (uint8_t i = 1; i <= 3; i++) {
        char want[64];
        (void)snprintf(want, sizeof(want), "layer 1: blob: host: expected found, got %s",
                       words[i - 1]);
        w.host.blob[3].status = i;
        fetch_refused("image.layer", CL_ERR_UNAVAILABLE, want);
    }
    w.host.blob[3].status = 4;
    fetch_refused("image.layer", CL_ERR_MALFORMED, "layer 1: blob: status: expected 0 to 3, got 4");
    w.host.blob[3].status = 0;
    w.host.blob[3].size_lie = 1;
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(w.err.msg, "layer 1: blob: size: expected "));
    w.host.blob[3].size_lie = 0;
    w.host.blob[0].size_lie = (int64_t)1 << 40;
    ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(w.err.msg, "blob: size: expected 1 to 1048576, got "));
    w.host.blob[0].size_lie = 0;
    fetch_good();
}
END_TEST

START_TEST(test_truncated_blobs)
{
    for (size_t i = 0; i < 4; i++) {
        for (size_t cut = 1; cut < w.host.blob[i].data.len;
             cut += 1 + w.host.blob[i].data.len / 8) {
            w.host.blob[i].short_by = cut;
            ck_assert_int_eq(fetch(), CL_ERR_TRUNCATED);
            ck_assert_ptr_nonnull(strstr(w.err.msg, "blob: length: expected "));
            ck_assert_uint_eq(entries_in_root(), 0);
        }
        w.host.blob[i].short_by = 0;
    }
    fetch_good();
}
END_TEST

static void one_layer(enum cl_oci_compression how, struct cl_buf *stored, struct cl_buf *tar)
{
    host_done(&w.host);
    layer_done(&w.layer[0]);
    w.layer[0] = (struct made_layer){.how = how, .tar = *tar};
    ck_assert_int_eq(cl_sha256(w.layer[0].diff_id, tar->data, tar->len, NULL), CL_OK);
    w.layer[0].stored = *stored;
    w.init.encryption_required = false;
    make_image(&w.host, w.layer, 1, w.init.manifest);
}

START_TEST(test_decompression_bombs)
{
    static const enum cl_oci_compression how[] = {CL_OCI_GZIP, CL_OCI_ZSTD};
    for (size_t i = 0; i < 2; i++) {
        struct cl_buf tar = {0};
        struct cl_buf stored = {0};
        tar_file(&tar, "f", "x");
        tar_end(&tar);
        ck_assert_int_eq(cl_buf_reserve(&tar, 16u << 20, NULL), CL_OK);
        memset(tar.data + tar.len, 0, 16u << 20); /* zeros behind the archive's end */
        tar.len += 16u << 20;
        compress_layer(&tar, how[i], &stored);
        one_layer(how[i], &stored, &tar);
        ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
        ck_assert_ptr_nonnull(
            strstr(w.err.msg, "layer 0: layer: compression ratio: expected at most 100, got more"));
        ck_assert_uint_eq(entries_in_root(), 0);
    }
}
END_TEST

START_TEST(test_compressed_streams_without_their_end)
{
    static const enum cl_oci_compression how[] = {CL_OCI_GZIP, CL_OCI_ZSTD};
    static const char *const want[] = {"layer 0: gzip: the compressed stream has no end",
                                       "layer 0: zstd: the compressed stream has no end"};
    for (size_t i = 0; i < 2; i++) {
        struct cl_buf tar = {0};
        struct cl_buf stored = {0};
        tar_file(&tar, "f", "x");
        tar_end(&tar);
        compress_layer(&tar, how[i], &stored);
        stored.len -= 4;
        one_layer(how[i], &stored, &tar);
        fetch_refused("image.layer", CL_ERR_TRUNCATED, want[i]);
    }
}
END_TEST

START_TEST(test_several_members_and_frames_are_one_stream)
{
    static const enum cl_oci_compression how[] = {CL_OCI_GZIP, CL_OCI_ZSTD};
    for (size_t i = 0; i < 2; i++) {
        struct cl_buf tar = {0};
        struct cl_buf stored = {0};
        tar_file(&tar, "data", "confidential");
        tar_file(&tar, "x", "y");
        tar_end(&tar);
        for (size_t at = 0; at < tar.len; at += 512) {
            struct cl_buf part = {0};
            struct cl_buf piece = {.data = tar.data + at, .len = 512};
            compress_layer(&piece, how[i], &part);
            ck_assert_int_eq(cl_buf_append(&stored, part.data, part.len, NULL), CL_OK);
            cl_buf_done(&part);
        }
        one_layer(how[i], &stored, &tar);
        fetch_good();
        teardown();
        setup();
    }
}
END_TEST

START_TEST(test_garbage_in_place_of_compressed_bytes)
{
    struct cl_buf tar = {0};
    struct cl_buf stored = {0};
    tar_end(&tar);
    ck_assert_int_eq(cl_buf_append_str(&stored, "neither gzip nor zstd", NULL), CL_OK);
    one_layer(CL_OCI_GZIP, &stored, &tar);
    fetch_refused("image.layer", CL_ERR_MALFORMED, "layer 0: gzip: incorrect header check");
}
END_TEST

START_TEST(test_hostile_tar_empties_the_root)
{
    struct cl_buf tar = {0};
    struct cl_buf stored = {0};
    tar_file(&tar, "good", "x");
    tar_file(&tar, "../evil", "x");
    tar_end(&tar);
    ck_assert_int_eq(cl_buf_append(&stored, tar.data, tar.len, NULL), CL_OK);
    one_layer(CL_OCI_PLAIN, &stored, &tar);
    fetch_refused("image.layer", CL_ERR_REJECTED,
                  "layer 0: tar entry '../evil': entry: path: expected no '..', got one");
}
END_TEST

/* More than all buffers hold, with what a compressor finds little in. */
static void big_layer(enum cl_oci_compression how)
{
    static char data[(3u << 20) + 5];
    uint32_t x = 1;
    for (size_t i = 0; i + 1 < sizeof(data); i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (char)('a' + (x >> 28));
    }
    build(how, true);
    host_done(&w.host);
    layer_done(&w.layer[1]);
    w.layer[1] = (struct made_layer){.how = how, .encrypted = true, .kid = "kbs:///" KEY_PATH};
    tar_file(&w.layer[1].tar, "big", data);
    tar_file(&w.layer[1].tar, "data", "confidential");
    tar_end(&w.layer[1].tar);
    make_layer(&w.layer[1], &w.kek);
    make_image(&w.host, w.layer, 2, w.init.manifest);
}

START_TEST(test_layers_larger_than_the_buffers)
{
    static const enum cl_oci_compression how[] = {CL_OCI_PLAIN, CL_OCI_GZIP, CL_OCI_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        teardown();
        setup();
        big_layer(how[i]);
        enum cl_status st = fetch();
        ck_assert_msg(st == CL_OK, "%s: %s", w.step, w.err.msg);
        ck_assert_uint_eq(entries_in_root(), 4);
    }
}
END_TEST

/* Each link fails while the ones before it are far ahead, or have ended. */
START_TEST(test_large_layers_are_refused_at_each_link)
{
    static const enum cl_oci_compression how[] = {CL_OCI_PLAIN, CL_OCI_GZIP, CL_OCI_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        big_layer(how[i]);
        struct blob *b = &w.host.blob[3];
        for (size_t at = 0; at < b->data.len; at += b->data.len - 1) { /* the first, the last */
            b->data.data[at] ^= 1;
            fetch_refused("image.layer", CL_ERR_REJECTED,
                          digest_message("layer 1: blob: digest", b->digest, &b->data));
            b->data.data[at] ^= 1;
        }
        b->short_by = b->data.len / 2;
        ck_assert_int_eq(fetch(), CL_ERR_TRUNCATED);
        ck_assert_msg(strstr(w.err.msg, "blob: length: expected ") != NULL, "%s", w.err.msg);
        b->short_by = 0;
        w.limits.max_bytes = 1u << 20; /* the caller's own refusal */
        ck_assert_int_eq(fetch(), CL_ERR_REJECTED);
        ck_assert_ptr_nonnull(strstr(w.err.msg, "layer 1: "));
        ck_assert_uint_eq(entries_in_root(), 0);
        w.limits.max_bytes = 1u << 26;
    }
}
END_TEST

/* A host that stops in the middle and keeps the connection: giving the layer up does not wait. */
START_TEST(test_layer_is_given_up_while_the_host_is_silent)
{
    static const uint8_t head[9] = {0, 0, 0, 0, 0, 1, 0, 0, 0}; /* found, 16 MiB */
    static const uint8_t zero[CL_SHA256_SIZE];
    static uint8_t some[300000];
    const struct cl_oci_layer layer = {.compression = CL_OCI_GZIP};
    const struct agent_layer_config cfg = {&layer, NULL, zero, &w.limits};
    struct agent_blob *b = NULL;
    struct agent_layer *l = NULL;
    int sv[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    ck_assert_int_eq(write(sv[1], head, sizeof(head)), sizeof(head));
    ck_assert_int_eq(agent_blob_open(sv[0], zero, 0, 1u << 24, &b, &w.err), CL_OK);
    ck_assert_int_eq(agent_layer_new(b, &cfg, &l, &w.err), CL_OK);
    (void)!send(sv[1], some, sizeof(some), MSG_DONTWAIT | MSG_NOSIGNAL);
    agent_layer_free(l);
    (void)close(sv[1]);
}
END_TEST

int main(void)
{
    if (geteuid() != 0) {
        printf("SKIP: unpacking sets owners, which only root can\n");
        return EXIT_SUCCESS;
    }
    Suite *s = suite_create("agent_image");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_good_images_of_every_kind);
    tcase_add_test(t, test_changed_byte_in_manifest_and_configuration);
    tcase_add_test(t, test_each_changed_byte_of_a_layer_is_the_digest);
    tcase_add_test(t, test_layers_in_the_wrong_order);
    tcase_add_test(t, test_diff_ids_in_the_wrong_order);
    tcase_add_test(t, test_wrong_hmac_with_everything_else_right);
    tcase_add_test(t, test_plain_digest_may_be_the_diff_id);
    tcase_add_test(t, test_wrong_plain_digest);
    tcase_add_test(t, test_unencrypted_where_encryption_is_required);
    tcase_add_test(t, test_key_that_the_broker_refuses_or_that_is_another);
    tcase_add_test(t, test_host_answers);
    tcase_add_test(t, test_truncated_blobs);
    tcase_add_test(t, test_decompression_bombs);
    tcase_add_test(t, test_compressed_streams_without_their_end);
    tcase_add_test(t, test_several_members_and_frames_are_one_stream);
    tcase_add_test(t, test_garbage_in_place_of_compressed_bytes);
    tcase_add_test(t, test_hostile_tar_empties_the_root);
    tcase_add_test(t, test_layers_larger_than_the_buffers);
    tcase_add_test(t, test_large_layers_are_refused_at_each_link);
    tcase_add_test(t, test_layer_is_given_up_while_the_host_is_silent);
    suite_add_tcase(s, t);
    return run_suite(s);
}
