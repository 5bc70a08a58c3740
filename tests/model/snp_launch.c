/* SPDX-License-Identifier: Apache-2.0
 * snp_launch.c - KVM_MEMORY_ENCRYPT_OP of an SNP guest: INIT2, LAUNCH_START, LAUNCH_UPDATE,
 * LAUNCH_FINISH, with the checks of KVM and of the firmware behind it (snp.md d.2, d.3).
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define POLICY_SMT (1ull << 16)
#define POLICY_MBO (1ull << 17)
#define VMSA_GPA 0x0000FFFFFFFFF000ull /* snp.md c: of every VMSA under KVM */

static void *user(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

/* The firmware refused: KVM says EIO, and the firmware's status is in the command. */
static int firmware(struct model_vm *vm, struct mu_sev_cmd *cmd, uint32_t status,
                    const char *reason)
{
    cmd->error = status;
    return model_refuse(vm->m, EIO, reason);
}

static int init2(struct model_vm *vm, const struct mu_sev_init *in)
{
    struct model *m = vm->m;
    if (vm->launch != MODEL_NEW) {
        return model_refuse(m, EPERM, "init2.twice"); /* d.3 (4): only SNP commands after INIT2 */
    }
    if (vm->vcpu_count > 0) {
        return model_refuse(m, EINVAL, "init2.vcpus"); /* d.3 (2): before any vCPU */
    }
    if (in == NULL || in->flags != 0) {
        return model_refuse(m, in == NULL ? EFAULT : EINVAL, "init2.flags");
    }
    if ((in->vmsa_features & ~m->config.vmsa_features) != 0) {
        return model_refuse(m, EINVAL, "init2.features"); /* d.2: pass without bit 0 */
    }
    if (in->ghcb_version > 2) {
        return model_refuse(m, EINVAL, "init2.ghcb_version");
    }
    vm->vmsa_features = in->vmsa_features;
    vm->launch = MODEL_INITIALISED;
    return 0;
}

static int start(struct model_vm *vm, struct mu_sev_cmd *cmd)
{
    struct model *m = vm->m;
    const struct mu_launch_start *in = user(cmd->data);
    if (vm->launch != MODEL_INITIALISED) {
        return model_refuse(m, EINVAL, "start.twice");
    }
    if (in == NULL || in->flags != 0) {
        return model_refuse(m, in == NULL ? EFAULT : EINVAL, "start.flags");
    }
    if ((in->policy & POLICY_MBO) == 0) {
        return model_refuse(m, EINVAL, "start.policy_mbo"); /* a.2: KVM refuses without bit 17 */
    }
    if ((in->policy & ~m->config.policy_bits) != 0) {
        return model_refuse(m, EINVAL, "start.policy_bits"); /* a.2, d.2 attribute 1 */
    }
    unsigned major = in->policy >> 8 & 0xFF;
    unsigned minor = in->policy & 0xFF;
    if (major > m->config.api_major ||
        (major == m->config.api_major && minor > m->config.api_minor)) {
        return firmware(vm, cmd, MU_FW_POLICY_FAILURE, "start.policy_abi");
    }
    if (m->config.smt && (in->policy & POLICY_SMT) == 0) {
        return firmware(vm, cmd, MU_FW_POLICY_FAILURE, "start.policy_smt");
    }
    vm->policy = in->policy;
    memcpy(vm->gosvw, in->gosvw, sizeof(vm->gosvw));
    memset(vm->ld, 0, sizeof(vm->ld)); /* c: LD0 */
    vm->launch = MODEL_LAUNCHING;
    return 0;
}

/* Arguments of LAUNCH_UPDATE by themselves. NULL: nothing to object. */
static const char *update_fault(const struct mu_launch_update *in)
{
    if (in->flags != 0) {
        return "update.flags";
    }
    if (in->len == 0 || in->len % MODEL_PAGE != 0) {
        return "update.len"; /* d.3 (6): page aligned */
    }
    if (in->type == MU_PAGE_VMSA) {
        return "update.vmsa"; /* upstream KVM measures VMSAs itself, d.2 */
    }
    if (in->type < MU_PAGE_NORMAL || in->type > MU_PAGE_CPUID) {
        return "update.type";
    }
    if (in->type != MU_PAGE_ZERO && (in->uaddr == 0 || in->uaddr % MODEL_PAGE != 0)) {
        return "update.uaddr"; /* d.3 (6): for ZERO the address is ignored */
    }
    return NULL;
}

/* What the page holds once the firmware has taken it. False: a CPUID page that it refuses. */
static bool fill(struct model_vm *vm, uint8_t type, uint8_t *page, uint8_t *source)
{
    switch (type) {
    case MU_PAGE_ZERO:
        memset(page, 0, MODEL_PAGE);
        return true;
    case MU_PAGE_SECRETS:
        model_secrets_fill(vm, page);
        return true;
    case MU_PAGE_CPUID:
        memcpy(page, source, MODEL_PAGE);
        if (!model_cpuid_check(page)) { /* d.3 (6): the corrected table goes back to the source */
            memcpy(source, page, MODEL_PAGE);
            return false;
        }
        memcpy(vm->cpuid_page, page, MODEL_PAGE);
        return true;
    default: /* NORMAL, UNMEASURED */
        memcpy(page, source, MODEL_PAGE);
        return true;
    }
}

static int update_page(struct model_vm *vm, struct mu_sev_cmd *cmd, uint8_t type, uint64_t gpa,
                       uint8_t *source)
{
    if (!model_is_private(vm, gpa)) {
        return model_refuse(vm->m, EIO, "update.attribute"); /* d.3 (6): attribute private */
    }
    struct model_rmp *rmp = model_rmp_at(vm, gpa);
    uint8_t *page = model_private(vm, gpa);
    if (rmp == NULL || page == NULL) {
        return model_refuse(vm->m, EIO, "update.gmem");
    }
    if (rmp->assigned) {
        return model_refuse(vm->m, EIO, "update.assigned"); /* d.3 (6): else EEXIST, then EIO */
    }
    if (!fill(vm, type, page, source)) {
        return firmware(vm, cmd, MU_FW_INVALID_PARAM, "update.cpuid");
    }
    int error = model_measure(vm, type, gpa, page);
    if (error == 0) { /* e.4: launch pages are already validated */
        *rmp = (struct model_rmp){
            .gfn = (uint32_t)(gpa / MODEL_PAGE), .assigned = true, .validated = true, .touched = 3};
    }
    return error;
}

static int update(struct model_vm *vm, struct mu_sev_cmd *cmd)
{
    struct model *m = vm->m;
    struct mu_launch_update *in = user(cmd->data);
    if (in == NULL) {
        return model_refuse(m, EFAULT, "update.data");
    }
    const char *fault = update_fault(in);
    if (fault != NULL) {
        return model_refuse(m, EINVAL, fault);
    }
    if (in->gfn_start >= MODEL_MAX_GFN) {
        return model_refuse(m, EINVAL, "update.slot");
    }
    struct model_slot *s = model_slot_at(vm, in->gfn_start * MODEL_PAGE);
    if (s == NULL || (s->r.flags & MU_MEM_GUEST_MEMFD) == 0) {
        return model_refuse(m, EINVAL, "update.slot"); /* d.3 (6): a slot with guest_memfd */
    }
    m->updates++;
    if (m->updates == m->update_eagain_at) {
        return model_refuse(m, EAGAIN, "injected"); /* d.3 (6): retry */
    }
    uint64_t in_slot = (s->r.gpa + s->r.size) / MODEL_PAGE - in->gfn_start;
    uint64_t pages = in->len / MODEL_PAGE;
    pages = pages < in_slot ? pages : in_slot;
    pages = m->update_limit == 0 || pages < m->update_limit ? pages : m->update_limit;
    for (uint64_t i = 0; i < pages; i++) { /* progress is written back page by page */
        int error = update_page(vm, cmd, in->type, in->gfn_start * MODEL_PAGE, user(in->uaddr));
        if (error != 0) {
            return i > 0 ? 0 : error; /* what went in stays in; the next call meets the error */
        }
        in->gfn_start++;
        in->len -= MODEL_PAGE;
        in->uaddr += in->type == MU_PAGE_ZERO ? 0 : MODEL_PAGE;
    }
    return 0;
}

/* d.3 (7): each vCPU's registers become its VMSA, in index order, and are measured. */
static int measure_vcpus(struct model_vm *vm)
{
    for (unsigned i = 0; i < MODEL_MAX_VCPUS; i++) {
        struct model_vcpu *v = vm->vcpus[i];
        if (v == NULL) {
            continue;
        }
        if (v->guest_debug || v->debug.dr7 != 0x400) {
            return model_refuse(vm->m, EINVAL, "finish.debug");
        }
        if (!v->has_cpuid) {
            return model_refuse(vm->m, EINVAL, "finish.cpuid"); /* d.3 (5) comes before (7) */
        }
        model_vmsa_sync(v);
        int error = model_measure(vm, MU_PAGE_VMSA, VMSA_GPA, v->vmsa);
        if (error != 0) {
            return error;
        }
        v->measured = true;
    }
    return 0;
}

static int finish(struct model_vm *vm, struct mu_sev_cmd *cmd)
{
    struct model *m = vm->m;
    const struct mu_launch_finish *in = user(cmd->data);
    if (in == NULL || in->flags != 0) {
        return model_refuse(m, in == NULL ? EFAULT : EINVAL, "finish.flags");
    }
    if (in->id_block_en > 1 || in->auth_key_en > 1 ||
        (in->auth_key_en != 0 && in->id_block_en == 0)) {
        return model_refuse(m, EINVAL, "finish.id_block_en"); /* b: author part is of the ID auth */
    }
    if (vm->vcpu_count == 0) {
        return model_refuse(m, EINVAL, "finish.vcpus");
    }
    int error = measure_vcpus(vm);
    if (error != 0) {
        return error;
    }
    if (in->id_block_en != 0) {
        if (in->id_block_uaddr == 0 || in->id_auth_uaddr == 0) {
            return model_refuse(m, EFAULT, "finish.id_uaddr");
        }
        const char *reason = "";
        uint32_t status = model_id_block(vm, user(in->id_block_uaddr), user(in->id_auth_uaddr),
                                         in->auth_key_en != 0, &reason);
        if (status != 0) {
            return firmware(vm, cmd, status, reason);
        }
    }
    memcpy(vm->host_data, in->host_data, sizeof(vm->host_data));
    vm->vcek_disabled = in->vcek_disabled != 0;
    vm->launch = MODEL_RUNNING;
    return 0;
}

static int enable_req_certs(struct model_vm *vm)
{
    if (!vm->m->config.req_certs) {
        return model_refuse(vm->m, EINVAL, "req_certs.unknown");
    }
    vm->req_certs = true;
    return 0;
}

static int snp_command(struct model_vm *vm, struct mu_sev_cmd *cmd)
{
    struct model *m = vm->m;
    if (vm->launch == MODEL_NEW) {
        return model_refuse(m, ENOTTY, "snp.init2"); /* not an SNP guest yet */
    }
    if (vm->launch == MODEL_RUNNING && cmd->id != MU_SNP_ENABLE_REQ_CERTS) {
        return model_refuse(m, EINVAL, "snp.after_finish"); /* d.3 (7): hosts crash on it */
    }
    if (cmd->id == MU_SNP_ENABLE_REQ_CERTS) {
        return enable_req_certs(vm);
    }
    if (model_file_get(m, (int)cmd->sev_fd, MODEL_SEV) == NULL) {
        return model_refuse(m, EBADF, "snp.sev_fd"); /* d.3 (2) */
    }
    if (cmd->id == MU_SNP_LAUNCH_START) {
        return start(vm, cmd);
    }
    if (vm->launch != MODEL_LAUNCHING) {
        return model_refuse(m, EINVAL, "snp.start"); /* d.3 (4) comes before (6), (7) */
    }
    return cmd->id == MU_SNP_LAUNCH_UPDATE ? update(vm, cmd) : finish(vm, cmd);
}

int model_encrypt_op(struct model_vm *vm, struct mu_sev_cmd *cmd)
{
    struct model *m = vm->m;
    if (vm->type != MU_VM_TYPE_SNP) {
        return model_refuse(m, ENOTTY, "op.type");
    }
    if (cmd == NULL) {
        return 0; /* d.1: takes NULL as a probe */
    }
    cmd->error = 0;
    if (cmd->id == MU_SEV_INIT2) {
        return init2(vm, user(cmd->data));
    }
    if (cmd->id < MU_SNP_LAUNCH_START || cmd->id > MU_SNP_ENABLE_REQ_CERTS) {
        return vm->launch != MODEL_NEW && cmd->id < MU_SNP_LAUNCH_START
                   ? model_refuse(m, EPERM, "op.not_snp")
                   : model_refuse(m, EINVAL, "op.id");
    }
    return snp_command(vm, cmd);
}
