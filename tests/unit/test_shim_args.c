/* SPDX-License-Identifier: Apache-2.0
 * test_shim_args.c - flags in every spelling and order, what start gets on stdin, and which shim a
 * container belongs to (containerd-shim.md 1.2, 1.3).
 */
#include "check_main.h"

#include "args.h"
#include "base/io.h"
#include "bootstrap.pb-c.h"
#include "group.h"
#include "pb.h"
#include "runtimeinfo.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words are separated by single spaces. */
static enum cl_status parse(const char *line, struct shim_args *ret, struct cl_err *err)
{
    char copy[512];
    char name[] = "shim";
    char *argv[32] = {name};
    int argc = 1;
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return shim_args_parse(argc, argv, ret, err);
}

START_TEST(test_flags_in_every_order)
{
    static const char *const lines[] = {
        "-namespace k8s.io -address /a -publish-binary /p -id c0 -id c1 -debug start",
        "-namespace k8s.io -address /a -publish-binary /p -id c1 -bundle /b -debug start",
        "start --id=c1 --namespace=k8s.io --address=/a --publish-binary=/p --debug",
        "-id c1 start -debug=true -publish-binary=/p -address=/a -namespace k8s.io",
        "-debug-socket /x -debug -id c1 -namespace k8s.io -address /a -publish-binary /p start",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(lines); i++) {
        struct shim_args a = {.action = SHIM_NO_ACTION};
        struct cl_err err = {0};
        ck_assert_msg(parse(lines[i], &a, &err) == CL_OK, "%s: %s", lines[i], err.msg);
        ck_assert_int_eq(a.action, SHIM_START);
        ck_assert_str_eq(a.name_space, "k8s.io");
        ck_assert_str_eq(a.id, "c1");
        ck_assert_str_eq(a.address, "/a");
        ck_assert_str_eq(a.publish_binary, "/p");
        ck_assert(a.debug);
        shim_args_done(&a);
    }
}
END_TEST

START_TEST(test_other_actions)
{
    static const struct {
        const char *line;
        enum shim_action action;
    } rows[] = {{"-v", SHIM_VERSION}, {"--version", SHIM_VERSION},
                {"-info", SHIM_INFO}, {"-info -debug=false", SHIM_INFO},
                {"-h", SHIM_HELP},    {"--help", SHIM_HELP},
                {"", SHIM_NO_ACTION}, {"delete -id x -namespace y -bundle /b", SHIM_DELETE}};
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        struct shim_args a = {.action = SHIM_NO_ACTION};
        ck_assert_int_eq(parse(rows[i].line, &a, NULL), CL_OK);
        ck_assert_int_eq(a.action, rows[i].action);
        ck_assert(!a.debug);
        shim_args_done(&a);
    }
}
END_TEST

START_TEST(test_wrong_flags_are_named)
{
    static const struct {
        const char *line, *msg;
    } rows[] = {
        {"-nonsense start", "expected one of the flags of --help, got '-nonsense'"},
        {"-a-flag-that-is-longer-than-any-of-ours start",
         "expected one of the flags of --help, got '-a-flag-that-is-longer-than-any-of-ours'"},
        {"start -id", "-id: expected a value, got none"},
        {"start delete", "expected one action, got also 'delete'"},
        {"begin", "expected start or delete, got 'begin'"},
        {"-id ../x start", "-id: expected 1 to 76 letters and digits with single . _ - between "
                           "them, got '../x'"},
        {"-namespace= start", "-namespace: expected 1 to 76 letters and digits with single . _ - "
                              "between them, got ''"},
        {"-id a..b start", "-id: expected 1 to 76 letters and digits with single . _ - between "
                           "them, got 'a..b'"},
        {"-id a- start", "-id: expected 1 to 76 letters and digits with single . _ - between them, "
                         "got 'a-'"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        struct shim_args a = {.action = SHIM_NO_ACTION};
        struct cl_err err = {0};
        ck_assert_int_eq(parse(rows[i].line, &a, &err), CL_ERR_MALFORMED);
        ck_assert_str_eq(err.msg, rows[i].msg);
    }
    char line[128];
    struct shim_args a = {.action = SHIM_NO_ACTION};
    (void)snprintf(line, sizeof(line), "-id %076d start", 1); /* the longest there may be */
    ck_assert_int_eq(parse(line, &a, NULL), CL_OK);
    shim_args_done(&a);
    (void)snprintf(line, sizeof(line), "-id %077d start", 1);
    ck_assert_int_eq(parse(line, &a, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* stdin. */

static struct shim_args started(void)
{
    struct shim_args a = {.action = SHIM_NO_ACTION};
    ck_assert_int_eq(parse("-namespace k8s.io -address /a -id c1 start", &a, NULL), CL_OK);
    return a;
}

static void pack_options(struct cl_buf *out, const char *url, const char *path)
{
    Containerd__Types__RuntimeOptions o;
    Google__Protobuf__Any any;
    struct cl_buf value = {0};
    containerd__types__runtime_options__init(&o);
    google__protobuf__any__init(&any);
    o.config_path = shim_pb_ref(path);
    ck_assert_int_eq(shim_pb_pack(&o.base, &value, NULL), CL_OK);
    any.type_url = shim_pb_ref(url);
    any.value = (ProtobufCBinaryData){.len = value.len, .data = value.data};
    ck_assert_int_eq(shim_pb_pack(&any.base, out, NULL), CL_OK);
    cl_buf_done(&value);
}

START_TEST(test_options_give_the_configuration)
{
    static const char *const urls[] = {"runtimeoptions.v1.Options",
                                       "type.googleapis.com/runtimeoptions.v1.Options"};
    for (size_t i = 0; i < CL_ARRAY_LEN(urls); i++) {
        struct shim_args a = started();
        struct cl_buf b = {0};
        pack_options(&b, urls[i], "/etc/c.toml");
        ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, NULL), CL_OK);
        ck_assert_str_eq(a.config_path, "/etc/c.toml");
        ck_assert(!a.bootstrap);
        cl_buf_done(&b);
        shim_args_done(&a);
    }
    struct shim_args a = started();
    struct cl_buf b = {0};
    pack_options(&b, "containerd.runc.v1.Options", "/etc/c.toml"); /* ctr's are not ours */
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, NULL), CL_OK);
    ck_assert_ptr_null(a.config_path);
    ck_assert_int_eq(shim_args_take_stdin(&a, "", 0, NULL), CL_OK); /* no options at all */
    cl_buf_done(&b);
    shim_args_done(&a);
}
END_TEST

