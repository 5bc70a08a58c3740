/* SPDX-License-Identifier: Apache-2.0
 * vm.c - puts a VM together: KVM objects, memory slots, devices, payload, launch.
 * Trust: the firmware file is parsed as hostile (tee/rom.h); the rest is ours or the user's.
 * Threads: one, before any other exists. Memory: guest RAM is mapped, not touched.
 */
#include "base/io.h"
#include "base/log.h"
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

/* What we cannot do without, with the name that a message gives. */
static const struct {
    unsigned long capability;
    const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "user memory"},
    {KVM_CAP_SPLIT_IRQCHIP, "a split interrupt controller"},
    {KVM_CAP_IRQ_ROUTING, "interrupt routing"},
    {KVM_CAP_IRQFD, "irqfd"},
    {KVM_CAP_IOEVENTFD, "ioeventfd"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_SET_TSS_ADDR"},
    {KVM_CAP_EXT_CPUID, "CPUID tables"},
};

static enum cl_status check_kvm(const struct vmm_kvm *k, struct cl_err *err)
{
    int version = vmm_kvm_dev(k, KVM_GET_API_VERSION, NULL);
    if (version != KVM_API_VERSION) {
        return cl_err_set(err, CL_ERR_SYS, "KVM: API version: expected %d, got %d", KVM_API_VERSION,
                          version);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(needed); i++) {
        if (vmm_kvm_dev(k, KVM_CHECK_EXTENSION, (void *)needed[i].capability) <= 0) {
            return cl_err_set(err, CL_ERR_SYS, "KVM: expected %s, got a KVM without",
                              needed[i].name);
        }
    }
    return CL_OK;
}

/* What is the host's to choose before the TEE makes a VM of it. */
static enum cl_status init_vm(struct vmm *v, struct cl_err *err)
{
    const struct tee_ops *tee = v->cfg->tee;
    if (tee->guest != TEE_GUEST_TD &&
        vmm_kvm_vm(&v->kvm, KVM_SET_TSS_ADDR, (void *)STAGE0_KVM_TSS_GPA) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_TSS_ADDR");
    }
    struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {VMM_IOAPIC_PINS}};
    if (vmm_kvm_vm(&v->kvm, KVM_ENABLE_CAP, &cap) < 0) {
        return cl_err_sys(err, errno, "split interrupt controller");
    }
    if (tee->init_vm == NULL) {
        return CL_OK;
    }
    struct tee_cpuid cpuid;
    CL_TRY(vmm_vcpu_cpuid(v, 0, &cpuid, err));
    return tee->init_vm(v->tee, &cpuid, err);
}

static enum cl_status create_vm(struct vmm *v, struct cl_err *err)
{
    const struct tee_tdvf_section *hob = tee_tdvf_hob(&v->rom);
    struct tee_config cfg = {
        .kvm = &v->kvm,
        .psp_fd = v->files->psp_fd,
        .cpu_count = v->cfg->cpu_count,
        .cpu_sig = v->cfg->cpu_sig,
        .sev_fd = v->files->sev_fd,
        .policy = TEE_SNP_POLICY,
        .id_block = v->files->id_block.data,
        .id_auth = v->files->id_auth.data,
        .id_author = v->cfg->id_author,
        .certs = v->files->certs.data,
        .certs_size = v->files->certs.len,
        .td_hob_gpa = hob != NULL ? hob->gpa : 0,
    };
    memcpy(cfg.host_data, v->cfg->host_data, sizeof(cfg.host_data));
    memcpy(cfg.mr_config_id, v->cfg->mr_config_id, sizeof(cfg.mr_config_id));
    if (v->files->qgs_fd >= 0) {
        cfg.quoter = (struct tee_quoter){.submit = vmm_quotes_submit, .ctx = v};
    }
    CL_TRY(check_kvm(&v->kvm, err));
    CL_TRY(v->cfg->tee->open(&cfg, &v->tee, err));
    CL_TRY(v->cfg->tee->create_vm(v->tee, &v->kvm.vm_fd, err));
    return init_vm(v, err);
}

