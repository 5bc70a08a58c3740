/* SPDX-License-Identifier: Apache-2.0
 * stage0_machine.c - see stage0_machine.h.
 */
#include "stage0_machine.h"

#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void check(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static void put(uint8_t *at, uint64_t x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        at[i] = (uint8_t)(x >> (8 * i));
    }
}

void s0t_put16(uint8_t *at, uint16_t x)
{
    put(at, x, 2);
}

void s0t_put32(uint8_t *at, uint32_t x)
{
    put(at, x, 4);
}

void s0t_put64(uint8_t *at, uint64_t x)
{
    put(at, x, 8);
}

uint64_t s0t_get64(const uint8_t *at)
{
    uint64_t x = 0;
    for (size_t i = 8; i > 0; i--) {
        x = x << 8 | at[i - 1];
    }
    return x;
}

uint32_t s0t_get32(const uint8_t *at)
{
    return (uint32_t)(at[0] | at[1] << 8 | at[2] << 16) | (uint32_t)at[3] << 24;
}

void s0t_make_kernel(uint8_t kernel[static S0T_KERNEL_SIZE])
{
    for (size_t i = 0; i < S0T_KERNEL_SIZE; i++) {
        kernel[i] = (uint8_t)(i * 7 ^ i >> 8);
    }
    kernel[0x1F1] = 1;                            /* setup_sects */
    s0t_put16(kernel + 0x1FE, 0xAA55);            /* boot_flag */
    kernel[0x201] = 0x6A;                         /* the header ends at 0x26C */
    s0t_put32(kernel + 0x202, 0x53726448);        /* HdrS */
    s0t_put16(kernel + 0x206, 0x020F);            /* protocol 2.15 */
    kernel[0x211] = 0x81;                         /* LOADED_HIGH, CAN_USE_HEAP */
    s0t_put32(kernel + 0x22C, 0x7FFFFFFF);        /* initrd_addr_max */
    s0t_put32(kernel + 0x230, 0x200000);          /* kernel_alignment */
    kernel[0x234] = 1;                            /* relocatable */
    s0t_put16(kernel + 0x236, 0x7F);              /* xloadflags */
    s0t_put32(kernel + 0x238, 2047);              /* cmdline_size */
    s0t_put64(kernel + 0x250, 0x123456789);       /* setup_data: never to be followed */
    s0t_put64(kernel + 0x258, STAGE0_KERNEL_GPA); /* pref_address */
    s0t_put32(kernel + 0x260, S0T_INIT_SIZE);
}

static uint64_t round_page(uint64_t x)
{
    return (x + STAGE0_PAGE_SIZE - 1) / STAGE0_PAGE_SIZE * STAGE0_PAGE_SIZE;
}

void s0t_make_descriptor(struct s0t *t)
{
    uint64_t kernel = STAGE0_WINDOW_GPA + STAGE0_DESC_SIZE;
    uint64_t initrd = kernel + round_page(S0T_KERNEL_SIZE);
    uint64_t cmdline = initrd + round_page(t->initrd_size);
    memset(t->descriptor, 0, sizeof(t->descriptor));
    memcpy(t->descriptor, STAGE0_DESC_MAGIC, STAGE0_DESC_MAGIC_SIZE);
    s0t_put32(t->descriptor + STAGE0_DESC_OFF_VERSION, STAGE0_DESC_VERSION);
    s0t_put32(t->descriptor + STAGE0_DESC_OFF_CPU_COUNT, 2);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_RAM_SIZE, UINT64_C(256) << 20);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_KERNEL_GPA, kernel);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_KERNEL_SIZE, S0T_KERNEL_SIZE);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_INITRD_GPA, initrd);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_INITRD_SIZE, t->initrd_size);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_CMDLINE_GPA, cmdline);
    s0t_put64(t->descriptor + STAGE0_DESC_OFF_CMDLINE_SIZE, t->cmdline_size);
}

void s0t_load_window(struct s0t *t)
{
    uint64_t kernel = s0t_get64(t->descriptor + STAGE0_DESC_OFF_KERNEL_GPA);
    uint64_t initrd = s0t_get64(t->descriptor + STAGE0_DESC_OFF_INITRD_GPA);
    uint64_t cmdline = s0t_get64(t->descriptor + STAGE0_DESC_OFF_CMDLINE_GPA);
    memcpy(t->memory + STAGE0_WINDOW_GPA, t->descriptor, sizeof(t->descriptor));
    memcpy(t->memory + kernel, t->kernel, sizeof(t->kernel));
    memcpy(t->memory + initrd, t->initrd, t->initrd_size);
    memcpy(t->memory + cmdline, t->cmdline, t->cmdline_size);
}

