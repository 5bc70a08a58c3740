/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_tables.c - what stage0 builds for Linux: memory map, ACPI tables (read back by a
 * small reader of our own, which knows no method), zero page, seed, page tables.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <stdio.h>
#include <string.h>

#define MIB(n) (UINT64_C(n) << 20)

/* ---- E820 */

START_TEST(test_map_of_small_and_large_machines)
{
    struct s0_e820 map[S0_E820_MAX];
    ck_assert_uint_eq(s0_e820_build(MIB(128), S0_PLAIN, map), 6);
    ck_assert_uint_eq(map[5].gpa, MIB(1));
    ck_assert_uint_eq(map[5].size, MIB(127));
    ck_assert_uint_eq(s0_e820_build(MIB(2048), S0_PLAIN, map), 6);
    ck_assert_uint_eq(map[5].size, MIB(2047));
    ck_assert_uint_eq(s0_e820_build(MIB(3072), S0_PLAIN, map), 7);
    ck_assert_uint_eq(map[5].size, MIB(2047));
    ck_assert_uint_eq(map[6].gpa, MIB(4096));
    ck_assert_uint_eq(map[6].size, MIB(1024));
}
END_TEST

START_TEST(test_map_is_sorted_and_gives_no_reserved_page_away)
{
    for (uint64_t ram = STAGE0_RAM_MIN; ram <= MIB(8192); ram += MIB(62)) {
        struct s0_e820 map[S0_E820_MAX];
        size_t n = s0_e820_build(ram, S0_PLAIN, map);
        uint64_t total = 0;
        for (size_t i = 0; i < n; i++) {
            ck_assert_uint_gt(map[i].size, 0);
            if (i > 0) {
                ck_assert_uint_ge(map[i].gpa, map[i - 1].gpa + map[i - 1].size);
            }
            uint64_t end = map[i].gpa + map[i].size;
            bool sev = map[i].gpa < STAGE0_TD_HOB_GPA && end > STAGE0_HASH_PAGE_GPA;
            ck_assert_int_eq(map[i].type == S0_E820_RESERVED, sev);
            bool acpi = map[i].gpa < STAGE0_LINUX_END && end > STAGE0_ACPI_GPA;
            ck_assert_int_eq(map[i].type == S0_E820_ACPI, acpi);
            ck_assert(end <= STAGE0_LOW_RAM_MAX || map[i].gpa >= STAGE0_HIGH_RAM_GPA);
            ck_assert(end <= STAGE0_LOW_END || map[i].gpa >= STAGE0_HIGH_GPA);
            total += map[i].size;
        }
        ck_assert_uint_eq(total, ram - (STAGE0_HIGH_GPA - STAGE0_LOW_END));
    }
}
END_TEST

/* Of the pages that a TEE needs, mailbox and event log are NVS in a TD: Linux then maps them as
 * private memory. */
START_TEST(test_map_of_a_td)
{
    struct s0_e820 plain[S0_E820_MAX];
    struct s0_e820 map[S0_E820_MAX];
    ck_assert_uint_eq(s0_e820_build(MIB(3072), S0_PLAIN, plain), 7);
    ck_assert_uint_eq(s0_e820_build(MIB(3072), S0_TDX, map), 8);
    for (size_t i = 0; i < 7; i++) {
        const struct s0_e820 *e = &map[i < 2 ? i : i + 1];
        ck_assert(i == 1 || (e->gpa == plain[i].gpa && e->size == plain[i].size));
        ck_assert_int_eq(e->type, plain[i].type);
    }
    ck_assert(map[1].gpa == 0x10000 && map[1].size == 0x1000 && map[1].type == S0_E820_RESERVED);
    ck_assert(map[2].gpa == 0x11000 && map[2].size == 0x2000 && map[2].type == S0_E820_NVS);
}
END_TEST

/* ---- ACPI */

static uint8_t area[STAGE0_ACPI_SIZE];

static uint8_t sum(const uint8_t *data, size_t len)
{
    unsigned x = 0;
    for (size_t i = 0; i < len; i++) {
        x += data[i];
    }
    return (uint8_t)x;
}

