/* SPDX-License-Identifier: Apache-2.0
 * test_podpolicy_parse.c - policies that are no policy, and initdata that holds one.
 */
#include "cloister/initdata.h"
#include "cloister/pod_policy.h"

#include "base/toml.h"
#include "check_main.h"
#include "podpolicy_text.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA_FILE CL_TEST_SOURCE_DIR "/docs/schema/pod-policy.schema.json"

static struct cl_err err;

static enum cl_status parse(const char *text, size_t len)
{
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    err = (struct cl_err){0};
    enum cl_status st = cl_pod_policy_parse(text, len, &p, &err);
    ck_assert((st == CL_OK) == (p != NULL));
    return st;
}

START_TEST(test_every_member_is_read)
{
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    ck_assert_msg(cl_pod_policy_parse(POLICY, strlen(POLICY), &p, &err) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(p->hostname, "web-0");
    ck_assert_str_eq(p->sysctls.v[0], "net.core.somaxconn=64");
    ck_assert_uint_eq(p->volume_count, 8);
    ck_assert(p->volumes[0].kind == CL_POD_FILES && p->volumes[0].host_writes);
    ck_assert(p->volumes[6].kind == CL_POD_BLOCK && !p->volumes[6].host_writes);
    ck_assert(p->volumes[6].key == NULL && p->volumes[7].format_blank);
    ck_assert_str_eq(p->volumes[7].key, "a/b/c");
    ck_assert_uint_eq(p->container_count, 1);
    ck_assert(cl_pod_policy_encrypted(p));
    const struct cl_pod_policy_container *c = &p->containers[0];
    ck_assert_str_eq(c->name, "app");
    ck_assert(c->encryption_required && c->service_env && c->own_pid && !c->init);
    ck_assert_uint_eq(c->manifest[31], 0xef);
    ck_assert_uint_eq(c->args.count + c->env.count + c->env_host.count, 6);
    ck_assert(c->user.uid == 10 && c->user.gid == 20 && c->user.groups[0] == 30);
    ck_assert(c->no_new_privileges && c->read_only_root && !c->privileged && !c->unmasked);
    ck_assert(c->streams.stdout_allowed && c->streams.stderr_allowed && !c->streams.stdin_allowed);
    ck_assert_uint_eq(c->mount_count, 5);
    ck_assert(c->mounts[0].read_only); /* as all files are */
    ck_assert_str_eq(c->mounts[1].path, "sub");
    ck_assert_str_eq(c->mounts[2].path, "");
    ck_assert(c->mounts[4].path == NULL && c->mounts[4].propagation == CL_POD_SLAVE);
    ck_assert_str_eq(c->devices[0].path, "/dev/disk");
    ck_assert(c->devices[0].mount == NULL && c->devices[1].read_only);
    ck_assert_str_eq(c->devices[1].mount, "/vault");
    ck_assert_uint_eq(c->exec_count, 2);
    ck_assert(c->execs[1].streams.terminal);
}
END_TEST

START_TEST(test_the_smallest_one_allows_little)
{
    static const char text[] =
        "{\"schema\":\"cloister.pod-policy/1\",\"containers\":[{\"name\":\"a\",\"image\":{"
        "\"manifest\":\"" MANIFEST "\",\"encryption\":\"optional\"},\"args\":[\"/a\"],"
        "\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}]}";
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    ck_assert_int_eq(cl_pod_policy_parse(text, strlen(text), &p, &err), CL_OK);
    ck_assert(p->hostname == NULL && !p->network && p->volume_count == 0);
    ck_assert(!cl_pod_policy_encrypted(p));
    ck_assert_uint_eq(p->forward_port_count, 0);
    const struct cl_pod_policy_container *c = &p->containers[0];
    ck_assert(!c->streams.stdin_allowed && !c->streams.stdout_allowed);
    ck_assert_uint_eq(c->exec_count + c->mount_count + c->capabilities.count, 0);
    for (size_t n = 0; n < strlen(text); n++) {
        ck_assert_int_eq(parse(text, n), CL_ERR_MALFORMED);
    }
    ck_assert_int_eq(parse(text, sizeof(text)), CL_ERR_MALFORMED); /* one byte more */
}
END_TEST

/* --- each member wrong ------------------------------------------------------------------------ */

#define C "pod policy: containers[app]: "
#define USER_NAME "user: name: expected a user, or a user and ':' and a group, got "

static const struct wrong {
    const char *path; /* as in test_podpolicy.c */
    const char *value;
    const char *line;
} wrong[] = {
    {"schema", "\"cloister.pod-policy/2\"",
     "pod policy: schema: expected cloister.pod-policy/1, got 'cloister.pod-policy/2'"},
    {"schema", NULL, "pod policy: schema: expected string, got nothing"},
    {"other", "1", "pod policy: unknown member 'other'"},
    {"sandbox/other", "1", "pod policy: sandbox: unknown member 'other'"},
    {"sandbox/hostname", "\"\"", "pod policy: sandbox: hostname: expected 1 to 64 bytes, got 0"},
    {"sandbox/sysctls/x", "1", "pod policy: sandbox: sysctls: x: expected string, got integer"},
    {"sandbox/network", "1", "pod policy: sandbox: network: expected boolean, got integer"},
    {"sandbox/forward_ports", "80",
     "pod policy: sandbox: forward_ports: expected array, got integer"},
    {"sandbox/forward_ports", "[0]",
     "pod policy: sandbox: forward_ports: expected ports from 1 to 65535, got another value"},
    {"sandbox/forward_ports", "[65536]",
     "pod policy: sandbox: forward_ports: expected ports from 1 to 65535, got another value"},
    {"sandbox/forward_ports", "[-1]",
     "pod policy: sandbox: forward_ports: expected ports from 1 to 65535, got another value"},
    {"sandbox/forward_ports", "[\"80\"]",
     "pod policy: sandbox: forward_ports: expected ports from 1 to 65535, got another value"},
    {"sandbox/forward_ports", "[80, 81, 80]",
     "pod policy: sandbox: forward_ports: expected each once, got 80 twice"},
    {"volumes/0/kind", "\"nfs\"",
     "pod policy: volumes: kind: expected files or another word of the schema, got 'nfs'"},
    {"volumes/0/host_writes", "false",
     "pod policy: volumes[config]: host_writes: expected true, as its kind is files, got false"},
    {"volumes/0/name", "\"../x\"",
     "pod policy: volumes: name: expected the name of a volume, or its beginning and '*', got "
     "'../x'"},
    {"volumes/0/name", "\"*\"",
     "pod policy: volumes: name: expected the name of a volume, or its beginning and '*', got "
     "'*'"},
    {"volumes/0/name", "\"a*b\"",
     "pod policy: volumes: name: expected the name of a volume, or its beginning and '*', got "
     "'a*b'"},
    {"volumes/0/name", "\"dat*\"",
     "pod policy: volumes: expected no name for two, got 'dat*' and 'data'"},
    {"volumes/3/name", "\"im*\"",
     "pod policy: volumes: expected no name for two, got 'image_*' and 'im*'"},
    {"volumes/0/size", "1", "pod policy: volumes: unknown member 'size'"},
    {"volumes/0", "1", "pod policy: volumes: name: expected string, got nothing"},
    {"containers", "[]", "pod policy: containers: expected 1 to 64, got 0"},
    {"containers", NULL, "pod policy: containers: expected array, got nothing"},
    {"containers/+", POLICY_CONTAINER,
     "pod policy: containers: expected each once, got 'app' twice"},
    {"containers/0/name", "\"App\"",
     "pod policy: containers: name: expected 1 to 63 of a-z 0-9 -, got 'App'"},
    {"containers/0/hooks", "[]", C "unknown member 'hooks'"},
    {"containers/0/image", NULL, C "image: expected object, got nothing"},
    {"containers/0/image/manifest", NULL,
     C "image: manifest: expected the digest of an image, or a signature rule, got none"},
    {"containers/0/image/encryption", NULL, C "image: encryption: expected string, got nothing"},
    {"containers/0/image/tag", "\"x\"", C "image: unknown member 'tag'"},
    {"containers/0/args", NULL, C "args: expected a program, got none"},
    {"containers/0/args", "[\"\"]", C "args: expected a program, got none"},
    {"containers/0/args", "null", C "args: expected array, got null"},
    {"containers/0/env/+", "\"MODE=x\"",
     C "env[2]: expected NAME=value, each name once, got 'MODE=x'"},
    {"containers/0/env/+", "\"=x\"", C "env[2]: expected NAME=value, each name once, got '=x'"},
    {"containers/0/env_host/0", "\"*\"",
     C "env_host[0]: expected the name of a variable, or its beginning and '*', once, got '*'"},
    {"containers/0/env_host/0", "\"NODE_*\"",
     C "env_host[1]: expected the name of a variable, or its beginning and '*', once, got "
       "'NODE_*'"},
    {"containers/0/cwd", "\"srv\"", C "cwd: expected an absolute path, got 'srv'"},
    {"containers/0/cwd", "\"/srv/..\"", C "cwd: expected an absolute path, got '/srv/..'"},
    {"containers/0/cwd", NULL, C "cwd: expected string, got nothing"},
    {"containers/0/user", NULL, C "user: expected object, got nothing"},
    {"containers/0/user/uid", "-1", C "uid: expected 0 to 4294967294, got -1"},
    {"containers/0/user/gid", "4294967295", C "gid: expected 0 to 4294967294, got 4294967295"},
    {"containers/0/user/groups/0", "\"x\"",
     C "user: groups[0]: expected a group id, got another value"},
    {"containers/0/user/name", "\"x\"", C "unknown member 'uid'"},
    {"containers/0/user", "{\"name\":\"\"}", C USER_NAME "''"},
    {"containers/0/user", "{\"name\":\"-x\"}", C USER_NAME "'-x'"},
    {"containers/0/user", "{\"name\":\"a:\"}", C USER_NAME "'a:'"},
    {"containers/0/user", "{\"name\":\":a\"}", C USER_NAME "':a'"},
    {"containers/0/user", "{\"name\":\"a:b:c\"}", C USER_NAME "'a:b:c'"},
    {"containers/0/user", "{\"name\":\"a b\"}", C USER_NAME "'a b'"},
    {"containers/0/user", "{\"name\":1}", C "name: expected string, got integer"},
    {"containers/0/image/signature", "{}",
     C "image: manifest: expected the digest of an image, or a signature rule, got both"},
    {"containers/0/image", "{\"signature\":1,\"encryption\":\"optional\"}",
     C "image: signature: expected object, got integer"},
    {"containers/0/image", "{\"signature\":{},\"encryption\":\"optional\"}",
     C "image: signature: type: expected string, got nothing"},
    {"containers/0/capabilities/0", "\"ALL\"",
     C "capabilities[0]: expected a capability, once, got 'ALL'"},
    {"containers/0/capabilities/+", "\"CAP_KILL\"",
     C "capabilities[2]: expected a capability, once, got 'CAP_KILL'"},
    {"containers/0/pid", "\"host\"",
     C "pid: expected container or another word of the schema, got 'host'"},
    {"containers/0/privileged", "\"no\"", C "privileged: expected boolean, got string"},
    {"containers/0/streams/terminal", "true",
     C "streams: expected no stderr with a terminal, which carries both, got one"},
    {"containers/0/streams/log", "true", C "unknown member 'log'"},
    {"containers/0/mounts/0/destination", "\"etc\"",
     C "mounts[0]: destination: expected an absolute path, got 'etc'"},
    {"containers/0/mounts/1/destination", "\"/etc/app\"",
     C "mounts[1]: destination: expected each once, got '/etc/app' twice"},
    {"containers/0/mounts/0/volume", "\"other\"",
     C "mounts[0]: volume: expected a name of one of the policy's volumes, got 'other'"},
    {"containers/0/mounts/0/path", "\"../x\"",
     C "mounts[0]: path: expected one below the volume's root, got '../x'"},
    {"containers/0/mounts/0/path", "\"/x\"",
     C "mounts[0]: path: expected one below the volume's root, got '/x'"},
    {"containers/0/mounts/0/type", "\"bind\"", C "mounts[0]: unknown member 'type'"},
    {"containers/0/devices/0/mount", "\"/x\"",
     C "devices[0]: mount: expected of a volume that is encrypted, got a plain one"},
    {"containers/0/devices/0/read_only", "true",
     C "devices[0]: read_only: expected with mount, got alone"},
    {"containers/0/devices/1/mount", "\"x\"",
     C "devices[1]: mount: expected an absolute path, got 'x'"},
    {"volumes/7/encrypted/key", "\"a/b/c\"",
     "pod policy: volumes: encrypted: key: expected kbs:///repository/type/tag, got 'a/b/c'"},
    {"volumes/7/encrypted/key", "\"kbs:///a/b\"",
     "pod policy: volumes: encrypted: key: expected kbs:///repository/type/tag, got 'kbs:///a/b'"},
    {"volumes/7/encrypted/format", "\"always\"",
     "pod policy: volumes: encrypted: format: expected never or another word of the schema, got "
     "'always'"},
    {"volumes/1/encrypted", "{\"key\":\"kbs:///a/b/c\"}",
     "pod policy: volumes: encrypted: expected of kind block, got scratch"},
    {"containers/0/devices/0/volume", "\"data\"",
     C "devices[0]: volume: expected one of kind block, got scratch"},
    {"containers/0/exec/0/args", "[]", C "exec[0]: args: expected a program, got none"},
    {"containers/0/exec/0/user", "1", C "exec[0]: unknown member 'user'"},
    {"containers/0/exec/0", "[\"sh\"]", C "exec[0]: args: expected a program, got none"},
};

static json_t *load(const char *text)
{
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_msg(j != NULL, "%s", text);
    return j;
}

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
    int rc = 0;
    if (json_is_array(at)) {
        rc = *key == '+' ? json_array_append_new(at, load(value))
                         : json_array_set_new(at, strtoul(key, NULL, 10), load(value));
    } else {
        rc = value == NULL ? json_object_del(at, key) : json_object_set_new(at, key, load(value));
    }
    ck_assert_int_eq(rc, 0);
}

