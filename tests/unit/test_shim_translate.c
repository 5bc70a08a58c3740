/* SPDX-License-Identifier: Apache-2.0
 * test_shim_translate.c - specifications as containerd 1.6, 1.7, 2.1 and CRI-O write them, for the
 * guest; and what the shim is told beside it.
 */
#include "shim_host.h"

#include "base/json.h"

static struct shim_spec translated(const char *name)
{
    struct shim_spec s;
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf config = vector(name);
    ck_assert_msg(shim_spec_translate(config.data, config.len, &test_options, &s, &err) == CL_OK,
                  "%s: %s", name, err.msg);
    return s;
}

/* The guest's specification is the one beside the vector, NAME.guest.json. */
static void same_guest(const char *name, const struct cl_buf *guest)
{
    char path[64];
    json_t *got = NULL;
    json_t *want = NULL;
    struct cl_err err = {0};
    (void)snprintf(path, sizeof(path), "%.*s.guest.json", (int)(strlen(name) - 5), name);
    CL_CLEANUP(cl_buf_done) struct cl_buf text = vector(path);
    ck_assert_msg(cl_json_parse(guest->data, guest->len, name, &got, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(cl_json_parse(text.data, text.len, path, &want, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(json_equal(got, want), "%s: got %s", name, (const char *)guest->data);
    json_decref(got);
    json_decref(want);
}

static const struct shim_volume *volume(const struct shim_spec *s, const char *name)
{
    for (size_t i = 0; i < s->volume_count; i++) {
        if (strcmp(s->volume[i].name, name) == 0) {
            return &s->volume[i];
        }
    }
    ck_abort_msg("no volume %s", name);
    return NULL;
}

static void volume_is(const struct shim_spec *s, const char *name, enum shim_volume_kind kind,
                      const char *path, bool watch, bool read_only, uint64_t size)
{
    const struct shim_volume *v = volume(s, name);
    ck_assert_int_eq(v->kind, kind);
    ck_assert_pstr_eq(v->host_path, path);
    ck_assert_int_eq(v->watch, watch);
    ck_assert_int_eq(v->read_only, read_only);
    ck_assert_uint_eq(v->size, size);
}

START_TEST(test_single_of_ctr)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("single-1.6.json");
    same_guest("single-1.6.json", &s.guest);
    ck_assert_int_eq(s.kind, SHIM_SINGLE);
    ck_assert_str_eq(s.sandbox_id, "");
    ck_assert_str_eq(s.name, "");
    ck_assert_str_eq(s.hostname, "alone");
    ck_assert_ptr_null(s.netns);
    ck_assert_ptr_null(s.image_name);
    ck_assert(s.terminal);
    ck_assert_uint_eq(s.rows, 24);
    ck_assert_uint_eq(s.cols, 80);
    ck_assert_uint_eq(s.cpus, 2);
    ck_assert_uint_eq(s.memory, 268435456);
    ck_assert_str_eq(s.cgroup_path, "/default/one");
    ck_assert_uint_eq(s.sysctl_count, 1);
    ck_assert_str_eq(s.sysctl[0].name, "net.ipv4.ip_forward");
    ck_assert_str_eq(s.sysctl[0].value, "1");
    ck_assert_uint_eq(s.volume_count, 0);
}
END_TEST

START_TEST(test_sandbox_of_cri)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("sandbox-1.6.json");
    ck_assert_int_eq(s.kind, SHIM_SANDBOX);
    ck_assert_uint_eq(s.guest.len, 0);
    ck_assert_uint_eq(s.volume_count, 0);
    ck_assert_str_eq(s.sandbox_id, "");
    ck_assert_str_eq(s.hostname, "web-0");
    ck_assert_str_eq(s.netns, "/var/run/netns/cni-6d1e6a4c");
    ck_assert_uint_eq(s.cpus, 3);
    ck_assert_uint_eq(s.memory, 536870912);
    ck_assert_str_eq(s.initdata, "aW5pdGRhdGE=");
    ck_assert_str_eq(s.cgroup_path, "/kubepods/burstable/pod" UID "/" SANDBOX);
    ck_assert_uint_eq(s.sysctl_count, 2);
    ck_assert_str_eq(s.sysctl[0].name, "net.ipv4.ping_group_range");
    ck_assert_str_eq(s.sysctl[0].value, "0 2147483647");
}
END_TEST

START_TEST(test_container_of_cri)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("container-1.7.json");
    same_guest("container-1.7.json", &s.guest);
    ck_assert_int_eq(s.kind, SHIM_CONTAINER);
    ck_assert_str_eq(s.sandbox_id, SANDBOX);
    ck_assert_str_eq(s.name, "app");
    ck_assert_str_eq(s.image_name, "registry.example/app:1");
    ck_assert_str_eq(s.hostname, "");
    ck_assert(!s.share_processes);
    ck_assert_uint_eq(s.cpus, 0);
    ck_assert_uint_eq(s.volume_count, 13);
    volume_is(&s, "settings", SHIM_VOLUME_FILES, POD "/volumes/kubernetes.io~configmap/settings",
              true, true, 0);
    volume_is(&s, "tls", SHIM_VOLUME_FILES, POD "/volumes/kubernetes.io~secret/tls", true, true, 0);
    volume_is(&s, "kube-api-access-x2k9f", SHIM_VOLUME_FILES,
              POD "/volumes/kubernetes.io~projected/kube-api-access-x2k9f", true, true, 0);
    volume_is(&s, "podinfo", SHIM_VOLUME_FILES, POD "/volumes/kubernetes.io~downward-api/podinfo",
              true, true, 0);
    volume_is(&s, "cache", SHIM_VOLUME_SCRATCH, NULL, false, false, 0);
    volume_is(&s, "fast", SHIM_VOLUME_MEMORY, NULL, false, false, 32768u << 10);
    volume_is(&s, "etc_hosts", SHIM_VOLUME_FILES, POD "/etc-hosts", false, true, 0);
    volume_is(&s, "etc_hostname", SHIM_VOLUME_FILES,
              "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" SANDBOX "/hostname", false,
              true, 0);
    volume_is(&s, "dev_shm", SHIM_VOLUME_SHM, NULL, false, false, 64u << 20);
    volume_is(&s, "block_259_3", SHIM_VOLUME_BLOCK, "/dev/block/259:3", false, true, 0);
}
END_TEST

START_TEST(test_result_and_image_volumes)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("container-1.7.json");
    size_t results = 0;
    size_t images = 0;
    for (size_t i = 0; i < s.volume_count; i++) {
        if (s.volume[i].kind == SHIM_VOLUME_RESULT) {
            ck_assert_str_eq(s.volume[i].host_path, POD "/containers/app/9f0c1d2e");
            ck_assert_int_eq(strncmp(s.volume[i].name, "result_", 7), 0);
            ck_assert(s.volume[i].transient);
            results++;
        }
        images += strncmp(s.volume[i].name, "image_", 6) == 0 &&
                  s.volume[i].kind == SHIM_VOLUME_SCRATCH && s.volume[i].host_path == NULL;
    }
    ck_assert_uint_eq(results, 1);
    ck_assert_uint_eq(images, 1);
}
END_TEST