/* The table at a guest address, its signature and checksum checked. */
static const uint8_t *table_at(uint64_t gpa, const char *signature, uint32_t *ret_len)
{
    ck_assert_uint_ge(gpa, STAGE0_ACPI_GPA);
    ck_assert_uint_le(gpa, STAGE0_ACPI_GPA + STAGE0_ACPI_SIZE - 36);
    const uint8_t *table = area + (gpa - STAGE0_ACPI_GPA);
    ck_assert_mem_eq(table, signature, 4);
    uint32_t len = s0t_get32(table + 4);
    ck_assert_uint_ge(len, 36);
    ck_assert_uint_le(len, STAGE0_ACPI_SIZE - (gpa - STAGE0_ACPI_GPA));
    ck_assert_uint_eq(sum(table, len), 0);
    *ret_len = len;
    return table;
}

static const uint8_t *build_for(enum s0_tee tee, uint32_t cpus, unsigned index,
                                const char *signature, uint32_t *ret_len)
{
    memset(area, 0xEE, sizeof(area));
    ck_assert_int_eq(s0_acpi_build(area, sizeof(area), STAGE0_ACPI_GPA, cpus, tee), STAGE0_R_OK);
    ck_assert_mem_eq(area, "RSD PTR ", 8);
    ck_assert_uint_eq(area[15], 2);
    ck_assert_uint_eq(s0t_get32(area + 20), 36);
    ck_assert_uint_eq(sum(area, 20), 0);
    ck_assert_uint_eq(sum(area, 36), 0);
    uint32_t len = 0;
    const uint8_t *xsdt = table_at(s0t_get64(area + 24), "XSDT", &len);
    ck_assert_uint_eq(len, 36 + (tee == S0_TDX ? 3 : 2) * 8);
    return table_at(s0t_get64(xsdt + 36 + 8 * index), signature, ret_len);
}

static const uint8_t *build_and_find(uint32_t cpus, unsigned index, const char *signature,
                                     uint32_t *ret_len)
{
    return build_for(S0_PLAIN, cpus, index, signature, ret_len);
}

START_TEST(test_a_td_has_a_mailbox_and_an_event_log)
{
    uint32_t len = 0;
    uint32_t plain_len = 0;
    uint8_t plain[512];
    const uint8_t *madt = build_and_find(16, 1, "APIC", &plain_len);
    ck_assert_uint_le(plain_len, sizeof(plain));
    memcpy(plain, madt, plain_len);
    madt = build_for(S0_TDX, 16, 1, "APIC", &len);
    ck_assert_uint_eq(len, plain_len + 16);
    ck_assert_mem_eq(madt + 10, plain + 10, plain_len - 10); /* all but length and checksum */
    static const uint8_t wakeup[16] = {0x10, 16, 0, 0, 0, 0, 0, 0, 0x00, 0x10, 0x01};
    ck_assert_mem_eq(madt + plain_len, wakeup, sizeof(wakeup));
    const uint8_t *ccel = build_for(S0_TDX, 1, 2, "CCEL", &len);
    ck_assert_uint_eq(len, 56);
    ck_assert_uint_eq(ccel[8], 1);
    static const uint8_t log[20] = {2, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x00, 0x20, 0x01};
    ck_assert_mem_eq(ccel + 36, log, sizeof(log));
    (void)build_for(S0_TDX, 2, 0, "FACP", &len);
}
END_TEST

START_TEST(test_fadt)
{
    uint32_t len = 0;
    const uint8_t *fadt = build_and_find(1, 0, "FACP", &len);
    ck_assert_uint_eq(len, 276);
    ck_assert_uint_eq(fadt[8], 6);
    ck_assert_uint_eq(s0t_get32(fadt + 112), 1u << 20 | 1u << 10 | 1u << 5 | 1u << 4);
    static const uint8_t reset[13] = {1, 8, 0, 1, 0x04, 0x06, 0, 0, 0, 0, 0, 0, 1};
    ck_assert_mem_eq(fadt + 116, reset, sizeof(reset));
    static const uint8_t sleep[24] = {1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0,
                                      1, 8, 0, 1, 0x01, 0x06, 0, 0, 0, 0, 0, 0};
    ck_assert_mem_eq(fadt + 244, sleep, sizeof(sleep));
    ck_assert_uint_eq(s0t_get32(fadt + 36), 0); /* no FACS, no 32-bit DSDT */
    ck_assert_uint_eq(s0t_get32(fadt + 40), 0);
    ck_assert_mem_eq(fadt + 268, "CLOISTER", 8);
}
END_TEST

