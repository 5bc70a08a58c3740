/* SPDX-License-Identifier: Apache-2.0
 * test_oci_image.c - image manifests, indexes, layouts and configurations: good ones, every
 * truncation, each field out of range.
 */
#include "oci/image.h"

#include "base/encode.h"
#include "edit.h"

#include <stdio.h>

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define PUB                                                                                        \
    "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImhtYWMiOiJVNzFpZnhPbVdDdXp4TFZ1dkhjV0QxQjZV" \
    "WFZJV1lZQkVCUUxrOXM3NE9jPSIsImNpcGhlcm9wdGlvbnMiOnt9fQ=="
/* {"kid":"kbs:///a/b/c","wrapped_data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","iv":"AAAAAAAAAAAAAAAA",
 * "wrap_type":"A256GCM"} */
#define PACKET                                                                                     \
    "eyJraWQiOiJrYnM6Ly8vYS9iL2MiLCJ3cmFwcGVkX2RhdGEiOiJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB" \
    "QSIsIml2IjoiQUFBQUFBQUFBQUFBQUFBQSIsIndyYXBfdHlwZSI6IkEyNTZHQ00ifQ=="
#define MANIFEST                                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","           \
    "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" D1      \
    "\",\"size\":100},\"layers\":[{\"mediaType\":"                                                 \
    "\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" D2 "\",\"size\":200},"         \
    "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+zstd+encrypted\",\"digest\":\"" D3    \
    "\",\"size\":300,\"annotations\":{\"org.opencontainers.image.enc.pubopts\":\"" PUB             \
    "\",\"org.opencontainers.image.enc.keys.provider.attestation-agent\":\"" PACKET "\"}}]}"
#define INDEX                                                                                      \
    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"                                          \
    "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" D1 "\",\"size\":10,"            \
    "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}},{\"mediaType\":"                  \
    "\"application/vnd.docker.distribution.manifest.v2+json\",\"digest\":\"" D2 "\",\"size\":20,"  \
    "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}"
#define LAYOUT                                                                                     \
    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"                                          \
    "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" D1                              \
    "\",\"size\":10,\"annotations\":{\"org.opencontainers.image.ref.name\":\"one\"}},"             \
    "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"" D2                  \
    "\",\"size\":20,\"annotations\":{\"org.opencontainers.image.ref.name\":\"two\"}}]}"
#define CONFIG                                                                                     \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1:2\",\"Env\":[\"A=b\"]," \
    "\"Entrypoint\":[\"/bin/x\"],\"Cmd\":[\"y\",\"z\"],\"WorkingDir\":\"/w\",\"Volumes\":{"        \
    "\"/data\":{}},\"StopSignal\":\"SIGINT\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 \
    "\",\"" D2 "\"]}}"

struct row {
    const char *from, *to, *msg; /* msg: a piece of the message */
    enum cl_status st;
};

typedef enum cl_status (*parse_fn)(const char *text, size_t len, struct cl_err *err);

static void run_rows(const char *good, const struct row *rows, size_t count, parse_fn parse)
{
    ck_assert_int_eq(parse(good, strlen(good), NULL), CL_OK);
    for (size_t i = 0; i < count; i++) {
        char *text = edit(good, rows[i].from, rows[i].to);
        struct cl_err err = {0};
        enum cl_status st = parse(text, strlen(text), &err);
        ck_assert_msg(st == rows[i].st, "%s -> %s: %d %s", rows[i].from, rows[i].to, st, err.msg);
        ck_assert_msg(strstr(err.msg, rows[i].msg) != NULL, "%s -> %s: %s", rows[i].from,
                      rows[i].to, err.msg);
        free(text);
    }
}

static void run_truncations(const char *good, parse_fn parse)
{
    for (size_t n = 0; n < strlen(good); n++) {
        char *exact = malloc(n > 0 ? n : 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, good, n);
        ck_assert_msg(parse(exact, n, NULL) != CL_OK, "%zu bytes", n);
        free(exact);
    }
}

static enum cl_status parse_manifest(const char *text, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_oci_manifest_done) struct cl_oci_manifest m = {0};
    return cl_oci_manifest_parse((const uint8_t *)text, len, &m, err);
}