/* The host's devices are not the container's, but a claim of the pod's is. */
START_TEST(test_privileged_is_of_the_guest)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("privileged-2.1.json");
    same_guest("privileged-2.1.json", &s.guest);
    ck_assert(s.share_processes);
    ck_assert_uint_eq(s.volume_count, 3);
    volume_is(&s, "block_8_16", SHIM_VOLUME_BLOCK, "/dev/block/8:16", false, false, 0);
}
END_TEST

START_TEST(test_sandbox_of_crio)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("sandbox-crio.json");
    ck_assert_int_eq(s.kind, SHIM_SANDBOX);
    ck_assert_str_eq(s.netns, "/var/run/netns/1f0e");
    ck_assert_uint_eq(s.cpus, 1);
    ck_assert_uint_eq(s.memory, 134217728);
    ck_assert_str_eq(s.initdata, "a2F0YQ==");
}
END_TEST

START_TEST(test_container_of_crio)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("container-crio.json");
    same_guest("container-crio.json", &s.guest);
    ck_assert_str_eq(s.name, "app");
    ck_assert_str_eq(s.image_name, "registry.example/app:1");
    ck_assert_str_eq(s.sandbox_id, SANDBOX);
    ck_assert_uint_eq(s.volume_count, 4);
    volume_is(&s, "dev_shm", SHIM_VOLUME_SHM, NULL, false, false, 64u << 20);
}
END_TEST

