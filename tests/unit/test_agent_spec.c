/* SPDX-License-Identifier: Apache-2.0
 * test_agent_spec.c - the host's Start against initdata, users of an image, and the OCI
 * specification.
 */
#include "agent/failure.h"
#include "agent/spec.h"
#include "agent/start_check.h"

#include "base/io.h"
#include "check_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Start ------------------------------------------------------------------------------------ */

static const char *const command[] = {"/bin/app", "-v", "two words"};
static const char *const env[] = {"A=1", "B="};

static struct cl_agent_start good_start(void)
{
    return (struct cl_agent_start){
        .container_id = "c-1_x",
        .manifest = "sha256:abababababababababababababababababababababababababababababababab",
        .command = command,
        .command_count = 3,
        .env = env,
        .env_count = 2,
        .workdir = "/srv",
        .user = "app",
        .attach_stdin = true,
        .attach_stdout = true,
    };
}

static void add(struct cl_strv *v, const char *text)
{
    ck_assert_int_eq(cl_strv_add(v, text, NULL), CL_OK);
}

static struct cl_initdata good_initdata(void)
{
    struct cl_initdata i = {.has_command = true, .stdin_allowed = true, .stdout_allowed = true};
    memset(i.manifest, 0xab, sizeof(i.manifest));
    for (size_t k = 0; k < 3; k++) {
        add(&i.command, command[k]);
    }
    for (size_t k = 0; k < 2; k++) {
        add(&i.env, env[k]);
    }
    i.workdir = strdup("/srv");
    i.user = strdup("app");
    return i;
}

static void refused(const struct cl_agent_start *s, const char *field, const char *expected,
                    const char *actual)
{
    struct cl_initdata i = good_initdata();
    struct cl_err err = {0};
    struct cl_agent_outcome o = {0};
    char want[512];
    ck_assert_int_eq(agent_start_check(s, &i, &err), CL_ERR_REJECTED);
    (void)snprintf(want, sizeof(want), "start: %s: expected %s, got %s", field, expected, actual);
    ck_assert_str_eq(err.msg, want);
    agent_failure_set(&o, "start", &err);
    ck_assert(o.failed);
    ck_assert_str_eq(o.step, "start");
    ck_assert_str_eq(o.code, "rejected");
    ck_assert_str_eq(o.field, field);
    ck_assert_str_eq(o.expected, expected);
    ck_assert_str_eq(o.actual, actual);
    cl_initdata_done(&i);
}

START_TEST(test_equal_start_is_taken)
{
    struct cl_initdata i = good_initdata();
    struct cl_agent_start s = good_start();
    ck_assert_int_eq(agent_start_check(&s, &i, NULL), CL_OK);
    cl_initdata_done(&i);
    memset(i.manifest, 0xab, sizeof(i.manifest));
    s = (struct cl_agent_start){
        .container_id = "c", .manifest = s.manifest, .workdir = "", .user = ""};
    ck_assert_int_eq(agent_start_check(&s, &i, NULL), CL_OK); /* all left to the image */
}
END_TEST

START_TEST(test_each_field_that_differs_is_named)
{
    static const char *const other[] = {"/bin/app", "-v"};
    static const char *const swapped[] = {"B=", "A=1"};
    const char *m = good_start().manifest;
    struct cl_agent_start s = good_start();
    s.manifest = "sha256:00";
    refused(&s, "image.manifest", m, "sha256:00");
    s = good_start();
    s.command = other;
    s.command_count = 2;
    refused(&s, "container.command", "[\"/bin/app\",\"-v\",\"two words\"]",
            "[\"/bin/app\",\"-v\"]");
    s.command_count = 0;
    refused(&s, "container.command", "[\"/bin/app\",\"-v\",\"two words\"]", "[]");
    s = good_start();
    s.env = swapped;
    refused(&s, "container.env", "[\"A=1\",\"B=\"]", "[\"B=\",\"A=1\"]");
    s = good_start();
    s.workdir = "";
    refused(&s, "container.workdir", "/srv", "");
    s = good_start();
    s.user = "0";
    refused(&s, "container.user", "app", "0");
    s = good_start();
    s.terminal = true;
    refused(&s, "container.terminal", "false", "true");
    s = good_start();
    s.attach_stdin = false;
    refused(&s, "container.stdin", "true", "false");
    s = good_start();
    s.attach_stdout = false;
    refused(&s, "container.stdout", "true", "false");
    s = good_start();
    s.attach_stderr = true;
    refused(&s, "container.stderr", "false", "true");
}
END_TEST

