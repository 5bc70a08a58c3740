/* SPDX-License-Identifier: Apache-2.0
 * guest_engine.c - one Unicorn engine per processor mode, its hooks, and the first state.
 */
#include "guest_internal.h"

#include <string.h>

static const int wide[] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                           UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                           UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                           UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
static const int narrow[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                             UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

uint64_t guest_gpr(const struct guest_cpu *c, unsigned n)
{
    return c->mode == GUEST_64 ? guest_reg(c, wide[n])
           : n < 8             ? guest_reg(c, narrow[n])
                               : c->upper[n - 8];
}

void guest_set_gpr(struct guest_cpu *c, unsigned n, uint64_t value)
{
    if (c->mode == GUEST_64) {
        guest_set_reg(c, wide[n], value);
    } else if (n < 8) {
        guest_set_reg(c, narrow[n], value);
    } else {
        c->upper[n - 8] = value;
    }
}

uint64_t guest_ip(const struct guest_cpu *c)
{
    return guest_reg(c, c->mode == GUEST_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP);
}

void guest_set_ip(struct guest_cpu *c, uint64_t ip)
{
    guest_set_reg(c, c->mode == GUEST_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP, ip);
}

/* Before each instruction. Reads it through the TLB entry it is executed from. */
static void on_code(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    struct guest_cpu *c = user;
    (void)size;
    struct guest_tlb *e = c->code;
    if (e == NULL || address < e->vaddr || address - e->vaddr >= e->size) {
        e = c->code = guest_tlb_find(c, address);
    }
    if (e == NULL) {
        return; /* cannot be: the engine has fetched from it */
    }
    uint64_t left = e->size - (address - e->vaddr);
    const uint8_t *bytes = e->host + (address - e->vaddr);
    uint8_t copy[15];
    if (left < sizeof(copy)) { /* an instruction across two entries */
        memset(copy, 0, sizeof(copy));
        (void)uc_mem_read(uc, address, copy, left);
        const struct guest_tlb *next = guest_tlb_find(c, e->vaddr + e->size);
        if (next != NULL) {
            memcpy(copy + left, next->host + (e->vaddr + e->size - next->vaddr),
                   sizeof(copy) - left);
        }
        bytes = copy;
    }
    if (c->slice-- == 0) {
        c->sliced = true;
        (void)uc_emu_stop(uc);
        return;
    }
    c->guest->counts.instructions++;
    const struct guest *g = c->guest;
    bool entry = g->has_entry && c->mode == GUEST_64 && address == g->entry.rip;
    bool woken = g->linux_played.on && c->mode == GUEST_64 && address == g->linux_played.vector;
    if (entry || woken || guest_is_special(bytes, c->mode)) {
        c->special = true;
        (void)uc_emu_stop(uc);
    }
}

static bool on_miss(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                    void *user)
{
    struct guest_cpu *c = user;
    (void)uc;
    (void)value;
    uint64_t last = address + (uint64_t)(size > 0 ? size - 1 : 0);
    c->missed = true;
    /* An access across a page's end misses the second page only when the first is there. */
    c->miss_vaddr = guest_tlb_find(c, address) != NULL ? last : address;
    switch (type) {
    case UC_MEM_WRITE_UNMAPPED:
    case UC_MEM_WRITE_PROT:
        c->miss_access = GUEST_WRITE;
        break;
    case UC_MEM_FETCH_UNMAPPED:
    case UC_MEM_FETCH_PROT:
        c->miss_access = GUEST_FETCH;
        break;
    default:
        c->miss_access = GUEST_READ;
        break;
    }
    return false;
}

static void on_exception(uc_engine *uc, uint32_t vector, void *user)
{
    struct guest_cpu *c = user;
    c->exception = true;
    c->exception_vector = vector;
    (void)uc_emu_stop(uc);
}

/* Only where a plan watches shared memory, as every read is a chance for the host to change it, or
 * a test wants to know that validated pages are touched. */
static void on_read(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                    void *user)
{
    struct guest_cpu *c = user;
    (void)uc;
    (void)type;
    (void)size;
    (void)value;
    const struct guest_tlb *e = guest_tlb_find(c, address);
    if (e == NULL) {
        return;
    }
    if (e->shared) {
        guest_plan_reads(c, e->gpa + (address - e->vaddr));
    } else if (c->guest->watch_touch) {
        guest_touch(c, e->gpa + (address - e->vaddr));
    }
}

static bool hook(struct guest_cpu *c, int type, void *function)
{
    uc_hook h;
    return uc_hook_add(c->uc, &h, type, function, c, 1, 0) == UC_ERR_OK;
}

/* ISO C has no conversion from function to object pointer; Unicorn's interface asks for one. */
static void *function(void (*f)(void))
{
    void *p;
    memcpy(&p, &f, sizeof(p));
    return p;
}

void guest_engine_close(struct guest_cpu *c)
{
    if (c->uc != NULL) {
        (void)uc_close(c->uc);
        c->uc = NULL;
    }
    memset(c->tlb, 0, sizeof(c->tlb));
    c->code = NULL;
    c->tlb_stale = false;
}

bool guest_engine_open(struct guest_cpu *c, enum guest_mode mode)
{
    static const uc_mode modes[] = {UC_MODE_16, UC_MODE_32, UC_MODE_64};
    uint64_t saved[16] = {0}, flags = 2;
    uc_x86_mmr gdtr = {0}, idtr = {0};
    if (c->uc != NULL) { /* carried over at the far jumps */
        for (unsigned i = 0; i < 16; i++) {
            saved[i] = guest_gpr(c, i);
        }
        flags = guest_reg(c, UC_X86_REG_EFLAGS);
        (void)uc_reg_read(c->uc, UC_X86_REG_GDTR, &gdtr);
        (void)uc_reg_read(c->uc, UC_X86_REG_IDTR, &idtr);
    }
    guest_engine_close(c);
    if (uc_open(UC_ARCH_X86, modes[mode], &c->uc) != UC_ERR_OK) {
        c->uc = NULL;
        return false;
    }
    c->mode = mode;
    for (unsigned i = 0; i < 16; i++) {
        guest_set_gpr(c, i, saved[i]);
    }
    guest_set_reg(c, UC_X86_REG_EFLAGS, flags);
    (void)uc_reg_write(c->uc, UC_X86_REG_GDTR, &gdtr);
    (void)uc_reg_write(c->uc, UC_X86_REG_IDTR, &idtr);
    return hook(c, UC_HOOK_CODE, function((void (*)(void))on_code)) &&
           hook(c, UC_HOOK_MEM_INVALID, function((void (*)(void))on_miss)) &&
           hook(c, UC_HOOK_INTR, function((void (*)(void))on_exception)) &&
           ((c->guest->watch_size == 0 && !c->guest->watch_touch) ||
            hook(c, UC_HOOK_MEM_READ, function((void (*)(void))on_read)));
}

/* Takes the state of a VMSA (snp.md c.4). */
bool guest_state_load(struct guest_cpu *c, const uint8_t vmsa[static MODEL_PAGE])
{
    static const unsigned at[] = {0x1F8, 0x308, 0x310, 0x318, 0x1D8, 0x328, 0x330, 0x338,
                                  0x340, 0x348, 0x350, 0x358, 0x360, 0x368, 0x370, 0x378};
    guest_engine_close(c);
    c->efer = model_le(vmsa + 0x0D0, 8);
    c->cr4 = model_le(vmsa + 0x148, 8);
    c->cr3 = model_le(vmsa + 0x150, 8);
    c->cr0 = model_le(vmsa + 0x158, 8);
    c->cs = (uint16_t)model_le(vmsa + 0x010, 2);
    uint64_t rip = model_le(vmsa + 0x178, 8);
    uint64_t base = model_le(vmsa + 0x018, 8);
    enum guest_mode mode = (c->efer & EFER_LMA) != 0 ? GUEST_64
                           : (c->cr0 & CR0_PE) != 0  ? GUEST_32
                                                     : GUEST_16;
    if (!guest_engine_open(c, mode)) {
        return false;
    }
    for (unsigned i = 0; i < 16; i++) {
        guest_set_gpr(c, i, model_le(vmsa + at[i], 8));
    }
    uc_x86_mmr gdtr = {.base = model_le(vmsa + 0x068, 8),
                       .limit = (uint32_t)model_le(vmsa + 0x064, 4)};
    uc_x86_mmr idtr = {.base = model_le(vmsa + 0x088, 8),
                       .limit = (uint32_t)model_le(vmsa + 0x084, 4)};
    (void)uc_reg_write(c->uc, UC_X86_REG_GDTR, &gdtr);
    (void)uc_reg_write(c->uc, UC_X86_REG_IDTR, &idtr);
    if (mode == GUEST_16) { /* the engine's CS has the base 16 * CS; guest_walk.c knows of it */
        c->cs = 0xF000;
        uint16_t cs = c->cs;
        (void)uc_reg_write(c->uc, UC_X86_REG_CS, &cs);
        c->real_base = base; /* where segment F000 really lies until the first far jump */
    }
    guest_set_ip(c, rip);
    return true;
}