static void pack_params(struct cl_buf *out, const char *id, const char *ns, bool more)
{
    Containerd__Runtime__Bootstrap__V1__BootstrapParams p;
    Containerd__Runtime__Bootstrap__V1__Extension e;
    Containerd__Runtime__Bootstrap__V1__Extension *es[] = {&e};
    struct cl_buf options = {0};
    containerd__runtime__bootstrap__v1__bootstrap_params__init(&p);
    containerd__runtime__bootstrap__v1__extension__init(&e);
    pack_options(&options, "runtimeoptions.v1.Options", "/etc/d.toml");
    e.value = google__protobuf__any__unpack(NULL, options.len, options.data);
    p.instance_id = shim_pb_ref(id);
    p.namespace_ = shim_pb_ref(ns);
    if (more) {
        p.log_level = -4;
        p.containerd_version = shim_pb_ref("2.3.0");
        p.containerd_ttrpc_address = shim_pb_ref("/t");
        p.containerd_grpc_address = shim_pb_ref("/g");
        p.containerd_binary = shim_pb_ref("/bin/containerd");
        p.socket_dir = shim_pb_ref("/run/s2");
        p.extensions = es;
        p.n_extensions = 1;
    }
    ck_assert_int_eq(shim_pb_pack(&p.base, out, NULL), CL_OK);
    google__protobuf__any__free_unpacked(e.value, NULL);
    cl_buf_done(&options);
}

