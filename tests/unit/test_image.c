/* SPDX-License-Identifier: Apache-2.0
 * test_image.c - references, layouts, encryption of images, and a registry that lies.
 */
#include "image/image.h"

#include "image_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#define OCI_TAR "application/vnd.oci.image.layer.v1.tar"

/* --- references --------------------------------------------------------------------------------
 */

START_TEST(test_references)
{
    static const struct {
        const char *ref, *dir, *host, *name, *tag;
        unsigned port;
    } good[] = {
        {"oci:dir", "dir", "", "", "", 0},
        {"oci:/a/b:c/d", "/a/b:c/d", "", "", "", 0},
        {"oci:/a/b/", "/a/b", "", "", "", 0},
        {"oci:/a/b:v1.0", "/a/b", "", "", "v1.0", 0},
        {"docker://127.0.0.1:5000/app", "", "127.0.0.1", "app", "latest", 5000},
        {"docker://localhost/a/b-c_d:T", "", "localhost", "a/b-c_d", "T", 0},
        {"docker://[::1]:80/app:x", "", "::1", "app", "x", 80},
        {"docker://r.example/app@sha256:"
         "1111111111111111111111111111111111111111111111111111111111111111",
         "", "r.example", "app", "", 0},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        struct cl_image_ref r;
        ck_assert_msg(cl_image_ref_parse(good[i].ref, &r, NULL) == CL_OK, "%s", good[i].ref);
        ck_assert_str_eq(r.dir, good[i].dir);
        ck_assert_str_eq(r.host, good[i].host);
        ck_assert_str_eq(r.name, good[i].name);
        ck_assert_str_eq(r.tag, good[i].tag);
        ck_assert_uint_eq(r.port, good[i].port);
        ck_assert_int_eq(r.has_digest, strchr(good[i].ref, '@') != NULL);
    }
}
END_TEST

START_TEST(test_bad_references)
{
    static const char *const bad[] = {"",
                                      "app",
                                      "oci:",
                                      "oci::v1",
                                      "oci:dir:",
                                      "oci:dir:-x",
                                      "docker:app",
                                      "docker://app",
                                      "docker://127.0.0.1",
                                      "docker://127.0.0.1/",
                                      "docker://h:5/App",
                                      "docker://h:0/app",
                                      "docker://h:65536/app",
                                      "docker://h:5/a/../b",
                                      "docker://h:5/a//b",
                                      "docker://h:5/.a",
                                      "docker://u@h:5/app",
                                      "docker://h:5/app?x=y",
                                      "docker://h:5/app:",
                                      "docker://h:5/app#f",
                                      "docker://h:5/app@sha512:11",
                                      "docker://h:5/app@sha256:11",
                                      "docker://[::1/app",
                                      "docker://a b:5/app",
                                      "docker-archive:x",
                                      "dir:x"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct cl_image_ref r;
        enum cl_status st = cl_image_ref_parse(bad[i], &r, NULL);
        ck_assert_msg(st == CL_ERR_MALFORMED || st == CL_ERR_UNSUPPORTED, "%s: %d", bad[i], st);
    }
    struct cl_image_ref r;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_image_ref_parse("app", &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "image 'app': reference: expected oci:DIR[:TAG] or "
                              "docker://host[:port]/name[:tag][@sha256:...], got something else");
}
END_TEST

/* --- layouts
 * -------------------------------------------------------------------------------------- */

