/* SPDX-License-Identifier: Apache-2.0
 * rig_tdx.c - see rig_tdx.h.
 */
#include "rig_tdx.h"

#include <check.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXITS 200000u
#define ROM_GPA 0xFFFF0000u
#define ROM_SIZE 0x10000u
#define LEAVES 64u

/* What td_vcpu() set, and a leaf of the hypervisor's. */
static void host_leaf(struct td_rig *r, unsigned index)
{
    union {
        struct kvm_cpuid2 head;
        uint8_t bytes[sizeof(struct kvm_cpuid2) + LEAVES * sizeof(struct kvm_cpuid_entry2)];
    } c = {.head = {.nent = LEAVES - 1}};
    int fd = r->t.l.vcpus[index];
    ck_assert_int_eq(launcher_ioctl(&r->t.l, fd, KVM_GET_CPUID2, &c), 0);
    c.head.entries[c.head.nent++] = (struct kvm_cpuid_entry2){
        .function = 0x40000000, .ebx = 0x4B4D564B, .ecx = 0x564B4D56, .edx = 0x4D};
    ck_assert_int_eq(launcher_ioctl(&r->t.l, fd, KVM_SET_CPUID2, &c), 0);
}

void td_rig_page(struct td_rig *r, uint64_t gpa, const void *data, size_t size, bool measure)
{
    size_t whole = (size + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE;
    uint8_t *copy = aligned_alloc(MODEL_PAGE, whole);
    ck_assert_ptr_nonnull(copy);
    memset(copy, 0, whole);
    if (data != NULL) {
        memcpy(copy, data, size);
    }
    ck_assert_msg(td_region(&r->t, gpa, whole, copy, measure) == 0, "%s", model_reason(r->m));
    free(copy);
}

void td_rig_init(struct td_rig *r)
{
    *r = (struct td_rig){.attributes = TDX_ATTR_SEPT_VE_DISABLE, .gpaw = 48};
}

void td_rig_launch(struct td_rig *r, const struct model_config *config, const uint8_t *program,
                   unsigned vcpus)
{
    const struct model_config usual = model_config_tdx();
    r->m = model_new(config != NULL ? config : &usual);
    ck_assert_ptr_nonnull(r->m);
    ck_assert_int_eq(td_open(&r->t, r->m), 0);
    r->vm = model_vm_of(r->m, r->t.l.vm);
    r->t.attributes = r->attributes;
    r->t.gpaw = r->gpaw;
    ck_assert_msg(td_init(&r->t) == 0, "%s", model_reason(r->m));
    ck_assert_int_eq(launcher_slot(&r->t.l, 0, TD_RIG_RAM), 0);
    ck_assert_int_eq(launcher_slot(&r->t.l, ROM_GPA, ROM_SIZE), 0);
    ck_assert_int_eq(launcher_attributes(&r->t.l, 0, TD_RIG_RAM, true), 0);
    if (program != NULL) {
        r->programs[0] = (uint64_t)(program - td_rom);
    }
    for (unsigned i = 0; i < vcpus; i++) {
        ck_assert_msg(td_vcpu(&r->t, i, r->programs[i]) == 0, "%s", model_reason(r->m));
        host_leaf(r, i);
    }
    td_rig_page(r, ROM_GPA, td_rom, ROM_SIZE, true);
    td_rig_page(r, TD_RIG_TABLES, NULL, 0x5000u * vcpus, false);
}

void td_rig_seal(struct td_rig *r)
{
    ck_assert_msg(td_finalize(&r->t) == 0, "%s", model_reason(r->m));
}

/* Attribute, and memory of the side given up. */
static void convert(struct td_rig *r, uint64_t gpa, uint64_t size, bool private)
{
    ck_assert_int_eq(launcher_attributes(&r->t.l, gpa, size, private), 0);
    for (unsigned i = 0; i < r->t.l.slot_count; i++) {
        struct launcher_slot *s = &r->t.l.slots[i];
        if (!private && gpa >= s->gpa && gpa - s->gpa < s->size) {
            ck_assert_int_eq(model_kvm_ops.fallocate(r->m, s->gmem,
                                                     FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                                                     gpa - s->gpa, size),
                             0);
        }
    }
}

static void serve_io(struct td_rig *r, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    if (run->io.direction == KVM_EXIT_IO_OUT) {
        r->out = *data;
    } else {
        *data = 0x5A;
    }
}

static void serve_tdx(struct td_rig *r, struct mu_exit_tdx *x)
{
    switch (x->nr) {
    case 0x10002:
        r->quotes++;
        ck_assert_uint_eq(x->get_quote.gpa, TD_RIG_WINDOW);
        x->get_quote.ret = 0;
        break;
    case 0x10004:
        r->notifies++;
        x->notify.ret = 0;
        break;
    default:
        x->info.ret = 0;
        break;
    }
}

static void serve(struct td_rig *r, struct kvm_run *run)
{
    struct mu_exit_hypercall *call = (void *)run->padding;
    struct mu_exit_memory_fault *fault = (void *)run->padding;
    r->exits++;
    switch (run->exit_reason) {
    case KVM_EXIT_HYPERCALL:
        ck_assert_uint_eq(call->nr, MU_HC_MAP_GPA_RANGE);
        call->ret = r->refuse_map ? 1 : 0;
        if (!r->refuse_map) {
            r->converted += (unsigned)call->args[1];
            convert(r, call->args[0], call->args[1] * MODEL_PAGE,
                    (call->args[2] & MU_MAP_PRIVATE) != 0);
        }
        break;
    case MU_EXIT_MEMORY_FAULT:
        r->faults++;
        convert(r, fault->gpa, fault->size, (fault->flags & MU_FAULT_PRIVATE) != 0);
        break;
    case KVM_EXIT_IO:
        serve_io(r, run);
        break;
    case KVM_EXIT_MMIO:
        run->mmio.data[0] = 0x5A;
        break;
    case MU_EXIT_TDX:
        serve_tdx(r, (void *)run->padding);
        break;
    default:
        break;
    }
}

enum model_outcome td_rig_run(struct td_rig *r)
{
    for (unsigned i = 0; i < MAX_EXITS && model_outcome(r->vm) == MODEL_GOING; i++) {
        unsigned vcpu = i % r->t.l.vcpu_count;
        int error = launcher_ioctl(&r->t.l, r->t.l.vcpus[vcpu], KVM_RUN, NULL);
        bool fault = error == -EFAULT && r->t.l.runs[vcpu]->exit_reason == MU_EXIT_MEMORY_FAULT;
        r->error = error;
        ck_assert_msg(error == 0 || error == -EAGAIN || error == -EINTR || error == -EIO || fault,
                      "KVM_RUN: %d %s", error, model_reason(r->m));
        if (error == 0 || fault) {
            serve(r, r->t.l.runs[vcpu]);
        }
    }
    return model_outcome(r->vm);
}

uint64_t td_rig_reason(const struct td_rig *r)
{
    return model_outcome(r->vm) == MODEL_TERMINATED ? model_termination(r->vm) : UINT64_MAX;
}

uint64_t td_rig_program(struct td_rig *r, const uint8_t *program)
{
    td_rig_init(r);
    td_rig_launch(r, NULL, program, 1);
    td_rig_seal(r);
    (void)td_rig_run(r);
    return td_rig_reason(r);
}

void td_rig_done(struct td_rig *r)
{
    launcher_close(&r->t.l);
    ck_assert(model_clean(r->m));
    model_free(r->m);
}
