/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_blk.c - block requests against a real file: what is served, what is refused, what
 * resets.
 */
#include "blk.h"
#include "check_main.h"
#include "vmm_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NEEDED (VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM)
#define SECTORS 8u
#define HEAD RIG_DATA
#define STATUS (RIG_DATA + 0x100)
#define BODY (RIG_DATA + 0x1000)
#define UNTOUCHED 0x77

static struct rig rig;
static struct rig_queue rq;
static struct vmm_blk blk;
static char path[64];

static void make_file(size_t size)
{
    (void)snprintf(path, sizeof(path), "/tmp/test_vmm_blk.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(i / 512 + 1);
        ck_assert_int_eq(write(fd, &byte, 1), 1);
    }
    (void)close(fd);
}

static void start(int flags)
{
    rig_init(&rig);
    vmm_blk_init(&blk, 1, &rig.mem);
    if (flags >= 0) {
        make_file(SECTORS * 512);
        ck_assert_int_eq(vmm_blk_attach(&blk, open(path, flags), true, NULL), CL_OK);
        (void)unlink(path);
    }
    rig_bring_up(&rig, &blk.virtio, NEEDED, 1, 16);
    rq = rig_queue(&rig, 0, 16);
}

static void stop(void)
{
    vmm_blk_done(&blk);
    rig_done(&rig);
}

/* A request of three descriptors: head, body, status. Returns the status byte. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len, bool to_guest,
                       uint32_t *ret_written)
{
    uint32_t id = 0;
    rig_put(rig.ram + HEAD, type, 4);
    rig_put(rig.ram + HEAD + 4, 0, 4);
    rig_put(rig.ram + HEAD + 8, sector, 8);
    rig.ram[STATUS] = UNTOUCHED;
    rig_desc(&rq, 0, HEAD, 16, RIG_NEXT, len > 0 ? 1 : 2);
    rig_desc(&rq, 1, BODY, len, to_guest ? RIG_NEXT | RIG_WRITE : RIG_NEXT, 2);
    rig_desc(&rq, 2, STATUS, 1, RIG_WRITE, 0);
    rig_offer(&rq, 0);
    ck_assert(!vmm_blk_process(&blk));
    ck_assert(rig_take(&rq, &id, ret_written));
    ck_assert_uint_eq(id, 0);
    return rig.ram[STATUS];
}

START_TEST(test_capacity_and_features)
{
    start(O_RDWR);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x100, 8), SECTORS);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x10c, 4), VMM_BLK_SEG_MAX);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x114, 4), 512);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x118, 8), 0);
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x010) & (1u << 5), 0);
    stop();
    start(O_RDONLY);
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x010) & (1u << 5), 1u << 5);
    stop();
}
END_TEST

START_TEST(test_read)
{
    uint32_t written = 0;
    start(O_RDONLY);
    ck_assert_uint_eq(request(0, 2, 1024, true, &written), 0);
    ck_assert_uint_eq(written, 1025);
    ck_assert_uint_eq(rig.ram[BODY], 3);
    ck_assert_uint_eq(rig.ram[BODY + 1023], 4);
    ck_assert_uint_eq(rig.ram[BODY + 1024], 0);
    ck_assert_uint_eq(rig.irqs, 1);
    stop();
}
END_TEST

START_TEST(test_write_and_flush)
{
    uint32_t written = 0;
    uint8_t back[512];
    start(O_RDWR);
    memset(rig.ram + BODY, 0xee, 512);
    ck_assert_uint_eq(request(1, SECTORS - 1, 512, false, &written), 0);
    ck_assert_uint_eq(written, 1);
    ck_assert_uint_eq(request(4, 0, 0, false, &written), 0);
    ck_assert_int_eq(pread(blk.fd, back, 512, (SECTORS - 1) * 512), 512);
    ck_assert_mem_eq(back, rig.ram + BODY, 512);
    stop();
}
END_TEST

START_TEST(test_identity)
{
    uint32_t written = 0;
    start(O_RDWR);
    ck_assert_uint_eq(request(8, 0, 20, true, &written), 0);
    ck_assert_str_eq((const char *)rig.ram + BODY, "cloister-disk1");
    ck_assert_uint_eq(written, 21);
    ck_assert_uint_eq(request(8, 0, 5, true, &written), 0); /* a short buffer gets its part */
    ck_assert_uint_eq(written, 6);
    stop();
}
END_TEST