START_TEST(test_madt_lists_each_cpu_and_the_io_apic)
{
    for (uint32_t cpus = 1; cpus <= STAGE0_CPU_MAX; cpus++) {
        uint32_t len = 0;
        const uint8_t *madt = build_and_find(cpus, 1, "APIC", &len);
        ck_assert_uint_eq(len, 44 + 8 * cpus + 12);
        ck_assert_uint_eq(s0t_get32(madt + 36), 0xFEE00000);
        ck_assert_uint_eq(s0t_get32(madt + 40), 0);
        for (uint32_t i = 0; i < cpus; i++) {
            const uint8_t want[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0};
            ck_assert_mem_eq(madt + 44 + 8 * i, want, 8);
        }
        static const uint8_t ioapic[12] = {1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0};
        ck_assert_mem_eq(madt + 44 + 8 * cpus, ioapic, 12);
    }
}
END_TEST

/* A reader of the AML subset that pure data needs. Anything else fails the test: so there is no
 * method, no operation region, no code.
 */
struct aml {
    struct cl_reader r;
    unsigned devices;
    unsigned virtio;
    bool pvpanic;
    bool serial;
    bool s5;
};

static size_t aml_length(struct cl_reader *r)
{
    size_t start = r->pos;
    uint8_t lead = cl_reader_u8(r, "lead");
    size_t len = lead >> 6 == 0 ? lead & 0x3F : lead & 0x0F;
    for (unsigned i = 0; i < lead >> 6; i++) {
        len |= (size_t)cl_reader_u8(r, "length") << (4 + 8 * i);
    }
    size_t used = r->pos - start;
    ck_assert_uint_ge(len, used);
    return len - used;
}

static void aml_expect(struct cl_reader *r, const void *bytes, size_t n)
{
    const uint8_t *found = cl_reader_bytes(r, n, "bytes");
    ck_assert_ptr_nonnull(found);
    ck_assert_mem_eq(found, bytes, n);
}

static uint8_t aml_byte(struct cl_reader *r)
{
    ck_assert_uint_eq(cl_reader_u8(r, "prefix"), 0x0A);
    return cl_reader_u8(r, "byte");
}

static uint32_t aml_memory(struct cl_reader *r, uint32_t size)
{
    static const uint8_t head[4] = {0x86, 9, 0, 1}; /* Memory32Fixed, read-write */
    aml_expect(r, head, sizeof(head));
    uint32_t base = cl_reader_le32(r, "base");
    ck_assert_uint_eq(cl_reader_le32(r, "size"), size);
    return base;
}

static uint32_t aml_interrupt(struct cl_reader *r)
{
    static const uint8_t head[5] = {0x89, 6, 0, 3, 1}; /* consumer, edge, high, exclusive; one */
    aml_expect(r, head, sizeof(head));
    return cl_reader_le32(r, "gsi");
}

static void aml_resources(struct aml *a, struct cl_reader *r, const char *hid, uint8_t uid)
{
    if (strcmp(hid, "LNRO0005") == 0) {
        ck_assert_uint_eq(uid, a->virtio);
        ck_assert_uint_eq(aml_memory(r, 0x1000), 0xD0000000u + uid * 0x1000u);
        ck_assert_uint_eq(aml_interrupt(r), 5u + uid);
        a->virtio++;
    } else if (strcmp(hid, "QEMU0001") == 0) {
        ck_assert_uint_eq(aml_memory(r, 0x1000), 0xD0010000);
        a->pvpanic = true;
    } else {
        ck_assert_str_eq(hid, "PNP0501");
        static const uint8_t io[8] = {0x47, 1, 0xF8, 3, 0xF8, 3, 1, 8};
        aml_expect(r, io, sizeof(io));
        ck_assert_uint_eq(aml_interrupt(r), 4);
        a->serial = true;
    }
    aml_expect(r, "\x79\x00", 2);
    ck_assert_uint_eq(cl_reader_left(r), 0);
}

static void aml_device(struct aml *a, struct cl_reader r)
{
    char hid[9] = {0};
    (void)cl_reader_bytes(&r, 4, "name");
    aml_expect(&r, "\x08_HID\x0D", 6);
    for (size_t i = 0; i < sizeof(hid); i++) { /* 7 or 8 characters, then NUL */
        hid[i] = (char)cl_reader_u8(&r, "hid");
        if (hid[i] == 0) {
            break;
        }
    }
    ck_assert_int_eq(hid[8], 0);
    aml_expect(&r, "\x08_UID", 5);
    uint8_t uid = aml_byte(&r);
    aml_expect(&r, "\x08_CRS\x11", 6);
    size_t len = aml_length(&r);
    ck_assert_uint_eq(len, cl_reader_left(&r));
    ck_assert_uint_eq(aml_byte(&r), cl_reader_left(&r));
    aml_resources(a, &r, hid, uid);
    a->devices++;
}

