/* SPDX-License-Identifier: Apache-2.0
 * test_snp_launch.c - the VMM launches SNP guests on the model of KVM: the digest is the same in
 * four places, and every failure of the host ends cleanly.
 */
#include "base/encode.h"
#include "cloister/snp_idblock.h"
#include "failures.h"
#include "report.h"
#include "shared_vectors.h"
#include "world.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world w;

static void init(void)
{
    world_init(&w);
}

static void done(void)
{
    world_free(&w);
}

static void expect_one_digest(const char *golden)
{
    uint8_t digest[48];
    world_one_digest(&w, digest);
    if (golden != NULL) {
        char hex[97];
        cl_hex(hex, digest, 48);
        ck_assert_str_eq(hex, golden);
    }
}

/* snp.md c.6: the image of 64 KiB, as sev-snp-measure 0.0.13 has it. */
static const struct {
    unsigned cpus;
    uint32_t sig;
    bool initrd;
    const char *cmdline;
} golden[] = {
    {1, 0x800f12, false, ""},
    {1, 0x800f12, true, ""},
    {1, 0x800f12, true, "console=ttyS0 panic=-1"},
    {4, 0xa10f10, true, "console=ttyS0 panic=-1"},
};

/* What expected.json has for that case. */
static char *golden_digest(unsigned cpus, uint32_t sig, bool initrd, const char *cmdline)
{
    char path[1024];
    json_error_t e;
    shared_path(path, "snp/launch/expected.json");
    json_t *root = json_load_file(path, 0, &e);
    ck_assert_ptr_nonnull(root);
    char *found = NULL;
    size_t i = 0;
    json_t *c = NULL;
    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        const char *image = json_string_value(json_object_get(c, "image"));
        const char *text = json_string_value(json_object_get(c, "sig"));
        const char *append = json_string_value(json_object_get(c, "append"));
        if (strcmp(image, "fw-e-64k") == 0 && strtoul(text, NULL, 16) == sig &&
            json_integer_value(json_object_get(c, "vcpus")) == (json_int_t)cpus &&
            json_is_string(json_object_get(c, "kernel")) &&
            json_is_string(json_object_get(c, "initrd")) == initrd &&
            strcmp(append != NULL ? append : "", cmdline) == 0) {
            found = strdup(json_string_value(json_object_get(c, "digest")));
        }
    }
    json_decref(root);
    ck_assert_ptr_nonnull(found);
    return found;
}

START_TEST(test_golden_image)
{
    char firmware[1024], kernel[1024], initrd[1024];
    if (!shared_available("snp/launch")) {
        return;
    }
    shared_path(firmware, "snp/launch/fw-e-64k.bin");
    shared_path(kernel, "snp/launch/kernel.bin");
    shared_path(initrd, "snp/launch/initrd.bin");
    world_init(&w);
    w.cfg.cpu_count = golden[_i].cpus;
    w.cfg.cpu_sig = golden[_i].sig;
    (void)snprintf(w.files.cmdline, sizeof(w.files.cmdline), "%s", golden[_i].cmdline);
    world_use(&w, firmware, kernel, golden[_i].initrd ? initrd : "");
    world_must_launch(&w);
    char *want =
        golden_digest(golden[_i].cpus, golden[_i].sig, golden[_i].initrd, golden[_i].cmdline);
    expect_one_digest(want);
    free(want);
    world_free(&w);
}
END_TEST

START_TEST(test_our_firmware)
{
    world_init(&w);
    w.cfg.cpu_count = (unsigned)_i;
    w.cfg.ram_size = _i % 2 == 0 ? 256u << 20 : (uint64_t)8 << 30;
    memset(w.cfg.host_data, _i, sizeof(w.cfg.host_data));
    world_must_launch(&w);
    expect_one_digest(NULL);
    ck_assert_uint_le(model_measured_bytes(world_vm(&w)), 256u << 10);
    world_free(&w);
}
END_TEST

START_TEST(test_random_configurations)
{
    for (unsigned i = 0; i < 200; i++) {
        world_init(&w);
        world_randomise(&w, 1 + i, i % 20 == 0 ? 3000000 : 9000);
        w.cfg.host_data[0] = (uint8_t)i;
        world_must_launch(&w);
        expect_one_digest(NULL);
        world_free(&w);
    }
}
END_TEST

/* KVM does a few pages at a time, and asks for another try. */
START_TEST(test_slow_kvm)
{
    world_init(&w);
    model_update_limit(w.model, 3);
    model_update_eagain(w.model, (unsigned)_i);
    world_must_launch(&w);
    expect_one_digest(NULL);
    world_free(&w);
}
END_TEST

