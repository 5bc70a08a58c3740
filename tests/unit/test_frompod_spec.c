/* SPDX-License-Identifier: Apache-2.0
 * test_frompod_spec.c - what kubelet and containerd made of a pod, as the shim hands it on
 * (tests/vectors/shim), is what the policy of its manifest says; and nothing else is.
 */
#include "frompod_world.h"

#include <stdlib.h>

static const char pod[] = "apiVersion: v1\n"
                          "kind: Pod\n"
                          "metadata: {name: web-0}\n"
                          "spec:\n"
                          "  containers:\n"
                          "  - name: app\n"
                          "    image: registry.example/app:1\n"
                          "    volumeMounts:\n"
                          "    - {name: settings, mountPath: /etc/app, readOnly: true}\n"
                          "    - {name: tls, mountPath: /etc/tls}\n"
                          "    - {name: podinfo, mountPath: /etc/podinfo}\n"
                          "    - {name: cache, mountPath: /cache}\n"
                          "    - {name: fast, mountPath: /fast}\n"
                          "    - {name: settings, mountPath: /etc/one.conf, subPath: one.conf}\n"
                          "    - {name: cache, mountPath: /cache/logs, subPath: a b/logs}\n"
                          "    - {name: tls, mountPath: /key.pem, subPath: key.pem}\n"
                          "    volumeDevices: [{name: disk, devicePath: /dev/xvda}]\n"
                          "  volumes:\n"
                          "  - {name: disk, persistentVolumeClaim: {claimName: disk}}\n"
                          "  - {name: settings, configMap: {name: settings}}\n"
                          "  - {name: tls, secret: {secretName: tls}}\n"
                          "  - {name: podinfo, downwardAPI: {}}\n"
                          "  - {name: cache, emptyDir: {}}\n"
                          "  - {name: fast, emptyDir: {medium: Memory}}\n";

static const char privileged[] = "kind: Pod\n"
                                 "spec:\n"
                                 "  shareProcessNamespace: true\n"
                                 "  automountServiceAccountToken: false\n"
                                 "  containers:\n"
                                 "  - name: app\n"
                                 "    image: a\n"
                                 "    command: [dockerd]\n"
                                 "    securityContext: {privileged: true}\n"
                                 "    volumeDevices: [{name: disk, devicePath: /dev/claim}]\n"
                                 "  volumes:\n"
                                 "  - {name: disk, persistentVolumeClaim: {claimName: disk}}\n";

static struct world w;
static struct cl_pod_policy *policy;
static uint8_t manifest[CL_SHA256_SIZE];

static void make(const char *yaml)
{
    struct cl_buf text = {0};
    world_init(&w);
    cl_strv_done(&w.config.cmd);
    w.config.cmd = (struct cl_strv){0};
    world_add(&w.config.volumes, "/data");
    ck_assert_msg(world_make(&w, yaml, &text) == CL_OK, "%s", w.err.msg);
    ck_assert_int_eq(cl_pod_policy_parse(text.data, text.len, &policy, &w.err), CL_OK);
    cl_buf_done(&text);
    memset(manifest, 0x11, sizeof(manifest));
}

static void done(void)
{
    cl_pod_policy_freep(&policy);
    world_done(&w);
}

static json_t *vector(const char *name)
{
    char path[512];
    json_t *spec = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", SHIM_VECTORS, name);
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &spec, &w.err), CL_OK);
    return spec;
}

static enum cl_status check(const json_t *spec)
{
    w.err = (struct cl_err){0};
    return cl_pod_policy_create(&policy->containers[0], manifest, spec, &w.err);
}

START_TEST(test_containerd_1_7)
{
    make(pod);
    json_t *spec = vector("container-1.7.guest.json");
    ck_assert_msg(check(spec) == CL_OK, "%s", w.err.msg);
    json_decref(spec);
    done();
}
END_TEST