static void aml_terms(struct aml *a, struct cl_reader r)
{
    while (cl_reader_left(&r) > 0) {
        uint8_t op = cl_reader_u8(&r, "op");
        if (op == 0x10) { /* Scope (_SB) */
            struct cl_reader inner = cl_reader_sub(&r, aml_length(&r), "scope");
            aml_expect(&inner, "_SB_", 4);
            aml_terms(a, inner);
        } else if (op == 0x5B) {
            ck_assert_uint_eq(cl_reader_u8(&r, "op"), 0x82); /* Device */
            aml_device(a, cl_reader_sub(&r, aml_length(&r), "device"));
        } else {
            ck_assert_uint_eq(op, 0x08); /* Name (_S5_, Package (2) {5, 0}) */
            aml_expect(&r, "_S5_\x12", 5);
            struct cl_reader inner = cl_reader_sub(&r, aml_length(&r), "package");
            aml_expect(&inner, "\x02\x0A\x05\x0A\x00", 5);
            ck_assert_uint_eq(cl_reader_left(&inner), 0);
            a->s5 = true;
        }
        ck_assert_ptr_null(r.failed);
    }
}

START_TEST(test_dsdt_is_data_only_and_complete)
{
    uint32_t len = 0;
    const uint8_t *fadt = build_and_find(1, 0, "FACP", &len);
    const uint8_t *dsdt = table_at(s0t_get64(fadt + 140), "DSDT", &len);
    ck_assert_uint_eq(dsdt[8], 2);
    struct aml a = {0};
    aml_terms(&a, cl_reader_init(dsdt + 36, len - 36));
    ck_assert_uint_eq(a.virtio, STAGE0_VIRTIO_COUNT);
    ck_assert_uint_eq(a.devices, STAGE0_VIRTIO_COUNT + 2);
    ck_assert(a.pvpanic && a.serial && a.s5);
}
END_TEST

START_TEST(test_tables_that_do_not_fit_are_refused)
{
    uint32_t len = 0;
    (void)build_and_find(16, 0, "FACP", &len);
    size_t used = sizeof(area);
    while (area[used - 1] == 0) {
        used--;
    }
    for (size_t size = 48; size < used; size++) {
        uint8_t *exact = malloc(size);
        ck_assert_ptr_nonnull(exact);
        ck_assert_int_eq(s0_acpi_build(exact, size, STAGE0_ACPI_GPA, 16, S0_PLAIN),
                         STAGE0_R_INTERNAL);
        free(exact);
    }
}
END_TEST

/* ---- zero page and setup_data */

START_TEST(test_boot_params)
{
    struct s0t *t = s0t_new();
    uint8_t page[STAGE0_PAGE_SIZE];
    memset(page, 0xEE, sizeof(page));
    struct s0_kernel k;
    ck_assert_int_eq(s0_kernel_parse(t->kernel, sizeof(t->kernel), &k), STAGE0_R_OK);
    struct s0_layout l = {.initrd_gpa = 0x7654000, .initrd_size = 0x12345};
    struct s0_e820 map[2] = {{0, 0x9000, S0_E820_RAM}, {0x10000, 0x1000, S0_E820_RESERVED}};
    s0_boot_params_build(page, t->kernel, &k, &l, map, 2);
    ck_assert_uint_eq(s0t_get64(page + 0x070), STAGE0_ACPI_GPA);
    ck_assert_uint_eq(page[0x210], 0xFF);
    ck_assert_uint_eq(page[0x211], 0x01); /* CAN_USE_HEAP cleared */
    ck_assert_uint_eq(s0t_get32(page + 0x214), STAGE0_KERNEL_GPA);
    ck_assert_uint_eq(s0t_get32(page + 0x218), 0x7654000);
    ck_assert_uint_eq(s0t_get32(page + 0x21C), 0x12345);
    ck_assert_uint_eq(s0t_get32(page + 0x228), STAGE0_CMDLINE_GPA);
    ck_assert_uint_eq(s0t_get64(page + 0x250), STAGE0_SETUP_DATA_GPA);
    ck_assert_uint_eq(s0t_get64(page + 0x258), STAGE0_KERNEL_GPA);
    ck_assert_uint_eq(page[0x1EF], 0); /* sentinel */
    ck_assert_uint_eq(page[0x1E8], 2);
    ck_assert_uint_eq(s0t_get64(page + 0x2D0 + 20), 0x10000);
    ck_assert_uint_eq(s0t_get64(page + 0x2D0 + 28), 0x1000);
    ck_assert_uint_eq(s0t_get32(page + 0x2D0 + 36), 2);
    /* nothing of the file but its header */
    ck_assert(s0_all_zero(page + 0x26C, 0x2D0 - 0x26C));
    ck_assert(s0_all_zero(page + 0x2D0 + 40, sizeof(page) - 0x2D0 - 40));
    ck_assert(s0_all_zero(page, 0x70));
    ck_assert(s0_all_zero(page + 0x78, 0x1E8 - 0x78));
    l.initrd_size = 0;
    s0_boot_params_build(page, t->kernel, &k, &l, map, 2);
    ck_assert_uint_eq(s0t_get32(page + 0x218), 0);
    ck_assert_uint_eq(s0t_get32(page + 0x21C), 0);
    s0t_free(t);
}
END_TEST