/* GUIDs of snp.md c.3 in EFI's byte order, from their text. */
static void put_guid(uint8_t at[static 16], const char *text)
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t n = 0;
    for (const char *p = text; *p != '\0' && n < 16; n++) {
        unsigned byte = 0;
        p += *p == '-' ? 1 : 0;
        check(sscanf(p, "%2x", &byte) == 1, "GUID");
        at[order[n]] = (uint8_t)byte;
        p += 2;
    }
}

static uint8_t *put_entry(uint8_t *at, const char *guid, const void *data, size_t len)
{
    put_guid(at, guid);
    s0t_put16(at + 16, 50);
    check(cl_sha256(at + 18, data, len, NULL) == CL_OK, "SHA-256");
    return at + 50;
}

void s0t_make_hashes(struct s0t *t)
{
    uint8_t *at = t->memory + STAGE0_HASH_TABLE_GPA;
    memset(t->memory + STAGE0_HASH_PAGE_GPA, 0, STAGE0_PAGE_SIZE);
    put_guid(at, "9438d606-4f22-4cc9-b479-a793d411fd21");
    s0t_put16(at + 16, 168);
    at = put_entry(at + 18, "97d02dd8-bd20-4c94-aa78-e7714d36ab2a", t->cmdline, t->cmdline_size);
    at = put_entry(at, "44baf731-3a2f-4bd7-9af1-41e29169781d", t->initrd, t->initrd_size);
    (void)put_entry(at, "4de79437-abd2-427f-b835-d5b172d2045b", t->kernel, sizeof(t->kernel));
}

static void protect(struct s0t *t, uint64_t from, uint64_t to, int prot)
{
    check(mprotect(t->memory + from, to - from, prot) == 0, "mprotect");
}

void s0t_open(struct s0t *t)
{
    protect(t, 0, STAGE0_WINDOW_END, PROT_READ | PROT_WRITE);
}

void s0t_close(struct s0t *t)
{
    protect(t, 0, STAGE0_PAGE_SIZE, PROT_NONE);
    protect(t, STAGE0_GUARD_GPA, STAGE0_STACK_GPA, PROT_NONE);
    protect(t, STAGE0_HASH_PAGE_GPA, STAGE0_TD_HOB_GPA, PROT_READ);
    protect(t, STAGE0_LOW_END, STAGE0_HIGH_GPA, PROT_NONE);
    protect(t, STAGE0_WINDOW_GPA, STAGE0_WINDOW_END, PROT_READ);
}

struct s0t *s0t_new(void)
{
    struct s0t *t = calloc(1, sizeof(*t));
    check(t != NULL, "calloc");
    t->memory = mmap(NULL, STAGE0_WINDOW_END, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(t->memory != MAP_FAILED, "mmap");
    t->m = (struct s0_machine){
        .memory = (uintptr_t)t->memory,
        .state = &t->state,
        .sha256 = s0_sha256_select(&(struct s0_cpu){0}),
        .random = s0_random_detect(&(struct s0_cpu){0}),
    };
    s0t_make_kernel(t->kernel);
    for (size_t i = 0; i < sizeof(t->initrd); i++) {
        t->initrd[i] = (uint8_t)(i * 13);
    }
    t->initrd_size = sizeof(t->initrd);
    (void)snprintf(t->cmdline, sizeof(t->cmdline), "console=ttyS0 cloister.tee=sim");
    t->cmdline_size = strlen(t->cmdline) + 1;
    s0t_make_descriptor(t);
    return t;
}

void s0t_free(struct s0t *t)
{
    if (t != NULL) {
        (void)munmap(t->memory, STAGE0_WINDOW_END);
        free(t);
    }
}

enum stage0_reason s0t_boot(struct s0t *t)
{
    s0t_close(t);
    enum stage0_reason reason = s0_load(&t->m);
    if (reason == STAGE0_R_OK) {
        reason = s0_verify(&t->m);
    }
    if (reason == STAGE0_R_OK) {
        reason = s0_prepare(&t->m);
    }
    s0t_open(t);
    return reason;
}
