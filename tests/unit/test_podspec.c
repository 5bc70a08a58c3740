/* SPDX-License-Identifier: Apache-2.0
 * test_podspec.c - specifications of a host that wants more than a container (threats.md rows 26,
 * 28): what is not listed is refused by its name, and crun gets nothing but what the agent put in.
 */
#include "agent/podspec.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

#define CGROUP "/pod/c"
#define PROCESS "{\"args\":[\"/x\"],\"cwd\":\"/\"}"
#define PLAIN "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"process\":" PROCESS "}"

static struct agent_podspec spec;
static struct cl_err err;

static enum cl_status parse(const char *text)
{
    agent_podspec_done(&spec);
    err = (struct cl_err){0};
    return agent_podspec_parse(text, strlen(text), CGROUP, &spec, &err);
}

/* A specification with more members of its own. */
static enum cl_status with(const char *more)
{
    char text[8192];
    int n = snprintf(text, sizeof(text),
                     "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"process\":" PROCESS
                     ",%s}",
                     more);
    ck_assert(n > 0 && (size_t)n < sizeof(text));
    return parse(text);
}

static enum cl_status with_process(const char *more)
{
    char text[8192];
    int n = snprintf(text, sizeof(text),
                     "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{"
                     "\"args\":[\"/x\"],\"cwd\":\"/\",%s}}",
                     more);
    ck_assert(n > 0 && (size_t)n < sizeof(text));
    return parse(text);
}

static enum cl_status with_linux(const char *members)
{
    char text[8192];
    int n = snprintf(text, sizeof(text), "\"linux\":{%s}", members);
    ck_assert(n > 0 && (size_t)n < sizeof(text));
    return with(text);
}