START_TEST(test_setup_data_carries_the_seed)
{
    uint8_t page[STAGE0_PAGE_SIZE];
    uint8_t seed[S0_SEED_SIZE];
    for (size_t i = 0; i < sizeof(seed); i++) {
        seed[i] = (uint8_t)(i + 1);
    }
    memset(page, 0xEE, sizeof(page));
    s0_setup_data_build(page, seed, false);
    ck_assert_uint_eq(s0t_get64(page), 0);
    ck_assert_uint_eq(s0t_get32(page + 8), 9);
    ck_assert_uint_eq(s0t_get32(page + 12), 32);
    ck_assert_mem_eq(page + 16, seed, 32);
    ck_assert(s0_all_zero(page + 48, sizeof(page) - 48));
}
END_TEST

/* ---- random */

static unsigned calls;

static bool never(uint64_t *ret_word)
{
    calls++;
    *ret_word = calls;
    return false;
}
static bool stuck(uint64_t *ret_word)
{
    *ret_word = UINT64_MAX;
    return true;
}
static bool counting(uint64_t *ret_word)
{
    *ret_word = ++calls;
    return true;
}
static bool every_hundredth(uint64_t *ret_word)
{
    *ret_word = ++calls;
    return calls % 100 == 0;
}

static enum stage0_reason seed_from(s0_random_fn *rdseed, s0_random_fn *rdrand,
                                    uint8_t seed[static S0_SEED_SIZE])
{
    struct s0_random source = {rdseed, rdrand};
    calls = 0;
    memset(seed, 0, S0_SEED_SIZE);
    return s0_random_seed(&source, seed);
}

START_TEST(test_seed_fails_closed)
{
    uint8_t seed[S0_SEED_SIZE];
    ck_assert_int_eq(seed_from(NULL, NULL, seed), STAGE0_R_NO_RANDOM);
    ck_assert_int_eq(seed_from(never, NULL, seed), STAGE0_R_RANDOM_FAILED);
    ck_assert_uint_eq(calls, 4096); /* bounded */
    ck_assert_int_eq(seed_from(NULL, never, seed), STAGE0_R_RANDOM_FAILED);
    ck_assert_int_eq(seed_from(counting, never, seed), STAGE0_R_RANDOM_FAILED);
    ck_assert_int_eq(seed_from(stuck, counting, seed), STAGE0_R_RANDOM_STUCK);
    ck_assert_int_eq(seed_from(counting, stuck, seed), STAGE0_R_RANDOM_STUCK);
    ck_assert(s0_all_zero(seed, sizeof(seed)));
}
END_TEST

