/* SPDX-License-Identifier: Apache-2.0
 * test_policy_files.c - a policy of a file: in words, and compared with another. Images by what a
 * person says of them.
 */
#include "images.h"
#include "policy_load.h"

#include "image_fixture.h"

#include "cloister/initdata.h"
#include "cloister/pod_policy.h"

#include "base/io.h"

#include <stdlib.h>
#include <string.h>

#define DIGEST "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define IMAGE "\"image\": {\"manifest\": \"" DIGEST "\", \"encryption\": \"optional\"}"
#define MINIMAL "\"args\": [\"/a\"], \"cwd\": \"/\", \"user\": {\"uid\": 0, \"gid\": 0}"
#define POLICY(sandbox, volumes, container)                                                        \
    "{\"schema\": \"cloister.pod-policy/1\", \"sandbox\": {" sandbox "}, \"volumes\": [" volumes   \
    "], \"containers\": [{\"name\": \"app\", " IMAGE ", " MINIMAL container "}]}"

static struct cl_err err;

static void load_text(const char *text, struct policy_file *ret)
{
    char path[] = "/tmp/policy-files.XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(cl_write_all(fd, text, strlen(text), path, &err), CL_OK);
    (void)close(fd);
    enum cl_status st = policy_file_load(path, ret, &err);
    (void)unlink(path);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
}

/* The lines of the difference, each with a line end. */
static char *diff_text(const char *a, const char *b)
{
    struct policy_file fa = {0};
    struct policy_file fb = {0};
    struct cl_buf out = {0};
    json_t *differences = NULL;
    json_t *d = NULL;
    size_t i = 0;
    load_text(a, &fa);
    load_text(b, &fb);
    ck_assert_int_eq(policy_diff(&fa, &fb, &differences, &err), CL_OK);
    json_array_foreach(differences, i, d)
    {
        ck_assert_int_eq(policy_difference_line(d, &out, &err), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&out, "\n", &err), CL_OK);
    }
    json_decref(differences);
    policy_file_done(&fa);
    policy_file_done(&fb);
    char *text = strdup(out.len > 0 ? (const char *)out.data : "");
    cl_buf_done(&out);
    return text;
}

static void expect_diff(const char *a, const char *b, const char *want)
{
    char *text = diff_text(a, b);
    ck_assert_msg(strcmp(text, want) == 0, "%s", text);
    free(text);
}

START_TEST(test_what_is_the_same)
{
    expect_diff(POLICY("", "", ""), POLICY("", "", ""), "");
    expect_diff(POLICY("", "", ""), POLICY("\"network\": false", "", ", \"init\": false"), "");
    expect_diff(POLICY("", "", ", \"env\": [\"A=1\", \"B=2\"]"),
                POLICY("", "", ", \"env\": [\"B=2\", \"A=1\"]"), "");
    expect_diff(POLICY("", "", ", \"capabilities\": [\"CAP_KILL\", \"CAP_CHOWN\"]"),
                POLICY("", "", ", \"capabilities\": [\"CAP_CHOWN\", \"CAP_KILL\"]"), "");
}
END_TEST

START_TEST(test_what_differs)
{
    expect_diff(POLICY("", "", ""), POLICY("\"network\": true, \"hostname\": \"h\"", "", ""),
                "sandbox: hostname: none -> \"h\"\nsandbox: network: no -> yes\n");
    expect_diff(POLICY("\"forward_ports\": [80, 81]", "", ""),
                POLICY("\"forward_ports\": [81, 443]", "", ""),
                "sandbox: forward_ports: 80: yes -> none\nsandbox: forward_ports: 443: none -> "
                "yes\n");
    expect_diff(POLICY("", "", ", \"env\": [\"A=1\", \"B=2\"]"),
                POLICY("", "", ", \"env\": [\"A=2\", \"C=2\"]"),
                "containers[app]: env[A]: \"1\" -> \"2\"\ncontainers[app]: env[B]: \"2\" -> none\n"
                "containers[app]: env[C]: none -> \"2\"\n");
    expect_diff(POLICY("", "", ""), POLICY("", "{\"name\": \"v\", \"kind\": \"memory\"}", ""),
                "volumes[v]: none -> "
                "{\"kind\":\"memory\",\"host_writes\":false,\"host_reads\":false}\n"
                "volume_order: [] -> [\"v\"]\n");
    expect_diff(
        POLICY("", "", ", \"exec\": [{\"args\": [\"a\"]}]"),
        POLICY("", "", ", \"exec\": [{\"args\": [\"a\"], \"streams\": {\"stdout\": true}}]"),
        "containers[app]: exec[[\"a\"]]: stdout: no -> yes\n");
}
END_TEST

