/* SPDX-License-Identifier: Apache-2.0
 * test_shim_contract.c - what the shim makes of the vectors, the agent takes: both sides of
 * docs/interfaces.md I-10.2, each with its own checks.
 */
#include "shim_host.h"

#include "agent/podspec.h"
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

START_TEST(test_specifications)
{
    static const struct {
        const char *name;
        size_t binds;
        bool privileged, own_pid, read_only;
    } rows[] = {
        {"single-1.6.json", 0, false, true, true},
        {"container-1.7.json", 15, false, true, false},
        {"privileged-2.1.json", 2, true, false, false},
        {"container-crio.json", 4, false, true, false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(shim_spec_done) struct shim_spec s = translated(rows[i].name);
        CL_CLEANUP(agent_podspec_done) struct agent_podspec spec = {0};
        struct cl_err err = {0};
        ck_assert_msg(agent_podspec_parse(s.guest.data, s.guest.len, "/pod/x", &spec, &err) ==
                          CL_OK,
                      "%s: %s", rows[i].name, err.msg);
        ck_assert_uint_eq(spec.bind_count, rows[i].binds);
        ck_assert_int_eq(spec.privileged, rows[i].privileged);
        ck_assert_int_eq(spec.own_pid, rows[i].own_pid);
        ck_assert_int_eq(spec.read_only, rows[i].read_only);
        ck_assert_int_eq(spec.terminal, s.terminal);
    }
}
END_TEST

/* The agent finds each bind's volume by a name that the shim has told. */
START_TEST(test_volumes)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("container-1.7.json");
    CL_CLEANUP(agent_podspec_done) struct agent_podspec spec = {0};
    ck_assert_int_eq(agent_podspec_parse(s.guest.data, s.guest.len, "/pod/x", &spec, NULL), CL_OK);
    for (size_t i = 0; i < spec.bind_count; i++) {
        size_t k = 0;
        while (k < s.volume_count && strcmp(s.volume[k].name, spec.bind[i].volume) != 0) {
            k++;
        }
        ck_assert_msg(k < s.volume_count, "%s", spec.bind[i].volume);
        ck_assert_int_eq(agent_pod_check_volume_name(s.volume[k].name, "name", NULL), CL_OK);
    }
}
END_TEST

START_TEST(test_process_and_resources)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf process = vector("process.json");
    CL_CLEANUP(cl_buf_done) struct cl_buf resources = vector("resources.json");
    CL_CLEANUP(cl_buf_done) struct cl_buf p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf r = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *b = NULL;
    struct cl_err err = {0};
    bool terminal = false;
    ck_assert_int_eq(shim_process_translate(process.data, process.len, &p, NULL), CL_OK);
    ck_assert_msg(agent_podspec_process(p.data, p.len, &a, &terminal, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert(terminal);
    ck_assert_int_eq(shim_resources_translate(resources.data, resources.len, &r, NULL), CL_OK);
    ck_assert_msg(agent_podspec_resources(r.data, r.len, &b, &err) == CL_OK, "%s", err.msg);
}
END_TEST

/* The pod's settings of the kernel. */
START_TEST(test_sysctls)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = translated("sandbox-1.6.json");
    ck_assert_uint_gt(s.sysctl_count, 0);
    for (size_t i = 0; i < s.sysctl_count; i++) {
        ck_assert_int_eq(agent_pod_check_sysctl(s.sysctl[i].name, s.sysctl[i].value, NULL), CL_OK);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_contract");
    TCase *t = tcase_create("both sides");
    tcase_add_test(t, test_specifications);
    tcase_add_test(t, test_volumes);
    tcase_add_test(t, test_process_and_resources);
    tcase_add_test(t, test_sysctls);
    suite_add_tcase(s, t);
    return run_suite(s);
}