START_TEST(test_seed_joins_both_sources)
{
    uint8_t seed[S0_SEED_SIZE];
    ck_assert_int_eq(seed_from(counting, NULL, seed), STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get64(seed + 24), 4);
    ck_assert_int_eq(seed_from(NULL, every_hundredth, seed), STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get64(seed + 8), 200);
    ck_assert_int_eq(seed_from(counting, counting, seed), STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get64(seed), 1 ^ 5);
    struct s0_random cpu = s0_random_detect(&(struct s0_cpu){0});
    if (cpu.rdrand == NULL && cpu.rdseed == NULL) {
        printf("SKIP: this CPU has neither RDSEED nor RDRAND\n");
        return;
    }
    uint8_t other[S0_SEED_SIZE];
    ck_assert_int_eq(s0_random_seed(&cpu, seed), STAGE0_R_OK);
    ck_assert_int_eq(s0_random_seed(&cpu, other), STAGE0_R_OK);
    ck_assert(memcmp(seed, other, sizeof(seed)) != 0);
}
END_TEST

/* ---- paging, walked as the CPU does */

enum { READ = 1, WRITE = 2, EXEC = 4 };

/* What may be done at a linear address; asserts that it maps to itself. */
static unsigned rights(const struct s0t *t, uint64_t cr3, uint64_t at)
{
    uint64_t table = cr3;
    unsigned result = READ | WRITE | EXEC;
    for (unsigned level = 4; level > 0; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        ck_assert_uint_lt(table, STAGE0_LOW_END); /* tables are in stage0's and Linux's low pages */
        uint64_t e = s0t_get64(t->memory + table + (at >> shift & 511) * 8);
        if ((e & 1) == 0) {
            return 0;
        }
        result &= (e & 2) != 0 ? ~0u : ~(unsigned)WRITE;
        result &= e >> 63 == 0 ? ~0u : ~(unsigned)EXEC;
        uint64_t target = e & 0x000FFFFFFFFFF000;
        if (level == 1 || (e & 0x80) != 0) {
            ck_assert_uint_eq(target, at >> shift << shift);
            return result;
        }
        table = target;
    }
    return 0;
}

/* As reset.S leaves the upper two levels. */
static void early_tables(struct s0t *t)
{
    s0t_put64(t->memory + STAGE0_PML4_GPA, STAGE0_PDPT_GPA + 3);
    for (unsigned i = 0; i < 4; i++) {
        s0t_put64(t->memory + STAGE0_PDPT_GPA + 8 * i, STAGE0_PD_GPA + 3 + i * 0x1000u);
    }
}

START_TEST(test_own_tables)
{
    struct s0t *t = s0t_new();
    early_tables(t);
    struct s0_rom_text text = {0xFFFF1000, 0x2345};
    s0_paging_build_own(t->m.memory, text, (struct s0_memory_bits){0});
    static const struct {
        uint64_t at;
        unsigned want;
    } cases[] = {
        {0, 0},
        {STAGE0_PML4_GPA, READ | WRITE},
        {STAGE0_GUARD_GPA, 0},
        {STAGE0_GUARD_GPA + 0xFFF, 0},
        {STAGE0_STACK_GPA, READ | WRITE},
        {STAGE0_STATE_GPA, READ | WRITE},
        {STAGE0_HASH_PAGE_GPA, READ},
        {STAGE0_CPUID_GPA + 0xFFF, READ},
        {STAGE0_TD_HOB_GPA, READ | WRITE},
        {STAGE0_ZERO_PAGE_GPA, READ | WRITE},
        {0x9FFFF, READ | WRITE},
        {0xA0000, 0},
        {0xFFFFF, 0},
        {0x100000, READ | WRITE},
        {STAGE0_KERNEL_GPA, READ | WRITE},
        {0x7FFFFFFF, READ | WRITE},
        {STAGE0_WINDOW_GPA, READ},
        {STAGE0_WINDOW_END - 1, READ},
        {STAGE0_WINDOW_END, 0},
        {STAGE0_VIRTIO_GPA, 0},
        {STAGE0_LAPIC_GPA, 0},
        {STAGE0_ROM_GPA - 1, 0},
        {STAGE0_ROM_GPA, READ},
        {0xFFFF1000, READ | EXEC},
        {0xFFFF3344, READ | EXEC},
        {0xFFFF4000, READ},
        {0xFFFFFFFF, READ},
        {0x100000000, 0},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        unsigned got = rights(t, STAGE0_PML4_GPA, cases[i].at);
        ck_assert_msg(got == cases[i].want, "0x%llx: %u, expected %u",
                      (unsigned long long)cases[i].at, got, cases[i].want);
    }
    for (uint64_t at = 0; at < UINT64_C(1) << 32; at += at < 0x200000 ? 0x1000 : 0x200000) {
        unsigned got = rights(t, STAGE0_PML4_GPA, at);
        ck_assert_msg((got & (WRITE | EXEC)) != (WRITE | EXEC), "0x%llx: writable and executable",
                      (unsigned long long)at);
    }
    s0t_free(t);
}
END_TEST

