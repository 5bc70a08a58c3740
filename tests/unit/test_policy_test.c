/* SPDX-License-Identifier: Apache-2.0
 * test_policy_test.c - what a policy says to the requests of a pod before there is a guest, and who
 * signs its images.
 */
#include "frompod_world.h"

#include "imagesig_world.h"
#include "policy_load.h"
#include "policy_test.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/image_signature.h"

#include <stdlib.h>
#include <unistd.h>

static struct world w;
static struct cl_err err;

static void setup(void)
{
    world_init(&w);
}

static void teardown(void)
{
    world_done(&w);
}

static struct cl_pod_policy *parse(const struct cl_buf *text)
{
    struct cl_pod_policy *p = NULL;
    enum cl_status st = cl_pod_policy_parse(text->data, text->len, &p, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    return p;
}

static struct cl_pod_policy *from_pod(const char *yaml)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_msg(world_make(&w, yaml, &text) == CL_OK, "%s", w.err.msg);
    return parse(&text);
}

#define APP(sandbox, container)                                                                    \
    "kind: Pod\nmetadata: {name: web-0}\nspec: {" sandbox                                          \
    "containers: [{name: app, image: 'registry.example/app:1'" container "}]}\n"
#define VOLUMES "volumes: [{name: c, emptyDir: {}}, {name: s, configMap: {name: s}}], "
#define FULL                                                                                       \
    APP(VOLUMES, ", env: [{name: A, value: b}], "                                                  \
                 "volumeMounts: [{name: c, mountPath: /c}, {name: s, mountPath: /s}], "            \
                 "livenessProbe: {exec: {command: [/check]}}")

/* The one request that is denied, by its reason; none: NULL. */
static void expect(const char *policy_yaml, const char *pod_yaml, const char *request,
                   const char *decides, const char *reason)
{
    CL_CLEANUP(cl_json_decrefp) json_t *lines = NULL;
    struct cl_pod_policy *policy = from_pod(policy_yaml);
    struct cl_pod_policy *pod = from_pod(pod_yaml);
    bool allowed = false;
    bool found = false;
    size_t i = 0;
    json_t *line = NULL;
    ck_assert_int_eq(policy_test(policy, pod, &lines, &allowed, &err), CL_OK);
    json_array_foreach(lines, i, line)
    {
        const char *got = json_string_value(json_object_get(line, "reason"));
        if (json_is_true(json_object_get(line, "allowed"))) {
            ck_assert_msg(strcmp(got, "") == 0 || strncmp(got, "if ", 3) == 0, "%s", got);
            continue;
        }
        ck_assert_msg(reason != NULL, "%s", got);
        found =
            found || (strcmp(json_string_value(json_object_get(line, "request")), request) == 0 &&
                      strcmp(json_string_value(json_object_get(line, "decides")), decides) == 0 &&
                      strcmp(got, reason) == 0);
        if (!found) {
            (void)printf("# %s\n", got);
        }
    }
    ck_assert_msg(allowed == (reason == NULL), "%s", reason != NULL ? reason : "");
    ck_assert_msg(found || reason == NULL, "%s", reason);
    cl_pod_policy_free(policy);
    cl_pod_policy_free(pod);
}

START_TEST(test_a_pod_is_allowed_by_its_own_policy)
{
    expect(FULL, FULL, NULL, NULL, NULL);
    expect(
        APP("shareProcessNamespace: true, securityContext: {sysctls: [{name: net.core.somaxconn, "
            "value: '9'}]}, ",
            ", tty: true, securityContext: {privileged: true}"),
        APP("shareProcessNamespace: true, securityContext: {sysctls: [{name: net.core.somaxconn, "
            "value: '9'}]}, ",
            ", tty: true, securityContext: {privileged: true}"),
        NULL, NULL, NULL);
    expect(APP("volumes: [{name: d, persistentVolumeClaim: {claimName: d}}], ",
               ", volumeDevices: [{name: d, devicePath: /dev/x}]"),
           APP("volumes: [{name: d, persistentVolumeClaim: {claimName: d}}], ",
               ", volumeDevices: [{name: d, devicePath: /dev/x}]"),
           NULL, NULL, NULL);
    cl_strv_done(&w.config.volumes);
    world_add(&w.config.volumes, "/v1");
    world_add(&w.config.volumes, "/v2");
    expect(FULL, FULL, NULL, NULL, NULL);
}
END_TEST