START_TEST(test_bootstrap_parameters)
{
    struct shim_args a = started();
    struct cl_buf b = {0};
    pack_params(&b, "c1", "k8s.io", true);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, NULL), CL_OK);
    ck_assert(a.bootstrap && a.debug);
    ck_assert_str_eq(a.address, "/g");
    ck_assert_str_eq(a.ttrpc_address, "/t");
    ck_assert_str_eq(a.publish_binary, "/bin/containerd");
    ck_assert_str_eq(a.socket_dir, "/run/s2");
    ck_assert_str_eq(a.config_path, "/etc/d.toml");
    shim_args_done(&a);
    /* Without the flags that are on their way out. */
    ck_assert_int_eq(parse("start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, NULL), CL_OK);
    ck_assert_str_eq(a.id, "c1");
    ck_assert_str_eq(a.name_space, "k8s.io");
    shim_args_done(&a);
    /* Known by the id alone. */
    cl_buf_reset(&b);
    pack_params(&b, "c1", "k8s.io", false);
    a = started();
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, NULL), CL_OK);
    ck_assert(a.bootstrap);
    ck_assert_str_eq(a.address, "/a");
    shim_args_done(&a);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_bootstrap_parameters_of_another_container)
{
    struct shim_args a = started();
    struct cl_buf b = {0};
    struct cl_err err = {0};
    pack_params(&b, "c2", "k8s.io", true);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "stdin: instance_id: expected 'c1' as in the flags, got 'c2'");
    cl_buf_reset(&b);
    pack_params(&b, "c1", "moby", true);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "stdin: namespace: expected 'k8s.io' as in the flags, got 'moby'");
    shim_args_done(&a);
    cl_buf_reset(&b);
    pack_params(&b, "../c", "moby", true);
    ck_assert_int_eq(parse("start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, &err), CL_ERR_MALFORMED);
    shim_args_done(&a);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_every_truncation_of_stdin)
{
    struct cl_buf b = {0};
    pack_params(&b, "c1", "k8s.io", true);
    for (size_t len = 0; len < b.len; len++) {
        struct shim_args a = started();
        struct cl_err err = {0};
        uint8_t *exact = malloc(len + 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, b.data, len);
        enum cl_status st = shim_args_take_stdin(&a, exact, len, &err);
        ck_assert(st == CL_OK || st == CL_ERR_MALFORMED);
        free(exact);
        shim_args_done(&a);
    }
    struct shim_args a = started();
    struct cl_err err = {0};
    ck_assert_int_eq(shim_args_take_stdin(&a, "hello", 5, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "stdin: expected a google.protobuf.Any or BootstrapParams, got 5 other bytes");
    cl_buf_reset(&b);
    ck_assert_int_eq(cl_buf_append(&b, "\x0a\x19runtimeoptions.v1.Options\x12\x01\xff", 30, NULL),
                     CL_OK);
    ck_assert_int_eq(shim_args_take_stdin(&a, b.data, b.len, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "stdin: options: expected a runtimeoptions.v1.Options, got other bytes");
    shim_args_done(&a);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_environment_where_nothing_was_said)
{
    struct shim_args a = {.action = SHIM_NO_ACTION};
    struct cl_err err = {0};
    (void)setenv("TTRPC_ADDRESS", "/env/t", 1);
    (void)setenv("GRPC_ADDRESS", "/env/g", 1);
    (void)setenv("NAMESPACE", "env", 1);
    ck_assert_int_eq(parse("-id c start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_complete(&a, NULL), CL_OK);
    ck_assert_str_eq(a.ttrpc_address, "/env/t");
    ck_assert_str_eq(a.address, "/env/g");
    ck_assert_str_eq(a.name_space, "env");
    ck_assert_str_eq(a.publish_binary, "");
    ck_assert_int_eq(a.bundle[0], '/');
    shim_args_done(&a);
    a = started();
    ck_assert_int_eq(shim_args_complete(&a, NULL), CL_OK);
    ck_assert_str_eq(a.address, "/a");
    ck_assert_str_eq(a.name_space, "k8s.io");
    shim_args_done(&a);
    (void)unsetenv("NAMESPACE");
    ck_assert_int_eq(parse("-id c start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_complete(&a, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "-namespace: expected a name, got none");
    shim_args_done(&a);
    ck_assert_int_eq(parse("-namespace n start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_complete(&a, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "-id: expected a name, got none");
    shim_args_done(&a);
    ck_assert_int_eq(parse("-namespace n -id c -bundle b start", &a, NULL), CL_OK);
    ck_assert_int_eq(shim_args_complete(&a, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "-bundle: expected an absolute path, got 'b'");
    shim_args_done(&a);
}
END_TEST

/* The group. */

static enum cl_status group(const char *config, struct shim_group *ret, struct cl_err *err)
{
    char dir[] = "/tmp/shim-group-XXXXXX";
    char path[64];
    struct shim_args a = started();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/config.json", dir);
    ck_assert_int_eq(cl_write_file(path, config, strlen(config), 0600, NULL), CL_OK);
    a.bundle = strdup(dir);
    enum cl_status st = shim_group_read(&a, ret, err);
    (void)unlink(path);
    (void)rmdir(dir);
    shim_args_done(&a);
    return st;
}

START_TEST(test_group_of_a_container)
{
    static const struct {
        const char *config, *id;
        bool member;
    } rows[] = {
        {"{}", "c1", false},
        {"{\"annotations\":{\"other\":\"x\"}}", "c1", false},
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
         "\"io.kubernetes.cri.sandbox-id\":\"s1\"}}",
         "c1", false},
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.cri.sandbox-id\":\"s1\"}}",
         "s1", true},
        {"{\"annotations\":{\"io.kubernetes.cri-o.ContainerType\":\"container\","
         "\"io.kubernetes.cri-o.SandboxID\":\"s2\"}}",
         "s2", true},
        {"{\"annotations\":{\"io.containerd.runc.v2.group\":\"g\"}}", "g", false},
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
         "\"io.containerd.runc.v2.group\":\"g\"}}",
         "c1", false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        struct shim_group g;
        ck_assert_int_eq(group(rows[i].config, &g, NULL), CL_OK);
        ck_assert_str_eq(g.id, rows[i].id);
        ck_assert(g.member == rows[i].member);
    }
}
END_TEST

START_TEST(test_group_that_cannot_be_told)
{
    static const struct {
        const char *config, *msg;
    } rows[] = {
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\"}}",
         "config.json: io.kubernetes.cri.sandbox-id: expected 1 to 76 characters without /, got "
         "''"},
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.cri.sandbox-id\":\"a/b\"}}",
         "config.json: io.kubernetes.cri.sandbox-id: expected 1 to 76 characters without /, got "
         "'a/b'"},
        {"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"pod\"}}",
         "config.json: io.kubernetes.cri.container-type: expected sandbox or container, got "
         "'pod'"},
    };
    struct shim_group g;
    struct cl_err err = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(group(rows[i].config, &g, &err), CL_ERR_MALFORMED);
        ck_assert_str_eq(err.msg, rows[i].msg);
    }
    ck_assert_int_eq(group("{", &g, &err), CL_ERR_MALFORMED);
    struct shim_args a = started();
    a.bundle = strdup("/nonexistent");
    ck_assert_int_eq(shim_group_read(&a, &g, &err), CL_ERR_SYS);
    shim_args_done(&a);
}
END_TEST

START_TEST(test_socket_path)
{
    struct shim_args a = started();
    char path[SHIM_SOCKET_SIZE];
    struct cl_err err = {0};
    free(a.address);
    a.address = strdup("/run/containerd/containerd.sock");
    ck_assert_int_eq(shim_socket_path(&a, "c1", path, NULL), CL_OK);
    /* sha256 of "/run/containerd/containerd.sock/k8s.io/c1" */
    ck_assert_str_eq(path, "/run/containerd/s/"
                           "ccd9e484aa63698a22b33f8964a2eb3d2a5c6e843ccac78fda28f084794782cd");
    a.socket_dir = strdup("relative");
    ck_assert_int_eq(shim_socket_path(&a, "c1", path, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "socket: expected an absolute path of at most 106 bytes, got 'relative'");
    a.socket = calloc(1, 200);
    ck_assert_ptr_nonnull(a.socket);
    memset(a.socket, '/', 106);
    ck_assert_int_eq(shim_socket_path(&a, "c1", path, NULL), CL_OK);
    a.socket[106] = 'x';
    ck_assert_int_eq(shim_socket_path(&a, "c1", path, NULL), CL_ERR_MALFORMED);
    shim_args_done(&a);
}
END_TEST

START_TEST(test_socket_is_listened_on_once)
{
    char path[SHIM_SOCKET_SIZE];
    struct stat sb;
    int first = -1;
    int second = -1;
    (void)snprintf(path, sizeof(path), "/tmp/shim-sock-%d/a/s", (int)getpid());
    ck_assert_int_eq(shim_socket_listen(path, &first, NULL), CL_OK);
    ck_assert_int_ge(first, 0);
    ck_assert_int_eq(stat(path, &sb), 0);
    ck_assert_uint_eq(sb.st_mode & 07777, 0600);
    ck_assert_int_eq(shim_socket_listen(path, &second, NULL), CL_OK);
    ck_assert_int_eq(second, -1);
    shim_socket_remove_stale(path); /* it is not */
    ck_assert(shim_socket_answers(path));
    (void)close(first);
    ck_assert(!shim_socket_answers(path));
    ck_assert_int_eq(shim_socket_listen(path, &second, NULL), CL_OK); /* nobody behind it */
    ck_assert_int_ge(second, 0);
    ck_assert(shim_socket_answers(path));
    (void)close(second);
    shim_socket_remove_stale(path);
    ck_assert_int_ne(access(path, F_OK), 0);
    shim_socket_remove_stale(path);
    for (int i = 0; i < 2; i++) {
        *strrchr(path, '/') = '\0';
        ck_assert_int_eq(rmdir(path), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_args");
    TCase *t = tcase_create("shim_args");
    tcase_add_test(t, test_flags_in_every_order);
    tcase_add_test(t, test_other_actions);
    tcase_add_test(t, test_wrong_flags_are_named);
    tcase_add_test(t, test_options_give_the_configuration);
    tcase_add_test(t, test_bootstrap_parameters);
    tcase_add_test(t, test_bootstrap_parameters_of_another_container);
    tcase_add_test(t, test_every_truncation_of_stdin);
    tcase_add_test(t, test_environment_where_nothing_was_said);
    tcase_add_test(t, test_group_of_a_container);
    tcase_add_test(t, test_group_that_cannot_be_told);
    tcase_add_test(t, test_socket_path);
    tcase_add_test(t, test_socket_is_listened_on_once);
    suite_add_tcase(s, t);
    return run_suite(s);
}
