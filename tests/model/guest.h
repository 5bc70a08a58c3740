/* SPDX-License-Identifier: Apache-2.0
 * guest.h - the guest's side of the model: processors that run the launched memory.
 */
#ifndef CL_MODEL_GUEST_H
#define CL_MODEL_GUEST_H

#include "model.h"

struct guest;     /* of a VM: remappings, objections, the hostile host's plan */
struct guest_cpu; /* of a vCPU */
struct model_vcpu;

int guest_run(struct model_vcpu *vcpu); /* KVM_RUN */
void guest_cpu_free(struct guest_cpu *cpu);
void guest_free(struct guest *guest);
void guest_forget_memory(struct guest *guest); /* slots changed */
uint64_t guest_remapped(const struct guest *guest, uint64_t gpa);

#endif