START_TEST(test_what_is_denied_is_named)
{
    expect(FULL, APP("hostname: other, ", ""), "sandbox", "sandbox: hostname",
           "sandbox: hostname: expected 'web-0', got 'other'");
    expect(APP("", ""), FULL, "volume", "volumes",
           "volumes: expected one of 6 of the policy, got 'c'");
    expect(APP("", ""), APP("", ", args: [x]"), "create", "containers[app]: args[1]",
           "containers[app]: args[1]: expected 'serve', got 'x'");
    expect(APP("", ""), APP("", ", env: [{name: A, value: b}]"), "create", "containers[app]: env",
           "containers[app]: env: expected no A, got 'A=b'");
    expect(APP("", ""), APP("", ", env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]"),
           "create", "containers[app]: env", "containers[app]: env: expected no A, got 'A=value'");
    expect(APP("enableServiceLinks: false, ", ""), APP("", ", workingDir: /w"), "create",
           "containers[app]: cwd", "containers[app]: cwd: expected '/', got '/w'");
    expect(APP("", ""), APP("", ", securityContext: {privileged: true}"), "create",
           "containers[app]: capabilities: bounding",
           "containers[app]: capabilities: bounding: expected no CAP_DAC_READ_SEARCH, got it");
    expect(APP("", ""), APP("", ", livenessProbe: {exec: {command: [/check]}}"), "exec",
           "containers[app]: exec", "containers[app]: exec: expected none, got [\"/check\"]");
    expect(APP("", ""),
           "kind: Pod\nmetadata: {name: web-0}\nspec: {containers: [{name: other, image: a}]}\n",
           "create", "containers", "containers: expected one of 1 of the policy, got 'other'");
}
END_TEST

START_TEST(test_users)
{
    w.config.user = strdup("app");
    expect(APP("", ""), APP("", ""), NULL, NULL, NULL);
    expect(APP("", ", securityContext: {runAsUser: 5, runAsGroup: 6}"), APP("", ""), NULL, NULL,
           NULL);
    expect(APP("", ""), APP("", ", securityContext: {runAsUser: 5, runAsGroup: 6}"), "create",
           "containers[app]: user: name",
           "containers[app]: user: name: expected 'app', got user 5, group 6");
    expect(APP("", ""), APP("", ", securityContext: {runAsGroup: 6}"), "create",
           "containers[app]: user: name",
           "containers[app]: user: name: expected 'app', got 'app:6'");
}
END_TEST

/* --- signatures ------------------------------------------------------------------------------- */

static struct cl_strv keys;
static struct cl_strv rings;

static void use_key(const char *prefix)
{
    EVP_PKEY *key = sig_key("P-256");
    char *pem = sig_pem(key);
    char text[2048];
    (void)snprintf(text, sizeof(text), "%s%s", prefix, pem);
    world_add(&keys, text);
    w.options.signature_keys = &keys;
    free(pem);
    EVP_PKEY_free(key);
}

static void use_ring(void)
{
    EVP_PKEY *key = sig_key("P-256");
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    sig_pgp_ring(&(struct sig_pgp){.key = key}, &ring);
    ck_assert_int_eq(cl_b64_encode(&text, ring.data, ring.len, NULL), CL_OK);
    world_add(&rings, (const char *)text.data);
    w.options.signature_rings = &rings;
    EVP_PKEY_free(key);
}

