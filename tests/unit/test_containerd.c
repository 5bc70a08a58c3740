/* SPDX-License-Identifier: Apache-2.0
 * test_containerd.c - containerd's replies as hostile bytes, and a server that gives them.
 */
#include "containerd/containerd.h"

#include "base/io.h"
#include "grpc_frames.h"
#include "image_fixture.h"
#include "messages.h"

#include <pthread.h>
#include <sys/socket.h>

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* --- protobuf, by hand
 * ------------------------------------------------------------------------------------ */

static void put_varint(struct cl_buf *b, uint64_t v)
{
    do {
        uint8_t byte = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        put_bytes(b, &byte, 1);
        v >>= 7;
    } while (v > 0);
}

static void put_field(struct cl_buf *b, unsigned number, const void *data, size_t len)
{
    put_varint(b, number << 3 | 2);
    put_varint(b, len);
    put_bytes(b, data, len);
}

static void put_string(struct cl_buf *b, unsigned number, const char *s)
{
    put_field(b, number, s, strlen(s));
}

static void put_pair(struct cl_buf *b, unsigned number, const char *key, const char *value)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pair = {0};
    put_string(&pair, 1, key);
    put_string(&pair, 2, value);
    put_field(b, number, pair.data, pair.len);
}

/* Everything that containerd sends, with fields that we do not look at. */
static void put_container(struct cl_buf *b)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf c = {0};
    put_string(&c, 1, "c1");
    put_pair(&c, 2, "io.cri-containerd.kind", "container");
    put_pair(&c, 2, "empty", "");
    put_string(&c, 3, "docker.io/library/x:1");
    put_pair(&c, 4, "io.containerd.runc.v2", "");
    put_pair(&c, 5, "types.containerd.io/opencontainers/runtime-spec/1/Spec", "{}");
    put_string(&c, 6, "overlayfs");
    put_string(&c, 7, "c1-key");
    put_pair(&c, 10, "extension", "x");
    put_field(b, 1, c.data, c.len);
}

static void put_image(struct cl_buf *b, const char *name, const char *digest)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf i = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf d = {0};
    put_string(&i, 1, name);
    put_pair(&i, 2, "label", "x");
    put_string(&d, 1, "application/vnd.oci.image.manifest.v1+json");
    put_string(&d, 2, digest);
    put_varint(&d, 3 << 3);
    put_varint(&d, 1234);
    put_field(&i, 3, d.data, d.len);
    put_field(b, 1, i.data, i.len);
}

static void put_plugin(struct cl_buf *b, const char *type, const char *id, const char *root)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf p = {0};
    put_string(&p, 1, type);
    put_string(&p, 2, id);
    put_pair(&p, 5, "other", "x");
    put_pair(&p, 5, "root", root);
    put_field(b, 1, p.data, p.len);
}

/* --- containers
 * ----------------------------------------------------------------------------------------- */

static enum cl_status container(const void *data, size_t len, const char *id)
{
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container c = {0};
    return containerd_container_parse(data, len, id, &c, NULL);
}

