/* SPDX-License-Identifier: Apache-2.0
 * test_pod_policy.c - the agent's pods under a measured policy, on this machine: what was measured
 * runs, from an encrypted image, and whatever else the host asks for is denied before anything is
 * fetched or run.
 */
#include "pod_rig.h"

#include "cloister/pod_policy.h"
#include "imagesig_world.h"

#include <signal.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define APP "policy: containers[app]: "
#define FILES 1
#define SCRATCH 2
#define MEMORY 3

static unsigned keys_asked;
static bool broker_away = true;

static enum cl_status get_key(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err)
{
    (void)ctx;
    keys_asked++;
    if (broker_away) {
        return cl_err_set(err, CL_ERR_REJECTED, "attest: snp.host_data");
    }
    ck_assert_str_eq(path, "default/image-kek/1");
    return cl_secret_from(ret, rig.kek.data, rig.kek.len, err);
}

#define ROOT "{\"uid\":0,\"gid\":0}"
#define OUT ",\"streams\":{\"stdout\":true}"
#define STATUS "\"show\",\"/proc/self/status\""
#define SIGNED_NAME "registry.example/team/app"

static EVP_PKEY *signer;

static void add_container(json_t *list, const char *name, const char *user, const char *args,
                          const char *more)
{
    struct cl_buf text = {0};
    ck_assert_int_eq(cl_buf_printf(&text, NULL,
                                   "{\"name\":\"%s\",\"image\":{\"manifest\":\"%s\",\"encryption\":"
                                   "\"required\"},\"args\":[\"/program\",%s],\"env\":[\"PATH=/\"],"
                                   "\"env_host\":[\"HOSTNAME\"],\"cwd\":\"/\",\"user\":%s%s}",
                                   name, rig.digest, args, user, more),
                     CL_OK);
    json_t *c = json_loads((const char *)text.data, 0, NULL);
    ck_assert_msg(c != NULL, "%s", text.data);
    ck_assert_int_eq(json_array_append_new(list, c), 0);
    cl_buf_done(&text);
}

static json_t *containers(void)
{
    json_t *list = json_array();
    add_container(list, "first", ROOT, "\"out\",\"first\"", ",\"init\":true");
    add_container(list, "app", ROOT, "\"wait\"",
                  OUT ",\"mounts\":[{\"destination\":\"/data\",\"volume\":\"data\"}],"
                      "\"exec\":[{\"args\":[\"/program\"," STATUS "]" OUT "}]");
    add_container(list, "masked", ROOT, "\"show\",\"/proc/timer_list\"", OUT);
    add_container(list, "named", "{\"name\":\"app\"}", STATUS,
                  OUT ",\"exec\":[{\"args\":[\"/program\"," STATUS "]" OUT "}]");
    add_container(list, "nobody", "{\"name\":\"nobody\"}", STATUS, OUT);
    add_container(list, "signed", ROOT, STATUS, OUT);
    json_t *image = json_object_get(json_array_get(list, 5), "image");
    signer = sig_key("P-256");
    ck_assert_int_eq(json_object_del(image, "manifest"), 0);
    ck_assert_int_eq(json_object_set_new(image, "signature",
                                         sig_cosign_rule(signer, SIGNED_NAME ":1",
                                                         "{\"type\":\"matchRepository\"}")),
                     0);
    return list;
}

static void measure(struct agent_pod_measured *ret)
{
    struct cl_pod_policy *policy = NULL;
    struct cl_err err = {0};
    json_t *j = json_loads("{\"schema\":\"cloister.pod-policy/1\","
                           "\"sandbox\":{\"hostname\":\"measured\"},"
                           "\"volumes\":[{\"name\":\"config\",\"kind\":\"files\"},"
                           "{\"name\":\"data\",\"kind\":\"scratch\"},"
                           "{\"name\":\"result_*\",\"kind\":\"scratch\",\"host_writes\":true,"
                           "\"host_reads\":true}]}",
                           0, NULL);
    ck_assert_int_eq(json_object_set_new(j, "containers", containers()), 0);
    char *text = json_dumps(j, 0);
    ck_assert_msg(cl_pod_policy_parse(text, strlen(text), &policy, &err) == CL_OK, "%s", err.msg);
    free(text);
    json_decref(j);
    *ret = (struct agent_pod_measured){.policy = policy, .get_key = get_key};
}

