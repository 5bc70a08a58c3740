/* SPDX-License-Identifier: Apache-2.0
 * rig.c - see rig.h.
 */
#include "rig.h"

#include <check.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXITS 100000u
#define ROM_GPA 0xFFFF0000u
#define ROM_SIZE 0x10000u

void rig_page(struct rig *r, uint8_t type, uint64_t gpa, const void *data, size_t size)
{
    size_t whole = (size + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE;
    uint8_t *copy = aligned_alloc(MODEL_PAGE, whole);
    ck_assert_ptr_nonnull(copy);
    memset(copy, 0, whole);
    if (data != NULL) {
        memcpy(copy, data, size);
    }
    ck_assert_msg(launcher_update(&r->l, type, gpa, whole, copy) == 0, "%s", model_reason(r->m));
    free(copy);
}

static void set_program(struct rig *r, unsigned vcpu, const uint8_t *program)
{
    struct kvm_regs regs;
    ck_assert_int_eq(launcher_ioctl(&r->l, r->l.vcpus[vcpu], KVM_GET_REGS, &regs), 0);
    regs.rbx = (uint64_t)(program - rom);
    ck_assert_int_eq(launcher_ioctl(&r->l, r->l.vcpus[vcpu], KVM_SET_REGS, &regs), 0);
}

void rig_launch(struct rig *r, const struct model_config *config, const uint8_t *program,
                unsigned vcpus)
{
    *r = (struct rig){.m = model_new(config)};
    ck_assert_ptr_nonnull(r->m);
    ck_assert_msg(launcher_begin(&r->l, r->m, RIG_RAM, ROM_SIZE) == 0, "%s", model_reason(r->m));
    ck_assert_msg(launcher_vcpus(&r->l, vcpus, 0xFFFFFFF0) == 0, "%s", model_reason(r->m));
    r->vm = model_vm_of(r->m, r->l.vm);
    for (unsigned i = 0; i < vcpus; i++) {
        set_program(r, i, program);
    }
    rig_page(r, MU_PAGE_NORMAL, ROM_GPA, rom, ROM_SIZE);
    rig_page(r, MU_PAGE_ZERO, 0x8000, NULL, 0x8000);
    rig_page(r, MU_PAGE_SECRETS, RIG_SECRETS, NULL, MODEL_PAGE);
    rig_page(r, MU_PAGE_CPUID, RIG_CPUID, NULL, MODEL_PAGE);
}

void rig_seal(struct rig *r)
{
    ck_assert_msg(launcher_finish(&r->l) == 0, "%s", model_reason(r->m));
}

/* What the VMM does for a conversion: attribute, and memory of the side given up (d.3, 8). */
static void convert(struct rig *r, uint64_t gpa, uint64_t size, bool private)
{
    ck_assert_int_eq(launcher_attributes(&r->l, gpa, size, private), 0);
    for (unsigned i = 0; i < r->l.slot_count; i++) {
        struct launcher_slot *s = &r->l.slots[i];
        if (!private && gpa >= s->gpa && gpa - s->gpa < s->size) {
            ck_assert_int_eq(model_kvm_ops.fallocate(r->m, s->gmem,
                                                     FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                                                     gpa - s->gpa, size),
                             0);
        }
    }
}

static void serve(struct rig *r, struct kvm_run *run)
{
    struct mu_exit_hypercall *call = (void *)run->padding;
    struct mu_exit_memory_fault *fault = (void *)run->padding;
    r->exits++;
    switch (run->exit_reason) {
    case KVM_EXIT_HYPERCALL:
        ck_assert_uint_eq(call->nr, MU_HC_MAP_GPA_RANGE);
        r->converted += (unsigned)call->args[1];
        convert(r, call->args[0], call->args[1] * MODEL_PAGE,
                (call->args[2] & MU_MAP_PRIVATE) != 0);
        call->ret = 0;
        break;
    case MU_EXIT_MEMORY_FAULT:
        r->faults++;
        convert(r, fault->gpa, fault->size, (fault->flags & MU_FAULT_PRIVATE) != 0);
        break;
    case KVM_EXIT_IO: {
        uint8_t *data = (uint8_t *)run + run->io.data_offset;
        r->port = run->io.port;
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            r->out = *data;
        } else {
            *data = 0x5A;
        }
        break;
    }
    default:
        break;
    }
}

enum model_outcome rig_run(struct rig *r)
{
    for (unsigned i = 0; i < MAX_EXITS && model_outcome(r->vm) == MODEL_GOING; i++) {
        unsigned vcpu = i % r->l.vcpu_count;
        int error = launcher_ioctl(&r->l, r->l.vcpus[vcpu], KVM_RUN, NULL);
        bool fault = error == -EFAULT && r->l.runs[vcpu]->exit_reason == MU_EXIT_MEMORY_FAULT;
        ck_assert_msg(error == 0 || error == -EAGAIN || error == -EINTR || fault, "KVM_RUN: %d %s",
                      error, model_reason(r->m));
        if (error == 0 || fault) {
            serve(r, r->l.runs[vcpu]);
        }
    }
    return model_outcome(r->vm);
}

unsigned rig_reason(const struct rig *r)
{
    uint64_t t = model_termination(r->vm);
    if (model_outcome(r->vm) != MODEL_TERMINATED || (t & 0xFFF) != 0x100) {
        return 0;
    }
    return (unsigned)(t >> 12 & 0xF) << 8 | (unsigned)(t >> 16 & 0xFF);
}

unsigned rig_program(struct rig *r, const uint8_t *program)
{
    rig_launch(r, NULL, program, 1);
    rig_seal(r);
    (void)rig_run(r);
    return rig_reason(r);
}

void rig_done(struct rig *r)
{
    launcher_close(&r->l);
    ck_assert(model_clean(r->m));
    model_free(r->m);
}
