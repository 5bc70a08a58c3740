/* SPDX-License-Identifier: Apache-2.0
 * test_node_plan.c - `upgrade --plan` says what `cloister measure` says, for each number of CPUs.
 */
#include "node_world.h"
#include "snp_image.h"

#include "shim/config.h"

#include "cloister/snp_measure.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <stdio.h>

static void expect_digest(const struct cl_snp_measure_config *c, const json_t *entry)
{
    struct cl_snp_measurement m;
    char hex[2 * CL_SNP_LD_SIZE + 1];
    ck_assert_int_eq(cl_snp_measure(c, &m, NULL), CL_OK);
    cl_hex(hex, m.digest, sizeof(m.digest));
    ck_assert_str_eq(json_string_value(json_object_get(entry, "class")), "sim-snp");
    ck_assert_int_eq(json_integer_value(json_object_get(entry, "cpus")), c->cpus);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "measurement")), hex);
}

START_TEST(test_plan_is_what_measure_says)
{
    static struct image image;
    struct node_world w;
    char path[4][128];
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    node_world_init(&w, NULL, "1.6.20");
    static const char *const names[] = {"stage0.bin", "vmlinuz", "initrd.img"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s/guest/%s", w.payload[0], names[i]);
    }
    make_image(&image);
    ck_assert_int_eq(cl_write_file(path[0], image.data, image.size, 0644, NULL), CL_OK);
    ck_assert_msg(node_plan(&w.o, &doc, &hint, &err) == CL_OK, "%s", err.msg);
    const json_t *digests = json_object_get(doc, "digests");
    ck_assert_uint_eq(json_array_size(digests), SHIM_CPUS_MAX);
    for (uint32_t i = 0; i < SHIM_CPUS_MAX; i++) {
        const struct cl_snp_measure_config c = {.firmware = path[0],
                                                .kernel = path[1],
                                                .initrd = path[2],
                                                .cmdline = "guest/guest.cmdline of 0",
                                                .cpus = i + 1,
                                                .vcpu_sig = 0x00A00F11, /* EPYC-Milan */
                                                .guest_features = 1,
                                                .vmm = CL_SNP_VMM_CLOISTER};
        expect_digest(&c, json_array_get(digests, i));
    }
    json_decref(doc);
    node_world_done(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_plan");
    TCase *t = tcase_create("plan");
    tcase_add_test(t, test_plan_is_what_measure_says);
    suite_add_tcase(s, t);
    return run_suite(s);
}
