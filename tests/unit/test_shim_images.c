/* SPDX-License-Identifier: Apache-2.0
 * test_shim_images.c - images of containers, found by asking a containerd that the test plays, out
 * of a content store that is a folder.
 */
#include "config.h"
#include "images.h"

#include "base/io.h"
#include "fetch_server.h"
#include "grpc_frames.h"
#include "image/image.h"
#include "image_fixture.h"

#include <pthread.h>
#include <sys/socket.h>

#define OCI_TAR "application/vnd.oci.image.layer.v1.tar"

/* --- protobuf, by hand -------------------------------------------------------------------------
 */

static void put_field(struct cl_buf *b, unsigned number, const void *data, size_t len)
{
    const uint8_t head[2] = {(uint8_t)(number << 3 | 2), (uint8_t)len};
    ck_assert_uint_lt(len, 128);
    put_bytes(b, head, sizeof(head));
    put_bytes(b, data, len);
}

static void put_string(struct cl_buf *b, unsigned number, const char *s)
{
    put_field(b, number, s, strlen(s));
}

static void container(struct cl_buf *b, const char *image)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf c = {0};
    put_string(&c, 1, "c1");
    put_string(&c, 3, image);
    put_field(b, 1, c.data, c.len);
}

static void image(struct cl_buf *b, const char *name, const char *digest)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf d = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf i = {0};
    put_string(&d, 2, digest);
    put_string(&i, 1, name);
    put_field(&i, 3, d.data, d.len);
    const uint8_t head[2] = {1 << 3 | 2, (uint8_t)i.len};
    put_bytes(b, head, sizeof(head));
    put_bytes(b, i.data, i.len);
}

static void plugin(struct cl_buf *b, const char *root)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pair = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf p = {0};
    put_string(&pair, 1, "root");
    put_string(&pair, 2, root);
    put_string(&p, 1, "io.containerd.content.v1");
    put_string(&p, 2, "content");
    put_field(&p, 5, pair.data, pair.len);
    const uint8_t head[2] = {1 << 3 | 2, (uint8_t)p.len};
    ck_assert_uint_lt(p.len, 128);
    put_bytes(b, head, sizeof(head));
    put_bytes(b, p.data, p.len);
}

/* --- containerd: a connection for each call, answered in order ----------------------------------
 */

#define MAX_CALLS 4

struct peer {
    int fd;
    pthread_t thread;
    struct cl_buf reply[MAX_CALLS]; /* empty: hangs up */
    size_t count;
};

static void *serve(void *arg)
{
    struct peer *s = arg;
    char sink[4096];
    for (size_t i = 0; i < s->count; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_gt(recv(fd, sink, sizeof(sink), 0), 0);
        if (s->reply[i].len > 0) {
            (void)send(fd, s->reply[i].data, s->reply[i].len, MSG_NOSIGNAL);
            while (recv(fd, sink, sizeof(sink), 0) > 0) {
            }
        }
        (void)close(fd);
    }
    return NULL;
}

static void reply(struct peer *s, const struct cl_buf *message, const char *const *trailer)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    struct cl_buf *out = &s->reply[s->count++];
    const uint8_t prefix[5] = {0, 0, 0, (uint8_t)(message->len >> 8), (uint8_t)message->len};
    put_frame(out, H2_SETTINGS, 0, 0, NULL, 0);
    put_headers(out, 0, good_head);
    put_bytes(&data, prefix, sizeof(prefix));
    put_bytes(&data, message->data, message->len);
    put_frame(out, H2_DATA, 0, 1, data.data, data.len);
    put_headers(out, H2_END_STREAM, trailer);
}