START_TEST(test_a_container)
{
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container c = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct cl_err err = {0};
    put_container(&b);
    ck_assert_msg(containerd_container_parse(b.data, b.len, "c1", &c, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_str_eq(c.image, "docker.io/library/x:1");
    ck_assert_str_eq(c.snapshotter, "overlayfs");
    ck_assert_str_eq(c.snapshot_key, "c1-key");
    ck_assert_uint_eq(c.label_count, 2);
    ck_assert_str_eq(cl_containerd_label(&c, "io.cri-containerd.kind"), "container");
    ck_assert_str_eq(cl_containerd_label(&c, "empty"), "");
    ck_assert_ptr_null(cl_containerd_label(&c, "none"));
    cl_containerd_container_done(&c);
    cl_containerd_container_done(&c); /* twice is fine */
    ck_assert_int_eq(containerd_container_parse(b.data, b.len, "c2", &c, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "id: expected 'c2', got 'c1'");
    for (size_t n = 0; n < b.len; n++) {
        ck_assert_int_eq(container(b.data, n, "c1"), CL_ERR_MALFORMED);
    }
    put_bytes(&b, "\x07", 1); /* a wire type that does not exist */
    ck_assert_int_eq(container(b.data, b.len, "c1"), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_each_changed_byte)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_container(&b);
    for (size_t n = 0; n < 256 * b.len; n++) {
        uint8_t was = b.data[n / 256];
        b.data[n / 256] = (uint8_t)n;
        enum cl_status st = container(b.data, b.len, "c1");
        ck_assert(st == CL_OK || st == CL_ERR_MALFORMED);
        b.data[n / 256] = was;
    }
}
END_TEST

START_TEST(test_container_texts_and_counts_are_bounded)
{
    static char longest[CL_CONTAINERD_MAX_TEXT + 1];
    for (int i = 0; i < 6; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf c = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        memset(longest, 'a', sizeof(longest));
        put_string(&c, 1, "c1");
        if (i == 0) {
            put_field(&c, 3, longest, sizeof(longest));
        } else if (i == 1) {
            put_field(&c, 3, "a\0b", 3);
        } else if (i == 2) {
            put_field(&c, 6, "\0", 1);
        } else {
            unsigned count = CL_CONTAINERD_MAX_LABELS + (i == 3 ? 1 : 0);
            for (unsigned k = 0; k < count; k++) {
                put_pair(&c, 2, "k", i == 5 ? "value" : "");
            }
        }
        put_field(&b, 1, c.data, c.len);
        ck_assert_msg(container(b.data, b.len, "c1") == (i > 3 ? CL_OK : CL_ERR_MALFORMED), "%d",
                      i);
    }
}
END_TEST

/* Two bytes of input for each label: what they decode to is bounded. */
START_TEST(test_a_bomb)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf c = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_string(&c, 1, "c1");
    while (c.len < CL_CONTAINERD_MAX_REPLY - 100) {
        put_field(&c, 2, "", 0);
    }
    put_field(&b, 1, c.data, c.len);
    ck_assert_uint_le(b.len, CL_CONTAINERD_MAX_REPLY);
    ck_assert_int_eq(container(b.data, b.len, "c1"), CL_ERR_MALFORMED);
    while (b.len <= CL_CONTAINERD_MAX_REPLY) {
        put_field(&b, 99, "", 0);
    }
    ck_assert_int_eq(container(b.data, b.len, "c1"), CL_ERR_MALFORMED);
}
END_TEST

/* --- images
 * --------------------------------------------------------------------------------------------- */

START_TEST(test_an_image)
{
    static const struct {
        const char *name, *digest, *msg;
        enum cl_status status;
    } t[] = {
        {"x:1", "sha256:" HEX64, "", CL_OK},
        {"x:2", "sha256:" HEX64, "name: expected 'x:1', got 'x:2'", CL_ERR_MALFORMED},
        {"", "sha256:" HEX64, "name: expected 'x:1', got ''", CL_ERR_MALFORMED},
        {"x:1", "sha512:" HEX64 HEX64,
         "target: expected a sha256 digest, got 'sha512:", CL_ERR_UNSUPPORTED},
        {"x:1", "sha256:00", "", CL_ERR_MALFORMED},
        {"x:1", "", "target: expected a sha256 digest, got ''", CL_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        struct cl_err err = {0};
        uint8_t digest[CL_SHA256_SIZE] = {0};
        put_image(&b, t[i].name, t[i].digest);
        ck_assert_int_eq(containerd_image_parse(b.data, b.len, "x:1", digest, &err), t[i].status);
        ck_assert_msg(strncmp(err.msg, t[i].msg, strlen(t[i].msg)) == 0, "%s", err.msg);
        ck_assert_uint_eq(digest[31], t[i].status == CL_OK ? 0x1f : 0);
        for (size_t n = 0; i == 0 && n < b.len; n++) {
            ck_assert_int_eq(containerd_image_parse(b.data, n, "x:1", digest, NULL),
                             CL_ERR_MALFORMED);
        }
    }
}
END_TEST

/* --- the content store
 * ---------------------------------------------------------------------------------- */

START_TEST(test_the_content_store)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    char *root = NULL;
    put_plugin(&b, "io.containerd.snapshotter.v1", "content", "/wrong");
    put_plugin(&b, "io.containerd.content.v1", "other", "/wrong");
    ck_assert_int_eq(containerd_plugins_parse(b.data, b.len, &root, NULL), CL_ERR_MALFORMED);
    put_plugin(&b, "io.containerd.content.v1", "content", "/var/lib/x");
    ck_assert_int_eq(containerd_plugins_parse(b.data, b.len, &root, NULL), CL_OK);
    ck_assert_str_eq(root, "/var/lib/x");
    free(root);
    cl_buf_reset(&b);
    put_plugin(&b, "io.containerd.content.v1", "content", "relative");
    ck_assert_int_eq(containerd_plugins_parse(b.data, b.len, &root, NULL), CL_ERR_MALFORMED);
    cl_buf_reset(&b);
    put_plugin(&b, "io.containerd.content.v1", "content", "");
    ck_assert_int_eq(containerd_plugins_parse(b.data, b.len, &root, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(containerd_plugins_parse("", 0, &root, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* --- a whole call
 * ---------------------------------------------------------------------------------------- */

struct server {
    int fd;
    struct cl_buf out;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    char sink[4096];
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_gt(recv(fd, sink, sizeof(sink), 0), 0);
    (void)send(fd, s->out.data, s->out.len, MSG_NOSIGNAL);
    while (recv(fd, sink, sizeof(sink), 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

/* What the call says when the server answers with this message, or with this trailer. */
static enum cl_status ask(const struct cl_buf *message, const char *const *trailer,
                          uint8_t ret_digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    const struct cl_containerd c = {.socket = "s", .name_space = "default", .timeout_ms = 20000};
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    struct server s = {0};
    pthread_t thread;
    put_frame(&s.out, H2_SETTINGS, 0, 0, NULL, 0);
    put_headers(&s.out, 0, good_head);
    const uint8_t prefix[5] = {0, 0, 0, (uint8_t)(message->len >> 8), (uint8_t)message->len};
    put_bytes(&data, prefix, sizeof(prefix));
    put_bytes(&data, message->data, message->len);
    put_frame(&s.out, H2_DATA, 0, 1, data.data, data.len);
    put_headers(&s.out, H2_END_STREAM, trailer);
    ck_assert_int_eq(cl_unix_listen("s", &s.fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, &s), 0);
    enum cl_status st = cl_containerd_image_target(&c, "x:1", ret_digest, err);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)close(s.fd);
    cl_buf_done(&s.out);
    return st;
}

START_TEST(test_whole_calls)
{
    static const char *const gone[] = {"grpc-status", "5", "grpc-message",
                                       "image %22x:1%22: not found", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    uint8_t digest[CL_SHA256_SIZE] = {0};
    struct cl_err err = {0};
    put_image(&b, "x:1", "sha256:" HEX64);
    ck_assert_msg(ask(&b, good_trailer, digest, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(digest[31], 0x1f);
    ck_assert_int_eq(ask(&b, gone, digest, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "containerd: image 'x:1': 's': "
                              "/containerd.services.images.v1.Images/Get: grpc-status: expected "
                              "OK, got NotFound: image \"x:1\": not found");
    b.len--;
    ck_assert_int_eq(ask(&b, good_trailer, digest, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(strncmp(err.msg, "containerd: image 'x:1': ", 25), 0);
    const struct cl_containerd none = {.socket = "none", .name_space = "x", .timeout_ms = 1000};
    char *dir = NULL;
    ck_assert_int_eq(cl_containerd_blobs_dir(&none, &dir, &err), CL_ERR_SYS);
    ck_assert_ptr_null(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("containerd");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_a_container);
    tcase_add_test(t, test_each_changed_byte);
    tcase_add_test(t, test_container_texts_and_counts_are_bounded);
    tcase_add_test(t, test_a_bomb);
    tcase_add_test(t, test_an_image);
    tcase_add_test(t, test_the_content_store);
    tcase_add_test(t, test_whole_calls);
    suite_add_tcase(s, t);
    return run_suite(s);
}
