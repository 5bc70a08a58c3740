/* SPDX-License-Identifier: Apache-2.0
 * test_scratch.c - the pod's scratch disk: hostile sizes, the tables the kernel is given, requests
 * of the device mapper, and a file system that needs no block that was not written.
 */
#include "check_main.h"
#include "dm.h"
#include "scratch.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MKE2FS "/sbin/mke2fs"
#define E2FSCK "/sbin/e2fsck"
#define POISON 0xa5

static const struct {
    uint64_t bytes;
    uint64_t sectors; /* 0: refused */
} sizes[] = {
    {0, 0},
    {512, 0},
    {AGENT_SCRATCH_MIN_SIZE - 1, 0},
    {AGENT_SCRATCH_MIN_SIZE, AGENT_SCRATCH_MIN_SIZE / 512},
    {AGENT_SCRATCH_MIN_SIZE + 512, AGENT_SCRATCH_MIN_SIZE / 512},
    {AGENT_SCRATCH_MIN_SIZE + 4096, AGENT_SCRATCH_MIN_SIZE / 512 + 8},
    {AGENT_SCRATCH_MAX_SIZE, AGENT_SCRATCH_MAX_SIZE / 512},
    {AGENT_SCRATCH_MAX_SIZE + 512, 0},
    {UINT64_MAX, 0},
};

START_TEST(test_sizes)
{
    struct cl_err err = {0};
    uint64_t sectors = 0;
    enum cl_status want = sizes[_i].sectors != 0 ? CL_OK : CL_ERR_MALFORMED;
    ck_assert_int_eq(agent_scratch_size(sizes[_i].bytes, &sectors, &err), want);
    ck_assert_uint_eq(sectors, sizes[_i].sectors);
}
END_TEST

START_TEST(test_tables)
{
    char linear[64];
    char integrity[128];
    agent_scratch_linear_params(linear, "7:0");
    ck_assert_str_eq(linear, "7:0 0");
    agent_scratch_integrity_params(integrity, "253:0");
    ck_assert_str_eq(integrity, "253:0 0 48 D 3 journal_sectors:1 block_size:4096 fix_padding");
    ck_assert_ptr_null(strstr(integrity, "discard"));
    ck_assert_ptr_null(strstr(integrity, "recalculate"));
}
END_TEST

START_TEST(test_crypt_table)
{
    struct cl_secret key = {0};
    struct cl_secret params = {0};
    struct cl_err err = {0};
    char hex[2 * AGENT_SCRATCH_KEY_SIZE + 1];
    char want[512];
    uint8_t bytes[AGENT_SCRATCH_KEY_SIZE];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37 + 0x9a);
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    ck_assert_int_eq(cl_secret_from(&key, bytes, sizeof(bytes), &err), CL_OK);
    ck_assert_int_eq(agent_scratch_crypt_params(&key, "253:1", &params, &err), CL_OK);
    (void)snprintf(want, sizeof(want),
                   "capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 2 integrity:48:aead "
                   "sector_size:4096",
                   hex);
    ck_assert_str_eq((const char *)params.data, want);
    cl_secret_done(&params);
    cl_secret_done(&key);
    ck_assert_int_eq(cl_secret_alloc(&key, 64, &err), CL_OK);
    ck_assert_int_eq(agent_scratch_crypt_params(&key, "253:1", &params, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "scratch disk: key: expected 96 bytes, got 64");
    cl_secret_done(&key);
}
END_TEST

/* As Linux 6.12 writes it for 128 MiB and our parameters. */
static const uint8_t superblock[AGENT_SCRATCH_SUPERBLOCK_SIZE] = {
    'i', 'n', 't', 'e', 'g', 'r', 't', 0, 4, 15, 48, 0, 1, 0, 0, 0, 0x08, 0xe0, 3, 0, 0, 0, 0, 0};