START_TEST(test_hostile_text_is_escaped)
{
    expect_diff(POLICY("", "", ", \"env\": [\"A\\u001b[2J=\\n\"]"), POLICY("", "", ""),
                "\"containers[app]: env[A\\u001B[2J]\": \"\\n\" -> none\n");
    struct policy_file f = {0};
    json_t *lines = NULL;
    json_t *line = NULL;
    size_t i = 0;
    load_text(POLICY("\"hostname\": \"\\u001b\"", "{\"name\": \"v\", \"kind\": \"files\"}",
                     ", \"env\": [\"A=\\u009b\\n\"], \"mounts\": [{\"destination\": \"/\\n\", "
                     "\"volume\": \"v\", \"path\": \"\\u0007\"}], \"exec\": [{\"args\": "
                     "[\"\\u202e\"]}]"),
              &f);
    ck_assert_int_eq(policy_explain(&f, &lines, &err), CL_OK);
    json_array_foreach(lines, i, line)
    {
        for (const char *p = json_string_value(line); *p != '\0'; p++) {
            ck_assert(*p >= ' ' && *p <= '~');
        }
    }
    json_decref(lines);
    policy_file_done(&f);
}
END_TEST

static bool says(const json_t *lines, const char *text)
{
    size_t i = 0;
    json_t *line = NULL;
    json_array_foreach((json_t *)(uintptr_t)lines, i, line)
    {
        if (strstr(json_string_value(line), text) != NULL) {
            return true;
        }
    }
    return false;
}

START_TEST(test_words)
{
    static const char *const words[] = {
        "host name: the host's choice",
        "network: none",
        "port-forward: none",
        "kernel settings: [\"net.a=1\"]",
        "volume b: a disk of the host's",
        "volume r_*: empty; the host may read files there",
        "image: " DIGEST ", encrypted or not",
        "runs: [\"/a\"]",
        "as: user 0, group 0, 1 more groups",
        "environment, the host's choice: [\"X*\"]",
        "streams: the host writes nothing to it, and reads its output",
        "root file system: read-only; no new privileges; PRIVILEGED: root of this VM; sees the "
        "pod's processes",
        "device of volume b: \"/dev/b\"",
        "the host may run in it (with a terminal; the host may write to it, and reads nothing): "
        "[\"sh\"]",
    };
    struct policy_file f = {0};
    json_t *lines = NULL;
    load_text(
        "{\"schema\": \"cloister.pod-policy/1\", \"sandbox\": {\"sysctls\": {\"net.a\": "
        "\"1\"}}, \"volumes\": [{\"name\": \"b\", \"kind\": \"block\"}, {\"name\": \"r_*\", "
        "\"kind\": \"scratch\", \"host_reads\": true}], \"containers\": [{\"name\": \"app\", " IMAGE
        ", \"args\": [\"/a\"], \"cwd\": \"/\", \"user\": {\"uid\": 0, \"gid\": 0, "
        "\"groups\": [4]}, \"env_host\": [\"X*\"], \"streams\": {\"stdout\": true}, "
        "\"read_only_root\": true, \"no_new_privileges\": true, \"privileged\": true, "
        "\"pid\": \"pod\", \"devices\": [{\"path\": \"/dev/b\", \"volume\": \"b\"}], "
        "\"exec\": [{\"args\": [\"sh\"], \"streams\": {\"terminal\": true, \"stdin\": "
        "true}}]}]}",
        &f);
    ck_assert_int_eq(policy_explain(&f, &lines, &err), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(words); i++) {
        ck_assert_msg(says(lines, words[i]), "%s", words[i]);
    }
    json_decref(lines);
    policy_file_done(&f);
}
END_TEST