static unsigned blobs_asked(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < rig.host.count; i++) {
        n += rig.host.blob[i].asked;
    }
    return n;
}

#define DATA ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:data\"}"

static int create(const char *name, const char *id, const char *mounts, const char *const *args)
{
    rig.name = name;
    return rig_create(id, NULL, mounts, args);
}

static void denied(int code, const char *line)
{
    ck_assert_str_eq(rig_message, line);
    ck_assert_int_eq(code, CL_TTRPC_PERMISSION_DENIED);
}

START_TEST(test_the_sandbox_is_the_measured_one)
{
    denied(rig_sandbox("another", false),
           "policy: sandbox: hostname: expected 'measured', got 'another'");
    denied(rig_sandbox("measured", true),
           "policy: sandbox: share_processes: expected false, got true");
    ck_assert_msg(rig_sandbox("measured", false) == 0, "%s", rig_message);
}
END_TEST

START_TEST(test_volumes_are_the_measured_ones)
{
    int code = 0;
    denied(rig_volume("other", SCRATCH, 0),
           "policy: volumes: expected one of 3 of the policy, got 'other'");
    denied(rig_volume("config", SCRATCH, 0),
           "policy: volumes[config]: kind: expected files, got scratch");
    denied(rig_volume("data", MEMORY, 0),
           "policy: volumes[data]: kind: expected scratch, got memory");
    ck_assert_int_eq(rig_volume("config", FILES, 0), 0);
    ck_assert_int_eq(rig_volume("data", SCRATCH, 0), 0);
    ck_assert_int_eq(rig_volume("result_1", SCRATCH, 0), 0);
    denied(rig_put("data", 1, "planted", "x", NULL, true),
           "policy: volumes[data]: host_writes: expected no files of the host, got some");
    ck_assert_int_eq(rig_put("config", 1, "key", "value", NULL, true), 0);
    ck_assert_int_eq(rig_put("result_1", 1, "message", "", NULL, true), 0);
    free(rig_get("config", "key", &code));
    denied(code, "policy: volumes[config]: host_reads: expected no reading by the host, got one");
    free(rig_get("data", "secret", &code));
    denied(code, "policy: volumes[data]: host_reads: expected no reading by the host, got one");
    free(rig_get("result_1", "message", &code));
    ck_assert_int_eq(code, 0);
}
END_TEST

START_TEST(test_nothing_is_fetched_for_what_is_denied)
{
    denied(create("debugger", "x", NULL, ARGS("wait")),
           "policy: containers: expected one of 6 of the policy, got 'debugger'");
    denied(create("app", "x", DATA, ARGS("exit", "0")), APP "args[1]: expected 'wait', got 'exit'");
    denied(create("app", "x", NULL, ARGS("wait")),
           APP "mounts[/data]: expected 'volume:data', got none");
    denied(create("app", "x",
                  DATA ",{\"destination\":\"/etc\",\"type\":\"bind\",\"source\":"
                       "\"volume:config\"}",
                  ARGS("wait")),
           APP "mounts[/etc]: expected none, got 'volume:config'");
    rig.env = "\"PATH=/\",\"LD_PRELOAD=/data/x\"";
    denied(create("app", "x", DATA, ARGS("wait")),
           APP "env: expected no LD_PRELOAD, got 'LD_PRELOAD=/data/x'");
    rig.env = NULL;
    rig.capability = "CAP_SYS_ADMIN";
    denied(create("app", "x", DATA, ARGS("wait")),
           APP "capabilities: bounding: expected no CAP_SYS_ADMIN, got it");
    rig.capability = NULL;
    rig.read_only_root = true;
    denied(create("app", "x", DATA, ARGS("wait")), APP "readonly: expected false, got true");
    rig.read_only_root = false;
    char other[CL_OCI_DIGEST_SIZE];
    char line[300];
    memcpy(other, rig.digest, sizeof(other));
    rig.digest[10] = rig.digest[10] == '0' ? '1' : '0';
    (void)snprintf(line, sizeof(line), APP "image: expected %s, got %s", other, rig.digest);
    denied(create("app", "x", DATA, ARGS("wait")), line);
    memcpy(rig.digest, other, sizeof(other));
    denied(create("app", "x", DATA, ARGS("wait")),
           APP "expected after init container 'first' has ended with status 0, got before");
    ck_assert_uint_eq(blobs_asked(), 0);
    ck_assert_uint_eq(keys_asked, 0);
}
END_TEST

