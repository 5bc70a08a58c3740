/* SPDX-License-Identifier: Apache-2.0
 * kvm_model.h - the model behind the VMM's table of KVM functions. Threads: one.
 */
#ifndef CONFIDENTIAL_KVM_MODEL_H
#define CONFIDENTIAL_KVM_MODEL_H

#include "model.h"
#include "tee/kvm_ops.h"

extern const struct vmm_kvm_ops kvm_model_ops; /* ctx: struct model */

#endif
