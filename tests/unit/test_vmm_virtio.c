/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_virtio.c - the register model of virtio-mmio: identity, negotiation, queues, reset.
 */
#include "check_main.h"
#include "vmm_rig.h"

#define COMMON (VMM_VIRTIO_COMMON)
#define NEEDED (VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM)
#define DEVICE_BIT (1ull << 5)

static struct rig rig;
static struct vmm_virtio v;
static unsigned resets;

static uint64_t features(void *dev)
{
    (void)dev;
    return DEVICE_BIT;
}

static void config_read(void *dev, uint32_t offset, uint8_t *ret, uint32_t size)
{
    (void)dev;
    for (uint32_t i = 0; i < size; i++) {
        ret[i] = offset + i < 12 ? (uint8_t)(0xa0 + offset + i) : 0;
    }
}

static void on_reset(void *dev)
{
    (void)dev;
    resets++;
}

static const struct vmm_virtio_ops ops = {
    .device_id = 2,
    .queue_count = 2,
    .queue_max = 16,
    .features = features,
    .config_read = config_read,
    .reset = on_reset,
};

static void setup(void)
{
    rig_init(&rig);
    vmm_virtio_init(&v, &ops, NULL, &rig.mem);
    resets = 0;
}

static void teardown(void)
{
    vmm_virtio_done(&v);
    rig_done(&rig);
}

START_TEST(test_identity)
{
    ck_assert_uint_eq(rig_r32(&v, 0x000), 0x74726976);
    ck_assert_uint_eq(rig_r32(&v, 0x004), 2);
    ck_assert_uint_eq(rig_r32(&v, 0x008), 2);
    ck_assert_uint_eq(rig_r32(&v, 0x010), (uint32_t)(COMMON | DEVICE_BIT));
    rig_w32(&v, 0x014, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x010), 3);
    rig_w32(&v, 0x014, 2);
    ck_assert_uint_eq(rig_r32(&v, 0x010), 0);
    rig_w32(&v, 0x014, UINT32_MAX);
    ck_assert_uint_eq(rig_r32(&v, 0x010), 0);
    for (uint32_t reg = 0x0b0; reg <= 0x0bc; reg += 4) {
        ck_assert_uint_eq(rig_r32(&v, reg), UINT32_MAX); /* no shared memory */
    }
}
END_TEST

START_TEST(test_empty_slot_reads_device_zero)
{
    struct vmm_virtio empty = {0};
    ck_assert_uint_eq(rig_r32(&empty, 0x000), 0x74726976);
    ck_assert_uint_eq(rig_r32(&empty, 0x008), 0);
    ck_assert_uint_eq(rig_r32(&empty, 0x070), 0);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&empty, 0x100, 8), 0);
    rig_w32(&empty, 0x070, 1);
    ck_assert_uint_eq(rig_r32(&empty, 0x070), 0);
}
END_TEST

START_TEST(test_only_whole_registers)
{
    rig_w32(&v, 0x070, 1);
    for (uint32_t size = 1; size <= 16; size++) {
        if (size != 4) {
            ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x070, size), 0);
            vmm_virtio_mmio_write(&v, 0x070, size, 3);
        }
    }
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x071, 4), 0);
    vmm_virtio_mmio_write(&v, 0x072, 4, 3);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 1);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x1000, 4), 0);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, UINT32_MAX, 4), 0);
}
END_TEST

START_TEST(test_config_space_of_any_width)
{
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x100, 1), 0xa0);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x102, 2), 0xa3a2);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x100, 8), 0xa7a6a5a4a3a2a1a0ull);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x108, 8), 0xabaaa9a8ull);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0xfff, 1), 0);
    vmm_virtio_mmio_write(&v, 0x100, 4, 0);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&v, 0x100, 1), 0xa0);
}
END_TEST

START_TEST(test_negotiation)
{
    rig_bring_up(&rig, &v, COMMON | DEVICE_BIT, 2, 8);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 15);
    ck_assert(vmm_virtio_is_live(&v));
    ck_assert(v.queue[0].ready && v.queue[1].ready && v.queue[0].event_idx);
    ck_assert_uint_eq(rig.kicks, 2); /* DRIVER_OK looks at every queue */
    ck_assert_uint_eq(rig.irqs, 0);
}
END_TEST

static const uint64_t bad_features[] = {
    0,
    VMM_VIRTIO_F_VERSION_1,       /* legacy DMA */
    VMM_VIRTIO_F_ACCESS_PLATFORM, /* legacy device */
    NEEDED | 1ull << 34,          /* packed rings were not offered */
    NEEDED | 1ull << 6,
    NEEDED | 1ull << 63,
    UINT64_MAX,
};

START_TEST(test_features_we_cannot_serve)
{
    rig_bring_up(&rig, &v, bad_features[_i], 2, 8);
    ck_assert_uint_eq(rig_r32(&v, 0x070) & (8 | 4), 0); /* neither FEATURES_OK nor DRIVER_OK */
    ck_assert(!v.queue[0].ready);
    ck_assert(!vmm_virtio_is_live(&v));
}
END_TEST

START_TEST(test_features_are_fixed_once_agreed)
{
    rig_negotiate(&rig, &v, NEEDED);
    rig_w32(&v, 0x024, 0);
    rig_w32(&v, 0x020, UINT32_MAX);
    ck_assert_uint_eq(v.driver_features, NEEDED);
}
END_TEST