START_TEST(test_initdata)
{
    struct cl_initdata i = {.pod_policy = strdup(POLICY("", "", ""))};
    struct cl_buf text = {0};
    struct policy_file f = {0};
    json_t *lines = NULL;
    ck_assert_int_eq(cl_initdata_make(&i, &text, &err), CL_OK);
    load_text((const char *)text.data, &f);
    ck_assert(f.is_initdata);
    ck_assert_uint_eq(strlen(f.digest), 64);
    ck_assert_int_eq(policy_explain(&f, &lines, &err), CL_OK);
    ck_assert(says(lines, "broker: none"));
    json_decref(lines);
    policy_file_done(&f);
    expect_diff((const char *)text.data, POLICY("", "", ""), "");
    cl_buf_done(&text);
    cl_initdata_done(&i);
}
END_TEST

START_TEST(test_not_a_policy)
{
    static const char *const bad[] = {"", "{", "{}", "x", " {\"schema\": \"y\"}"};
    char path[] = "/tmp/policy-files.XXXXXX";
    int fd = mkstemp(path);
    (void)close(fd);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct policy_file f = {0};
        ck_assert_int_eq(cl_write_file(path, bad[i], strlen(bad[i]), 0600, &err), CL_OK);
        ck_assert_int_ne(policy_file_load(path, &f, &err), CL_OK);
        ck_assert_ptr_null(f.policy);
    }
    (void)unlink(path);
    struct policy_file f = {0};
    ck_assert_int_eq(policy_file_load(path, &f, &err), CL_ERR_SYS);
}
END_TEST

/* --- images -----------------------------------------------------------------------------------
 */

START_TEST(test_images_by_name)
{
    struct cl_strv given = {0};
    struct policy_images images = {.given = &given};
    struct policy_image a = {0};
    struct policy_image b = {0};
    fixture_up();
    fixture_layout("img", "application/vnd.oci.image.layer.v1.tar");
    ck_assert_int_eq(cl_strv_add(&given, "app:1=oci:img:v1", NULL), CL_OK);
    ck_assert_int_eq(cl_strv_add(&given, "side=oci:img", NULL), CL_OK);
    ck_assert_int_eq(policy_images_check_used(&images, &err), CL_ERR_REJECTED);
    ck_assert_int_eq(policy_images_find(&images, "app", "app:1", &a, &err), CL_OK);
    ck_assert_int_eq(policy_images_find(&images, "side", "app:1", &b, &err), CL_OK);
    ck_assert_int_eq(policy_images_find(&images, "other", "app:1", &b, &err), CL_OK);
    ck_assert_uint_eq(images.count, 2); /* each reference once */
    ck_assert_int_eq(memcmp(a.manifest, b.manifest, sizeof(a.manifest)), 0);
    ck_assert(!a.all_encrypted);
    ck_assert_str_eq(a.config->cmd.v[0], "/x");
    ck_assert_int_eq(policy_images_check_used(&images, &err), CL_OK);
    ck_assert_int_eq(policy_images_find(&images, "app", "other:1", &b, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image 'other:1': reference: expected a registry in the name, or "
                              "--image, got neither");
    ck_assert_ptr_nonnull(images.hint);
    ck_assert_int_eq(policy_images_find(&images, "app", "library/other", &b, &err),
                     CL_ERR_REJECTED);
    policy_images_done(&images);
    cl_strv_done(&given);
    fixture_down();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy_files");
    TCase *t = tcase_create("policy_files");
    tcase_add_test(t, test_what_is_the_same);
    tcase_add_test(t, test_what_differs);
    tcase_add_test(t, test_hostile_text_is_escaped);
    tcase_add_test(t, test_words);
    tcase_add_test(t, test_initdata);
    tcase_add_test(t, test_not_a_policy);
    tcase_add_test(t, test_images_by_name);
    suite_add_tcase(s, t);
    return run_suite(s);
}