START_TEST(test_manifest_good)
{
    CL_CLEANUP(cl_oci_manifest_done) struct cl_oci_manifest m = {0};
    ck_assert_int_eq(cl_oci_manifest_parse((const uint8_t *)MANIFEST, strlen(MANIFEST), &m, NULL),
                     CL_OK);
    ck_assert_uint_eq(m.layer_count, 2);
    ck_assert_uint_eq(m.config.size, 100);
    ck_assert_uint_eq(m.config.digest[0], 0x11);
    ck_assert_uint_eq(m.layers[0].desc.size, 200);
    ck_assert_int_eq(m.layers[0].compression, CL_OCI_GZIP);
    ck_assert(!m.layers[0].encrypted);
    ck_assert_int_eq(m.layers[1].compression, CL_OCI_ZSTD);
    ck_assert(m.layers[1].encrypted);
    ck_assert_uint_eq(m.layers[1].packet_count, 1);
    ck_assert_str_eq(m.layers[1].packets[0].kid, "kbs:///a/b/c");
    ck_assert_uint_eq(m.layers[1].pub.hmac[0], 0x53);
    ck_assert(!cl_oci_manifest_all_encrypted(&m));
    ck_assert(!cl_oci_manifest_none_encrypted(&m));
    ck_assert_str_eq(cl_oci_layer_type(&m.layers[0], true),
                     "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
}
END_TEST

START_TEST(test_manifest_fields)
{
    static const struct row rows[] = {
        {"provider.attestation-agent", "provider.other", "", CL_OK},
        {"keys.provider.attestation-agent", "keys.jwe",
         "layer 1: expected an annotation org.opencontainers.image.enc.keys.provider.*, got none",
         CL_ERR_UNSUPPORTED},
        {"enc.pubopts", "enc.nopts",
         "image manifest: layer 1: org.opencontainers.image.enc.pubopts", CL_ERR_MALFORMED},
        {"\"schemaVersion\":2", "\"schemaVersion\":1", "schemaVersion", CL_ERR_MALFORMED},
        {"\"schemaVersion\":2,", "", "schemaVersion", CL_ERR_MALFORMED},
        {"oci.image.manifest", "oci.image.index",
         "mediaType: expected an image manifest, got 'application/vnd.oci.image.index.v1+json'",
         CL_ERR_UNSUPPORTED},
        {"oci.image.manifest.v1", "docker.distribution.manifest.v2", "", CL_OK},
        {"oci.image.config.v1", "oci.empty.v1",
         "config: mediaType: expected an image configuration", CL_ERR_UNSUPPORTED},
        {"\"config\":{", "\"manifests\":[],\"config\":{", "manifests: expected none beside layers",
         CL_ERR_MALFORMED},
        {"v1.tar+gzip\"", "v1.tar+bzip2\"", "layer 0: mediaType: expected a layer, got '",
         CL_ERR_UNSUPPORTED},
        {"\"size\":100", "\"size\":0", "size", CL_ERR_MALFORMED},
        {"\"size\":100", "\"size\":1048577", "size", CL_ERR_MALFORMED},
        {"\"size\":200", "\"size\":-1", "layer 0: size", CL_ERR_MALFORMED},
        {"\"size\":200", "\"size\":68719476736", "", CL_OK},
        {"\"size\":200", "\"size\":68719476737", "layer 0: size", CL_ERR_MALFORMED},
        {"\"size\":200", "\"size\":2e2", "layer 0: size", CL_ERR_MALFORMED},
        {"\"size\":200", "\"size\":\"200\"", "layer 0: size", CL_ERR_MALFORMED},
        {"sha256:2", "sha512:2", "layer 0", CL_ERR_UNSUPPORTED},
        {"sha256:2", "sha256:", "layer 0", CL_ERR_MALFORMED},
        {"sha256:22", "sha256:G2", "layer 0", CL_ERR_MALFORMED},
        {"\"digest\":\"" D2 "\",", "", "layer 0: digest", CL_ERR_MALFORMED},
        {"\"layers\"", "\"layerz\"", "layers", CL_ERR_MALFORMED},
        {"\"layers\":[", "\"layers\":[7,", "layer 0: expected an object", CL_ERR_MALFORMED},
        {"eyJraWQ", "AAAAeyJraWQ", "layer 1", CL_ERR_MALFORMED},
        {"eyJraWQ", ",eyJraWQ", "layer 1", CL_ERR_TRUNCATED},
    };
    run_rows(MANIFEST, rows, CL_ARRAY_LEN(rows), parse_manifest);
    run_truncations(MANIFEST, parse_manifest);
    ck_assert_int_eq(parse_manifest(MANIFEST "{", strlen(MANIFEST) + 1, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(parse_manifest("[]", 2, NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_manifest_bounds_of_layers_and_bytes)
{
    for (unsigned count = 0; count <= CL_OCI_MAX_LAYERS + 1; count += 64) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        unsigned n = count == 128 ? CL_OCI_MAX_LAYERS + 1 : count;
        ck_assert_int_eq(
            cl_buf_append_str(&b,
                              "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
                              "vnd.docker.container.image.v1+json\",\"digest\":\"" D1
                              "\",\"size\":9},\"layers\":[",
                              NULL),
            CL_OK);
        for (unsigned i = 0; i < n; i++) {
            ck_assert_int_eq(cl_buf_printf(&b, NULL,
                                           "%s{\"mediaType\":\"application/vnd.docker.image.rootfs."
                                           "diff.tar.gzip\",\"digest\":\"" D2 "\",\"size\":1}",
                                           i > 0 ? "," : ""),
                             CL_OK);
        }
        ck_assert_int_eq(cl_buf_append_str(&b, "]}", NULL), CL_OK);
        struct cl_err err = {0};
        enum cl_status st = parse_manifest((const char *)b.data, b.len, &err);
        ck_assert_int_eq(st, n == 64 ? CL_OK : CL_ERR_MALFORMED);
        if (n != 64) {
            char want[80];
            (void)snprintf(want, sizeof(want), "image manifest: layers: expected 1 to 127, got %u",
                           n);
            ck_assert_str_eq(err.msg, want);
        }
    }
    char *big = calloc(1, CL_OCI_MAX_MANIFEST + 1);
    struct cl_err err = {0};
    ck_assert_ptr_nonnull(big);
    ck_assert_int_eq(parse_manifest(big, CL_OCI_MAX_MANIFEST + 1, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "image manifest: expected at most 1048576 bytes, got 1048577");
    free(big);
}
END_TEST

START_TEST(test_layer_types_round_trip)
{
    for (int c = CL_OCI_PLAIN; c <= CL_OCI_ZSTD; c++) {
        for (int bits = 0; bits < 4; bits++) {
            struct cl_oci_layer a = {.compression = (enum cl_oci_compression)c,
                                     .docker = (bits & 1) != 0};
            struct cl_oci_layer b = {0};
            const char *type = cl_oci_layer_type(&a, (bits & 2) != 0);
            ck_assert_int_eq(cl_oci_layer_type_parse(type, &b, NULL), CL_OK);
            ck_assert_int_eq(b.compression, a.compression);
            ck_assert_int_eq(b.docker, a.docker);
            ck_assert_int_eq(b.encrypted, (bits & 2) != 0);
        }
    }
}
END_TEST

static enum cl_status parse_kind(const char *text, size_t len, struct cl_err *err)
{
    enum cl_oci_kind kind;
    return cl_oci_kind((const uint8_t *)text, len, &kind, err);
}

START_TEST(test_kind)
{
    enum cl_oci_kind kind = CL_OCI_KIND_MANIFEST;
    ck_assert_int_eq(cl_oci_kind((const uint8_t *)INDEX, strlen(INDEX), &kind, NULL), CL_OK);
    ck_assert_int_eq(kind, CL_OCI_KIND_INDEX);
    ck_assert_int_eq(cl_oci_kind((const uint8_t *)MANIFEST, strlen(MANIFEST), &kind, NULL), CL_OK);
    ck_assert_int_eq(kind, CL_OCI_KIND_MANIFEST);
    static const struct row rows[] = {
        {"\"manifests\"", "\"layers\":[],\"manifests\"",
         "expected either layers or manifests, got both", CL_ERR_MALFORMED},
        {"\"manifests\"", "\"nothing\"", "got neither", CL_ERR_MALFORMED},
        {"\"manifests\"",
         "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"manifests\"",
         "mediaType: expected an image index", CL_ERR_UNSUPPORTED},
    };
    run_rows(INDEX, rows, CL_ARRAY_LEN(rows), parse_kind);
}
END_TEST

static enum cl_status parse_index(const char *text, size_t len, struct cl_err *err)
{
    struct cl_oci_desc d = {0};
    enum cl_status st = cl_oci_index_select((const uint8_t *)text, len, &d, err);
    ck_assert(st != CL_OK || (d.size == 20 && d.digest[0] == 0x22));
    return st;
}

START_TEST(test_index_select)
{
    static const struct row rows[] = {
        {"arm64", "amd64", "platform: expected one manifest for linux/amd64, got 2",
         CL_ERR_REJECTED},
        {"amd64", "i386", "platform: expected one manifest for linux/amd64, got 0",
         CL_ERR_REJECTED},
        {"\"architecture\":\"amd64\"", "\"architecture\":\"amd64\",\"variant\":\"v3\"", "got 0",
         CL_ERR_REJECTED},
        {"\"architecture\":\"amd64\"", "\"architecture\":\"amd64\",\"variant\":\"v1\"", "", CL_OK},
        {"\"os\":\"linux\",\"architecture\":\"amd64\"",
         "\"os\":\"windows\",\"architecture\":\"amd64\"", "got 0", CL_ERR_REJECTED},
        {"\"os\":\"linux\"", "\"oz\":\"linux\"", "platform: os", CL_ERR_MALFORMED},
        {"docker.distribution.manifest.v2", "oci.image.index.v1", "got 0", CL_ERR_REJECTED},
        {"\"size\":20", "\"size\":0", "size", CL_ERR_MALFORMED},
        {"\"manifests\":[", "\"manifests\":[[],", "manifest 0: expected an object",
         CL_ERR_MALFORMED},
    };
    run_rows(INDEX, rows, CL_ARRAY_LEN(rows), parse_index);
    run_truncations(INDEX, parse_index);
}
END_TEST

START_TEST(test_index_is_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_append_str(&b, "{\"schemaVersion\":2,\"manifests\":[", NULL), CL_OK);
    for (unsigned i = 0; i <= CL_OCI_MAX_INDEX_ENTRIES; i++) {
        ck_assert_int_eq(cl_buf_append_str(&b, i > 0 ? ",{}" : "{}", NULL), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&b, "]}", NULL), CL_OK);
    struct cl_err err = {0};
    ck_assert_int_eq(parse_index((const char *)b.data, b.len, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "image index: manifests: expected at most 256, got 257");
}
END_TEST

START_TEST(test_layout_select)
{
    struct cl_oci_desc d = {0};
    enum cl_oci_kind kind = CL_OCI_KIND_INDEX;
    struct cl_err err = {0};
    const uint8_t *text = (const uint8_t *)LAYOUT;
    size_t len = strlen(LAYOUT);
    ck_assert_int_eq(cl_oci_layout_select(text, len, "one", &d, &kind, NULL), CL_OK);
    ck_assert_uint_eq(d.digest[0], 0x11);
    ck_assert_int_eq(kind, CL_OCI_KIND_MANIFEST);
    ck_assert_int_eq(cl_oci_layout_select(text, len, "two", &d, &kind, NULL), CL_OK);
    ck_assert_int_eq(kind, CL_OCI_KIND_INDEX);
    ck_assert_int_eq(cl_oci_layout_select(text, len, "three", &d, &kind, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image layout: tag: expected one image tagged 'three', got 0");
    ck_assert_int_eq(cl_oci_layout_select(text, len, NULL, &d, &kind, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image layout: expected one image when no tag is given, got 2");
}
END_TEST

static enum cl_status parse_config(const char *text, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_oci_config_done) struct cl_oci_config c = {0};
    return cl_oci_config_parse((const uint8_t *)text, len, &c, err);
}

START_TEST(test_config_good)
{
    CL_CLEANUP(cl_oci_config_done) struct cl_oci_config c = {0};
    ck_assert_int_eq(cl_oci_config_parse((const uint8_t *)CONFIG, strlen(CONFIG), &c, NULL), CL_OK);
    ck_assert_uint_eq(c.diff_id_count, 2);
    ck_assert_uint_eq(c.diff_ids[1][31], 0x22);
    ck_assert_uint_eq(c.entrypoint.count, 1);
    ck_assert_str_eq(c.cmd.v[1], "z");
    ck_assert_ptr_null(c.cmd.v[2]);
    ck_assert_str_eq(c.env.v[0], "A=b");
    ck_assert_str_eq(c.volumes.v[0], "/data");
    ck_assert_str_eq(c.user, "1:2");
    ck_assert_str_eq(c.working_dir, "/w");
    ck_assert_str_eq(c.stop_signal, "SIGINT");
    CL_CLEANUP(cl_oci_manifest_done) struct cl_oci_manifest m = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_oci_manifest_parse((const uint8_t *)MANIFEST, strlen(MANIFEST), &m, NULL),
                     CL_OK);
    ck_assert_int_eq(cl_oci_config_fits(&c, &m, &err), CL_OK);
    c.diff_id_count = 1;
    ck_assert_int_eq(cl_oci_config_fits(&c, &m, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image configuration: rootfs: diff_ids: expected 2, as many as "
                              "layers, got 1");
}
END_TEST

START_TEST(test_config_fields)
{
    static const struct row rows[] = {
        {"[\"/bin/x\"]", "null", "", CL_OK},
        {"\"User\":\"1:2\"", "\"User\":\"\"", "", CL_OK},
        {"{\"/data\":{}}", "null", "", CL_OK},
        {"\"architecture\"", "\"created\":\"x\",\"history\":[{\"f\":1.5}],\"architecture\"", "",
         CL_OK},
        {"amd64", "arm64", "platform: expected linux/amd64, got linux/arm64", CL_ERR_REJECTED},
        {"\"os\":\"linux\",", "", "os", CL_ERR_MALFORMED},
        {"\"/bin/x\"", "7", "config: Entrypoint: item 0: expected string", CL_ERR_MALFORMED},
        {"[\"y\",\"z\"]", "\"y z\"", "config: Cmd: expected array of strings", CL_ERR_MALFORMED},
        {"A=b", "Ab", "config: Env: item 0: expected NAME=value", CL_ERR_MALFORMED},
        {"A=b", "=b", "config: Env: item 0: expected NAME=value", CL_ERR_MALFORMED},
        {"A=b", "A=\\u0000", "", CL_ERR_MALFORMED},
        {"\"/w\"", "3", "config: WorkingDir: expected string", CL_ERR_MALFORMED},
        {"{\"/data\":{}}", "[]", "config: Volumes: expected an object", CL_ERR_MALFORMED},
        {"\"type\":\"layers\"", "\"type\":\"x\"", "rootfs: type: expected layers, got 'x'",
         CL_ERR_UNSUPPORTED},
        {"\"" D1 "\"", "1", "diff_ids: item 0: expected string", CL_ERR_MALFORMED},
        {"\"" D1 "\",\"" D2 "\"", "", "diff_ids: expected 1 to 127, got 0", CL_ERR_MALFORMED},
        {"sha256:1", "sha256:", "diff_ids: item 0", CL_ERR_MALFORMED},
        {"\"rootfs\"", "\"roots\"", "rootfs", CL_ERR_MALFORMED},
        {"\"config\":{", "\"config\":[],\"x\":{", "config: expected an object", CL_ERR_MALFORMED},
    };
    run_rows(CONFIG, rows, CL_ARRAY_LEN(rows), parse_config);
    run_truncations(CONFIG, parse_config);
}
END_TEST

START_TEST(test_verify_names_both_digests)
{
    uint8_t digest[32];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_sha256(digest, "abc", 3, NULL), CL_OK);
    ck_assert_int_eq(cl_oci_verify("abc", 3, digest, "blob", NULL), CL_OK);
    ck_assert_int_eq(cl_oci_verify("abd", 3, digest, "blob", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "blob: digest: expected "
                     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, got "
                     "sha256:a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oci_image");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_manifest_good);
    tcase_add_test(t, test_manifest_fields);
    tcase_add_test(t, test_manifest_bounds_of_layers_and_bytes);
    tcase_add_test(t, test_layer_types_round_trip);
    tcase_add_test(t, test_kind);
    tcase_add_test(t, test_index_select);
    tcase_add_test(t, test_index_is_bounded);
    tcase_add_test(t, test_layout_select);
    tcase_add_test(t, test_config_good);
    tcase_add_test(t, test_config_fields);
    tcase_add_test(t, test_verify_names_both_digests);
    suite_add_tcase(s, t);
    return run_suite(s);
}