START_TEST(test_layout_opens_and_gives_its_blobs_only)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_err err = {0};
    fixture_layout("img", OCI_TAR);
    ck_assert_msg(cl_image_open("oci:img:v1", NULL, &i, &err) == CL_OK, "%s", err.msg);
    const struct cl_oci_manifest *m = cl_image_manifest(i);
    ck_assert_uint_eq(m->layer_count, FIXTURE_LAYERS);
    ck_assert_str_eq(cl_image_config(i)->cmd.v[0], "/x");
    const uint8_t *digests[] = {cl_image_manifest_digest(i), m->config.digest,
                                m->layers[2].desc.digest};
    for (size_t n = 0; n < CL_ARRAY_LEN(digests); n++) {
        CL_CLEANUP(cl_close_fdp) int fd = -1;
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        uint64_t size = 0;
        ck_assert_int_eq(cl_image_blob_open(i, digests[n], &fd, &size, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_read_fd(&b, fd, 1u << 20, NULL), CL_OK);
        ck_assert_uint_eq(b.len, size);
        ck_assert_int_eq(cl_oci_verify(b.data, b.len, digests[n], "blob", NULL), CL_OK);
    }
    /* A blob that lies in the folder but that the manifest does not name. */
    char other[CL_OCI_DIGEST_SIZE];
    uint8_t digest[32];
    int fd = -1;
    uint64_t size = 0;
    fixture_blob("img", "other", 5, other);
    ck_assert_int_eq(cl_oci_digest_parse(other, digest, NULL), CL_OK);
    ck_assert_int_eq(cl_image_blob_open(i, digest, &fd, &size, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(
        strstr(err.msg, "expected a digest that the manifest names, got another"));
    ck_assert_int_eq(fd, -1);
}
END_TEST

static enum cl_status open_layout(const char *ref, struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    *err = (struct cl_err){0};
    return cl_image_open(ref, NULL, &i, err);
}

START_TEST(test_layout_absent_empty_truncated)
{
    struct cl_err err;
    ck_assert_int_eq(open_layout("oci:none", &err), CL_ERR_SYS);
    ck_assert_str_eq(err.msg,
                     "image 'oci:none': open 'none/oci-layout': No such file or directory");
    fixture_layout("img", OCI_TAR);
    ck_assert_int_eq(open_layout("oci:img:v2", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image 'oci:img:v2': image layout: tag: expected one image tagged "
                              "'v2', got 0");
    CL_CLEANUP(cl_buf_done) struct cl_buf index = {0};
    ck_assert_int_eq(cl_buf_read_file(&index, "img/index.json", 65536, NULL), CL_OK);
    for (size_t n = 0; n < index.len; n += 7) {
        fixture_write("img/index.json", index.data, n);
        ck_assert_int_ne(open_layout("oci:img", &err), CL_OK);
        ck_assert_ptr_nonnull(strstr(err.msg, "image 'oci:img': "));
    }
    ck_assert_int_eq(unlink("img/index.json"), 0);
    ck_assert_int_eq(mkfifo("img/index.json", 0644), 0);
    ck_assert_int_eq(open_layout("oci:img", &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "image 'oci:img': 'img/index.json': type: expected a plain file, got "
                              "another");
}
END_TEST

/* Flips one byte of the blob with this digest. */
static void corrupt(const char *layout, const uint8_t digest[32])
{
    char path[256];
    char hex[65];
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    cl_hex(hex, digest, 32);
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", layout, hex);
    ck_assert_int_eq(cl_buf_read_file(&b, path, 1u << 20, NULL), CL_OK);
    b.data[b.len / 2] ^= 1;
    fixture_write(path, b.data, b.len);
}

static enum cl_status drop(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return CL_OK;
}

START_TEST(test_layout_changed_blobs)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_err err = {0};
    fixture_layout("img", OCI_TAR);
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &i, NULL), CL_OK);
    const struct cl_oci_manifest *m = cl_image_manifest(i);
    corrupt("img", m->layers[1].desc.digest);
    ck_assert_int_eq(cl_image_blob_copy(i, &m->layers[1].desc, drop, NULL, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "blob: digest: expected sha256:"));
    ck_assert_int_eq(cl_image_blob_copy(i, &m->layers[0].desc, drop, NULL, &err), CL_OK);
    corrupt("img", m->config.digest);
    ck_assert_int_eq(open_layout("oci:img", &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "image 'oci:img': configuration: digest: expected"));
    corrupt("img", cl_image_manifest_digest(i));
    ck_assert_int_eq(open_layout("oci:img", &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "image 'oci:img': manifest: digest: expected"));
}
END_TEST

START_TEST(test_layout_blob_of_another_size)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_err err = {0};
    char path[128];
    char hex[65];
    int fd = -1;
    uint64_t size = 0;
    fixture_layout("img", OCI_TAR);
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &i, NULL), CL_OK);
    const uint8_t *digest = cl_image_manifest(i)->layers[2].desc.digest;
    cl_hex(hex, digest, 32);
    (void)snprintf(path, sizeof(path), "img/blobs/sha256/%s", hex);
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_eq(cl_image_blob_open(i, digest, &fd, &size, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "size: expected 262147, got 100"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(cl_image_blob_open(i, digest, &fd, &size, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected a blob, got none"));
}
END_TEST

/* --- encryption
 * ------------------------------------------------------------------------------------- */

struct decrypted {
    struct cl_ocicrypt_cipher *cipher;
    struct cl_buf plain;
};

static enum cl_status decrypt_sink(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    struct decrypted *d = ctx;
    CL_TRY(cl_ocicrypt_update(d->cipher, data, data, len, err));
    return cl_buf_append(&d->plain, data, len, err);
}

static void check_layer(struct cl_image *i, unsigned n, const struct cl_secret *kek)
{
    static uint8_t want[300000];
    const struct cl_oci_layer *l = &cl_image_manifest(i)->layers[n];
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private priv = {0};
    struct decrypted d = {0};
    size_t len = fixture_layer(n, want);
    ck_assert(l->encrypted && l->packet_count == 1);
    ck_assert_str_eq(l->packets[0].kid, "kbs:///default/image-kek/1");
    ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&l->packets[0], kek, &json, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_private_parse(json.data, json.len, &priv, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_decrypt_new(&priv.key, priv.nonce, &d.cipher, NULL), CL_OK);
    ck_assert_int_eq(cl_image_blob_copy(i, &l->desc, decrypt_sink, &d, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_decrypt_final(d.cipher, l->pub.hmac, NULL), CL_OK);
    ck_assert_uint_eq(d.plain.len, len);
    ck_assert_mem_eq(d.plain.data, want, len);
    ck_assert_int_eq(cl_oci_verify(want, len, priv.plain_digest, "plain", NULL), CL_OK);
    cl_ocicrypt_free(d.cipher);
    cl_buf_done(&d.plain);
}

static enum cl_status encrypt(const char *src, const char *dst, const struct cl_secret *kek,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_image_encrypt how = {.key_id = "kbs:///default/image-kek/1", .kek = kek};
    uint8_t digest[32];
    ck_assert_int_eq(cl_image_open(src, NULL, &i, NULL), CL_OK);
    return cl_image_encrypt(i, dst, &how, digest, err);
}

START_TEST(test_encrypt_every_layer)
{
    static const char *const types[] = {OCI_TAR, OCI_TAR "+gzip",
                                        "application/vnd.docker.image.rootfs.diff.tar.gzip"};
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    ck_assert_int_eq(cl_secret_random(&kek, 32, NULL), CL_OK);
    for (size_t t = 0; t < CL_ARRAY_LEN(types); t++) {
        char src[32], dst[32];
        struct cl_err err = {0};
        CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
        (void)snprintf(src, sizeof(src), "oci:p%zu", t);
        (void)snprintf(dst, sizeof(dst), "oci:e%zu:t2", t);
        fixture_layout(src + 4, types[t]);
        ck_assert_msg(encrypt(src, dst, &kek, &err) == CL_OK, "%s", err.msg);
        ck_assert_int_eq(cl_image_open(dst, NULL, &i, NULL), CL_OK);
        ck_assert(cl_oci_manifest_all_encrypted(cl_image_manifest(i)));
        for (unsigned n = 0; n < FIXTURE_LAYERS; n++) {
            ck_assert(!cl_image_manifest(i)->layers[n].docker);
            check_layer(i, n, &kek);
        }
    }
    ck_assert_int_eq(system("! grep -rqs 'plain layer' e0 e1 e2"), 0);
}
END_TEST

START_TEST(test_encrypt_refusals_leave_nothing)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_secret_random(&kek, 32, NULL), CL_OK);
    fixture_layout("plain", OCI_TAR);
    ck_assert_int_eq(encrypt("oci:plain", "oci:enc", &kek, &err), CL_OK);
    ck_assert_int_eq(encrypt("oci:enc", "oci:again", &kek, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image encrypt: layers: expected none encrypted, got all encrypted");
    ck_assert_int_eq(encrypt("oci:plain", "oci:enc", &kek, &err), CL_ERR_SYS);
    ck_assert_str_eq(err.msg, "create 'enc': File exists");
    ck_assert_int_eq(encrypt("oci:plain", "docker://h:5/app", &kek, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(encrypt("oci:plain", "oci:no/such/dir", &kek, &err), CL_ERR_SYS);
    kek.len = 31;
    ck_assert_int_eq(encrypt("oci:plain", "oci:x", &kek, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "key: expected 32 bytes, got 31");
    kek.len = 32;
    /* A layer that turns out to be wrong while it is read. */
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    ck_assert_int_eq(cl_image_open("oci:plain", NULL, &i, NULL), CL_OK);
    corrupt("plain", cl_image_manifest(i)->layers[2].desc.digest);
    ck_assert_int_eq(encrypt("oci:plain", "oci:bad", &kek, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "layer 2: blob: digest: expected"));
    ck_assert_int_eq(system("test \"$(echo *)\" = 'enc plain'"), 0);
}
END_TEST

START_TEST(test_encrypt_refuses_partly_encrypted)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_secret_random(&kek, 32, NULL), CL_OK);
    fixture_layout("plain", OCI_TAR);
    ck_assert_int_eq(encrypt("oci:plain", "oci:enc", &kek, &err), CL_OK);
    /* The encrypted manifest, its last layer exchanged for the plain one. */
    ck_assert_int_eq(
        system("set -e; m=enc/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' enc/index.json);"
               "p=plain/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' plain/index.json);"
               "cp plain/blobs/sha256/* enc/blobs/sha256/;"
               "jq -cj --slurpfile p $p '.layers[2]=$p[0].layers[2]' $m > new;"
               "d=$(sha256sum new | cut -d' ' -f1); cp new enc/blobs/sha256/$d;"
               "jq -cj --arg d sha256:$d --argjson s $(stat -c %s new) "
               "'.manifests[0].digest=$d|.manifests[0].size=$s' enc/index.json > i;"
               "mv i enc/index.json"),
        0);
    ck_assert_int_eq(encrypt("oci:enc", "oci:again", &kek, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image encrypt: layers: expected none encrypted, got some encrypted");
}
END_TEST

/* --- a registry that lies
 * ---------------------------------------------------------------------------- */

struct liar {
    int fd;
    uint16_t port;
    const char *answer; /* to every request, whole */
    size_t answer_len;
    pthread_t thread;
};

static void *liar_main(void *arg)
{
    struct liar *l = arg;
    for (;;) {
        char request[4096];
        int c = accept(l->fd, NULL, NULL);
        if (c < 0) {
            return NULL;
        }
        if (recv(c, request, sizeof(request), 0) > 0) {
            (void)send(c, l->answer, l->answer_len, MSG_NOSIGNAL);
        }
        (void)shutdown(c, SHUT_WR);
        while (recv(c, request, sizeof(request), 0) > 0) {
        }
        (void)close(c);
    }
}

static void liar_up(struct liar *l, const char *answer, size_t len)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t alen = sizeof(a);
    l->answer = answer;
    l->answer_len = len;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(l->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(l->fd, 8), 0);
    ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&a, &alen), 0);
    l->port = ntohs(a.sin_port);
    ck_assert_int_eq(pthread_create(&l->thread, NULL, liar_main, l), 0);
}

static void liar_down(struct liar *l)
{
    (void)shutdown(l->fd, SHUT_RDWR);
    (void)pthread_join(l->thread, NULL);
    (void)close(l->fd);
}

static enum cl_status open_liar(const char *answer, size_t len, const char *suffix,
                                struct cl_err *err)
{
    struct liar l;
    char ref[200];
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    liar_up(&l, answer, len);
    (void)snprintf(ref, sizeof(ref), "docker://127.0.0.1:%u/app%s", l.port, suffix);
    *err = (struct cl_err){0};
    enum cl_status st = cl_image_open(ref, NULL, &i, err);
    liar_down(&l);
    return st;
}

START_TEST(test_registry_answers_that_are_refused)
{
    static const struct {
        const char *answer, *suffix, *msg;
        enum cl_status st;
    } t[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "",
         "HTTP status: expected 200, got 404", CL_ERR_REJECTED},
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "",
         "access: expected a registry that asks for no credentials, got HTTP status 401",
         CL_ERR_REJECTED},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "", "got 500", CL_ERR_UNAVAILABLE},
        {"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "",
         "redirect: expected https, got 'http://127.0.0.1:1/'", CL_ERR_REJECTED},
        {"HTTP/1.1 307 X\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "",
         "redirected to 127.0.0.1, an address of this node", CL_ERR_REJECTED},
        {"HTTP/1.1 307 X\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "",
         "redirected to 169.254.169.254, an address of this node", CL_ERR_REJECTED},
        {"HTTP/1.1 307 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "",
         "redirect: expected https, got 'file:///etc/passwd'", CL_ERR_REJECTED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "", "schemaVersion", CL_ERR_MALFORMED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "image manifest", CL_ERR_TRUNCATED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "",
         "registry '127.0.0.1': ", CL_ERR_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
         "@sha256:1111111111111111111111111111111111111111111111111111111111111111",
         "manifest: digest: expected "
         "sha256:1111111111111111111111111111111111111111111111111111111111111111, got ",
         CL_ERR_REJECTED},
        {"garbage\r\n\r\n", "", "registry '127.0.0.1': ", CL_ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        struct cl_err err;
        enum cl_status st = open_liar(t[i].answer, strlen(t[i].answer), t[i].suffix, &err);
        ck_assert_msg(st == t[i].st, "row %zu: %d %s", i, st, err.msg);
        ck_assert_msg(strstr(err.msg, t[i].msg) != NULL, "row %zu: %s", i, err.msg);
    }
}
END_TEST

START_TEST(test_registry_document_is_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct cl_err err;
    ck_assert_int_eq(cl_buf_append_str(&b, "HTTP/1.1 200 OK\r\n\r\n", NULL), CL_OK);
    for (unsigned i = 0; i < (CL_OCI_MAX_MANIFEST >> 4) + 1; i++) {
        ck_assert_int_eq(cl_buf_append(&b, "                ", 16, NULL), CL_OK);
    }
    ck_assert_int_eq(open_liar((const char *)b.data, b.len, "", &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected at most 1048576 bytes, got more"));
}
END_TEST

START_TEST(test_registry_that_is_not_there)
{
    struct liar l;
    char ref[100];
    struct cl_err err = {0};
    struct cl_image *i = NULL;
    liar_up(&l, "", 0);
    liar_down(&l); /* now nobody listens on that port */
    (void)snprintf(ref, sizeof(ref), "docker://127.0.0.1:%u/app", l.port);
    ck_assert_int_eq(cl_image_open(ref, NULL, &i, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "registry '127.0.0.1': Couldn't connect to server"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("image");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_references);
    tcase_add_test(t, test_bad_references);
    tcase_add_test(t, test_layout_opens_and_gives_its_blobs_only);
    tcase_add_test(t, test_layout_absent_empty_truncated);
    tcase_add_test(t, test_layout_changed_blobs);
    tcase_add_test(t, test_layout_blob_of_another_size);
    tcase_add_test(t, test_encrypt_every_layer);
    tcase_add_test(t, test_encrypt_refusals_leave_nothing);
    tcase_add_test(t, test_encrypt_refuses_partly_encrypted);
    tcase_add_test(t, test_registry_answers_that_are_refused);
    tcase_add_test(t, test_registry_document_is_bounded);
    tcase_add_test(t, test_registry_that_is_not_there);
    suite_add_tcase(s, t);
    return run_suite(s);
}