/* In a TD nothing was there before, and the window is on the VMM's side of the shared bit. */
START_TEST(test_own_tables_of_a_td)
{
    struct s0t *t = s0t_new();
    const uint64_t shared = UINT64_C(1) << 51;
    struct s0_rom_text text = {0xFFFF3000, 0x2345};
    memset(t->memory + STAGE0_OWN_GPA, 0xEE, STAGE0_OWN_END - STAGE0_OWN_GPA);
    s0_paging_build_own(t->m.memory, text, (struct s0_memory_bits){.shared = shared});
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t e = s0t_get64(t->memory + STAGE0_PML4_GPA + 8 * i);
        ck_assert_uint_eq(e, i == 0 ? STAGE0_PDPT_GPA + 3 : 0);
        e = s0t_get64(t->memory + STAGE0_PDPT_GPA + 8 * i);
        ck_assert_uint_eq(e, i < 4 ? STAGE0_PD_GPA + 3 + 0x1000 * i : 0);
    }
    for (uint64_t i = 0; i < 4 * 512; i++) {
        uint64_t e = s0t_get64(t->memory + STAGE0_PD_GPA + 8 * i);
        uint64_t gpa = i << 21;
        bool window = gpa >= STAGE0_WINDOW_GPA && gpa < STAGE0_WINDOW_END;
        ck_assert_int_eq((e & shared) != 0, window);
        ck_assert(!window || e == (gpa | shared | UINT64_C(0x8000000000000081)));
    }
    ck_assert_uint_eq(rights(t, STAGE0_PML4_GPA, STAGE0_HASH_PAGE_GPA), READ);
    ck_assert_uint_eq(rights(t, STAGE0_PML4_GPA, STAGE0_EVENT_LOG_GPA), READ | WRITE);
    ck_assert_uint_eq(rights(t, STAGE0_PML4_GPA, STAGE0_TD_HOB_GPA), READ | WRITE);
    ck_assert_uint_eq(rights(t, STAGE0_PML4_GPA, STAGE0_GUARD_GPA), 0);
    s0t_free(t);
}
END_TEST

START_TEST(test_linux_tables)
{
    struct s0t *t = s0t_new();
    static const uint64_t ends[] = {MIB(128), MIB(1024), MIB(1026), MIB(2048)};
    for (size_t i = 0; i < CL_ARRAY_LEN(ends); i++) {
        memset(t->memory + STAGE0_LINUX_PT_GPA, 0xEE, STAGE0_LINUX_PT_SIZE);
        s0_paging_build_linux(t->m.memory, ends[i], (struct s0_memory_bits){0});
        const uint64_t cr3 = STAGE0_LINUX_PT_GPA;
        for (uint64_t at = 0; at < UINT64_C(1) << 32; at += 0x200000) {
            unsigned want = at < ends[i] ? READ | WRITE | EXEC : at == 0xFFE00000 ? READ | EXEC : 0;
            ck_assert_uint_eq(rights(t, cr3, at), want);
        }
        ck_assert_uint_eq(rights(t, cr3, UINT64_C(1) << 32), 0);
        ck_assert_uint_eq(rights(t, cr3, UINT64_C(1) << 39), 0);
    }
    s0t_free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_tables");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_map_of_small_and_large_machines);
    tcase_add_test(tc, test_map_is_sorted_and_gives_no_reserved_page_away);
    tcase_add_test(tc, test_map_of_a_td);
    tcase_add_test(tc, test_fadt);
    tcase_add_test(tc, test_a_td_has_a_mailbox_and_an_event_log);
    tcase_add_test(tc, test_madt_lists_each_cpu_and_the_io_apic);
    tcase_add_test(tc, test_dsdt_is_data_only_and_complete);
    tcase_add_test(tc, test_tables_that_do_not_fit_are_refused);
    tcase_add_test(tc, test_boot_params);
    tcase_add_test(tc, test_setup_data_carries_the_seed);
    tcase_add_test(tc, test_seed_fails_closed);
    tcase_add_test(tc, test_seed_joins_both_sources);
    tcase_add_test(tc, test_own_tables);
    tcase_add_test(tc, test_own_tables_of_a_td);
    tcase_add_test(tc, test_linux_tables);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