START_TEST(test_status_bits_are_only_added)
{
    rig_bring_up(&rig, &v, NEEDED, 2, 8);
    rig_w32(&v, 0x070, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 15);
    rig_w32(&v, 0x070, 0xff); /* FAILED may be set, NEEDS_RESET not */
    ck_assert_uint_eq(rig_r32(&v, 0x070), 15 | 128);
    ck_assert(!vmm_virtio_is_live(&v));
}
END_TEST

START_TEST(test_reset_forgets_everything)
{
    rig_bring_up(&rig, &v, NEEDED, 2, 8);
    vmm_virtio_config_changed(&v);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 2);
    unsigned before = resets;
    rig_w32(&v, 0x070, 0);
    ck_assert_uint_eq(resets, before + 1);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 0);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 0);
    ck_assert_uint_eq(rig_r32(&v, 0x044), 0);
    ck_assert(!v.queue[0].ready && !v.queue[1].ready);
    ck_assert_uint_eq(v.driver_features, 0);
}
END_TEST

START_TEST(test_queue_registers)
{
    rig_negotiate(&rig, &v, NEEDED);
    rig_w32(&v, 0x030, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x034), 16);
    rig_w32(&v, 0x030, 2); /* there are two */
    ck_assert_uint_eq(rig_r32(&v, 0x034), 0);
    rig_w32(&v, 0x044, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x044), 0);
    rig_w32(&v, 0x030, UINT32_MAX);
    ck_assert_uint_eq(rig_r32(&v, 0x034), 0);
    rig_w32(&v, 0x038, 8);
    rig_setup_queue(&v, 1, 8);
    ck_assert_uint_eq(rig_r32(&v, 0x044), 1);
    rig_w32(&v, 0x080, 0x12345000); /* fixed while it is ready */
    ck_assert_uint_eq(v.queue[1].desc_gpa, RIG_QUEUE_GPA(1));
    rig_w32(&v, 0x044, 0);
    ck_assert_uint_eq(rig_r32(&v, 0x044), 0);
}
END_TEST

START_TEST(test_bad_queue_needs_reset)
{
    rig_negotiate(&rig, &v, NEEDED);
    rig_setup_queue(&v, 0, 17); /* more than offered */
    ck_assert_uint_eq(rig_r32(&v, 0x044), 0);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 11 | 64);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 2); /* and says so */
    ck_assert_uint_eq(rig.irqs, 1);
}
END_TEST

START_TEST(test_queue_outside_ram_needs_reset)
{
    rig_negotiate(&rig, &v, NEEDED);
    rig_w32(&v, 0x030, 0);
    rig_w32(&v, 0x038, 8);
    rig_w32(&v, 0x084, 1); /* descriptors at 4 GiB */
    rig_w32(&v, 0x090, 0x2000);
    rig_w32(&v, 0x0a0, 0x3000);
    rig_w32(&v, 0x044, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 11 | 64);
}
END_TEST

START_TEST(test_no_queue_before_features)
{
    rig_w32(&v, 0x070, 3);
    rig_setup_queue(&v, 0, 8);
    ck_assert_uint_eq(rig_r32(&v, 0x044), 0);
    ck_assert_uint_eq(rig_r32(&v, 0x070), 3);
}
END_TEST

START_TEST(test_interrupts_are_acknowledged_bit_by_bit)
{
    rig_bring_up(&rig, &v, NEEDED, 2, 8);
    vmm_virtq_push(&v.queue[0], 0, 0);
    vmm_virtio_signal_used(&v, &v.queue[0]);
    vmm_virtio_config_changed(&v);
    ck_assert_uint_eq(rig.irqs, 2);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 3);
    rig_w32(&v, 0x064, 1);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 2);
    rig_w32(&v, 0x064, UINT32_MAX);
    ck_assert_uint_eq(rig_r32(&v, 0x060), 0);
}
END_TEST

START_TEST(test_config_change_bumps_the_generation)
{
    uint32_t before = rig_r32(&v, 0x0fc);
    vmm_virtio_config_changed(&v); /* no driver yet: nobody to tell */
    ck_assert_uint_eq(rig_r32(&v, 0x0fc), before + 1);
    ck_assert_uint_eq(rig.irqs, 0);
}
END_TEST

START_TEST(test_notify_reaches_the_device)
{
    rig_bring_up(&rig, &v, NEEDED, 2, 8);
    unsigned before = rig.kicks;
    rig_w32(&v, 0x050, 1);
    ck_assert_uint_eq(rig.kicks, before + 1);
    rig_w32(&v, 0x050, 2);
    rig_w32(&v, 0x050, UINT32_MAX);
    ck_assert_uint_eq(rig.kicks, before + 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm virtio");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_identity);
    tcase_add_test(c, test_empty_slot_reads_device_zero);
    tcase_add_test(c, test_only_whole_registers);
    tcase_add_test(c, test_config_space_of_any_width);
    tcase_add_test(c, test_negotiation);
    tcase_add_loop_test(c, test_features_we_cannot_serve, 0,
                        (int)(sizeof(bad_features) / sizeof(bad_features[0])));
    tcase_add_test(c, test_features_are_fixed_once_agreed);
    tcase_add_test(c, test_status_bits_are_only_added);
    tcase_add_test(c, test_reset_forgets_everything);
    tcase_add_test(c, test_queue_registers);
    tcase_add_test(c, test_bad_queue_needs_reset);
    tcase_add_test(c, test_queue_outside_ram_needs_reset);
    tcase_add_test(c, test_no_queue_before_features);
    tcase_add_test(c, test_interrupts_are_acknowledged_bit_by_bit);
    tcase_add_test(c, test_config_change_bumps_the_generation);
    tcase_add_test(c, test_notify_reaches_the_device);
    suite_add_tcase(s, c);
    return run_suite(s);
}