START_TEST(test_an_image_by_signature)
{
    use_key("");
    use_key("app:");
    struct cl_pod_policy *p = from_pod(APP("", ""));
    const struct cl_image_rule *rule = p->containers[0].rule;
    ck_assert_ptr_nonnull(rule);
    ck_assert_str_eq(cl_image_rule_reference(rule), "registry.example/app:1");
    CL_CLEANUP(cl_json_decrefp) json_t *d = cl_image_rule_describe(rule);
    ck_assert_uint_eq(json_array_size(json_object_get(d, "keys")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(d, "identity"), "type")),
                     "matchRepository");
    cl_pod_policy_free(p);
    expect(APP("", ""), APP("", ""), NULL, NULL, NULL);
    w.options.signature_identity = "{\"type\":\"exactRepository\",\"dockerRepository\":\"h.io/x\"}";
    cl_pod_policy_free(from_pod(APP("", "")));
    w.options.signature_identity = "matchAll";
    world_refused(&w, APP("", ""), CL_ERR_MALFORMED,
                  "pod policy: containers[app]: image: signature: identity: type: expected a "
                  "signedIdentity of containers-policy.json, got 'matchAll'");
}
END_TEST

START_TEST(test_a_key_ring)
{
    use_ring();
    struct cl_pod_policy *p = from_pod(APP("", ""));
    ck_assert_int_eq(cl_image_rule_type(p->containers[0].rule), CL_IMAGE_SIG_SIMPLE);
    cl_pod_policy_free(p);
    use_ring();
    world_refused(&w, APP("", ""), CL_ERR_REJECTED,
                  "container 'app': image 'registry.example/app:1': expected keys or one key ring, "
                  "got 0 and 2");
}
END_TEST

START_TEST(test_a_key_for_nobody)
{
    use_key("other:");
    world_refused(
        &w, APP("", ""), CL_ERR_REJECTED,
        "--signature-key 'other:-----BEGIN PUBLIC KEY-----': expected a container of that "
        "name, got none");
}
END_TEST

START_TEST(test_in_words_and_compared)
{
    char path[] = "/tmp/cl-policy-XXXXXX";
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(policy_file_done) struct policy_file a = {0};
    CL_CLEANUP(policy_file_done) struct policy_file b = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *lines = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *differences = NULL;
    w.config.user = strdup("app");
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? mkstemp(path) : 0;
        ck_assert_int_ge(fd, 0);
        cl_buf_reset(&text);
        use_key("");
        ck_assert_int_eq(world_make(&w, APP("", ""), &text), CL_OK);
        ck_assert_int_eq(cl_write_file(path, text.data, text.len, 0600, &err), CL_OK);
        ck_assert_int_eq(policy_file_load(path, i == 0 ? &a : &b, &err), CL_OK);
    }
    (void)unlink(path);
    ck_assert_int_eq(policy_explain(&a, &lines, &err), CL_OK);
    char *all = json_dumps(lines, 0);
    ck_assert_ptr_nonnull(
        strstr(all, "image: any that is signed (cosign), of any age, every layer"));
    ck_assert_ptr_nonnull(strstr(all, "image, its name: \\\"registry.example/app:1\\\""));
    ck_assert_ptr_nonnull(strstr(all, "as: user app, as etc/passwd and etc/group of the image"));
    free(all);
    ck_assert_int_eq(policy_diff(&a, &b, &differences, &err), CL_OK);
    ck_assert_uint_ge(json_array_size(differences), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy_test");
    TCase *t = tcase_create("policy_test");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_a_pod_is_allowed_by_its_own_policy);
    tcase_add_test(t, test_what_is_denied_is_named);
    tcase_add_test(t, test_users);
    tcase_add_test(t, test_an_image_by_signature);
    tcase_add_test(t, test_a_key_ring);
    tcase_add_test(t, test_a_key_for_nobody);
    tcase_add_test(t, test_in_words_and_compared);
    suite_add_tcase(s, t);
    return run_suite(s);
}