START_TEST(test_each_member_that_is_wrong_is_named)
{
    const struct wrong *w = &wrong[_i];
    json_t *j = load(POLICY);
    change(j, w->path, w->value);
    char *text = json_dumps(j, JSON_COMPACT);
    ck_assert_msg(parse(text, strlen(text)) != CL_OK, "%s: %s", w->path, w->line);
    ck_assert_str_eq(err.msg, w->line);
    free(text);
    json_decref(j);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    for (size_t n = 0; n < strlen(POLICY); n++) {
        ck_assert_int_eq(parse(POLICY, n), CL_ERR_MALFORMED);
    }
}
END_TEST

START_TEST(test_too_much_is_refused)
{
    static char text[CL_POD_POLICY_MAX_SIZE + 2];
    memset(text, ' ', sizeof(text));
    ck_assert_int_eq(parse(text, sizeof(text)), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "pod policy: expected 1 to 786432 bytes, got 786434");
    json_t *j = load(POLICY);
    json_t *c = json_array_get(json_object_get(j, "containers"), 0);
    json_t *execs = json_object_get(c, "exec");
    while (json_array_size(execs) <= CL_POD_POLICY_MAX_EXECS) {
        ck_assert_int_eq(json_array_append(execs, json_array_get(execs, 0)), 0);
    }
    char *long_ = json_dumps(j, JSON_COMPACT);
    ck_assert_int_eq(parse(long_, strlen(long_)), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, C "exec: expected at most 64, got 65");
    free(long_);
    json_decref(j);
}
END_TEST