static const struct {
    uint32_t type;
    uint64_t sector;
    uint32_t len;
    bool to_guest;
    uint8_t status;
} refused[] = {
    {0, SECTORS, 512, true, 1},          /* behind the end */
    {0, SECTORS - 1, 1024, true, 1},     /* across it */
    {0, UINT64_MAX, 512, true, 1},       /* wraps */
    {0, UINT64_MAX / 512, 512, true, 1}, /* wraps when multiplied */
    {0, 1ull << 55, 512, true, 1},       /* the same, to zero */
    {0, 0, 511, true, 1},                /* no whole sector */
    {1, SECTORS, 512, false, 1},
    {1, 0, 1, false, 1},
    {11, 0, 16, false, 2}, /* discard was not offered */
    {13, 0, 16, false, 2}, /* nor write zeroes */
    {UINT32_MAX, 0, 512, true, 2},
};

START_TEST(test_refused)
{
    uint32_t written = 0;
    start(O_RDWR);
    ck_assert_uint_eq(request(refused[_i].type, refused[_i].sector, refused[_i].len,
                              refused[_i].to_guest, &written),
                      refused[_i].status);
    ck_assert_uint_eq(written, 1);
    ck_assert(vmm_virtio_is_live(&blk.virtio));
    stop();
}
END_TEST

START_TEST(test_read_only_is_the_files_property)
{
    uint32_t written = 0;
    uint8_t back = 0;
    start(O_RDONLY);
    ck_assert_uint_eq(request(1, 0, 512, false, &written), 1);
    ck_assert_int_eq(pread(blk.fd, &back, 1, 0), 1);
    ck_assert_uint_eq(back, 1);
    stop();
}
END_TEST

START_TEST(test_file_that_became_shorter)
{
    uint32_t written = 0;
    start(O_RDWR);
    ck_assert_int_eq(ftruncate(blk.fd, 700), 0);
    ck_assert_uint_eq(request(0, 1, 512, true, &written), 1);
    stop();
}
END_TEST

START_TEST(test_empty_slot_and_attach)
{
    uint32_t written = 0;
    struct cl_err err = {0};
    start(-1);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x100, 8), 0);
    ck_assert_uint_eq(request(0, 0, 512, true, &written), 1);
    ck_assert_uint_eq(request(4, 0, 0, true, &written), 1);
    uint32_t generation = rig_r32(&blk.virtio, 0x0fc);
    rig_w32(&blk.virtio, 0x064, 3);
    make_file(1024);
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(vmm_blk_attach(&blk, fd, false, NULL), CL_OK);
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x060), 2);
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x0fc), generation + 1);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&blk.virtio, 0x100, 8), 2);
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x010) & (1u << 5), 0); /* agreed features stay */
    ck_assert_uint_eq(request(0, 1, 512, true, &written), 0);
    ck_assert_uint_eq(rig.ram[BODY], 2);
    ck_assert_int_eq(vmm_blk_attach(&blk, fd, false, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "disk: slot 1: expected empty, got in use");
    (void)unlink(path);
    stop();
}
END_TEST