static enum cl_status add_slot(struct vmm *v, const struct tee_memory *m, struct cl_err *err)
{
    return v->cfg->tee->add_memory(v->tee, m, err);
}

static enum cl_status add_memory(struct vmm *v, struct cl_err *err)
{
    CL_TRY(vmm_mem_init(&v->mem, v->cfg->ram_size, err));
    for (uint32_t i = 0; i < CL_ARRAY_LEN(v->mem.range); i++) {
        const struct vmm_mem_range *r = &v->mem.range[i];
        if (r->size > 0) {
            struct tee_memory ram = {
                .slot = VMM_SLOT_RAM_LOW + i, .gpa = r->gpa, .size = r->size, .hva = r->hva};
            CL_TRY(add_slot(v, &ram, err));
        }
    }
    struct tee_memory rom = {.slot = VMM_SLOT_ROM,
                             .gpa = STAGE0_ROM_GPA,
                             .size = STAGE0_ROM_SIZE,
                             .hva = v->files->rom,
                             .read_only = true};
    CL_TRY(add_slot(v, &rom, err));
    struct vmm_payload_source src = {
        .kernel_fd = v->files->kernel_fd,
        .initrd_fd = v->files->initrd_fd,
        .cmdline = v->files->cmdline,
        .kernel_digest = v->cfg->has_kernel_digest ? v->cfg->kernel_digest : NULL,
        .initrd_digest = v->cfg->has_initrd_digest ? v->cfg->initrd_digest : NULL,
        .cpu_count = v->cfg->cpu_count,
        .ram_size = v->cfg->ram_size,
    };
    CL_TRY(vmm_payload_init(&v->payload, &src, err));
    struct tee_memory window = {.slot = VMM_SLOT_PAYLOAD,
                                .gpa = STAGE0_WINDOW_GPA,
                                .size = v->payload.size,
                                .hva = v->payload.map,
                                .read_only = true,
                                .side = TEE_SIDE_SHARED};
    return add_slot(v, &window, err);
}

/* A guest that floods the console only slows itself down. */
static void console_put(void *ctx, const uint8_t *text, size_t len)
{
    const struct vmm *v = ctx;
    if (cl_write_all(v->files->console_fd, text, len, "console", NULL) != CL_OK) {
        return; /* the console's reader is gone; the guest goes on */
    }
}

static enum cl_status add_disks(struct vmm *v, struct cl_err *err)
{
    for (unsigned i = 0; i < VMM_DISKS; i++) {
        if (v->files->disk_fd[i] >= 0) {
            enum cl_status st = vmm_blk_attach(&v->disk[i], v->files->disk_fd[i], true, err);
            if (st != CL_OK) {
                return cl_err_wrap(err, st, "disk %u", i + 1);
            }
            v->files->disk_fd[i] = -1; /* taken */
        }
    }
    return CL_OK;
}

static void *ram_view(void *ctx, uint64_t gpa, uint64_t size)
{
    return vmm_mem_view(ctx, gpa, size);
}

static enum cl_status launch(struct vmm *v, struct cl_err *err)
{
    int fds[TEE_MAX_CPUS];
    for (unsigned i = 0; i < v->cfg->cpu_count; i++) {
        fds[i] = v->vcpu[i].fd;
    }
    struct tee_launch l = {
        .rom = &v->rom,
        .rom_data = v->files->rom,
        .rom_size = STAGE0_ROM_SIZE,
        .ram = ram_view,
        .ram_ctx = &v->mem,
        .ram_range = {{v->mem.range[0].gpa, v->mem.range[0].size},
                      {v->mem.range[1].gpa, v->mem.range[1].size}},
        .hashes = v->payload.hashes,
        .vcpu_fd = fds,
    };
    uint8_t digest[TEE_DIGEST_SIZE];
    bool measured = false;
    CL_TRY(tee_launch(v->cfg->tee, v->tee, &l, digest, &measured, err));
    if (measured) {
        vmm_status_launched(&v->status, digest);
    } else {
        cl_log(CL_LOG_INFO, "vmm", "no security processor: this guest cannot attest");
    }
    return CL_OK;
}

