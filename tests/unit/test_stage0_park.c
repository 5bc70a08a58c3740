/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_park.c - where the other CPUs of a TD wait: the ROM's own instructions (they need no
 * privilege and no stack), run by a thread here, at the addresses of the hash page and the mailbox.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <elf.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INDEX 5u
#define CODE_SIZE 64u

static uint8_t elf[1 << 20];
static void *code;
static volatile uint8_t *const low = (volatile uint8_t *)(uintptr_t)STAGE0_READY_GPA;
static volatile uint8_t *const mailbox = (volatile uint8_t *)(uintptr_t)STAGE0_MAILBOX_GPA;

/* Copies what begins at tdx_park, wherever the linker put it. */
static void load_code(void)
{
    FILE *f = fopen(STAGE0_ELF_PATH, "rb");
    ck_assert_ptr_nonnull(f);
    size_t len = fread(elf, 1, sizeof(elf), f);
    (void)fclose(f);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(void *)elf;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(void *)(elf + header->e_shoff);
    ck_assert_uint_gt(len, header->e_shoff);
    for (size_t i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB) {
            continue;
        }
        const char *names = (const char *)elf + sections[sections[i].sh_link].sh_offset;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(void *)(elf + sections[i].sh_offset);
        for (size_t k = 0; k < sections[i].sh_size / sizeof(*symbols); k++) {
            if (strcmp(names + symbols[k].st_name, "tdx_park") == 0) {
                const Elf64_Shdr *s = &sections[symbols[k].st_shndx];
                memcpy(code, elf + s->sh_offset + (symbols[k].st_value - s->sh_addr), CODE_SIZE);
                return;
            }
        }
    }
    ck_abort_msg("no symbol tdx_park");
}

static bool map_low(void)
{
    void *at =
        mmap((void *)(uintptr_t)STAGE0_READY_GPA, (size_t)2 * STAGE0_PAGE_SIZE,
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != (void *)(uintptr_t)STAGE0_READY_GPA) {
        printf("SKIP: no memory to be had at 0x%x (vm.mmap_min_addr)\n", STAGE0_READY_GPA);
        return false;
    }
    code = mmap(NULL, STAGE0_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(code, MAP_FAILED);
    memset(code, 0xC3, STAGE0_PAGE_SIZE); /* ret: where the CPU is woken to */
    load_code();
    return true;
}

/* The code has no stack of its own, so the `ret` that it is sent to comes back here. */
static void *park(void *woken)
{
    register uint64_t index __asm__("r9") = INDEX;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%0\n\tlea 128(%%rsp), %%rsp"
                     :
                     : "r"(code), "r"(index)
                     : "rax", "rbx", "memory", "cc");
    *(volatile bool *)woken = true;
    return NULL;
}

static void put_mailbox(uint32_t apic_id, uint64_t vector, uint16_t command)
{
    *(volatile uint16_t *)mailbox = 0; /* the one before is for nobody else */
    *(volatile uint32_t *)(mailbox + 4) = apic_id;
    *(volatile uint64_t *)(mailbox + 8) = vector;
    *(volatile uint16_t *)mailbox = command;
}

static void expect_asleep(const volatile bool *woken, uint16_t command)
{
    (void)usleep(20000);
    ck_assert(!*woken);
    ck_assert_uint_eq(*(volatile uint16_t *)mailbox, command);
}

START_TEST(test_a_cpu_waits_for_its_own_command)
{
    static volatile bool woken;
    pthread_t thread;
    if (!map_low()) {
        return;
    }
    uint64_t good = (uintptr_t)code + 2048;
    /* What stands in the mailbox before stage0 has it counts for nothing. */
    put_mailbox(INDEX, 0, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, park, (void *)(uintptr_t)&woken), 0);
    expect_asleep(&woken, 1);
    put_mailbox(0, 0, 0); /* accepted */
    *(volatile uint32_t *)low = 1;
    expect_asleep(&woken, 0);
    static const struct {
        uint32_t apic_id;
        uint16_t command;
    } not_ours[] = {{INDEX + 1, 1}, {0, 1},     {INDEX | 1u << 31, 1},
                    {INDEX, 2},     {INDEX, 0}, {INDEX, 0x101}};
    for (size_t i = 0; i < CL_ARRAY_LEN(not_ours); i++) {
        put_mailbox(not_ours[i].apic_id, 0, 0);
        *(volatile uint16_t *)mailbox = not_ours[i].command;
        expect_asleep(&woken, not_ours[i].command);
    }
    put_mailbox(INDEX, good, 0);
    *(volatile uint16_t *)mailbox = 1;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(woken);
    ck_assert_uint_eq(*(volatile uint16_t *)mailbox, 0); /* taken */
    ck_assert_uint_eq(*(volatile uint32_t *)(mailbox + 4), INDEX);
    ck_assert_uint_eq(*(volatile uint64_t *)(mailbox + 8), good);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_park");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, test_a_cpu_waits_for_its_own_command);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