START_TEST(test_superblock)
{
    struct cl_err err = {0};
    uint64_t sectors = 0;
    ck_assert_int_eq(agent_scratch_read_superblock(superblock, 1, 262144, &sectors, &err), CL_OK);
    ck_assert_uint_eq(sectors, 0x3e008);
    ck_assert_int_eq(agent_scratch_read_superblock(superblock, 1, 0x3e007, &sectors, &err),
                     CL_ERR_MALFORMED);
    for (size_t at = 0; at < 16; at++) { /* each byte but version and interleave */
        uint8_t bad[sizeof(superblock)];
        memcpy(bad, superblock, sizeof(bad));
        bad[at] ^= 0x80;
        ck_assert_int_eq(agent_scratch_read_superblock(bad, 1, 262144, &sectors, &err),
                         at == 8 || at == 9 ? CL_OK : CL_ERR_MALFORMED);
    }
    uint8_t none[sizeof(superblock)];
    memcpy(none, superblock, sizeof(none));
    memset(none + 16, 0, 8);
    none[16] = 7; /* less than a block */
    ck_assert_int_eq(agent_scratch_read_superblock(none, 1, 262144, &sectors, &err),
                     CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_request)
{
    static const struct agent_dm_target t[] = {{0, 512, "linear", "7:0 0"},
                                               {512, 32768, "linear", "254:16 0"}};
    struct cl_secret s = {0};
    struct cl_err err = {0};
    struct dm_ioctl head;
    struct dm_target_spec spec[2];
    ck_assert_int_eq(agent_dm_encode("name", 0, t, 2, &s, &err), CL_OK);
    memcpy(&head, s.data, sizeof(head));
    ck_assert_str_eq(head.name, "name");
    ck_assert_uint_eq(head.data_size, s.len);
    ck_assert_uint_eq(head.target_count, 2);
    ck_assert_uint_eq(head.flags, DM_SECURE_DATA_FLAG);
    memcpy(&spec[0], s.data + head.data_start, sizeof(spec[0]));
    ck_assert_uint_eq(spec[0].next % 8, 0);
    memcpy(&spec[1], s.data + head.data_start + spec[0].next, sizeof(spec[1]));
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *at = s.data + head.data_start + (i == 0 ? 0 : spec[0].next);
        ck_assert_uint_eq(spec[i].sector_start, t[i].start);
        ck_assert_uint_eq(spec[i].length, t[i].sectors);
        ck_assert_str_eq(spec[i].target_type, "linear");
        ck_assert_str_eq((const char *)at + sizeof(spec[i]), t[i].params);
    }
    cl_secret_done(&s);
}
END_TEST

START_TEST(test_request_that_does_not_fit)
{
    char name[AGENT_DM_MAX_NAME + 2];
    char params[AGENT_DM_REQUEST_SIZE];
    struct agent_dm_target t = {0, 8, "linear", "7:0 0"};
    struct cl_secret s = {0};
    struct cl_err err = {0};
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert_int_eq(agent_dm_encode(name, 0, &t, 1, &s, &err), CL_ERR_MALFORMED);
    name[AGENT_DM_MAX_NAME] = '\0';
    ck_assert_int_eq(agent_dm_encode(name, 0, &t, 1, &s, &err), CL_OK);
    cl_secret_done(&s);
    t.type = "a-type-that-is-too-long";
    ck_assert_int_eq(agent_dm_encode("n", 0, &t, 1, &s, &err), CL_ERR_MALFORMED);
    t.type = "crypt";
    t.params = params;
    memset(params, 'p', sizeof(params));
    for (size_t len = sizeof(params) - 1; len > 3000; len--) {
        params[len] = '\0';
        enum cl_status st = agent_dm_encode("n", 0, &t, 1, &s, &err);
        ck_assert(st == CL_OK || st == CL_ERR_MALFORMED);
        ck_assert(st == CL_OK || s.data == NULL);
        cl_secret_done(&s);
    }
    ck_assert_int_eq(agent_dm_encode("n", 0, &t, 1, &s, &err), CL_OK);
    cl_secret_done(&s);
}
END_TEST

/* --- the file system -------------------------------------------------------------------------- */

static char folder[64];

static bool have_e2fsprogs(const char *test)
{
    bool have = access(MKE2FS, X_OK) == 0 && access(E2FSCK, X_OK) == 0;
    if (!have) {
        (void)printf("SKIPPED: %s needs %s and %s\n", test, MKE2FS, E2FSCK);
    }
    return have;
}