static void peer_up(struct peer *s)
{
    ck_assert_int_eq(cl_unix_listen("s", &s->fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void peer_down(struct peer *s)
{
    ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
    (void)close(s->fd);
    for (size_t i = 0; i < MAX_CALLS; i++) {
        cl_buf_done(&s->reply[i]);
    }
}

/* --- the shim's side ---------------------------------------------------------------------------
 */

struct outcome {
    unsigned calls;
    enum cl_status status;
    char manifest[CL_OCI_DIGEST_SIZE];
    char message[CL_ERR_MSG_SIZE];
};

static void on_done(void *ctx, enum cl_status st, const char *manifest, const struct cl_err *err)
{
    struct outcome *o = ctx;
    o->calls++;
    o->status = st;
    (void)snprintf(o->manifest, sizeof(o->manifest), "%s", manifest != NULL ? manifest : "");
    (void)snprintf(o->message, sizeof(o->message), "%s", err->msg);
}

static struct shim_image *begin(const struct shim_image_ops *ops, const char *image_name,
                                struct outcome *o)
{
    struct shim_image *i = NULL;
    const struct shim_image_request r = {
        .name_space = "k8s.io", .container_id = "c1", .image_name = image_name};
    ck_assert_int_eq(ops->resolve(ops->ctx, &r, on_done, o, &i, NULL), CL_OK);
    return i;
}

static char digest[CL_OCI_DIGEST_SIZE];
static char image_name[64] = "x:1";

static void make_image(struct peer *s, bool known)
{
    static const char *const gone[] = {"grpc-status", "5", "grpc-message", "no", NULL};
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf one = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf two = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf three = {0};
    char root[100];
    fixture_layout("img", OCI_TAR);
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &i, NULL), CL_OK);
    cl_oci_digest_format(digest, cl_image_manifest_digest(i));
    ck_assert_ptr_nonnull(getcwd(root, sizeof(root) - 4));
    (void)snprintf(root + strlen(root), 5, "/img");
    container(&one, image_name);
    image(&two, image_name, digest);
    plugin(&three, root);
    reply(s, &one, known ? good_trailer : gone);
    reply(s, &two, good_trailer);
    reply(s, &three, good_trailer);
}

START_TEST(test_image_of_a_container)
{
    struct peer s = {0};
    struct outcome o = {0};
    struct shim_containerd_images from = {.base = event_base_new(), .socket = "s"};
    const struct shim_image_ops ops = shim_images_of(&from);
    uint8_t other[CL_SHA256_SIZE] = {1};
    uint8_t own[CL_SHA256_SIZE];
    uint64_t size = 0;
    int fd = -1;
    make_image(&s, _i == 0); /* 1: containerd does not know the container, the pod says its image */
    peer_up(&s);
    struct shim_image *i = begin(&ops, _i == 0 ? NULL : "x:1", &o);
    ck_assert_int_eq(cl_oci_digest_parse(digest, own, NULL), CL_OK);
    ck_assert_int_eq(ops.open_blob(i, own, &fd, &size, NULL), CL_ERR_REJECTED); /* not yet */
    while (o.calls == 0) {
        (void)event_base_loop(from.base, EVLOOP_ONCE);
    }
    ck_assert_msg(o.status == CL_OK, "%s", o.message);
    ck_assert_str_eq(o.manifest, digest);
    ck_assert_int_eq(ops.open_blob(i, own, &fd, &size, NULL), CL_OK);
    ck_assert_uint_gt(size, 0);
    (void)close(fd);
    ck_assert_int_eq(ops.open_blob(i, other, &fd, &size, NULL), CL_ERR_REJECTED);
    ops.release(i);
    ops.release(NULL);
    peer_down(&s);
    event_base_free(from.base);
}
END_TEST

START_TEST(test_no_containerd_and_no_image)
{
    struct peer s = {0};
    struct outcome o = {0};
    struct shim_containerd_images from = {.base = event_base_new(), .socket = "s"};
    const struct shim_image_ops ops = shim_images_of(&from);
    CL_CLEANUP(cl_buf_done) struct cl_buf empty = {0};
    container(&empty, "");
    if (_i > 0) {
        reply(&s, &empty, good_trailer);
        peer_up(&s);
    }
    struct shim_image *i = begin(&ops, NULL, &o);
    while (o.calls == 0) {
        (void)event_base_loop(from.base, EVLOOP_ONCE);
    }
    ck_assert_int_eq(o.status, _i == 0 ? CL_ERR_SYS : CL_ERR_REJECTED);
    ck_assert_str_eq(o.manifest, "");
    ops.release(i);
    if (_i > 0) {
        peer_down(&s);
    }
    event_base_free(from.base);
}
END_TEST

START_TEST(test_an_image_that_is_released_meanwhile)
{
    struct peer s = {.count = 1};
    struct outcome o = {0};
    struct shim_containerd_images from = {.base = event_base_new(), .socket = "s"};
    const struct shim_image_ops ops = shim_images_of(&from);
    peer_up(&s);
    ops.release(begin(&ops, NULL, &o));
    peer_down(&s); /* it has hung up: the thread comes to its end */
    for (int turns = 0;
         turns < 2000 && event_base_get_num_events(from.base, EVENT_BASE_COUNT_ADDED); turns++) {
        (void)event_base_loop(from.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        (void)usleep(1000);
    }
    ck_assert_int_eq(event_base_get_num_events(from.base, EVENT_BASE_COUNT_ADDED), 0);
    ck_assert_uint_eq(o.calls, 0);
    event_base_free(from.base);
}
END_TEST

/* --- layers that containerd does not have ------------------------------------------------------
 */

static struct server registry;
static struct cl_buf layer[FIXTURE_LAYERS];
static struct step steps[FIXTURE_LAYERS];

/* Takes the layers out of the store and into a registry. */
static void move_layers(void)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &i, NULL), CL_OK);
    const struct cl_oci_manifest *m = cl_image_manifest(i);
    ck_assert_uint_eq(m->layer_count, FIXTURE_LAYERS);
    for (size_t n = 0; n < m->layer_count; n++) {
        char hex[2 * CL_SHA256_SIZE + 1];
        char path[200];
        cl_hex(hex, m->layers[n].desc.digest, CL_SHA256_SIZE);
        (void)snprintf(path, sizeof(path), "img/blobs/sha256/%s", hex);
        ck_assert_int_eq(cl_buf_read_file(&layer[n], path, 1u << 24, NULL), CL_OK);
        ck_assert_int_eq(unlink(path), 0);
        steps[n] = (struct step){.body = layer[n].data, .len = layer[n].len};
    }
    server_steps(&registry, steps, FIXTURE_LAYERS);
}