START_TEST(test_container_id_is_a_plain_word)
{
    static const char *const bad[] = {"", "a/b", "../x", "a b", "-x", "\xc3\xa9", "a\n"};
    char lengthy[CL_AGENT_ID_MAX + 2];
    struct cl_initdata i = good_initdata();
    struct cl_agent_start s = good_start();
    for (size_t k = 0; k < CL_ARRAY_LEN(bad); k++) {
        s.container_id = bad[k];
        ck_assert_int_eq(agent_start_check(&s, &i, NULL), CL_ERR_REJECTED);
    }
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    s.container_id = lengthy;
    ck_assert_int_eq(agent_start_check(&s, &i, NULL), CL_ERR_REJECTED);
    s.container_id = lengthy + 1;
    ck_assert_int_eq(agent_start_check(&s, &i, NULL), CL_OK);
    cl_initdata_done(&i);
}
END_TEST

START_TEST(test_failures_of_another_form_have_no_field)
{
    struct cl_err err = {0};
    struct cl_agent_outcome o = {.field = "old", .expected = "old", .actual = "old"};
    enum cl_status st = cl_err_set(&err, CL_ERR_UNAVAILABLE, "vsock: host port 1025: gone");
    ck_assert_int_eq(st, CL_ERR_UNAVAILABLE);
    agent_failure_set(&o, "image.layer", &err);
    ck_assert_str_eq(o.message, "vsock: host port 1025: gone");
    ck_assert_str_eq(o.code, cl_status_name(CL_ERR_UNAVAILABLE));
    ck_assert_str_eq(o.field, "");
    ck_assert_str_eq(o.expected, "");
    ck_assert_str_eq(o.actual, "");
}
END_TEST

/* --- users ------------------------------------------------------------------------------------ */

static char root_path[64];
static int root_fd = -1;

static void put_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", root_path, name);
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0644, NULL), CL_OK);
}

static void setup(void)
{
    char etc[80];
    (void)snprintf(root_path, sizeof(root_path), "/tmp/cl-spec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root_path));
    (void)snprintf(etc, sizeof(etc), "%s/etc", root_path);
    ck_assert_int_eq(mkdir(etc, 0755), 0);
    root_fd = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                           "broken line\n"
                           "bad:x:notanumber:0::/:\n"
                           "app:x:1000:1001:App:/home/app:/bin/sh\n"
                           "nohome:x:5:6::relative:");
    put_file("etc/group",
             "root:x:0:\napp:x:1001:\nextra:x:2000:app,other\nmore:x:2001:other,app\n");
}

static void teardown(void)
{
    char cmd[96];
    (void)close(root_fd);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root_path);
    ck_assert_int_eq(system(cmd), 0);
}

