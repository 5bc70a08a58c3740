/* SPDX-License-Identifier: Apache-2.0
 * test_node_config.c - containerd's configuration: what is known of a text, our edits and their
 * inverse; and what the containerd of this machine makes of drop-ins, which the design rests on.
 */
#include "node_world.h"

#include "config.h"
#include "containerd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CRI "io.containerd.grpc.v1.cri"
#define DROP_IN "/etc/containerd/conf.d/cloister.toml"
#define TABLES                                                                                     \
    "[plugins.\"" CRI "\".containerd.runtimes.cloister-sim]\n  runtime_path = \"/shim\"\n"

static struct cl_err err;

static const char *const texts[] = {
    "",
    "version = 2\n",
    "version = 2",
    "a = 1\nversion = 2\n[x]\ny = [1, [2, 3], {a = \"]\"}]\n",
    "version = 2\n[x]\ny = '''\n[not.a.table]\n# >>> cloister node install: what stands from "
    "here\n'''\n",
    "imports = [ ]\nversion = 3\n",
    "imports = ['/a', \"/b\",\n  '/c', ]\nversion = 3\n",
    "version = 3\n[[twice.\"a.b\".c]]\nx = \"\\\"\"\n",
    "\n\n# only a comment",
};

START_TEST(test_config_edits_have_an_inverse)
{
    const char *text = texts[_i];
    size_t len = strlen(text);
    struct cl_buf edited = {0};
    struct cl_buf both = {0};
    struct cl_buf back = {0};
    struct node_config c;
    ck_assert_msg(node_config_add_import(text, len, DROP_IN, &edited, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_int_eq(node_config_scan((char *)edited.data, edited.len, &c, &err), CL_OK);
    ck_assert(node_config_imports((char *)edited.data, &c, "/etc/containerd", DROP_IN));
    ck_assert_int_eq(node_config_add_block((char *)edited.data, edited.len, TABLES, &both, &err),
                     CL_OK);
    ck_assert_int_eq(node_config_scan((char *)both.data, both.len, &c, &err), CL_OK);
    ck_assert_uint_eq(c.block.end, both.len);
    ck_assert_str_eq(c.handler, "");
    ck_assert_msg(node_config_strip((char *)both.data, both.len, DROP_IN, &back, &err) == CL_OK,
                  "%s", err.msg);
    /* an import behind a text without a line end needs one */
    bool added = len > 0 && strstr(text, "imports") == NULL && strcmp(text, "version = 2") == 0;
    ck_assert_uint_eq(back.len, len + added);
    ck_assert_mem_eq(back.data != NULL ? back.data : (uint8_t *)edited.data, text, len);
    cl_buf_done(&edited);
    cl_buf_done(&both);
    cl_buf_done(&back);
}
END_TEST

START_TEST(test_config_every_truncation_is_read_or_refused)
{
    const char *text = texts[_i];
    struct node_config c;
    for (size_t n = 0; n <= strlen(text); n++) {
        char *own = strndup(text, n); /* its own end, for the sanitizer */
        enum cl_status st = node_config_scan(own, n, &c, &err);
        ck_assert(st == CL_OK || st == CL_ERR_MALFORMED);
        free(own);
    }
}
END_TEST

START_TEST(test_config_bounds)
{
    struct node_config c;
    static char large[NODE_CONFIG_MAX_SIZE + 1];
    memset(large, '\n', sizeof(large));
    ck_assert_int_eq(node_config_scan(large, NODE_CONFIG_MAX_SIZE, &c, &err), CL_OK);
    ck_assert_int_eq(node_config_scan(large, sizeof(large), &c, &err), CL_ERR_MALFORMED);
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_append_str(&b, "imports = [", NULL), CL_OK);
    for (unsigned i = 0; i < NODE_CONFIG_MAX_IMPORTS; i++) {
        ck_assert_int_eq(cl_buf_append_str(&b, "'/a',", NULL), CL_OK);
    }
    size_t len = b.len;
    ck_assert_int_eq(cl_buf_append_str(&b, "]\n", NULL), CL_OK);
    ck_assert_int_eq(node_config_scan((char *)b.data, b.len, &c, &err), CL_OK);
    b.len = len;
    ck_assert_int_eq(cl_buf_append_str(&b, "'/b']\n", NULL), CL_OK);
    ck_assert_int_eq(node_config_scan((char *)b.data, b.len, &c, &err), CL_ERR_MALFORMED);
    cl_buf_reset(&b);
    ck_assert_int_eq(cl_buf_append_str(&b, "[a", NULL), CL_OK);
    for (unsigned i = 1; i < NODE_CONFIG_MAX_PARTS; i++) {
        ck_assert_int_eq(cl_buf_append_str(&b, ".a", NULL), CL_OK);
    }
    len = b.len;
    ck_assert_int_eq(cl_buf_append_str(&b, "]\n", NULL), CL_OK);
    ck_assert_int_eq(node_config_scan((char *)b.data, b.len, &c, &err), CL_OK);
    b.len = len;
    ck_assert_int_eq(cl_buf_append_str(&b, ".a]\n", NULL), CL_OK);
    ck_assert_int_eq(node_config_scan((char *)b.data, b.len, &c, &err), CL_ERR_MALFORMED);
    cl_buf_done(&b);
}
END_TEST

static enum cl_status compare(const char *before, const char *after)
{
    return node_config_compare(before, strlen(before), after, strlen(after), &err);
}

START_TEST(test_config_comparison_names_what_is_lost)
{
    static const char before[] = "imports = []\n[plugins.\"" CRI "\"]\n  a = 1\n  b = \"2\"\n";
    ck_assert_int_eq(compare(before, before), CL_OK);
    ck_assert_int_eq(
        compare(before, "imports = [\"x\"]\n[plugins.\"" CRI "\"]\n  b = \"2\"\n  a = 1\n" TABLES),
        CL_OK);
    ck_assert_int_eq(compare(before, "[plugins.\"" CRI "\"]\n  a = 1\n"), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(
        strstr(err.msg, "'plugins." CRI ".b.': expected \"2\" as before, got nothing"));
    ck_assert_int_eq(compare(before, "[plugins.\"" CRI "\"]\n  a = 2\n  b = \"2\"\n"),
                     CL_ERR_REJECTED);
    ck_assert_int_eq(compare(before, "[plugins.\"" CRI "\"]\n  a = 1\n  b = \"2\"\n  c = 3\n"),
                     CL_ERR_REJECTED);
    /* a table that only looks like ours */
    ck_assert_int_eq(compare(before, "[plugins.\"" CRI "\"]\n  a = 1\n  b = \"2\"\n"
                                     "[plugins.x.y.containerd.runtimes.cloister-sim]\n  c = 3\n"),
                     CL_ERR_REJECTED);
}
END_TEST

START_TEST(test_config_versions)
{
    static const struct {
        const char *text;
        unsigned major, minor;
    } good[] = {{"1.6.20~ds1", 1, 6}, {"v2.0.0", 2, 0}, {"2.3.0-beta.1", 2, 3}, {"1.7", 1, 7}};
    static const char *const wrong[] = {"", "v", "1", "1.", "x.y", "1.x", "99999999999.1"};
    struct node_version v;
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        ck_assert_int_eq(node_version_parse(good[i].text, &v, &err), CL_OK);
        ck_assert_uint_eq(v.major, good[i].major);
        ck_assert_uint_eq(v.minor, good[i].minor);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(wrong); i++) {
        ck_assert_int_eq(node_version_parse(wrong[i], &v, &err), CL_ERR_MALFORMED);
    }
    ck_assert_int_eq(node_version_parse("1.5.9", &v, &err), CL_ERR_UNSUPPORTED);
}
END_TEST

/* --- the containerd of this machine
 * ---------------------------------------------------------------------- */

static bool has_containerd(struct node_version *v)
{
    static const struct node_options o = {0};
    struct node_run r = {.o = &o, .lock = -1};
    if (node_version_get(&r, v, &err) == CL_OK && v->major == 1) {
        return true;
    }
    (void)printf("SKIP: expected a containerd of 1.x on PATH: %s\n", err.msg);
    return false;
}

/* Why there is no drop-in for 1.x: it takes the node's own CRI settings away, and a runtime in the
 * main file takes the default one away. */
START_TEST(test_config_containerd_1_replaces_whole_tables)
{
    static const char import[] = "import.toml";
    struct node_version v;
    struct node_world w;
    char full[128];
    json_t *flat = NULL;
    struct cl_buf dump = {0};
    char value[64] = "";
    if (!has_containerd(&v)) {
        return;
    }
    node_world_init(&w,
                    "version = 2\nimports = [\"import.toml\"]\n[plugins.\"" CRI "\"]\n"
                    "  sandbox_image = \"mine\"\n",
                    NULL);
    (void)snprintf(full, sizeof(full), "/etc/containerd/%s", import);
    node_world_write(&w, full, "version = 2\n" TABLES "  runtime_type = \"io.x.v1\"\n");
    struct node_options o = {.root = w.root, .containerd = "containerd"};
    struct node_run r = {.o = &o, .lock = -1};
    (void)snprintf(r.tree.root, sizeof(r.tree.root), "%s", w.root);
    ck_assert_msg(node_dump(&r, &dump, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(node_config_flatten((char *)dump.data, dump.len, &flat, &err), CL_OK);
    ck_assert(node_config_cri(flat, "", "sandbox_image", value, sizeof(value)));
    ck_assert_str_ne(value, "mine");
    ck_assert(!node_config_cri(flat, "containerd\nruntimes\nrunc\n", "runtime_type", value,
                               sizeof(value)));
    json_decref(flat);
    cl_buf_done(&dump);
    node_world_done(&w);
}
END_TEST

/* The whole with the real one: its own account before and after, and back. */
START_TEST(test_config_with_the_real_containerd)
{
    static const char *const configs[] = {
        NULL, "version = 2\n",
        "version = 2\n[plugins.\"" CRI "\"]\n  sandbox_image = \"mine\"\n"
        "[plugins.\"" CRI
        "\".containerd.runtimes.kata]\n  runtime_type = \"io.containerd.kata.v2\"\n"};
    struct node_version v;
    if (!has_containerd(&v)) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(configs); i++) {
        struct node_world w;
        json_t *doc = NULL;
        const char *hint = NULL;
        node_world_init(&w, configs[i], NULL);
        w.o.containerd = "containerd";
        char *before = node_world_look(&w);
        ck_assert_msg(node_install(&w.o, &doc, &hint, &err) == CL_OK, "%zu: %s", i, err.msg);
        json_decref(doc);
        ck_assert_int_eq(node_verify(&w.o, &doc, &hint, &err), CL_OK);
        ck_assert_str_eq(json_string_value(json_object_get(doc, "verdict")), "pass");
        json_decref(doc);
        node_world_run(node_uninstall, &w.o, CL_OK);
        node_world_end(&w, before);
    }
}
END_TEST

/* What containerd itself refuses is undone: here a table that is there twice. */
START_TEST(test_config_refused_by_containerd_is_undone)
{
    struct node_version v;
    struct node_world w;
    json_t *doc = NULL;
    const char *hint = NULL;
    if (!has_containerd(&v)) {
        return;
    }
    node_world_init(&w,
                    "version = 2\n[plugins.\"" CRI "\".containerd]\n"
                    "  runtimes = {runc = {runtime_type = \"io.containerd.runc.v2\"}}\n",
                    NULL);
    w.o.containerd = "containerd";
    char *before = node_world_look(&w);
    ck_assert_int_ne(node_install(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_msg(strstr(err.msg, "containerd: undone, nothing was changed") != NULL, "%s",
                  err.msg);
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_config");
    TCase *t = tcase_create("node_config");
    tcase_add_loop_test(t, test_config_edits_have_an_inverse, 0, (int)CL_ARRAY_LEN(texts));
    tcase_add_loop_test(t, test_config_every_truncation_is_read_or_refused, 0,
                        (int)CL_ARRAY_LEN(texts));
    tcase_add_test(t, test_config_bounds);
    tcase_add_test(t, test_config_comparison_names_what_is_lost);
    tcase_add_test(t, test_config_versions);
    tcase_add_test(t, test_config_containerd_1_replaces_whole_tables);
    tcase_add_test(t, test_config_with_the_real_containerd);
    tcase_add_test(t, test_config_refused_by_containerd_is_undone);
    suite_add_tcase(s, t);
    return run_suite(s);
}