START_TEST(test_attach_refuses_what_is_no_disk)
{
    struct cl_err err = {0};
    int pipe_fd[2];
    start(-1);
    ck_assert_int_eq(pipe(pipe_fd), 0);
    ck_assert_int_eq(vmm_blk_attach(&blk, pipe_fd[0], false, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "disk: expected a readable file or block device, got something else");
    for (size_t size = 0; size < 1025; size += 511) { /* 0, 511, 1022 */
        make_file(size);
        int fd = open(path, O_RDWR);
        ck_assert_int_eq(vmm_blk_attach(&blk, fd, false, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, "disk: size: expected a positive multiple of 512"));
        (void)close(fd);
        fd = open(path, O_WRONLY);
        ck_assert_int_eq(vmm_blk_attach(&blk, fd, false, &err), CL_ERR_MALFORMED);
        (void)close(fd);
        (void)unlink(path);
    }
    (void)close(pipe_fd[0]);
    (void)close(pipe_fd[1]);
    ck_assert_int_eq(blk.fd, -1);
    stop();
}
END_TEST

/* Chains that are no block request: the device needs a reset, and nothing is answered. */
static void offer_bad(unsigned kind)
{
    switch (kind) {
    case 0: /* header too short */
        rig_desc(&rq, 0, HEAD, 15, RIG_NEXT, 1);
        rig_desc(&rq, 1, STATUS, 1, RIG_WRITE, 0);
        break;
    case 1: /* no status */
        rig_desc(&rq, 0, HEAD, 16, 0, 0);
        break;
    case 2: /* nothing readable */
        rig_desc(&rq, 0, STATUS, 1, RIG_WRITE, 0);
        break;
    default: /* outside RAM */
        rig_desc(&rq, 0, RIG_RAM, 16, 0, 0);
        break;
    }
    rig_offer(&rq, 0);
}

START_TEST(test_chain_that_is_no_request)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(O_RDWR);
    offer_bad((unsigned)_i);
    ck_assert(!vmm_blk_process(&blk));
    ck_assert(!rig_take(&rq, &id, &len));
    ck_assert_uint_eq(rig_r32(&blk.virtio, 0x070), 15 | 64);
    ck_assert(!vmm_blk_process(&blk)); /* stays quiet */
    rig_bring_up(&rig, &blk.virtio, NEEDED, 1, 16);
    memset(rig.ram, 0, RIG_RAM);
    rq = rig_queue(&rig, 0, 16);
    ck_assert_uint_eq(request(0, 0, 512, true, &len), 0); /* and works after a reset */
    stop();
}
END_TEST

START_TEST(test_request_in_odd_pieces)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(O_RDWR);
    rig_put(rig.ram + HEAD + 8, 1, 8);
    rig_desc(&rq, 0, HEAD, 3, RIG_NEXT, 1); /* header in two parts */
    rig_desc(&rq, 1, HEAD + 3, 13, RIG_NEXT, 2);
    rig_desc(&rq, 2, BODY, 100, RIG_NEXT | RIG_WRITE, 3);
    rig_desc(&rq, 3, BODY + 100, 413, RIG_WRITE, 0); /* the last byte is the status */
    rig.ram[BODY + 512] = UNTOUCHED;
    rig_offer(&rq, 0);
    ck_assert(!vmm_blk_process(&blk));
    ck_assert(rig_take(&rq, &id, &len));
    ck_assert_uint_eq(len, 513);
    ck_assert_uint_eq(rig.ram[BODY + 511], 2);
    ck_assert_uint_eq(rig.ram[BODY + 512], 0);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm blk");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_capacity_and_features);
    tcase_add_test(c, test_read);
    tcase_add_test(c, test_write_and_flush);
    tcase_add_test(c, test_identity);
    tcase_add_loop_test(c, test_refused, 0, (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(c, test_read_only_is_the_files_property);
    tcase_add_test(c, test_file_that_became_shorter);
    tcase_add_test(c, test_empty_slot_and_attach);
    tcase_add_test(c, test_attach_refuses_what_is_no_disk);
    tcase_add_loop_test(c, test_chain_that_is_no_request, 0, 4);
    tcase_add_test(c, test_request_in_odd_pieces);
    suite_add_tcase(s, c);
    return run_suite(s);
}