static int poisoned(uint64_t bytes, char *path)
{
    static uint8_t chunk[1 << 20];
    (void)snprintf(folder, sizeof(folder), "/tmp/test_scratch.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, 128, "%s/disk", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    memset(chunk, POISON, sizeof(chunk));
    for (uint64_t at = 0; at < bytes; at += sizeof(chunk)) {
        size_t n = bytes - at < sizeof(chunk) ? (size_t)(bytes - at) : sizeof(chunk);
        ck_assert_int_eq(pwrite(fd, chunk, n, (off_t)at), (ssize_t)n);
    }
    return fd;
}

static int run(const char *command)
{
    return system(command); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static void remove_folder(void)
{
    char command[160];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(run(command), 0);
}

static const uint64_t disk_sizes[] = {8ull << 20, 16ull << 20, (100ull << 20) + 4096, 300ull << 20};

/* Everything that a reader of the file system can come upon was written: e2fsck finds no fault, and
 * no inode but the first ones, though the rest of the disk is no zeros. */
START_TEST(test_file_system)
{
    char path[128];
    char command[320];
    struct cl_err err = {0};
    if (!have_e2fsprogs("test_file_system")) {
        return;
    }
    int fd = poisoned(disk_sizes[_i], path);
    ck_assert_msg(agent_scratch_make_fs_at(fd, disk_sizes[_i], folder, MKE2FS, false, &err) ==
                      CL_OK,
                  "%s", err.msg);
    (void)snprintf(command, sizeof(command),
                   "%s -fn '%s' >'%s/log' 2>&1 || { cat '%s/log'; exit 1; }", E2FSCK, path, folder,
                   folder);
    ck_assert_int_eq(run(command), 0);
    (void)snprintf(command, sizeof(command), "[ \"$(ls '%s' | tr '\\n' ' ')\" = 'disk log ' ]",
                   folder);
    ck_assert_int_eq(run(command), 0); /* mke2fs's file is gone */
    /* Inode tables are zeros or inodes, and most of the rest was never touched. */
    (void)snprintf(command, sizeof(command),
                   "/sbin/dumpe2fs '%s' 2>/dev/null | sed -n 's/.*Inode table at \\([0-9]*\\)-"
                   "\\([0-9]*\\).*/\\1 \\2/p' >'%s/tables'",
                   path, folder);
    ck_assert_int_eq(run(command), 0);
    (void)snprintf(command, sizeof(command), "%s/tables", folder);
    FILE *f = fopen(command, "re");
    char line[64];
    unsigned tables = 0;
    ck_assert_ptr_nonnull(f);
    for (; fgets(line, sizeof(line), f) != NULL; tables++) {
        char *end = NULL;
        unsigned long first = strtoul(line, &end, 10);
        unsigned long last = strtoul(end, NULL, 10);
        for (unsigned long b = first; b <= last; b++) {
            uint8_t block[AGENT_SCRATCH_BLOCK];
            ck_assert_int_eq(pread(fd, block, sizeof(block), (off_t)(b * sizeof(block))),
                             (ssize_t)sizeof(block));
            ck_assert_msg(block[sizeof(block) - 1] == 0, "block %lu was not written", b);
        }
    }
    (void)fclose(f);
    ck_assert_uint_gt(tables, 0);
    uint8_t last_byte = 0;
    ck_assert_int_eq(pread(fd, &last_byte, 1, (off_t)(disk_sizes[_i] / 2)), 1);
    ck_assert_uint_eq(last_byte, POISON);
    (void)close(fd);
    remove_folder();
}
END_TEST

START_TEST(test_file_system_fails)
{
    char path[128];
    struct cl_err err = {0};
    int fd = poisoned(1 << 20, path);
    ck_assert_int_eq(agent_scratch_make_fs_at(fd, 1 << 20, folder, "/bin/false", false, &err),
                     CL_ERR_SYS);
    ck_assert_str_eq(err.msg, "mke2fs: expected exit status 0, got 1");
    ck_assert_int_eq(agent_scratch_make_fs_at(fd, 1 << 20, folder, "/bin/true", false, &err),
                     CL_ERR_MALFORMED);
    ck_assert_int_eq(agent_scratch_make_fs_at(fd, 1 << 20, folder, "/no/such", false, &err),
                     CL_ERR_SYS);
    ck_assert_int_eq(agent_scratch_make_fs_at(fd, 1 << 20, "/no/such", "/bin/true", false, &err),
                     CL_ERR_SYS);
    (void)close(fd);
    remove_folder();
}
END_TEST

START_TEST(test_what_is_no_disk)
{
    struct cl_err err = {0};
    char path[32];
    ck_assert_int_eq(agent_scratch_open("/no/such", "/tmp", path, &err), CL_ERR_SYS);
    ck_assert_int_eq(agent_scratch_open("/dev/null", "/tmp", path, &err), CL_ERR_SYS);
    ck_assert_int_eq(agent_scratch_make_fs("/dev/null", "/tmp", MKE2FS, &err), CL_ERR_SYS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scratch disk");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_sizes, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
    tcase_add_test(c, test_tables);
    tcase_add_test(c, test_crypt_table);
    tcase_add_test(c, test_superblock);
    tcase_add_test(c, test_request);
    tcase_add_test(c, test_request_that_does_not_fit);
    tcase_add_loop_test(c, test_file_system, 0, (int)(sizeof(disk_sizes) / sizeof(disk_sizes[0])));
    tcase_add_test(c, test_file_system_fails);
    tcase_add_test(c, test_what_is_no_disk);
    suite_add_tcase(s, c);
    return run_suite(s);
}