static void init_fields(struct vmm *v, const struct vmm_kvm_ops *ops, void *ops_ctx,
                        const struct vmm_config *cfg, struct vmm_files *files)
{
    memset(v, 0, sizeof(*v));
    v->cfg = cfg;
    v->files = files;
    v->kvm = (struct vmm_kvm){.ops = ops, .ctx = ops_ctx, .dev_fd = files->kvm_fd, .vm_fd = -1};
    (void)pthread_mutex_init(&v->bus_lock, NULL);
    v->status.wake_fd = -1;
    v->serial_irq_fd = -1;
    v->epoll_fd = -1;
    v->signal_fd = -1;
    vmm_worker_init(&v->disks);
    vmm_worker_init(&v->nets);
    vmm_quotes_init(&v->quotes);
    for (size_t i = 0; i < CL_ARRAY_LEN(v->irq_fd); i++) {
        v->irq_fd[i] = -1;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(v->queue_fd); i++) {
        v->queue_fd[i] = -1;
    }
    for (size_t i = 0; i < TEE_MAX_CPUS; i++) {
        v->vcpu[i].fd = -1;
    }
}

enum cl_status vmm_init(struct vmm *v, const struct vmm_kvm_ops *ops, void *ops_ctx,
                        const struct vmm_config *cfg, struct vmm_files *files, uint64_t start_us,
                        struct cl_err *err)
{
    init_fields(v, ops, ops_ctx, cfg, files);
    CL_TRY(vmm_status_init(&v->status, files->status_fd, err));
    vmm_status_mark(&v->status, "vmm.start", start_us);
    enum cl_status st = tee_rom_parse(files->rom, STAGE0_ROM_SIZE, &v->rom, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "firmware");
    }
    CL_TRY(create_vm(v, err));
    CL_TRY(add_memory(v, err));
    vmm_ioapic_init(&v->ioapic);
    v->serial.put = console_put;
    v->serial.put_ctx = v;
    vmm_vsock_init(&v->vsock, &(struct vmm_vsock_host){0}, &v->mem); /* loop.c connects it */
    for (unsigned i = 0; i < VMM_DISKS; i++) {
        vmm_blk_init(&v->disk[i], i + 1, &v->mem);
    }
    for (unsigned i = 0; i < VMM_NETS; i++) {
        vmm_net_init(&v->net[i], &cfg->net[i], files->net_fd[i], &v->mem);
        files->net_fd[i] = -1; /* taken */
    }
    CL_TRY(vmm_irq_init(v, err));
    CL_TRY(add_disks(v, err));
    CL_TRY(cfg->tee->launch_start(v->tee, err));
    CL_TRY(vmm_vcpus_create(v, err));
    return launch(v, err);
}

static void close_all(int *fd, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cl_close_fdp(&fd[i]);
    }
}

void vmm_done(struct vmm *v)
{
    vmm_vcpus_done(v);
    if (v->disk[0].slot != 0) { /* the devices exist */
        vmm_vsock_done(&v->vsock);
        for (unsigned i = 0; i < VMM_DISKS; i++) {
            vmm_blk_done(&v->disk[i]);
        }
        for (unsigned i = 0; i < VMM_NETS; i++) {
            vmm_net_done(&v->net[i]);
        }
    }
    vmm_quotes_done(&v->quotes);
    close_all(v->irq_fd, CL_ARRAY_LEN(v->irq_fd));
    close_all(v->queue_fd, CL_ARRAY_LEN(v->queue_fd));
    cl_close_fdp(&v->serial_irq_fd);
    cl_close_fdp(&v->epoll_fd);
    cl_close_fdp(&v->signal_fd);
    if (v->tee != NULL) {
        v->cfg->tee->free(v->tee);
        v->tee = NULL;
    }
    vmm_kvm_close(&v->kvm, &v->kvm.vm_fd);
    vmm_payload_done(&v->payload);
    vmm_mem_done(&v->mem);
    vmm_status_done(&v->status);
    (void)pthread_mutex_destroy(&v->bus_lock);
}