static char *built(void)
{
    char *text = json_dumps(spec.config, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_ptr_nonnull(text);
    return text;
}

static json_t *linux_part(void)
{
    return json_object_get(spec.config, "linux");
}

START_TEST(test_the_smallest_one_gets_what_is_safe)
{
    ck_assert_msg(parse(PLAIN) == CL_OK, "%s", err.msg);
    ck_assert(!spec.privileged && !spec.own_pid && !spec.terminal && !spec.read_only);
    json_t *seccomp = json_object_get(linux_part(), "seccomp");
    ck_assert_ptr_nonnull(json_object_get(seccomp, "syscalls"));
    json_object_del(linux_part(), "seccomp");
    char *text = built();
    ck_assert_str_eq(
        text,
        "{\"linux\":{\"cgroupsPath\":\"/pod/"
        "c\",\"devices\":[],\"namespaces\":[{\"type\":\"mount\"},"
        "{\"type\":\"cgroup\"}],\"resources\":{\"devices\":[{\"access\":\"rwm\",\"allow\":false}]}}"
        ","
        "\"mounts\":[],\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"/x\"],\"capabilities\":{"
        "\"bounding\":[],\"effective\":[],\"permitted\":[]},\"cwd\":\"/\",\"oomScoreAdj\":0,"
        "\"user\":{\"gid\":0,\"uid\":0}},\"root\":{\"path\":\"rootfs\",\"readonly\":false}}");
    free(text);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    for (size_t n = 0; n < strlen(PLAIN); n++) {
        agent_podspec_done(&spec);
        enum cl_status st = agent_podspec_parse(PLAIN, n, CGROUP, &spec, &err);
        ck_assert(st == CL_ERR_MALFORMED || st == CL_ERR_TRUNCATED);
        ck_assert_ptr_null(spec.config);
    }
    ck_assert_int_eq(parse(PLAIN " x"), CL_ERR_MALFORMED);
    ck_assert_int_eq(parse("[]"), CL_ERR_MALFORMED);
    ck_assert_int_eq(parse("{}"), CL_ERR_MALFORMED);
}
END_TEST

/* What has no meaning in a container of a pod, each by its name. */
START_TEST(test_unknown_members_are_named)
{
    static const struct {
        const char *member;
        const char *message;
    } c[] = {
        {"\"hooks\":{\"prestart\":[{\"path\":\"/bin/sh\"}]}", "spec: unknown member 'hooks'"},
        {"\"windows\":{}", "spec: unknown member 'windows'"},
        {"\"vm\":{}", "spec: unknown member 'vm'"},
        {"\"domainname\":\"x\"", "spec: unknown member 'domainname'"},
        {"\"annotations\":{\"run.oci.handler\":\"krun\"}",
         "spec: annotations: unknown member 'run.oci.handler'"},
        {"\"annotations\":{\"dev.cloister.privileged\":\"yes\"}",
         "spec: annotations: dev.cloister.privileged: expected true or false, got 'yes'"},
        {"\"linux\":{\"cgroupsPath\":\"/\"}", "spec: linux: unknown member 'cgroupsPath'"},
        {"\"linux\":{\"uidMappings\":[]}", "spec: linux: unknown member 'uidMappings'"},
        {"\"linux\":{\"mountLabel\":\"x\"}", "spec: linux: unknown member 'mountLabel'"},
        {"\"linux\":{\"personality\":{}}", "spec: linux: unknown member 'personality'"},
        {"\"linux\":{\"intelRdt\":{}}", "spec: linux: unknown member 'intelRdt'"},
        {"\"linux\":{\"resources\":{\"devices\":[]}}",
         "spec: linux.resources: unknown member 'devices'"},
        {"\"linux\":{\"resources\":{\"blockIO\":{}}}",
         "spec: linux.resources: unknown member 'blockIO'"},
        {"\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}",
         "spec: linux.namespaces: type: expected mount, pid, ipc, uts or cgroup, got 'network'"},
        {"\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}",
         "spec: linux.namespaces: type: expected mount, pid, ipc, uts or cgroup, got 'user'"},
        {"\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}",
         "spec: linux.namespaces: unknown member 'path'"},
        {"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}}",
         "spec: linux.seccomp: defaultAction: expected an action, got 'SCMP_ACT_NOTIFY'"},
        {"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}}",
         "spec: linux.seccomp: unknown member 'listenerPath'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/etc\"}]",
         "spec: mounts: source: expected volume:NAME, got '/etc'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"volume:../x\"}]",
         "spec: mounts: source: expected 1 to 64 of A-Z a-z 0-9 _ . -, got '..'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"volume:v/../x\"}]",
         "spec: mounts: source: path: expected no '..', got one"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"ext4\",\"source\":\"/dev/vda\"}]",
         "spec: mounts: type: expected proc, sysfs, tmpfs, devpts, mqueue, cgroup or bind, got "
         "'ext4'"},
        {"\"mounts\":[{\"destination\":\"/\",\"type\":\"tmpfs\"}]",
         "spec: mounts: destination: expected an absolute path, got '/'"},
        {"\"mounts\":[{\"destination\":\"a\",\"type\":\"tmpfs\"}]",
         "spec: mounts: destination: expected an absolute path, got 'a'"},
        {"\"mounts\":[{\"destination\":\"/a/../b\",\"type\":\"tmpfs\"}]",
         "spec: mounts: destination: expected an absolute path, got '/a/../b'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"copy-symlink\"]}]",
         "spec: mounts: options: expected a known option, got 'copy-symlink'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"mode=7,x=1\"]}]",
         "spec: mounts: options: expected a known option, got 'mode=7,x=1'"},
        {"\"mounts\":[{\"destination\":\"/a\",\"type\":\"tmpfs\",\"uidMappings\":[]}]",
         "spec: mounts: unknown member 'uidMappings'"},
        {"\"mounts\":[7]", NULL},
        {"\"hostname\":\"a b\"", "spec: hostname: expected a host name, got 'a b'"},
        {"\"linux\":{\"maskedPaths\":[\"proc\"]}",
         "spec: linux: maskedPaths: expected an absolute path, got 'proc'"},
        {"\"linux\":{\"rootfsPropagation\":\"evil\"}", NULL},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(c); i++) {
        enum cl_status st = with(c[i].member);
        ck_assert_msg(st == CL_ERR_MALFORMED || st == CL_ERR_REJECTED, "%s", c[i].member);
        ck_assert_ptr_null(spec.config);
        if (c[i].message != NULL) {
            ck_assert_str_eq(err.msg, c[i].message);
        }
    }
}
END_TEST

START_TEST(test_processes)
{
    static const char *const bad[] = {
        "\"apparmorProfile\":\"x\"",
        "\"selinuxLabel\":\"x\"",
        "\"commandLine\":\"x\"",
        "\"env\":[\"NOVALUE\"]",
        "\"env\":[\"=x\"]",
        "\"env\":[7]",
        "\"env\":{}",
        "\"user\":{\"uid\":-1}",
        "\"user\":{\"uid\":4294967295}",
        "\"user\":{\"uid\":1.5}",
        "\"user\":{\"username\":\"\"}",
        "\"user\":{\"username\":0}",
        "\"user\":{\"additionalGids\":[-1]}",
        "\"capabilities\":{\"bounding\":[\"CAP_EVERYTHING\"]}",
        "\"capabilities\":{\"all\":[]}",
        "\"capabilities\":[]",
        "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1}]",
        "\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]",
        "\"noNewPrivileges\":1",
        "\"oomScoreAdj\":-1001",
        "\"terminal\":\"yes\"",
        "\"consoleSize\":{\"height\":70000}",
        "\"scheduler\":{}",
        "\"ioPriority\":{}",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(with_process(bad[i]) == CL_ERR_MALFORMED, "%s", bad[i]);
    }
    static const char *const documents[] = {
        "{\"args\":[],\"cwd\":\"/\"}",
        "{\"args\":[\"\"],\"cwd\":\"/\"}",
        "{\"args\":[\"x\"]}",
        "{\"args\":[\"x\"],\"cwd\":\"x\"}",
        "{\"args\":[\"x\"],\"cwd\":\"/a/..\"}",
        "{\"args\":[\"x\"],\"cwd\":\"/proc/self/fd/7\"}",
        "{\"cwd\":\"/\"}",
        "[]",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(documents); i++) {
        json_t *j = NULL;
        bool terminal = false;
        ck_assert_msg(agent_podspec_process(documents[i], strlen(documents[i]), &j, &terminal,
                                            &err) == CL_ERR_MALFORMED,
                      "%s", documents[i]);
    }
}
END_TEST

START_TEST(test_nobody_is_safer_from_the_oom_killer_than_the_agent)
{
    ck_assert_int_eq(with_process("\"oomScoreAdj\":-998"), CL_OK);
    json_t *p = json_object_get(spec.config, "process");
    ck_assert_int_eq(json_integer_value(json_object_get(p, "oomScoreAdj")), -900);
    ck_assert_int_eq(with_process("\"oomScoreAdj\":1000"), CL_OK);
    p = json_object_get(spec.config, "process");
    ck_assert_int_eq(json_integer_value(json_object_get(p, "oomScoreAdj")), 1000);
}
END_TEST

START_TEST(test_resources)
{
    static const char *const bad[] = {
        "{\"memory\":{\"swappiness\":1}}",
        "{\"memory\":{\"limit\":\"1\"}}",
        "{\"cpu\":{\"realtimePeriod\":1}}",
        "{\"cpu\":{\"cpus\":\"0;1\"}}",
        "{\"cpu\":{\"shares\":-1}}",
        "{\"pids\":{\"max\":1}}",
        "{\"unified\":{\"../memory.max\":\"1\"}}",
        "{\"unified\":{\"cgroup.procs\":\"1\"}}",
        "{\"unified\":{\"memory.max\":1}}",
        "{\"unified\":{\"memory.max\":\"1\\n2\"}}",
        "{\"hugepageLimits\":[]}",
        "[]",
        "{",
    };
    json_t *j = NULL;
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(agent_podspec_resources(bad[i], strlen(bad[i]), &j, &err) == CL_ERR_MALFORMED,
                      "%s", bad[i]);
    }
    const char *good = "{\"memory\":{\"limit\":1048576,\"swap\":2097152},\"cpu\":{\"shares\":2,"
                       "\"quota\":-1},\"pids\":{\"limit\":7},\"unified\":{\"memory.high\":\"9\"}}";
    ck_assert_int_eq(agent_podspec_resources(good, strlen(good), &j, &err), CL_OK);
    char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, "{\"cpu\":{\"quota\":-1,\"shares\":2},\"memory\":{\"limit\":1048576},"
                           "\"pids\":{\"limit\":7},\"unified\":{\"memory.high\":\"9\"}}");
    free(text);
    json_decref(j);
}
END_TEST