START_TEST(test_privileged)
{
    make(privileged);
    json_t *spec = vector("privileged-2.1.guest.json");
    /* What the vector was cut down to is not all that Linux has. */
    size_t count = policy->containers[0].capabilities.count;
    policy->containers[0].capabilities.count = 0;
    json_t *caps = json_object_get(json_object_get(spec, "process"), "capabilities");
    (void)json_array_clear(json_object_get(caps, "bounding"));
    (void)json_array_clear(json_object_get(caps, "effective"));
    (void)json_array_clear(json_object_get(caps, "permitted"));
    ck_assert_msg(check(spec) == CL_OK, "%s", w.err.msg);
    policy->containers[0].capabilities.count = count;
    json_decref(spec);
    done();
}
END_TEST

START_TEST(test_every_volume_that_the_shim_makes)
{
    static const struct {
        const char *name;
        enum cl_pod_kind kind;
    } t[] = {
        {"settings", CL_POD_FILES},
        {"tls", CL_POD_FILES},
        {"podinfo", CL_POD_FILES},
        {"cache", CL_POD_SCRATCH},
        {"fast", CL_POD_MEMORY},
        {"kube-api-access-x2k9f", CL_POD_FILES},
        {"etc_hosts", CL_POD_FILES},
        {"etc_hostname", CL_POD_FILES},
        {"etc_resolv.conf", CL_POD_FILES},
        {"dev_shm", CL_POD_SHM},
        {"result_33dd7d3846e1af2e", CL_POD_SCRATCH},
        {"image_b81132642a484624", CL_POD_SCRATCH},
    };
    make(pod);
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_msg(cl_pod_policy_volume(policy, t[i].name, (int)t[i].kind, &w.err) == CL_OK,
                      "%s", w.err.msg);
    }
    ck_assert_int_eq(cl_pod_policy_volume(policy, "cache", CL_POD_FILES, &w.err), CL_ERR_REJECTED);
    ck_assert_int_eq(cl_pod_policy_put(policy, "result_1", &w.err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_get(policy, "result_1", &w.err), CL_OK);
    ck_assert_int_eq(cl_pod_policy_put(policy, "cache", &w.err), CL_ERR_REJECTED);
    ck_assert_int_eq(cl_pod_policy_get(policy, "settings", &w.err), CL_ERR_REJECTED);
    done();
}
END_TEST

/* The host changes one thing. */
START_TEST(test_changes)
{
    static const struct {
        const char *path[3]; /* NULL-terminated members; the last one is set */
        const char *json;
    } t[] = {
        {{"process", "args", NULL}, "[\"/bin/sh\"]"},
        {{"process", "env", NULL}, "[\"PATH=/evil\", \"HOSTNAME=web-0\"]"},
        {{"process", "env", NULL}, "[\"PATH=/bin\", \"HOSTNAME=web-0\", \"LD_PRELOAD=/x\"]"},
        {{"process", "cwd", NULL}, "\"/tmp\""},
        {{"process", "user", NULL}, "{\"uid\": 1, \"gid\": 0}"},
        {{"process", "terminal", NULL}, "true"},
        {{"root", "readonly", NULL}, "true"},
        {{"annotations", NULL, NULL}, "{\"dev.cloister.privileged\": \"true\"}"},
        {{"mounts", NULL, NULL}, "[]"},
    };
    make(pod);
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        json_t *spec = vector("container-1.7.guest.json");
        json_t *at = t[i].path[1] != NULL ? json_object_get(spec, t[i].path[0]) : spec;
        const char *last = t[i].path[1] != NULL ? t[i].path[1] : t[i].path[0];
        json_t *value = json_loads(t[i].json, JSON_DECODE_ANY, NULL);
        ck_assert_int_eq(json_object_set_new(at, last, value), 0);
        ck_assert_msg(check(spec) == CL_ERR_REJECTED, "%s: %s", last, w.err.msg);
        json_decref(spec);
    }
    json_t *spec = vector("container-1.7.guest.json");
    manifest[0] ^= 1;
    ck_assert_int_eq(check(spec), CL_ERR_REJECTED);
    json_decref(spec);
    done();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frompod_spec");
    TCase *t = tcase_create("frompod_spec");
    tcase_add_test(t, test_containerd_1_7);
    tcase_add_test(t, test_privileged);
    tcase_add_test(t, test_every_volume_that_the_shim_makes);
    tcase_add_test(t, test_changes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