START_TEST(test_every_failure)
{
    failures_try(&w, (unsigned)_i, init, done);
}
END_TEST

/* What the host has not, or the processor's firmware does not take. */
START_TEST(test_refusals)
{
    struct model_config config = model_config_default();
    world_init(&w);
    model_free(w.model);
    config.no_snp = true;
    w.model = model_new(&config);
    struct vmm_kvm kvm = {.ops = &kvm_model_ops, .ctx = w.model, .vm_fd = -1};
    struct tee_config tee = {.kvm = &kvm, .cpu_count = 1};
    struct tee *t = NULL;
    kvm.dev_fd = kvm_model_ops.open(w.model, "/dev/kvm");
    ck_assert_int_eq(tee_snp_ops.open(&tee, &t, &w.err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(w.err.msg, "KVM: expected VMs of type SEV-SNP, got a KVM without");
    vmm_kvm_close(&kvm, &kvm.dev_fd);
    world_free(&w);

    world_init(&w);
    ck_assert_int_eq(cl_buf_append(&w.files.id_block, (uint8_t[96]){0}, 96, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&w.files.id_auth, (uint8_t[4096]){0}, 4096, NULL), CL_OK);
    ck_assert_int_eq(world_launch(&w), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(w.err.msg, "SNP_LAUNCH_FINISH: the security processor answered"));
    world_free(&w);
}
END_TEST

/* The launch that follows will have this digest: two launches of the same make the ID block. */
static void bind_id_block(EVP_PKEY *key, bool author)
{
    struct cl_snp_id_block id = {.guest_svn = 7, .policy = TEE_SNP_POLICY};
    uint8_t block[CL_SNP_ID_BLOCK_SIZE], auth[CL_SNP_ID_AUTH_SIZE];
    world_init(&w);
    world_must_launch(&w);
    memcpy(id.measurement, model_launch_digest(world_vm(&w)), sizeof(id.measurement));
    world_free(&w);
    cl_snp_id_block_encode(&id, block);
    ck_assert_int_eq(cl_snp_id_auth_sign(block, key, author ? key : NULL, auth, NULL), CL_OK);
    world_init(&w);
    ck_assert_int_eq(cl_buf_append(&w.files.id_block, block, sizeof(block), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&w.files.id_auth, auth, sizeof(auth), NULL), CL_OK);
    w.cfg.id_author = author;
}

/* What a verifier will see of the launch (snp.md a.1): policy, HOST_DATA, and the keys of an ID
 * block. _i: without one, with one, with an author's key. */
START_TEST(test_report)
{
    static const uint8_t none[48] = {0};
    uint8_t report[MODEL_REPORT_SIZE], data[64] = {0}, digest[48];
    EVP_PKEY *key = EVP_EC_gen("P-384");
    struct model_chain chain = {.vcek_key = key};
    ck_assert_int_eq(cl_snp_id_key_digest(key, digest, NULL), CL_OK);
    if (_i == 0) {
        world_init(&w);
    } else {
        bind_id_block(key, _i == 2);
    }
    for (size_t i = 0; i < sizeof(w.cfg.host_data); i++) {
        w.cfg.host_data[i] = (uint8_t)(0xA0 + i);
    }
    world_must_launch(&w);
    model_set_chain(w.model, &chain);
    ck_assert(model_report(world_vm(&w), data, 0, report));
    ck_assert_uint_eq(report[0x4], _i > 0 ? 7 : 0);
    ck_assert_mem_eq(report + 0x8, ((const uint8_t[8]){0, 0, 3}), 8); /* policy: SMT, the fixed 1 */
    ck_assert_uint_eq(report[0x48], _i == 2 ? 1 : 0);
    ck_assert_mem_eq(report + 0xC0, w.cfg.host_data, 32);
    ck_assert_mem_eq(report + 0xE0, _i > 0 ? digest : none, 48);
    ck_assert_mem_eq(report + 0x110, _i == 2 ? digest : none, 48);
    world_free(&w);
    EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_launch");
    TCase *small = tcase_create("small"); /* by name, for run_mutants */
    tcase_add_loop_test(small, test_golden_image, 0, (int)CL_ARRAY_LEN(golden));
    tcase_add_loop_test(small, test_our_firmware, 1, 17);
    tcase_add_loop_test(small, test_slow_kvm, 1, 8);
    tcase_add_test(small, test_refusals);
    tcase_add_loop_test(small, test_report, 0, 3);
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