static void drop_layers(void)
{
    for (size_t n = 0; n < FIXTURE_LAYERS; n++) {
        uint8_t own[CL_SHA256_SIZE];
        char hex[2 * CL_SHA256_SIZE + 1];
        char path[200];
        ck_assert_int_eq(cl_sha256(own, layer[n].data, layer[n].len, NULL), CL_OK);
        cl_hex(hex, own, CL_SHA256_SIZE);
        (void)snprintf(path, sizeof(path), "img/blobs/sha256/%s", hex);
        ck_assert_int_eq(unlink(path), 0);
    }
}

static void run_to_the_end(struct event_base *base, const struct outcome *o)
{
    while (o->calls == 0) {
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}

static void expect_layers(const struct shim_image_ops *ops, struct shim_image *i)
{
    for (size_t n = 0; n < FIXTURE_LAYERS; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
        uint8_t own[CL_SHA256_SIZE];
        uint64_t size = 0;
        int fd = -1;
        ck_assert_int_eq(cl_sha256(own, layer[n].data, layer[n].len, NULL), CL_OK);
        ck_assert_int_eq(ops->open_blob(i, own, &fd, &size, NULL), CL_OK);
        ck_assert_uint_eq(size, layer[n].len);
        ck_assert_int_eq(cl_buf_read_fd(&got, fd, 1u << 24, NULL), CL_OK);
        ck_assert_mem_eq(got.data, layer[n].data, layer[n].len);
        (void)close(fd);
    }
}

/* By cloister-fetch itself, which lies beside this program. 0: containerd's name has the registry;
 * 1: only the pod's annotation has it. The second image asks the registry nothing. */
START_TEST(test_layers_by_way_of_the_cache)
{
    struct shim_config settings;
    struct shim_containerd_images from = {
        .base = event_base_new(), .socket = "s", .settings = &settings};
    const struct shim_image_ops ops = shim_images_of(&from);
    char reference[64];
    char cache[100];
    server_up(&registry);
    (void)snprintf(reference, sizeof(reference), "127.0.0.1:%u/x:1", registry.port);
    (void)snprintf(image_name, sizeof(image_name), "%s", _i == 0 ? reference : "sha256:0");
    (void)snprintf(cache, sizeof(cache), "%s/cache", fixture_dir);
    shim_config_default(&settings);
    settings.cache_dir = cache;
    for (unsigned n = 0; n < 2; n++) {
        struct peer s = {0};
        struct outcome o = {0};
        if (n > 0) {
            ck_assert_int_eq(nftw("img", fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
        }
        make_image(&s, true);
        if (n == 0) {
            move_layers();
        } else {
            drop_layers();
        }
        peer_up(&s);
        struct shim_image *i = begin(&ops, _i == 0 ? NULL : reference, &o);
        run_to_the_end(from.base, &o);
        ck_assert_msg(o.status == CL_OK, "%s", o.message);
        expect_layers(&ops, i);
        ck_assert_uint_eq(atomic_load(&registry.requests), FIXTURE_LAYERS);
        ops.release(i);
        peer_down(&s);
    }
    server_down(&registry);
    event_base_free(from.base);
}
END_TEST

/* The program's own line is what containerd gets to hear; all that a registry may do is in
 * test_fetch.c. */
START_TEST(test_layers_that_do_not_come)
{
    static const struct {
        struct step step;
        uint32_t timeout_s;
        enum cl_status status;
        const char *text; /* NULL: given up while the program runs */
    } rows[] = {
        {{.body = "x", .len = 1}, 600, CL_ERR_REJECTED, "digest: expected"},
        {{.head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"},
         600,
         CL_ERR_REJECTED,
         "HTTP status: expected 200, got 404"},
        {{.head = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n"},
         600,
         CL_ERR_REJECTED,
         "redirect: expected https, got 'file:///etc/passwd'"},
        {{.head = "HTTP/1.1 200 OK\r\n", .hang_s = 20},
         1,
         CL_ERR_UNAVAILABLE,
         "within 1 s (image.timeout-s)"},
        {{.head = "HTTP/1.1 200 OK\r\n", .hang_s = 20}, 600, CL_OK, NULL},
    };
    struct peer s = {0};
    struct outcome o = {0};
    struct shim_config settings;
    struct shim_containerd_images from = {
        .base = event_base_new(), .socket = "s", .settings = &settings};
    const struct shim_image_ops ops = shim_images_of(&from);
    char cache[100];
    server_up(&registry);
    (void)snprintf(image_name, sizeof(image_name), "127.0.0.1:%u/x:1", registry.port);
    (void)snprintf(cache, sizeof(cache), "%s/cache", fixture_dir);
    shim_config_default(&settings);
    settings.cache_dir = cache;
    settings.image_timeout_s = rows[_i].timeout_s;
    make_image(&s, true);
    move_layers();
    server_steps(&registry, &rows[_i].step, 1);
    peer_up(&s);
    struct shim_image *i = begin(&ops, NULL, &o);
    if (rows[_i].text == NULL) { /* it ends */
        while (atomic_load(&registry.requests) == 0) {
            (void)event_base_loop(from.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        }
        ops.release(i);
        while (event_base_get_num_events(from.base, EVENT_BASE_COUNT_ADDED) > 0) {
            (void)event_base_loop(from.base, EVLOOP_ONCE);
        }
        ck_assert_uint_eq(o.calls, 0);
    } else {
        run_to_the_end(from.base, &o);
        ck_assert_msg(strstr(o.message, rows[_i].text) != NULL, "%s", o.message);
        ck_assert_int_eq(o.status, rows[_i].status);
        ops.release(i);
    }
    peer_down(&s);
    server_down(&registry);
    event_base_free(from.base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_images");
    TCase *tc = tcase_create("images");
    tcase_add_checked_fixture(tc, fixture_up, fixture_down);
    tcase_add_loop_test(tc, test_image_of_a_container, 0, 2);
    tcase_add_loop_test(tc, test_no_containerd_and_no_image, 0, 2);
    tcase_add_test(tc, test_an_image_that_is_released_meanwhile);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_layers_by_way_of_the_cache, 0, 2);
    tcase_add_loop_test(tc, test_layers_that_do_not_come, 0, 5);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
