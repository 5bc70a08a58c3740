/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_launch.c - the VMM launches TDs on the model of KVM: MRTD is the same in three places,
 * the hand-off blocks are those that `cloister measure tdx` predicts, every failure of the host
 * ends cleanly, and what a TD asks for is answered.
 */
#include "failures.h"
#include "report_tdx.h"
#include "tee_tdx_image.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world w;
static struct tdx_image image;
static char rom_path[128];

/* A ROM with the sections of ours: what it does when it runs is not asked here. */
static void init(void)
{
    world_init_tdx(&w);
    tdx_image_ours(&image);
    (void)snprintf(rom_path, sizeof(rom_path), "%s/rom", w.dir);
    FILE *f = fopen(rom_path, "wb");
    ck_assert(f != NULL && fwrite(image.data, 1, image.size, f) == image.size && fclose(f) == 0);
    w.firmware = rom_path;
}

static void done(void)
{
    (void)unlink(rom_path);
    world_free(&w);
}

static void expect_one_mrtd(void)
{
    uint8_t mrtd[48];
    world_one_digest(&w, mrtd);
}

/* The list that the TD was given has the hash that goes into RTMR0. */
static void expect_hob(void)
{
    struct cl_tdx_measurement m;
    struct cl_tdx_measure_config config = {.firmware = w.firmware,
                                           .kernel = w.kernel,
                                           .cmdline = w.files.cmdline,
                                           .memory = w.cfg.ram_size};
    uint64_t end = 0;
    uint8_t digest[48];
    const uint8_t *list = model_private(world_vm(&w), STAGE0_TD_HOB_GPA);
    ck_assert_ptr_nonnull(list);
    memcpy(&end, list + 48, 8);
    ck_assert(end > STAGE0_TD_HOB_GPA + 8 && end - STAGE0_TD_HOB_GPA <= 4096);
    ck_assert_int_eq(cl_sha384(digest, list, end - STAGE0_TD_HOB_GPA - 8, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_measure(&config, &m, NULL), CL_OK);
    ck_assert_mem_eq(digest, m.hob_sha384, 48);
}

START_TEST(test_our_sections)
{
    const struct model_td_page *page = NULL;
    init();
    w.cfg.cpu_count = (unsigned)_i;
    w.cfg.ram_size = _i % 2 == 0 ? 256u << 20 : (uint64_t)8 << 30;
    world_must_launch(&w);
    expect_one_mrtd();
    expect_hob();
    ck_assert_uint_eq(model_td_trace(world_vm(&w), &page), 16 + 15 + 2 + 1);
    ck_assert_uint_eq(page[33].gpa, 0x10000);
    ck_assert(page[33].extended);
    ck_assert_uint_eq(model_td_extended(world_vm(&w)), 17 * 4096);
    ck_assert_int_eq(model_td_entry_at(world_vm(&w), 0x11000).state, MODEL_SEPT_FREE);
    ck_assert(model_td_entry_at(world_vm(&w), 0x11000).private_attribute);
    ck_assert(!model_td_entry_at(world_vm(&w), STAGE0_WINDOW_GPA).private_attribute);
    done();
}
END_TEST

/* The ROM that was built, which the machine's firmware tests run. */
START_TEST(test_our_firmware)
{
    world_init_tdx(&w);
    w.cfg.cpu_count = (unsigned)_i;
    world_must_launch(&w);
    expect_one_mrtd();
    expect_hob();
    ck_assert_uint_le(model_td_extended(world_vm(&w)), 256u << 10);
    world_free(&w);
}
END_TEST

START_TEST(test_random_configurations)
{
    for (unsigned i = 0; i < 200; i++) {
        init();
        world_randomise(&w, 1 + i, 9000);
        w.cfg.mr_config_id[0] = (uint8_t)i;
        world_must_launch(&w);
        expect_one_mrtd();
        expect_hob();
        done();
    }
}
END_TEST

/* KVM does a few pages at a time, asks for another try, and is short of entropy. */
START_TEST(test_slow_kvm)
{
    init();
    model_update_limit(w.model, 3);
    model_update_eagain(w.model, (unsigned)_i);
    model_tdx_no_entropy(w.model, (unsigned)_i);
    world_must_launch(&w);
    expect_one_mrtd();
    done();
}
END_TEST

START_TEST(test_every_failure)
{
    failures_try(&w, (unsigned)_i, init, done);
}
END_TEST

/* Another machine: config instead of model_config_tdx(). */
static void init_on(const struct model_config *config)
{
    init();
    model_free(w.model);
    w.model = model_new(config);
    ck_assert_ptr_nonnull(w.model);
}

/* What the host has not. */
START_TEST(test_refusals)
{
    struct model_config config = model_config_tdx();
    config.no_tdx = true;
    init_on(&config);
    struct vmm_kvm kvm = {.ops = &kvm_model_ops, .ctx = w.model, .vm_fd = -1};
    struct tee_config tee = {.kvm = &kvm, .cpu_count = 1};
    struct tee *t = NULL;
    kvm.dev_fd = kvm_model_ops.open(w.model, "/dev/kvm");
    ck_assert_int_eq(tee_tdx_ops.open(&tee, &t, &w.err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(w.err.msg, "KVM: expected VMs of type TDX, got a KVM without");
    vmm_kvm_close(&kvm, &kvm.dev_fd);
    done();
}
END_TEST

/* A TD that the host could interrupt at its pages is not started. */
START_TEST(test_no_sept_ve_disable)
{
    struct model_config config = model_config_tdx();
    config.td_attributes = 1u << 30; /* PKS */
    init_on(&config);
    ck_assert_int_eq(world_launch(&w), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(w.err.msg, "TDX: attributes: expected SEPT_VE_DISABLE among those that KVM "
                                "supports, got 0x40000000");
    done();
}
END_TEST

/* Addresses of 48 bits are what ours has, everywhere. */
START_TEST(test_no_five_levels)
{
    struct model_config config = model_config_tdx();
    config.no_ept5 = true;
    init_on(&config);
    world_must_launch(&w);
    expect_one_mrtd();
    done();
}
END_TEST

/* What a verifier will see of the launch (tdx.md a.1: TDINFO at 512), and the messages between our
 * client and a service that another hand wrote from the specification. */
START_TEST(test_report_and_quote)
{
    uint8_t report[MODEL_TDREPORT_SIZE], data[64] = {7}, mrtd[48], other[48];
    uint8_t request[VMM_QGS_REQUEST_SIZE];
    static uint8_t answer[MODEL_QGS_MAX];
    const uint8_t *quote = NULL;
    size_t size = 0;
    struct model_pki pki;
    struct cl_err err = {0};
    init();
    for (size_t i = 0; i < sizeof(w.cfg.mr_config_id); i++) {
        w.cfg.mr_config_id[i] = (uint8_t)(0xA0 + i);
    }
    world_must_launch(&w);
    world_digests(&w, mrtd, other, other);
    ck_assert(model_tdreport(world_vm(&w), data, report));
    ck_assert_mem_eq(report + 512, ((const uint8_t[8]){0, 0, 0, 0x10}), 8); /* ATTRIBUTES */
    ck_assert_mem_eq(report + 512 + 16, mrtd, 48);
    ck_assert_mem_eq(report + 512 + 64, w.cfg.mr_config_id, 48);
    ck_assert(model_pki_make(&pki));
    vmm_qgs_request(request, report);
    size_t total = model_qgs(world_vm(&w), &pki, request, sizeof(request), answer);
    ck_assert_uint_gt(total, 4);
    ck_assert_msg(vmm_qgs_response(answer + 4, total - 4, &quote, &size, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_mem_eq(quote + 48 + 136, mrtd, 48); /* a.4 */
    report[600] ^= 1;                             /* not this machine's */
    vmm_qgs_request(request, report);
    total = model_qgs(world_vm(&w), &pki, request, sizeof(request), answer);
    ck_assert_int_eq(vmm_qgs_response(answer + 4, total - 4, &quote, &size, &err), CL_ERR_REJECTED);
    model_pki_done(&pki);
    done();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_launch");
    TCase *small = tcase_create("small"); /* by name, for run_mutants */
    tcase_add_loop_test(small, test_our_sections, 1, 17);
    tcase_add_loop_test(small, test_our_firmware, 1, 3);
    tcase_add_loop_test(small, test_slow_kvm, 1, 8);
    tcase_add_test(small, test_refusals);
    tcase_add_test(small, test_no_sept_ve_disable);
    tcase_add_test(small, test_no_five_levels);
    tcase_add_test(small, test_report_and_quote);
    suite_add_tcase(s, small);
    TCase *failing = tcase_create("failing");
    tcase_add_loop_test(failing, test_every_failure, 0, (int)failure_count);
    suite_add_tcase(s, failing);
    TCase *large = tcase_create("large");
    tcase_set_tags(large, "costly");
    tcase_add_test(large, test_random_configurations);
    suite_add_tcase(s, large);
    return run_suite(s);
}
