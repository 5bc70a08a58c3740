/* SPDX-License-Identifier: Apache-2.0
 * test_blockvol.c - encrypted volumes as far as they go without a device mapper: what its tables
 * say, and what is refused before there are any. lab.pods_cri_block has the rest.
 */
#include "blockvol.h"
#include "check_main.h"

#include <string.h>

START_TEST(test_parameters_are_fixed)
{
    struct cl_secret key = {0};
    struct cl_secret params = {0};
    ck_assert_int_eq(cl_secret_alloc(&key, AGENT_BLOCKVOL_KEY_SIZE, NULL), CL_OK);
    memset(key.data, 0xab, 96); /* not in this table */
    memset(key.data + 96, 0x5c, 32);
    ck_assert_int_eq(
        agent_blockvol_integrity_params(&key, "253:0", AGENT_BLOCKVOL_JOURNALED, &params, NULL),
        CL_OK);
    ck_assert_str_eq((const char *)params.data,
                     "253:0 0 48 J 4 journal_sectors:2048 block_size:4096 fix_padding "
                     "journal_mac:hmac(sha256):5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c"
                     "5c5c5c5c5c5c");
    cl_secret_done(&params);
    cl_secret_done(&key);
}
END_TEST

START_TEST(test_keys_of_another_size)
{
    static const size_t sizes[] = {32, 96, 127, 129};
    struct cl_secret key = {0};
    struct cl_secret params = {0};
    struct cl_err err = {0};
    char path[32];
    ck_assert_int_eq(cl_secret_alloc(&key, sizes[_i], NULL), CL_OK);
    const struct agent_blockvol v = {
        .disk = "/dev/null", .name = "v", .memory_dir = "/tmp", .key = &key};
    ck_assert_int_eq(
        agent_blockvol_integrity_params(&key, "253:0", AGENT_BLOCKVOL_JOURNALED, &params, &err),
        CL_ERR_REJECTED);
    ck_assert_int_eq(agent_blockvol_open(&v, path, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "key: expected 128 bytes, got "));
    cl_secret_done(&key);
}
END_TEST

START_TEST(test_what_is_no_disk)
{
    static const char *const disks[] = {"/no/such", "/dev/null", "/tmp"};
    struct cl_secret key = {0};
    struct cl_err err = {0};
    char path[32];
    ck_assert_int_eq(cl_secret_alloc(&key, AGENT_BLOCKVOL_KEY_SIZE, NULL), CL_OK);
    const struct agent_blockvol v = {
        .disk = disks[_i], .name = "v", .memory_dir = "/tmp", .key = &key};
    ck_assert_int_eq(agent_blockvol_open(&v, path, &err), CL_ERR_SYS);
    cl_secret_done(&key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("encrypted volumes");
    TCase *t = tcase_create("volumes");
    tcase_add_test(t, test_parameters_are_fixed);
    tcase_add_loop_test(t, test_keys_of_another_size, 0, 4);
    tcase_add_loop_test(t, test_what_is_no_disk, 0, 3);
    suite_add_tcase(s, t);
    return run_suite(s);
}