static void user_is(const char *text, uint32_t uid, uint32_t gid, size_t groups, const char *home)
{
    struct agent_user u;
    struct cl_err err = {0};
    enum cl_status st = agent_user_resolve(root_fd, text, &u, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(u.uid, uid);
    ck_assert_uint_eq(u.gid, gid);
    ck_assert_uint_eq(u.group_count, groups);
    ck_assert_str_eq(u.home, home);
}

static void user_refused(const char *text, const char *message)
{
    struct agent_user u;
    struct cl_err err = {0};
    ck_assert_int_eq(agent_user_resolve(root_fd, text, &u, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, message);
}

START_TEST(test_users_by_name_and_number)
{
    user_is(NULL, 0, 0, 0, "/root");
    user_is("", 0, 0, 0, "/root");
    user_is("app", 1000, 1001, 2, "/home/app");
    user_is("1000", 1000, 1001, 2, "/home/app");
    user_is("1000:5", 1000, 5, 0, "/home/app");
    user_is("app:extra", 1000, 2000, 0, "/home/app");
    user_is("app:", 1000, 1001, 2, "/home/app");
    user_is("4242", 4242, 0, 0, "/");
    user_is("4242:more", 4242, 2001, 0, "/");
    user_is("nohome", 5, 6, 0, "/");
    user_is("4294967294", 4294967294u, 0, 0, "/");
    user_refused("nobody", "user: expected a user of the image, got 'nobody'");
    user_refused("4294967295", "user: expected a user of the image, got '4294967295'");
    user_refused("-1", "user: expected a user of the image, got '-1'");
    user_refused("bad", "user: expected a user of the image, got 'bad'");
    user_refused("app:none", "group: expected a group of the image, got 'none'");
}
END_TEST

START_TEST(test_users_without_files_and_with_links)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/etc/passwd", root_path);
    ck_assert_int_eq(unlink(path), 0);
    user_is("7:8", 7, 8, 0, "/");
    user_refused("root", "user: expected a user of the image, got 'root'");
    ck_assert_int_eq(symlink("/etc/shadow-copy", path), 0); /* stays below the root */
    put_file("etc/shadow-copy", "in:x:9:9::/in:\n");
    user_is("in", 9, 9, 0, "/in");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("../../../../../../etc/passwd", path), 0); /* to itself, that is */
    user_refused("root", "user: expected a user of the image, got 'root'");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    user_refused("root", "'etc/passwd' of the image: expected a file, got none");
}
END_TEST