/* --- the schema ------------------------------------------------------------------------------- */

static const json_t *properties(const json_t *schema, const char *def)
{
    const json_t *at = json_object_get(json_object_get(schema, "$defs"), def);
    return json_object_get(at != NULL ? at : schema, "properties");
}

/* Each member that the text above uses is described, and the text uses each that is. */
START_TEST(test_the_schema_has_the_members_that_are_read)
{
    CL_CLEANUP(cl_json_decrefp) json_t *schema = NULL;
    ck_assert_msg(cl_json_read_file(SCHEMA_FILE, 1u << 20, &schema, &err) == CL_OK, "%s", err.msg);
    json_t *j = load(POLICY);
    const json_t *c = json_array_get(json_object_get(j, "containers"), 0);
    const struct {
        const json_t *schema;
        const json_t *used;
    } pairs[] = {
        {properties(schema, ""), j},
        {json_object_get(json_object_get(properties(schema, ""), "sandbox"), "properties"),
         json_object_get(j, "sandbox")},
        {properties(schema, "container"), c},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(pairs); i++) {
        const char *key = NULL;
        json_t *v = NULL;
        json_object_foreach((json_t *)(uintptr_t)pairs[i].used, key, v)
        {
            ck_assert_msg(json_object_get(pairs[i].schema, key) != NULL, "%s", key);
        }
        json_object_foreach((json_t *)(uintptr_t)pairs[i].schema, key, v)
        {
            ck_assert_msg(json_object_get(pairs[i].used, key) != NULL || strcmp(key, "init") == 0,
                          "%s", key);
        }
    }
    json_decref(j);
}
END_TEST