START_TEST(test_process_of_exec)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = vector("process.json");
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    ck_assert_msg(shim_process_translate(in.data, in.len, &out, &err) == CL_OK, "%s", err.msg);
    same_guest("process.json", &out);
}
END_TEST

START_TEST(test_resources_of_update)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = vector("resources.json");
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    ck_assert_msg(shim_resources_translate(in.data, in.len, &out, &err) == CL_OK, "%s", err.msg);
    same_guest("resources.json", &out);
}
END_TEST

/* The same volume has the same name in each container, whatever piece of it is mounted. */
START_TEST(test_names_are_stable)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec a = translated("container-1.7.json");
    CL_CLEANUP(shim_spec_done) struct shim_spec b = translated("privileged-2.1.json");
    for (size_t i = 0; i < b.volume_count; i++) {
        if (b.volume[i].kind != SHIM_VOLUME_BLOCK) {
            ck_assert_int_eq(volume(&a, b.volume[i].name)->kind, b.volume[i].kind);
        }
    }
}
END_TEST

/* What this machine's containerd writes of its own accord, if there is one. */
START_TEST(test_default_of_ctr)
{
    FILE *p = popen("ctr oci spec 2>/dev/null", "r");
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_err err = {0};
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(cl_buf_read_fd(&text, fileno(p), SHIM_SPEC_MAX, NULL), CL_OK);
    if (pclose(p) != 0 || text.len == 0) {
        printf("SKIPPED: no ctr on this machine\n");
        return;
    }
    /* It names no program yet: an image does that. */
    json_t *config = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf whole = {0};
    CL_CLEANUP(shim_spec_done) struct shim_spec s = {0};
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "ctr", &config, &err), CL_OK);
    ck_assert_int_eq(json_object_set_new(json_object_get(config, "process"), "args",
                                         json_pack("[s]", "/bin/sh")),
                     0);
    ck_assert_int_eq(cl_json_compact(config, &whole, &err), CL_OK);
    json_decref(config);
    ck_assert_msg(shim_spec_translate(whole.data, whole.len, NULL, &s, &err) == CL_OK, "%s",
                  err.msg);
    same_guest("ctr-default.json", &s.guest);
    ck_assert_int_eq(s.kind, SHIM_SINGLE);
    ck_assert_uint_eq(s.volume_count, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_translate");
    TCase *t = tcase_create("specifications");
    tcase_add_test(t, test_single_of_ctr);
    tcase_add_test(t, test_sandbox_of_cri);
    tcase_add_test(t, test_container_of_cri);
    tcase_add_test(t, test_result_and_image_volumes);
    tcase_add_test(t, test_privileged_is_of_the_guest);
    tcase_add_test(t, test_sandbox_of_crio);
    tcase_add_test(t, test_container_of_crio);
    tcase_add_test(t, test_process_of_exec);
    tcase_add_test(t, test_resources_of_update);
    tcase_add_test(t, test_names_are_stable);
    tcase_add_test(t, test_default_of_ctr);
    suite_add_tcase(s, t);
    return run_suite(s);
}
