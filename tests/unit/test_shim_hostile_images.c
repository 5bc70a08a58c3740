/* SPDX-License-Identifier: Apache-2.0
 * test_shim_hostile_images.c - images of a host or a registry that lies, all the way through shim
 * and agent: blobs that are others, missing, cut or swapped under their names, and manifests that
 * do not fit their configuration. Each is refused with one line for containerd, which names layer
 * and field; the pod lives on and starts the image as it should be. The same in the agent alone,
 * byte by byte: test_agent_image.c; what a registry does on the way to the node: test_fetch.c.
 */
#include "agent_tar.h"
#include "check_main.h"
#include "shim_engine.h"

#include "base/encode.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DENIED 7    /* PermissionDenied */
#define INTERNAL 13 /* nothing says that it is so for good */
#define INVALID 3

/* --- images ------------------------------------------------------------------------------------
 */

enum { BASE, ONE, TWO, LAYERS }; /* ONE and TWO are of one size */

static struct layer {
    char digest[CL_OCI_DIGEST_SIZE];
    char diff_id[CL_OCI_DIGEST_SIZE];
    uint64_t size;
} layers[LAYERS];

struct image {
    const char *what;
    const char *manifest; /* its layers, "012" */
    const char *diffs;    /* those of its configuration */
    const char *arch;
    int code;
    const char *line; /* of the refusal */
};

static void path_of(const char *digest, char ret[static 160])
{
    (void)snprintf(ret, 160, "%s/%s", engine_blobs, digest + strlen("sha256:"));
}

static void read_blob(const char *digest, struct cl_buf *out)
{
    char path[160];
    path_of(digest, path);
    ck_assert_int_eq(cl_buf_read_file(out, path, 1u << 24, NULL), CL_OK);
}

static void write_blob(const char *digest, const void *data, size_t len)
{
    char path[160];
    path_of(digest, path);
    ck_assert_int_eq(cl_write_file(path, data, len, 0600, NULL), CL_OK);
}

static void add_blob(const void *data, size_t len, char ret_digest[static CL_OCI_DIGEST_SIZE])
{
    uint8_t raw[CL_SHA256_SIZE];
    ck_assert_int_eq(cl_sha256(raw, data, len, NULL), CL_OK);
    cl_oci_digest_format(ret_digest, raw);
    write_blob(ret_digest, data, len);
}

/* The layer of the rig's image, which has the program. */
static void find_base(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_oci_manifest m = {0};
    struct cl_oci_config c = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    read_blob(engine_digest, &text);
    ck_assert_int_eq(cl_oci_manifest_parse(text.data, text.len, &m, NULL), CL_OK);
    cl_oci_digest_format(layers[BASE].digest, m.layers[0].desc.digest);
    layers[BASE].size = m.layers[0].desc.size;
    cl_oci_digest_format(digest, m.config.digest);
    cl_buf_reset(&text);
    read_blob(digest, &text);
    ck_assert_int_eq(cl_oci_config_parse(text.data, text.len, &c, NULL), CL_OK);
    cl_oci_digest_format(layers[BASE].diff_id, c.diff_ids[0]);
    cl_oci_config_done(&c);
    cl_oci_manifest_done(&m);
}

static void add_layer(struct layer *l, const char *name)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf tar = {0};
    tar_file(&tar, name, "x");
    tar_end(&tar);
    add_blob(tar.data, tar.len, l->digest);
    memcpy(l->diff_id, l->digest, sizeof(l->diff_id));
    l->size = tar.len;
}

/* Makes it the one that containers get. */
static void make_image(const struct image *image)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf config = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    ck_assert_int_eq(cl_buf_printf(&config, NULL,
                                   "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{},"
                                   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                                   image->arch),
                     CL_OK);
    for (const char *n = image->diffs; *n != '\0'; n++) {
        ck_assert_int_eq(cl_buf_printf(&config, NULL, "%s\"%s\"", n == image->diffs ? "" : ",",
                                       layers[*n - '0'].diff_id),
                         CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&config, "]}}", NULL), CL_OK);
    add_blob(config.data, config.len, digest);
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+"
                      "json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+"
                      "json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
                      digest, config.len),
        CL_OK);
    for (const char *n = image->manifest; *n != '\0'; n++) {
        const struct layer *l = &layers[*n - '0'];
        ck_assert_int_eq(
            cl_buf_printf(
                &text, NULL,
                "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar%s\",\"digest\":"
                "\"%s\",\"size\":%llu}",
                n == image->manifest ? "" : ",", l == &layers[BASE] ? "+gzip" : "", l->digest,
                (unsigned long long)l->size),
            CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&text, "]}", NULL), CL_OK);
    add_blob(text.data, text.len, engine_digest);
}

static const struct image good = {"good", "012", "012", "amd64", 0, NULL};