START_TEST(test_workdir_is_made_inside_the_root)
{
    struct stat s;
    struct cl_err err = {0};
    ck_assert_int_eq(agent_spec_make_workdir(root_fd, "/", &err), CL_OK);
    ck_assert_int_eq(agent_spec_make_workdir(root_fd, "/srv/data/x", &err), CL_OK);
    ck_assert_int_eq(fstatat(root_fd, "srv/data/x", &s, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_uint_eq(s.st_mode, S_IFDIR | 0755);
    ck_assert_int_eq(symlinkat("/srv", root_fd, "link"), 0);
    ck_assert_int_eq(agent_spec_make_workdir(root_fd, "/link/data", &err), CL_OK); /* is there */
    ck_assert_int_eq(agent_spec_make_workdir(root_fd, "/link/new", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "path: expected a directory, got a link or file at 'link'");
    ck_assert_int_eq(agent_spec_make_workdir(root_fd, "/../x", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "process: working directory: path: expected no '..', got one");
}
END_TEST

/* --- the specification ------------------------------------------------------------------------ */

START_TEST(test_arguments_and_environment)
{
    struct cl_initdata i = {0};
    struct cl_oci_config c = {0};
    struct agent_user u = {.home = "/home/app"};
    struct cl_strv v = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(agent_spec_args(&i, &c, &v, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "process: command: expected one in initdata or image, got none");
    add(&c.entrypoint, "/entry");
    add(&c.cmd, "arg");
    ck_assert_int_eq(agent_spec_args(&i, &c, &v, &err), CL_OK);
    ck_assert_uint_eq(v.count, 2);
    ck_assert_str_eq(v.v[0], "/entry");
    ck_assert_str_eq(v.v[1], "arg");
    cl_strv_done(&v);
    i.has_command = true;
    add(&i.command, "/only");
    ck_assert_int_eq(agent_spec_args(&i, &c, &v, &err), CL_OK);
    ck_assert_uint_eq(v.count, 1);
    ck_assert_str_eq(v.v[0], "/only");
    cl_strv_done(&v);
    add(&c.env, "A=image");
    add(&c.env, "AB=image");
    add(&c.env, "PATH=/p");
    add(&i.env, "A=initdata");
    add(&i.env, "HOME=/h");
    i.terminal = true;
    ck_assert_int_eq(agent_spec_env(&i, &c, &u, &v, &err), CL_OK);
    const char *want[] = {"AB=image", "PATH=/p", "A=initdata", "HOME=/h", "TERM=xterm"};
    ck_assert_uint_eq(v.count, CL_ARRAY_LEN(want));
    for (size_t k = 0; k < v.count; k++) {
        ck_assert_str_eq(v.v[k], want[k]);
    }
    cl_strv_done(&v);
    cl_initdata_done(&i);
    cl_oci_config_done(&c);
}
END_TEST

START_TEST(test_workdir_comes_from_initdata_then_image)
{
    struct cl_initdata i = {0};
    struct cl_oci_config c = {0};
    const char *dir = NULL;
    char from_image[] = "/image";
    char from_initdata[] = "/initdata";
    char relative[] = "rel";
    struct cl_err err = {0};
    ck_assert_int_eq(agent_spec_workdir(&i, &c, &dir, &err), CL_OK);
    ck_assert_str_eq(dir, "/");
    c.working_dir = from_image;
    ck_assert_int_eq(agent_spec_workdir(&i, &c, &dir, &err), CL_OK);
    ck_assert_str_eq(dir, "/image");
    i.workdir = from_initdata;
    ck_assert_int_eq(agent_spec_workdir(&i, &c, &dir, &err), CL_OK);
    ck_assert_str_eq(dir, "/initdata");
    i.workdir = relative;
    ck_assert_int_eq(agent_spec_workdir(&i, &c, &dir, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "process: working directory: expected an absolute path, got 'rel'");
}
END_TEST

/* Compared as JSON, so that the file can be laid out for readers. */
static void equals_golden(const struct cl_buf *got, const char *name)
{
    char path[512];
    json_t *a = NULL;
    json_t *b = NULL;
    struct cl_err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", AGENT_VECTORS, name);
    ck_assert_msg(cl_json_read_file(path, 1u << 20, &a, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_json_parse(got->data, got->len, "spec", &b, &err), CL_OK);
    bool same = json_equal(a, b) != 0;
    if (!same) {
        printf("%s\n", (const char *)got->data);
        (void)fflush(stdout);
    }
    ck_assert_msg(same, "the specification above differs from %s", path);
    json_decref(a);
    json_decref(b);
}

START_TEST(test_specification_is_the_golden_one)
{
    struct cl_initdata i = {.has_command = true, .terminal = true};
    struct cl_oci_config c = {0};
    struct agent_user u = {
        .uid = 1000, .gid = 1001, .groups = {2000}, .group_count = 1, .home = "/home/app"};
    struct cl_buf out = {0};
    struct cl_err err = {0};
    add(&i.command, "/bin/app");
    add(&c.env, "PATH=/bin");
    ck_assert_int_eq(agent_spec_build(&i, &c, &u, 24, 80, &out, &err), CL_OK);
    equals_golden(&out, "config.json");
    cl_buf_done(&out);
    cl_initdata_done(&i);
    cl_oci_config_done(&c);
}
END_TEST

START_TEST(test_specification_needs_text)
{
    struct cl_initdata i = {.has_command = true};
    struct cl_oci_config c = {0};
    struct agent_user u = {.home = "/"};
    struct cl_buf out = {0};
    struct cl_err err = {0};
    add(&i.command, "/bin/\xff");
    ck_assert_int_eq(agent_spec_build(&i, &c, &u, 0, 0, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "container specification: command, environment or directory is not "
                              "UTF-8");
    ck_assert_uint_eq(out.len, 0);
    cl_initdata_done(&i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_spec");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_equal_start_is_taken);
    tcase_add_test(t, test_each_field_that_differs_is_named);
    tcase_add_test(t, test_container_id_is_a_plain_word);
    tcase_add_test(t, test_failures_of_another_form_have_no_field);
    tcase_add_test(t, test_users_by_name_and_number);
    tcase_add_test(t, test_users_without_files_and_with_links);
    tcase_add_test(t, test_workdir_is_made_inside_the_root);
    tcase_add_test(t, test_arguments_and_environment);
    tcase_add_test(t, test_workdir_comes_from_initdata_then_image);
    tcase_add_test(t, test_specification_is_the_golden_one);
    tcase_add_test(t, test_specification_needs_text);
    suite_add_tcase(s, t);
    return run_suite(s);
}