START_TEST(test_a_key_that_is_not_given_ends_only_this_create)
{
    ck_assert_int_eq(create("first", "f", NULL, ARGS("out", "first")), CL_TTRPC_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(rig_message, "attest: snp.host_data"));
    ck_assert_uint_eq(keys_asked, 1);
    broker_away = false;
}
END_TEST

START_TEST(test_an_init_container_comes_first_and_says_nothing)
{
    ck_assert_msg(create("first", "f", NULL, ARGS("out", "first")) == 0, "%s", rig_message);
    denied(create("app", "x", DATA, ARGS("wait")),
           APP "expected after init container 'first' has ended with status 0, got before");
    ck_assert_int_eq(rig_start("f", ""), 0);
    ck_assert_uint_eq(rig_wait("f", ""), 0);
    ck_assert_ptr_null(rig_stream_find("f", 0)); /* none of its streams was opened */
    ck_assert_ptr_null(rig_stream_find("f", 1));
    ck_assert_ptr_null(rig_stream_find("f", 2));
    ck_assert_uint_eq(keys_asked, 2);
}
END_TEST

START_TEST(test_the_measured_container_runs_once_at_a_time)
{
    static const char *const allowed[] = {"/program", "show", "/proc/self/status", NULL};
    rig.env = "\"HOSTNAME=any\",\"PATH=/\"";
    ck_assert_msg(create("app", "a1", DATA, ARGS("wait")) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("a1", ""), 0);
    ck_assert_str_eq(rig_output("a1", 1, "ready"), "ready\n");
    ck_assert_ptr_null(rig_stream_find("a1", 0));
    ck_assert_ptr_null(rig_stream_find("a1", 2));
    ck_assert_uint_eq(keys_asked, 2); /* the image is there already */
    denied(create("app", "a2", DATA, ARGS("wait")), APP "expected one at a time, got another");
    denied(rig_exec("a1", "e1", false, ARGS("out", "x")),
           APP "exec: expected one of 1 argument vectors of the policy, got "
               "[\"/program\",\"out\",\"x\"]");
    denied(rig_exec("a1", "e1", true, allowed), APP "exec: terminal: expected false, got true");
    ck_assert_int_eq(rig_exec("none", "e1", false, allowed), CL_TTRPC_NOT_FOUND);
    rig.env = "\"PATH=/data\"";
    denied(rig_exec("a1", "e1", false, allowed),
           APP "exec: env: expected 'PATH=/', got 'PATH=/data'");
    rig.env = "\"PATH=/\"";
    ck_assert_msg(rig_exec("a1", "e1", false, allowed) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("a1", "e1"), 0);
    ck_assert_uint_eq(rig_wait("a1", "e1"), 0);
    const char *text = rig_output("a1/e1", 1, NULL);
    ck_assert_ptr_nonnull(strstr(text, "Seccomp:\t2"));
    ck_assert_ptr_nonnull(strstr(text, "CapBnd:\t0000000000000000"));
    ck_assert_ptr_null(rig_stream_find("a1/e1", 2));
    ck_assert_int_eq(rig_kill("a1", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("a1", ""), 128 + SIGKILL);
    ck_assert_msg(create("app", "a2", DATA, ARGS("wait")) == 0, "%s", rig_message); /* again */
    ck_assert_int_eq(rig_delete("a1", ""), 0);
    ck_assert_int_eq(rig_delete("a2", ""), 0);
    rig.env = NULL;
}
END_TEST

START_TEST(test_what_the_host_may_not_choose_is_ours)
{
    unsigned status = 0;
    rig.name = "masked"; /* the rig's specification masks nothing, and has no filter */
    const char *text = rig_run("m", NULL, NULL, ARGS("show", "/proc/timer_list"), &status);
    ck_assert_str_eq(text, ""); /* /dev/null is above it */
}
END_TEST

START_TEST(test_a_user_by_name_is_the_images)
{
    static const char *const allowed[] = {"/program", "show", "/proc/self/status", NULL};
    unsigned status = 0;
    rig.name = "named"; /* the rig's specification says user 0 */
    const char *text = rig_run("n", NULL, NULL, allowed, &status);
    ck_assert_ptr_nonnull(strstr(text, "Uid:\t1000\t1000"));
    ck_assert_ptr_nonnull(strstr(text, "Gid:\t1001\t1001"));
    ck_assert_ptr_nonnull(strstr(text, "Groups:\t2000"));
    denied(create("nobody", "n2", NULL, allowed),
           "policy: containers[nobody]: user: expected a user of the image, got 'nobody'");
}
END_TEST

/* What the host brings from now on. */
static void give_signature(EVP_PKEY *key, const char *name)
{
    static char asked[160];
    struct cl_buf text = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    char *payload = sig_payload(SIG_COSIGN, name, rig.digest);
    char *sig = sig_cosign(key, payload);
    cl_oci_digest_format(digest, host_add(&rig.host, payload, strlen(payload))->digest);
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":"
                      "\"application/vnd.dev.cosign.simplesigning.v1+json\",\"size\":%zu,"
                      "\"digest\":\"%s\",\"annotations\":{"
                      "\"dev.cosignproject.cosign/signature\":\"%s\"}}]}",
                      strlen(payload), digest, sig),
        CL_OK);
    (void)snprintf(asked, sizeof(asked), "signatures:%s", rig.digest);
    for (size_t i = 0; i < rig.host.count; i++) {
        rig.host.blob[i].name = rig.host.blob[i].name != NULL ? "gone" : NULL;
    }
    host_add(&rig.host, text.data, text.len)->name = asked;
    cl_buf_done(&text);
    free(payload);
    free(sig);
}

