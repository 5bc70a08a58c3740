/* SPDX-License-Identifier: Apache-2.0
 * guest.c - KVM_RUN.
 */
#include "guest.h"

#include "internal.h"

#include <errno.h>

int guest_run(struct model_vcpu *vcpu)
{
    return model_refuse(vcpu->vm->m, EINVAL, "run.before_finish");
}

void guest_cpu_free(struct guest_cpu *cpu)
{
    (void)cpu;
}

void guest_free(struct guest *guest)
{
    (void)guest;
}

void guest_forget_memory(struct guest *guest)
{
    (void)guest;
}

uint64_t guest_remapped(const struct guest *guest, uint64_t gpa)
{
    (void)guest;
    return gpa;
}
