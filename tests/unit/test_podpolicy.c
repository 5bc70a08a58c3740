/* SPDX-License-Identifier: Apache-2.0
 * test_podpolicy.c - what a host changes in a pod is denied with one line: member, expected, got
 * (threats.md rows 26, 28, 29, 39, 42).
 */
#include "cloister/pod_policy.h"

#include "check_main.h"
#include "oci/image.h"
#include "podpolicy_text.h"

#include <stdio.h>
#include <string.h>

static struct cl_pod_policy *policy;
static const struct cl_pod_policy_container *app;
static struct cl_err err;
static uint8_t manifest[CL_SHA256_SIZE];

static void setup(void)
{
    ck_assert_msg(cl_pod_policy_parse(POLICY, strlen(POLICY), &policy, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_int_eq(cl_pod_policy_find(policy, "app", &app, &err), CL_OK);
    ck_assert_int_eq(cl_oci_digest_parse(MANIFEST, manifest, &err), CL_OK);
}

static void teardown(void)
{
    cl_pod_policy_free(policy);
    policy = NULL;
}

static json_t *load(const char *text)
{
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_msg(j != NULL, "%s", text);
    return j;
}

/* A member of a document, by its path "a/b/0/c", is put there or (value NULL) taken away. "+" as
 * the last part appends to a list. */
static void change(json_t *document, const char *path, const char *value)
{
    char copy[128];
    char *rest = copy;
    json_t *at = document;
    (void)snprintf(copy, sizeof(copy), "%s", path);
    char *key = strsep(&rest, "/");
    while (rest != NULL) {
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                               : json_object_get(at, key);
        ck_assert_msg(at != NULL, "%s", path);
        key = strsep(&rest, "/");
    }
    if (value == NULL) {
        ck_assert_int_eq(json_is_array(at) ? json_array_remove(at, strtoul(key, NULL, 10))
                                           : json_object_del(at, key),
                         0);
    } else if (json_is_array(at)) {
        ck_assert_int_eq(*key == '+' ? json_array_append_new(at, load(value))
                                     : json_array_set_new(at, strtoul(key, NULL, 10), load(value)),
                         0);
    } else {
        ck_assert_int_eq(json_object_set_new(at, key, load(value)), 0);
    }
}

#define AT "policy: containers[app]: "

static const struct changed {
    const char *path;
    const char *value;
    const char *line; /* NULL: the host may */
} changed[] = {
    {"process/args/1", "\"--other\"", AT "args[1]: expected '--serve', got '--other'"},
    {"process/args/+", "\"x\"", AT "args: expected 2 of them, got 3"},
    {"process/args/1", NULL, AT "args: expected 2 of them, got 1"},
    {"process/args", NULL, AT "args: expected 2 of them, got 0"},
    {"process/args/1", "1", AT "args[1]: expected '--serve', got ''"},
    {"process/env/1", "\"MODE=open\"", AT "env: expected 'MODE=safe', got 'MODE=open'"},
    {"process/env/1", NULL, AT "env: expected 'MODE=safe', got none"},
    {"process/env/+", "\"LD_PRELOAD=/x\"", AT "env: expected no LD_PRELOAD, got 'LD_PRELOAD=/x'"},
    {"process/env/+", "\"MODE=safe\"", AT "env: expected each name once, got 'MODE=safe'"},
    {"process/env/+", "\"HOSTNAME=y\"", AT "env: expected each name once, got 'HOSTNAME=y'"},
    {"process/env/+", "\"plain\"", AT "env: expected NAME=value, got 'plain'"},
    {"process/env/+", "7", AT "env: expected NAME=value, got ''"},
    {"process/env", NULL, AT "env: expected 'PATH=/bin', got none"},
    {"process/env/0", "\"HOSTNAME=any\"", NULL},
    {"process/env/0", NULL, NULL},
    {"process/env/+", "\"NODE_NAME=n\"", NULL},
    {"process/env/+", "\"NODENAME=n\"", AT "env: expected no NODENAME, got 'NODENAME=n'"},
    {"process/cwd", "\"/\"", AT "cwd: expected '/srv', got '/'"},
    {"process/cwd", NULL, AT "cwd: expected '/srv', got ''"},
    {"process/user/uid", "0", AT "user: uid: expected 10, got 0"},
    {"process/user/gid", "0", AT "user: gid: expected 20, got 0"},
    {"process/user", NULL, AT "user: uid: expected 10, got 0"},
    {"process/user/additionalGids/1", NULL, AT "user: groups: expected 30 among them, got none"},
    {"process/user/additionalGids/+", "0", NULL}, /* and left out */
    {"process/user/umask", "0", AT "umask: expected none, got one"},
    {"process/capabilities/bounding/+", "\"CAP_SYS_ADMIN\"",
     AT "capabilities: bounding: expected no CAP_SYS_ADMIN, got it"},
    {"process/capabilities/effective/0", NULL,
     AT "capabilities: effective: expected CAP_CHOWN, got none"},
    {"process/capabilities/permitted", NULL,
     AT "capabilities: permitted: expected CAP_CHOWN, got none"},
    {"process/capabilities/ambient/0", NULL,
     AT "capabilities: ambient: expected CAP_KILL, got none"},
    {"process/capabilities/inheritable/0", NULL, NULL},
    {"process/capabilities/inheritable/+", "\"CAP_CHOWN\"", NULL},
    {"process/capabilities/inheritable/0", "\"CAP_BPF\"",
     AT "capabilities: inheritable: expected no CAP_BPF, got it"},
    {"process/noNewPrivileges", "false", AT "noNewPrivileges: expected true, got false"},
    {"process/noNewPrivileges", NULL, AT "noNewPrivileges: expected true, got false"},
    {"process/terminal", "true", AT "terminal: expected false, got true"},
    {"process/oomScoreAdj", "-1000", NULL},
    {"process/rlimits", "[]", NULL},
    {"root/readonly", "false", AT "readonly: expected true, got false"},
    {"root", NULL, AT "readonly: expected true, got false"},
    {"annotations", "{\"dev.cloister.privileged\":\"true\"}",
     AT "privileged: expected false, got true"},
    {"annotations", "{\"dev.cloister.privileged\":\"false\"}", NULL},
    {"hostname", "\"x\"", AT "hostname: expected none, got one"},
    {"mounts/3/source", "\"volume:data\"",
     AT "mounts[/etc/app]: source: expected 'volume:config', got 'volume:data'"},
    {"mounts/4/source", "\"volume:data\"",
     AT "mounts[/data]: source: expected 'volume:data/sub', got 'volume:data'"},
    {"mounts/4/source", "\"/etc\"",
     AT "mounts[/data]: source: expected 'volume:data/sub', got '/etc'"},
    {"mounts/4/source", "\"volume:data/sub/../..\"",
     AT "mounts[/data]: source: expected 'volume:data/sub', got 'volume:data/sub/../..'"},
    {"mounts/4/options", "[\"ro\"]", AT "mounts[/data]: options: expected rw, got ro"},
    {"mounts/4/options", "[\"noexec\"]", AT "mounts[/data]: options: expected no 'noexec', got it"},
    {"mounts/4/options", "[\"rshared\"]",
     AT "mounts[/data]: options: expected less mount propagation, got more"},
    {"mounts/3/options", "[\"ro\",\"rw\"]", AT "mounts[/etc/app]: options: expected ro, got rw"},
    {"mounts/3/options", "[\"rw\",\"ro\"]", NULL},
    {"mounts/3", NULL, AT "mounts[/etc/app]: expected 'volume:config', got none"},
    {"mounts/5", NULL, NULL}, /* optional */
    {"mounts", NULL, AT "mounts[/etc/app]: expected 'volume:config', got none"},
    {"mounts/+", "{\"destination\":\"/bin\",\"type\":\"bind\",\"source\":\"volume:data\"}",
     AT "mounts[/bin]: expected none, got 'volume:data'"},
    {"mounts/+", "{\"destination\":\"/bin\",\"type\":\"tmpfs\"}",
     AT "mounts[/bin]: expected none, got a tmpfs"},
    {"mounts/+", "{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:data/sub\"}",
     AT "mounts[/data]: expected one, got two"},
    {"mounts/+", "{\"destination\":\"/more\",\"type\":\"bind\",\"source\":\"volume:image_1\"}",
     AT "mounts[/more]: source: expected another volume than that of '/cache', got the same"},
    {"mounts/+", "{\"destination\":\"/more\",\"type\":\"bind\",\"source\":\"volume:image_2\"}",
     NULL},
    {"mounts/+",
     "{\"destination\":\"/ro\",\"type\":\"bind\",\"source\":\"volume:data/x\","
     "\"options\":[\"ro\",\"rslave\"]}",
     NULL},
    {"mounts/+", "{\"destination\":\"/ro\",\"type\":\"bind\",\"source\":\"volume:other/x\"}",
     AT "mounts[/ro]: source: expected 'volume:data/*', got 'volume:other/x'"},
    {"mounts/0/destination", "\"/dev/mqueue/x\"",
     AT "mounts[/dev/mqueue/x]: expected none, got a proc"},
    {"mounts/0/type", "\"tmpfs\"", AT "mounts[/proc]: type: expected proc, got tmpfs"},
    {"mounts/1/options", "[\"bind\"]",
     AT "mounts[/dev]: options: expected those of a tmpfs, got 'bind'"},
    {"mounts/1/options", "[\"uid=1\"]",
     AT "mounts[/dev]: options: expected those of a tmpfs, got 'uid=1'"},
    {"mounts/2/options", "[]", AT "mounts[/sys]: options: expected ro, got rw"},
    {"mounts/0", "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\"}",
     AT "mounts[/dev]: expected before '/dev/shm', which it would hide, got it after"},
    {"mounts/+", "7", AT "mounts[]: expected none, got a "},
    {"linux/namespaces/0", NULL, AT "pid: expected the container's namespace, got the pod's"},
    {"linux/namespaces/+", "{\"type\":\"ipc\"}",
     AT "ipc: expected the pod's namespace, got the container's"},
    {"linux/namespaces/+", "{\"type\":\"uts\"}",
     AT "uts: expected the pod's namespace, got the container's"},
    {"linux/sysctl", "{\"kernel.sem\":\"1\"}", AT "sysctl: expected none, got one"},
    {"linux/sysctl", "{}", NULL},
    {"linux/devices/0", NULL, AT "devices: expected 2, got 1"},
    {"linux/devices/0/path", "\"/dev/x\"",
     AT "devices[/dev/x]: expected one of 2 of the policy, got 'volume:disk'"},
    {"linux/devices/0/source", "\"volume:data\"",
     AT "devices[/dev/disk]: expected one of 2 of the policy, got 'volume:data'"},
    {"linux/devices/0/type", "\"c\"",
     AT "devices[/dev/disk]: expected one of 2 of the policy, got 'volume:disk'"},
    {"linux", NULL, AT "pid: expected the container's namespace, got the pod's"},
    {"linux/resources", "{}", NULL},
    {"linux/seccomp", NULL, NULL},
    {"linux/maskedPaths", "[]", NULL},
    {"process", NULL, AT "args: expected 2 of them, got 0"},
};

START_TEST(test_what_was_measured_is_allowed)
{
    json_t *spec = load(SPEC);
    ck_assert_msg(cl_pod_policy_create(app, manifest, spec, &err) == CL_OK, "%s", err.msg);
    json_decref(spec);
}
END_TEST

START_TEST(test_each_change_is_denied_with_its_line)
{
    const struct changed *c = &changed[_i];
    json_t *spec = load(SPEC);
    err = (struct cl_err){0};
    change(spec, c->path, c->value);
    enum cl_status st = cl_pod_policy_create(app, manifest, spec, &err);
    if (c->line == NULL) {
        ck_assert_msg(st == CL_OK, "%s: %s", c->path, err.msg);
    } else {
        ck_assert_msg(st == CL_ERR_REJECTED, "%s: %s", c->path, c->line);
        ck_assert_str_eq(err.msg, c->line);
    }
    json_decref(spec);
}
END_TEST

START_TEST(test_another_image_is_denied)
{
    json_t *spec = load(SPEC);
    manifest[31] ^= 1;
    ck_assert_int_eq(cl_pod_policy_create(app, manifest, spec, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, AT "image: expected " MANIFEST ", got sha256:" HEX16 HEX16 HEX16
                                 "0123456789abcdee");
    json_decref(spec);
}
END_TEST

START_TEST(test_what_is_no_object_is_denied)
{
    static const char *const texts[] = {"{}", "[]", "1", "{\"process\":[]}", "{\"process\":{}}"};
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        const struct cl_pod_exec *x = NULL;
        json_t *j = load(texts[i]);
        ck_assert_int_eq(cl_pod_policy_create(app, manifest, j, &err), CL_ERR_REJECTED);
        ck_assert_int_eq(cl_pod_policy_exec(app, j, &x, &err), CL_ERR_REJECTED);
        json_decref(j);
    }
}
END_TEST

static const struct variable {
    const char *line;
    bool good;
} variables[] = {
    {"DB_SERVICE_HOST=fd00::1", true},
    {"DB_SERVICE_HOST=evil.example", false},
    {"DB_SERVICE_PORT=5432", true},
    {"DB_SERVICE_PORT=", false},
    {"DB_SERVICE_PORT=123456", false},
    {"DB_SERVICE_PORT_SQL=5432", true},
    {"MY_DB_PORT=tcp://10.0.0.1:5432", true},
    {"MY_DB_PORT=tcp://[fd00::1]:5432", true},
    {"MY_DB_PORT=tcp://fd00::1:5432", false},
    {"MY_DB_PORT=http://10.0.0.1:5432", false},
    {"MY_DB_PORT=tcp://[10.0.0.1]:5432", false},
    {"MY_DB_PORT=tcp://:5432", false},
    {"MY_DB_PORT=tcp://", false},
    {"MY_DB_PORT=tcp:", false},
    {"MY_DB_PORT=5432", false},
    {"DB_PORT_5432_TCP=tcp://10.0.0.1:5432", true},
    {"DB_PORT_5432_TCP_PROTO=tcp", true},
    {"DB_PORT_5432_TCP_PROTO=x", false},
    {"DB_PORT_5432_UDP_PORT=5432", true},
    {"DB_PORT_5432_SCTP_ADDR=10.0.0.1", true},
    {"DB_PORT_5432_TCP_OTHER=1", false},
    {"DB_PORT__TCP_PORT=1", false},
    {"DB_PORT_999999_TCP_PORT=1", false},
    {"_SERVICE_HOST=10.0.0.1", false},
    {"1_SERVICE_HOST=10.0.0.1", false},
    {"db_SERVICE_HOST=10.0.0.1", false},
    {"LD_PRELOAD=10.0.0.1", false},
};

START_TEST(test_variables_of_services_have_their_form)
{
    char text[128];
    json_t *spec = load(SPEC);
    (void)snprintf(text, sizeof(text), "\"%s\"", variables[_i].line);
    change(spec, "process/env/3", text);
    enum cl_status st = cl_pod_policy_create(app, manifest, spec, &err);
    ck_assert_msg(st == (variables[_i].good ? CL_OK : CL_ERR_REJECTED), "%s", variables[_i].line);
    json_decref(spec);
}
END_TEST

START_TEST(test_execs)
{
    const struct cl_pod_exec *x = NULL;
    json_t *p = load(SPEC_PROCESS);
    change(p, "args", "[\"/bin/app\",\"--check\"]");
    ck_assert_msg(cl_pod_policy_exec(app, p, &x, &err) == CL_OK, "%s", err.msg);
    ck_assert(x->streams.stdout_allowed && !x->streams.stdin_allowed && !x->streams.stderr_allowed);
    change(p, "terminal", "true");
    ck_assert_int_eq(cl_pod_policy_exec(app, p, &x, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, AT "exec: terminal: expected false, got true");
    change(p, "args", "[\"/bin/sh\"]");
    ck_assert_int_eq(cl_pod_policy_exec(app, p, &x, &err), CL_OK);
    ck_assert(x->streams.terminal && x->streams.stdin_allowed);
    change(p, "env/+", "\"A=b\"");
    ck_assert_int_eq(cl_pod_policy_exec(app, p, &x, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, AT "exec: env: expected no A, got 'A=b'");
    change(p, "args", "[\"/bin/sh\",\"-c\",\"id\"]");
    ck_assert_int_eq(cl_pod_policy_exec(app, p, &x, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, AT "exec: expected one of 2 argument vectors of the policy, got "
                                 "[\"/bin/sh\",\"-c\",\"id\"]");
    json_decref(p);
}
END_TEST

START_TEST(test_the_sandbox)
{
    struct cl_pod_setting s[] = {{"net.core.somaxconn", "64"}, {"net.core.x", "1"}};
    struct cl_pod_sandbox asked = {.hostname = "web-0", .sysctls = s, .sysctl_count = 1};
    ck_assert_msg(cl_pod_policy_sandbox(policy, &asked, &err) == CL_OK, "%s", err.msg);
    asked.hostname = "web-1";
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: sandbox: hostname: expected 'web-0', got 'web-1'");
    asked.hostname = "web-0";
    asked.sysctl_count = 2;
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: sandbox: sysctls: net.core.x: expected none, got '1'");
    asked.sysctl_count = 0;
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "policy: sandbox: sysctls: expected 'net.core.somaxconn=64', got none");
    asked.sysctl_count = 1;
    s[0].value = "65";
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "policy: sandbox: sysctls: net.core.somaxconn: expected '64', got '65'");
    s[0].value = "64";
    asked.share_processes = true;
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: sandbox: share_processes: expected false, got true");
    asked.share_processes = false;
    asked.network = 1;
    ck_assert_int_eq(cl_pod_policy_sandbox(policy, &asked, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: sandbox: network: expected none, got 1 interfaces, routes "
                              "and neighbours");
}
END_TEST

START_TEST(test_forwarded_ports)
{
    ck_assert_int_eq(cl_pod_policy_forward(policy, 8080, &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_forward(policy, 65535, &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_forward(policy, 8081, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "policy: sandbox: forward_ports: expected one of 2 of the policy, got "
                     "8081");
}
END_TEST

START_TEST(test_volumes)
{
    ck_assert_int_eq(cl_pod_policy_volume(policy, "config", CL_POD_FILES, &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_volume(policy, "image_77", CL_POD_SCRATCH, &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_volume(policy, "disk", CL_POD_BLOCK, &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_volume(policy, "data", CL_POD_FILES, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: volumes[data]: kind: expected scratch, got files");
    ck_assert_int_eq(cl_pod_policy_volume(policy, "data", 99, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: volumes[data]: kind: expected scratch, got another");
    ck_assert_int_eq(cl_pod_policy_volume(policy, "data2", CL_POD_SCRATCH, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: volumes: expected one of 8 of the policy, got 'data2'");
    ck_assert_int_eq(cl_pod_policy_put(policy, "config", &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_put(policy, "result_1", &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_put(policy, "data", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "policy: volumes[data]: host_writes: expected no files of the host, got some");
    ck_assert_int_eq(cl_pod_policy_get(policy, "result_1", &err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_get(policy, "config", &err), CL_ERR_REJECTED);
    ck_assert_str_eq(
        err.msg, "policy: volumes[config]: host_reads: expected no reading by the host, got one");
    ck_assert_int_eq(cl_pod_policy_get(policy, "none", &err), CL_ERR_REJECTED);
}
END_TEST

START_TEST(test_a_container_that_was_added_is_denied)
{
    ck_assert_int_eq(cl_pod_policy_find(policy, "debugger", &app, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "policy: containers: expected one of 1 of the policy, got "
                              "'debugger'");
    ck_assert_int_eq(cl_pod_policy_find(policy, "", &app, &err), CL_ERR_REJECTED);
}
END_TEST

/* --- a pod of a kubelet's, as the shim translates it --------------------------------------------
 */

#define KUBELET                                                                                    \
    "{\"schema\":\"cloister.pod-policy/1\",\"volumes\":["                                          \
    "{\"name\":\"settings\",\"kind\":\"files\"},{\"name\":\"tls\",\"kind\":\"files\"},"            \
    "{\"name\":\"kube-api-access-*\",\"kind\":\"files\"},"                                         \
    "{\"name\":\"podinfo\",\"kind\":\"files\"},{\"name\":\"cache\",\"kind\":\"scratch\"},"         \
    "{\"name\":\"fast\",\"kind\":\"memory\"},{\"name\":\"etc_hosts\",\"kind\":\"files\"},"         \
    "{\"name\":\"etc_hostname\",\"kind\":\"files\"},{\"name\":\"etc_resolv.conf\",\"kind\":"       \
    "\"files\"},{\"name\":\"dev_shm\",\"kind\":\"shm\"},{\"name\":\"image_*\",\"kind\":"           \
    "\"scratch\"},"                                                                                \
    "{\"name\":\"result_*\",\"kind\":\"scratch\",\"host_writes\":true,\"host_reads\":true},"       \
    "{\"name\":\"block_*\",\"kind\":\"block\"}],\"containers\":[{\"name\":\"web\",\"image\":{"     \
    "\"manifest\":\"" MANIFEST "\",\"encryption\":\"optional\"},\"args\":[\"/bin/app\"],"          \
    "\"env\":[\"PATH=/bin\"],\"env_host\":[\"HOSTNAME\"],\"service_env\":true,\"cwd\":\"/\","      \
    "\"user\":{\"uid\":0,\"gid\":0},\"capabilities\":[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\","         \
    "\"CAP_FSETID\",\"CAP_FOWNER\",\"CAP_MKNOD\",\"CAP_NET_RAW\",\"CAP_SETGID\",\"CAP_SETUID\","   \
    "\"CAP_SETFCAP\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_SYS_CHROOT\",\"CAP_KILL\","    \
    "\"CAP_AUDIT_WRITE\"],\"devices\":[{\"path\":\"/dev/xvda\",\"volume\":\"block_*\"}],"          \
    "\"mounts\":[{\"destination\":\"/etc/app\",\"volume\":\"settings\"},"                          \
    "{\"destination\":\"/etc/tls\",\"volume\":\"tls\"},"                                           \
    "{\"destination\":\"/var/run/secrets/kubernetes.io/serviceaccount\",\"volume\":"               \
    "\"kube-api-access-*\"},{\"destination\":\"/etc/podinfo\",\"volume\":\"podinfo\"},"            \
    "{\"destination\":\"/cache\",\"volume\":\"cache\"},"                                           \
    "{\"destination\":\"/fast\",\"volume\":\"fast\"},"                                             \
    "{\"destination\":\"/etc/one.conf\",\"volume\":\"settings\",\"path\":\"one.conf\"},"           \
    "{\"destination\":\"/cache/logs\",\"volume\":\"cache\",\"path\":\"a b/logs\"},"                \
    "{\"destination\":\"/key.pem\",\"volume\":\"tls\",\"path\":\"key.pem\"},"                      \
    "{\"destination\":\"/etc/hosts\",\"volume\":\"etc_hosts\",\"path\":\"etc-hosts\"},"            \
    "{\"destination\":\"/dev/termination-log\",\"volume\":\"result_*\",\"path\":\"message\"},"     \
    "{\"destination\":\"/etc/hostname\",\"volume\":\"etc_hostname\",\"path\":\"hostname\"},"       \
    "{\"destination\":\"/etc/resolv.conf\",\"volume\":\"etc_resolv.conf\",\"path\":\"*\"},"        \
    "{\"destination\":\"/dev/shm\",\"volume\":\"dev_shm\"},"                                       \
    "{\"destination\":\"/data\",\"volume\":\"image_*\"}]}]}"

START_TEST(test_what_containerd_makes_of_a_pod_is_allowed)
{
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *spec = NULL;
    ck_assert_msg(cl_pod_policy_parse(KUBELET, strlen(KUBELET), &p, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(
        cl_json_read_file(SHIM_VECTORS "/container-1.7.guest.json", 1u << 20, &spec, &err) == CL_OK,
        "%s", err.msg);
    ck_assert_msg(cl_pod_policy_create(&p->containers[0], manifest, spec, &err) == CL_OK, "%s",
                  err.msg);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("podpolicy");
    TCase *t = tcase_create("checks");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_what_was_measured_is_allowed);
    tcase_add_loop_test(t, test_each_change_is_denied_with_its_line, 0, CL_ARRAY_LEN(changed));
    tcase_add_test(t, test_another_image_is_denied);
    tcase_add_test(t, test_what_is_no_object_is_denied);
    tcase_add_loop_test(t, test_variables_of_services_have_their_form, 0, CL_ARRAY_LEN(variables));
    tcase_add_test(t, test_execs);
    tcase_add_test(t, test_the_sandbox);
    tcase_add_test(t, test_forwarded_ports);
    tcase_add_test(t, test_volumes);
    tcase_add_test(t, test_a_container_that_was_added_is_denied);
    tcase_add_test(t, test_what_containerd_makes_of_a_pod_is_allowed);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