/* --- initdata --------------------------------------------------------------------------------- */

#define BROKER                                                                                     \
    "[token_configs.kbs]\nurl = \"https://b:1\"\ncert = \"-----BEGIN CERTIFICATE-----\"\n"

static enum cl_status initdata(const char *policy, const char *aa, const char *cloister,
                               struct cl_initdata *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(
        cl_buf_append_str(&text, "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n", NULL),
        CL_OK);
    ck_assert_int_eq(cl_toml_put_string(&text, "pod-policy.json", policy, NULL), CL_OK);
    if (aa != NULL) {
        ck_assert_int_eq(cl_toml_put_string(&text, "aa.toml", aa, NULL), CL_OK);
    }
    if (cloister != NULL) {
        ck_assert_int_eq(cl_toml_put_string(&text, "cloister.toml", cloister, NULL), CL_OK);
    }
    err = (struct cl_err){0};
    return cl_initdata_parse(text.data, text.len, ret, &err);
}

START_TEST(test_initdata_has_a_policy)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_CLEANUP(cl_initdata_done) struct cl_initdata again = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_msg(initdata(POLICY, BROKER, NULL, &i) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(i.pod_policy, POLICY);
    ck_assert_str_eq(i.pod->containers[0].name, "app");
    ck_assert_str_eq(i.kbs_url, "https://b:1");
    ck_assert_msg(cl_initdata_make(&i, &text, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_initdata_parse(text.data, text.len, &again, &err), CL_OK);
    ck_assert(cl_initdata_equal(&i, &again));
    again.pod_policy[0] = ' ';
    ck_assert(!cl_initdata_equal(&i, &again));
}
END_TEST

START_TEST(test_initdata_that_cannot_be)
{
    struct cl_initdata i = {0};
    ck_assert_int_eq(initdata(POLICY, NULL, NULL, &i), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "initdata: data: aa.toml: expected a broker, as encryption is required");
    ck_assert_int_eq(initdata(POLICY, BROKER, "[image]\n", &i), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "initdata: data: expected cloister.toml or pod-policy.json, got both");
    ck_assert_int_eq(initdata("{}", BROKER, NULL, &i), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "initdata: pod policy: schema: expected string, got nothing");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("podpolicy_parse");
    TCase *t = tcase_create("parse");
    tcase_add_test(t, test_every_member_is_read);
    tcase_add_test(t, test_the_smallest_one_allows_little);
    tcase_add_loop_test(t, test_each_member_that_is_wrong_is_named, 0, CL_ARRAY_LEN(wrong));
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_too_much_is_refused);
    tcase_add_test(t, test_the_schema_has_the_members_that_are_read);
    tcase_add_test(t, test_initdata_has_a_policy);
    tcase_add_test(t, test_initdata_that_cannot_be);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