START_TEST(test_an_image_by_signature)
{
    static const char *const allowed[] = {"/program", "show", "/proc/self/status", NULL};
    unsigned status = 1;
    EVP_PKEY *other = sig_key("P-256");
#define SIGNED "policy: containers[signed]: image: signature"
    denied(create("signed", "s", NULL, allowed),
           SIGNED ": expected one of kind cosign for '" SIGNED_NAME
                  ":1', got none: blob: host: expected found, got absent");
    give_signature(other, SIGNED_NAME);
    denied(create("signed", "s", NULL, allowed),
           SIGNED ".key: expected a signature by one of 1 keys of the policy, got another");
    give_signature(signer, "registry.example/team/other");
    denied(create("signed", "s", NULL, allowed),
           SIGNED ".identity: expected matchRepository of " SIGNED_NAME
                  ":1, got 'registry.example/team/other'");
    give_signature(signer, SIGNED_NAME);
    rig.name = "signed";
    ck_assert_ptr_nonnull(strstr(rig_run("s", NULL, NULL, allowed, &status), "Uid:\t0"));
    ck_assert_uint_eq(status, 0);
    EVP_PKEY_free(other);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod_policy");
    TCase *t = tcase_create("pod_policy");
    rig.measure = measure;
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_the_sandbox_is_the_measured_one);
    tcase_add_test(t, test_volumes_are_the_measured_ones);
    tcase_add_test(t, test_nothing_is_fetched_for_what_is_denied);
    tcase_add_test(t, test_a_key_that_is_not_given_ends_only_this_create);
    tcase_add_test(t, test_an_init_container_comes_first_and_says_nothing);
    tcase_add_test(t, test_the_measured_container_runs_once_at_a_time);
    tcase_add_test(t, test_what_the_host_may_not_choose_is_ours);
    tcase_add_test(t, test_a_user_by_name_is_the_images);
    tcase_add_test(t, test_an_image_by_signature);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