static void begin(struct world *w)
{
    find_base();
    add_layer(&layers[ONE], "one");
    add_layer(&layers[TWO], "two");
    make_image(&good);
    engine_up(w);
}

/* As it should be, in the same pod. */
static void runs(struct world *w)
{
    struct engine_stdio s;
    engine_create(w, "good", ",\"out\",\"hello\"", "", &s);
    engine_start(w, "good", NULL);
    ck_assert_uint_eq(engine_end_of(w, "good", NULL), 0);
    engine_expect(w, s.out, "hello\n");
    engine_forget(w, "good", NULL);
    engine_stdio_down(&s);
}

/* --- lies --------------------------------------------------------------------------------------
 */

/* By someone who may also say which manifest it is. */
START_TEST(test_manifests_that_do_not_fit)
{
    static const struct image images[] = {
        {"a layer is missing", "01", "012", "amd64", DENIED,
         "diff_ids: expected 2, as many as layers, got 3"},
        {"a layer more", "012", "01", "amd64", DENIED,
         "diff_ids: expected 3, as many as layers, got 2"},
        {"none", "", "012", "amd64", INVALID, "layers: expected 1 to 127, got 0"},
        {"reordered", "021", "012", "amd64", DENIED, "layer 1: layer: diffID: expected sha256:"},
        {"one twice", "011", "012", "amd64", DENIED, "layer 2: layer: diffID: expected sha256:"},
        {"another platform", "012", "012", "arm64", DENIED,
         "platform: expected linux/amd64, got linux/arm64"},
    };
    struct world w;
    begin(&w);
    for (size_t i = 0; i < CL_ARRAY_LEN(images); i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "c%zu", i);
        make_image(&images[i]);
        engine_denied(&w, id, ",\"out\",\"hello\"", "", images[i].code, images[i].line);
    }
    make_image(&good);
    runs(&w);
    engine_down(&w);
}
END_TEST

enum lie { CHANGED, CUT, LONGER, EMPTY, GONE, SWAPPED };

static void tell(enum lie lie, const char *digest, const struct cl_buf *now)
{
    char path[160];
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_append(&b, now->data, now->len, NULL), CL_OK);
    switch (lie) {
    case CHANGED:
        b.data[b.len / 2] ^= 1;
        break;
    case CUT:
        b.len /= 2;
        break;
    case LONGER:
        ck_assert_int_eq(cl_buf_append_str(&b, "x", NULL), CL_OK);
        break;
    case EMPTY:
        b.len = 0;
        break;
    case SWAPPED:
        cl_buf_reset(&b);
        read_blob(layers[TWO].digest, &b);
        break;
    case GONE:
        path_of(digest, path);
        ck_assert_int_eq(unlink(path), 0);
        return;
    }
    write_blob(digest, b.data, b.len);
}

/* Under the right names. */
START_TEST(test_blobs_that_are_others)
{
    static const struct {
        enum lie lie;
        const char *blob; /* NULL: the manifest; else a layer */
        int code;
        const char *line;
    } lies[] = {
        {CHANGED, NULL, DENIED, "blob: digest: expected sha256:"},
        {GONE, NULL, INTERNAL, "blob: host: expected found, got "},
        {EMPTY, NULL, DENIED, "blob: size: expected 1 to 1048576, got 0"},
        {CHANGED, layers[BASE].digest, DENIED, "layer 0: blob: digest: expected sha256:"},
        {CUT, layers[BASE].digest, DENIED, "layer 0: blob: size: expected "},
        {LONGER, layers[ONE].digest, DENIED, "layer 1: blob: size: expected "},
        {EMPTY, layers[ONE].digest, DENIED, "layer 1: blob: size: expected "},
        {GONE, layers[TWO].digest, INTERNAL, "layer 2: blob: host: expected found, got "},
        {SWAPPED, layers[ONE].digest, DENIED, "layer 1: blob: digest: expected sha256:"},
        {SWAPPED, layers[BASE].digest, DENIED, "layer 0: blob: size: expected "},
    };
    struct world w;
    begin(&w);
    for (size_t i = 0; i < CL_ARRAY_LEN(lies); i++) {
        const char *digest = lies[i].blob != NULL ? lies[i].blob : engine_digest;
        CL_CLEANUP(cl_buf_done) struct cl_buf before = {0};
        char id[16];
        (void)snprintf(id, sizeof(id), "c%zu", i);
        read_blob(digest, &before);
        tell(lies[i].lie, digest, &before);
        engine_denied(&w, id, ",\"out\",\"hello\"", "", lies[i].code, lies[i].line);
        write_blob(digest, before.data, before.len);
    }
    runs(&w);
    engine_down(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_hostile_images");
    TCase *tc = tcase_create("images");
    tcase_set_timeout(tc, 300); /* for machines that are busy */
    tcase_add_test(tc, test_manifests_that_do_not_fit);
    tcase_add_test(tc, test_blobs_that_are_others);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return engine_main(suite);
}