START_TEST(test_sysctls)
{
    static const char *const good[] = {
        "net.core.somaxconn", "kernel.shmmax", "kernel.shm_rmid_forced",
        "kernel.msgmnb",      "kernel.sem",    "fs.mqueue.msg_max"};
    static const char *const bad[] = {"kernel.core_pattern",
                                      "vm.swappiness",
                                      "kernel.semaphore",
                                      "net..x",
                                      "net.",
                                      "fs.mqueue./x",
                                      "net.a/../../kernel.x",
                                      "",
                                      "kernel.modprobe",
                                      ".net.x"};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        ck_assert_msg(agent_pod_check_sysctl(good[i], "1", &err) == CL_OK, "%s", good[i]);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(agent_pod_check_sysctl(bad[i], "1", &err) == CL_ERR_REJECTED, "%s", bad[i]);
    }
    ck_assert_int_eq(agent_pod_check_sysctl("net.x", "1\n2", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(with_linux("\"sysctl\":{\"kernel.sem\":\"1\"}"), CL_ERR_REJECTED);
    ck_assert_int_eq(
        with_linux("\"namespaces\":[{\"type\":\"ipc\"}],\"sysctl\":{\"kernel.sem\":\"1\"}"), CL_OK);
    ck_assert_int_eq(with_linux("\"namespaces\":[{\"type\":\"ipc\"}],\"sysctl\":{\"net.x\":\"1\"}"),
                     CL_ERR_REJECTED);
    ck_assert_int_eq(with_linux("\"sysctl\":{\"kernel.sem\":1}"), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_devices_of_the_host_are_refused)
{
    ck_assert_int_eq(
        with_linux(
            "\"devices\":[{\"path\":\"/dev/kvm\",\"type\":\"c\",\"major\":10,\"minor\":232}]"),
        CL_ERR_MALFORMED);
    ck_assert_int_eq(with_linux("\"devices\":[]"), CL_OK);
}
END_TEST

START_TEST(test_binds_get_their_sources_from_the_agent)
{
    ck_assert_msg(with("\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":"
                       "\"/a\",\"type\":\"bind\",\"source\":\"volume:v/./x//y/\",\"options\":["
                       "\"rw\",\"rbind\"]},{\"destination\":\"/b\",\"type\":\"bind\",\"source\":"
                       "\"volume:w\"}]") == CL_OK,
                  "%s", err.msg);
    ck_assert_uint_eq(spec.bind_count, 2);
    ck_assert_str_eq(spec.bind[0].volume, "v");
    ck_assert_str_eq(spec.bind[0].path, "x/y");
    ck_assert_str_eq(spec.bind[1].path, "");
    ck_assert_int_eq(agent_podspec_set_source(&spec, 0, "/run/0", true, &err), CL_OK);
    ck_assert_int_eq(agent_podspec_set_source(&spec, 1, "/run/1", false, &err), CL_OK);
    char *text = json_dumps(json_object_get(spec.config, "mounts"), JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text,
                     "[{\"destination\":\"/proc\",\"source\":\"proc\",\"type\":\"proc\"},"
                     "{\"destination\":\"/a\",\"options\":[\"rbind\",\"ro\"],\"source\":\"/run/0\","
                     "\"type\":\"bind\"},{\"destination\":\"/b\",\"options\":[\"rbind\"],"
                     "\"source\":\"/run/1\",\"type\":\"bind\"}]");
    free(text);
}
END_TEST

START_TEST(test_privileged)
{
    ck_assert_int_eq(with("\"annotations\":{\"dev.cloister.privileged\":\"true\"},\"linux\":{"
                          "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"}}"),
                     CL_OK);
    ck_assert(spec.privileged);
    ck_assert_ptr_null(json_object_get(linux_part(), "seccomp"));
    ck_assert_int_eq(agent_podspec_add_device(&spec, "/dev/fuse", 'c', 10, 229, 020666, &err),
                     CL_OK);
    ck_assert_int_eq(agent_podspec_set_pid_namespace(&spec, "/proc/7/ns/pid", &err), CL_OK);
    char *text = built();
    ck_assert_ptr_nonnull(strstr(text, "\"allow\":true"));
    ck_assert_ptr_nonnull(strstr(text, "\"path\":\"/dev/fuse\""));
    ck_assert_ptr_nonnull(strstr(text, "{\"path\":\"/proc/7/ns/pid\",\"type\":\"pid\"}"));
    ck_assert_ptr_null(strstr(text, "annotations"));
    free(text);
    for (unsigned i = 1; i < AGENT_POD_MAX_DEVICES; i++) {
        ck_assert_int_eq(agent_podspec_add_device(&spec, "/dev/x", 'b', 1, i, 0600, &err), CL_OK);
    }
    ck_assert_int_eq(agent_podspec_add_device(&spec, "/dev/x", 'b', 1, 1, 0600, &err),
                     CL_ERR_REJECTED);
}
END_TEST

static char *filter(const char *members)
{
    char text[4096];
    (void)snprintf(text, sizeof(text), "\"seccomp\":{%s}", members);
    ck_assert_msg(with_linux(text) == CL_OK, "%s: %s", members, err.msg);
    char *out = json_dumps(json_object_get(linux_part(), "seccomp"), JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_ptr_nonnull(out);
    return out;
}

START_TEST(test_filters_keep_vsock_shut)
{
    char *text =
        filter("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],"
               "\"syscalls\":[{\"names\":[\"read\",\"socket\",\"io_uring_setup\","
               "\"socketcall\"],\"action\":\"SCMP_ACT_ALLOW\"}]");
    ck_assert_ptr_null(strstr(text, "X86\""));
    ck_assert_ptr_null(strstr(text, "io_uring"));
    ck_assert_ptr_null(strstr(text, "socketcall"));
    ck_assert_ptr_nonnull(strstr(text, "{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"read\"]}"));
    unsigned rules = 0;
    for (const char *at = strstr(text, "MASKED_EQ"); at != NULL; at = strstr(at + 1, "MASKED_EQ")) {
        rules++;
    }
    ck_assert_uint_eq(rules, 6);
    free(text);
    text = filter("\"defaultAction\":\"SCMP_ACT_ALLOW\"");
    ck_assert_ptr_nonnull(strstr(text, "\"names\":[\"socket\"]"));
    ck_assert_ptr_nonnull(strstr(text, "io_uring_setup"));
    free(text);
    text = filter("\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"socket\"],"
                  "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]");
    ck_assert_ptr_null(strstr(text, "ALLOW"));
    free(text);
    static const char *const bad[] = {
        "{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_EQ\"}",
        "{\"index\":0,\"value\":4294967336,\"op\":\"SCMP_CMP_EQ\"}",
        "{\"index\":0,\"value\":41,\"op\":\"SCMP_CMP_NE\"}",
        "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_GE\"}",
        "{\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}",
        "{\"index\":0,\"value\":1,\"valueTwo\":1,\"op\":\"SCMP_CMP_MASKED_EQ\"}",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        char rule[512];
        (void)snprintf(rule, sizeof(rule),
                       "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{"
                       "\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[%s]}]}",
                       bad[i]);
        ck_assert_msg(with_linux(rule) == CL_ERR_UNSUPPORTED, "%s", bad[i]);
    }
}
END_TEST

/* As by `capabilities: {add: [SYS_ADMIN]}` and no profile: what the capability is for happens. */
START_TEST(test_an_administrator_is_not_held_back_by_our_filter)
{
    static const char head[] = "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},"
                               "\"process\":{\"args\":[\"/x\"],\"cwd\":\"/\",\"capabilities\":{"
                               "\"bounding\":[\"CAP_CHOWN\",\"%s\"]}}}";
    for (int admin = 0; admin < 2; admin++) {
        char text[512];
        (void)snprintf(text, sizeof(text), head, admin ? "CAP_SYS_ADMIN" : "CAP_NET_ADMIN");
        ck_assert_msg(parse(text) == CL_OK, "%s", err.msg);
        char *seccomp =
            json_dumps(json_object_get(linux_part(), "seccomp"), JSON_COMPACT | JSON_SORT_KEYS);
        ck_assert_ptr_nonnull(seccomp);
        ck_assert_ptr_nonnull(strstr(seccomp, "\"names\":[\"socket\"]")); /* AF_VSOCK, always */
        ck_assert_ptr_nonnull(strstr(seccomp, "io_uring_setup"));
        ck_assert_int_eq(strstr(seccomp, "\"sethostname\"") == NULL, admin);
        ck_assert_int_eq(strstr(seccomp, "\"umount2\"") == NULL, admin);
        free(seccomp);
    }
}
END_TEST

START_TEST(test_ids)
{
    char id[80];
    memset(id, 'a', sizeof(id));
    id[77] = '\0';
    ck_assert_int_eq(agent_pod_check_id(id, "id", &err), CL_ERR_MALFORMED);
    id[76] = '\0';
    ck_assert_int_eq(agent_pod_check_id(id, "id", &err), CL_OK);
    static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(agent_pod_check_id(bad[i], "id", &err), CL_ERR_MALFORMED);
        ck_assert_int_eq(agent_pod_check_volume_name(bad[i], "id", &err), CL_ERR_MALFORMED);
    }
}
END_TEST

static void teardown(void)
{
    agent_podspec_done(&spec);
}

static Suite *suite(void)
{
    Suite *s = suite_create("podspec");
    TCase *t = tcase_create("podspec");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, test_the_smallest_one_gets_what_is_safe);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_unknown_members_are_named);
    tcase_add_test(t, test_processes);
    tcase_add_test(t, test_nobody_is_safer_from_the_oom_killer_than_the_agent);
    tcase_add_test(t, test_resources);
    tcase_add_test(t, test_sysctls);
    tcase_add_test(t, test_devices_of_the_host_are_refused);
    tcase_add_test(t, test_binds_get_their_sources_from_the_agent);
    tcase_add_test(t, test_privileged);
    tcase_add_test(t, test_filters_keep_vsock_shut);
    tcase_add_test(t, test_an_administrator_is_not_held_back_by_our_filter);
    tcase_add_test(t, test_ids);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
