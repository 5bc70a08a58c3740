/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_shim.c - the parts of a translated specification while memory runs out at every point
 * in turn: an error, and never a crash, a leak or half of a part. (Not the parser of JSON, which is
 * not ours and reads past a string for which it had no memory.)
 */
#include "failing_alloc.h"
#include "shim_host.h"
#include "translate_internal.h"

static json_t *config;

typedef enum cl_status (*build_fn)(struct shim_translation *t, json_t **ret, struct cl_err *err);

/* As shim_spec_translate() sets out for a container of the pod of the vectors. */
static enum cl_status build(build_fn part)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = {.kind = SHIM_CONTAINER};
    CL_CLEANUP(cl_json_decrefp) json_t *out = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct shim_translation t = {
        .options = &test_options,
        .host = &test_host,
        .kubelet_root = "/var/lib/kubelet",
        .s = &s,
        .config = config,
        .annotations = json_object_get(config, "annotations"),
        .pod_uid = UID,
    };
    (void)snprintf(s.sandbox_id, sizeof(s.sandbox_id), "%s", SANDBOX);
    enum cl_status st = part(&t, &out, NULL);
    shim_mountinfo_done(&t.mounts);
    return st == CL_OK && out != NULL ? cl_json_compact(out, &text, NULL) : st;
}

static enum cl_status build_mounts(void)
{
    return build(shim_mounts_build);
}

static enum cl_status build_linux(void)
{
    return build(shim_linux_build);
}

static enum cl_status process_of(struct shim_translation *t, json_t **ret, struct cl_err *err)
{
    return shim_process_build(json_object_get(t->config, "process"), ret, err);
}

static enum cl_status build_process(void)
{
    return build(process_of);
}

START_TEST(test_parts)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = vector("container-1.7.json");
    ck_assert_int_eq(shim_document(text.data, text.len, "config.json", &config, NULL), CL_OK);
    failing_alloc_each(build_mounts, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(build_linux, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(build_process, EVERY_ONE_COUNTS, 1);
    cl_json_decrefp(&config);
}
END_TEST

int main(void)
{
    failing_alloc_init();
    Suite *s = suite_create("alloc_shim");
    TCase *t = tcase_create("memory");
    tcase_add_test(t, test_parts);
    suite_add_tcase(s, t);
    return run_suite(s);
}
