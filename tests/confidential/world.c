/* SPDX-License-Identifier: Apache-2.0
 * world.c - see world.h.
 */
#include "world.h"

#include "base/encode.h"
#include "base/io.h"
#include "tdx.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KERNEL_SIZE 20000u
#define INITRD_SIZE 9000u

static void put(uint8_t *at, uint64_t x, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(x >> 8 * i);
    }
}

/* The smallest bzImage that stage0 takes (guest-boot.md 1.1). */
static void make_kernel(uint8_t *k)
{
    for (size_t i = 0; i < KERNEL_SIZE; i++) {
        k[i] = (uint8_t)(i * 7 ^ i >> 8);
    }
    k[0x1F1] = 1;
    put(k + 0x1FE, 0xAA55, 2);
    k[0x201] = 0x6A;
    put(k + 0x202, 0x53726448, 4);
    put(k + 0x206, 0x020F, 2);
    k[0x211] = 0x81;
    put(k + 0x22C, 0x7FFFFFFF, 4);
    put(k + 0x230, 0x200000, 4);
    k[0x234] = 1;
    put(k + 0x236, 0x7F, 2);
    put(k + 0x238, 2047, 4);
    put(k + 0x258, STAGE0_KERNEL_GPA, 8);
    put(k + 0x260, 0x300000, 4);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static void make_files(struct world *w)
{
    static uint8_t kernel[KERNEL_SIZE];
    static uint8_t initrd[INITRD_SIZE];
    make_kernel(kernel);
    memset(initrd, 'i', sizeof(initrd));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/cl-confidential-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    (void)snprintf(w->kernel, sizeof(w->kernel), "%s/kernel", w->dir);
    (void)snprintf(w->initrd, sizeof(w->initrd), "%s/initrd", w->dir);
    write_file(w->kernel, kernel, sizeof(kernel));
    write_file(w->initrd, initrd, sizeof(initrd));
}

static void init_files(struct world *w)
{
    struct vmm_files *f = &w->files;
    f->kvm_fd = f->kernel_fd = f->initrd_fd = f->psp_fd = f->console_fd = f->status_fd = -1;
    f->control_fd = f->vsock_fd = f->vsock_dir_fd = f->sev_fd = f->qgs_fd = -1;
    for (size_t i = 0; i < VMM_DISKS; i++) {
        f->disk_fd[i] = -1;
    }
    for (size_t i = 0; i < VMM_NETS; i++) {
        f->net_fd[i] = -1;
    }
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    w->status = fds[0];
    f->status_fd = fds[1];
    (void)snprintf(f->cmdline, sizeof(f->cmdline), "%s", WORLD_CMDLINE);
}

static void init(struct world *w, const struct model_config *config, const struct tee_ops *tee)
{
    memset(w, 0, sizeof(*w));
    w->model = model_new(config);
    ck_assert_ptr_nonnull(w->model);
    make_files(w);
    init_files(w);
    w->firmware = CONFIDENTIAL_ROM;
    w->cfg = (struct vmm_config){
        .cpu_count = 1, .cpu_sig = TEE_SNP_CPU_SIG, .ram_size = 256u << 20, .tee = tee};
}

void world_init(struct world *w)
{
    struct model_config config = model_config_default();
    init(w, &config, &tee_snp_ops);
}

void world_init_tdx(struct world *w)
{
    struct model_config config = model_config_tdx();
    init(w, &config, &tee_tdx_ops);
    w->td = true;
}

void world_use(struct world *w, const char *firmware, const char *kernel, const char *initrd)
{
    w->firmware = firmware != NULL ? firmware : w->firmware;
    if (kernel != NULL) {
        (void)snprintf(w->kernel, sizeof(w->kernel), "%s", kernel);
    }
    if (initrd != NULL) {
        (void)snprintf(w->initrd, sizeof(w->initrd), "%s", initrd);
    }
}

static void open_files(struct world *w)
{
    struct vmm_files *f = &w->files;
    int rom = open(w->firmware, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(rom >= 0, "cannot open '%s'", w->firmware);
    f->rom = mmap(NULL, STAGE0_ROM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, rom, 0);
    ck_assert(f->rom != MAP_FAILED && close(rom) == 0);
    f->kernel_fd = open(w->kernel, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(f->kernel_fd, 0);
    if (w->initrd[0] != '\0') {
        f->initrd_fd = open(w->initrd, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(f->initrd_fd, 0);
    }
}

enum cl_status world_launch(struct world *w)
{
    open_files(w);
    w->files.kvm_fd = kvm_model_ops.open(w->model, "/dev/kvm");
    if (!w->td) {
        w->files.sev_fd = kvm_model_ops.open(w->model, "/dev/sev");
    }
    if (w->files.kvm_fd < 0 || (w->files.sev_fd < 0 && !w->td)) {
        return cl_err_set(&w->err, CL_ERR_SYS, "the model's devices");
    }
    return vmm_init(&w->vmm, &kvm_model_ops, w->model, &w->cfg, &w->files, 0, &w->err);
}

void world_must_launch(struct world *w)
{
    enum cl_status st = world_launch(w);
    ck_assert_msg(st == CL_OK, "%s [%s]", w->err.msg, model_reason(w->model));
}

struct model_vm *world_vm(struct world *w)
{
    struct model_vm *vm = model_vm_of(w->model, w->vmm.kvm.vm_fd);
    ck_assert_ptr_nonnull(vm);
    return vm;
}

/* {"event":"launched","measurement":"<96 hex>"} */
static void digest_of_event(struct world *w, uint8_t ret[static 48])
{
    char text[4096];
    ssize_t n = read(w->status, text, sizeof(text) - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    const char *at = strstr(text, "\"measurement\":\"");
    ck_assert_ptr_nonnull(at);
    char hex[97];
    memcpy(hex, at + 15, 96);
    hex[96] = '\0';
    ck_assert_int_eq(cl_unhex(ret, 48, hex, "measurement", NULL), CL_OK);
}

void world_registers(const struct world *w, struct cl_tdx_measurement *ret)
{
    struct cl_err err = {0};
    struct cl_tdx_measure_config config = {.firmware = w->firmware,
                                           .kernel = w->kernel,
                                           .initrd = w->initrd[0] != '\0' ? w->initrd : NULL,
                                           .cmdline = w->files.cmdline,
                                           .memory = w->cfg.ram_size};
    ck_assert_msg(cl_tdx_measure(&config, ret, &err) == CL_OK, "%s", err.msg);
}

static void measure_td(const struct world *w, uint8_t ret[static 48])
{
    struct cl_tdx_measurement m;
    world_registers(w, &m);
    memcpy(ret, m.mr[CL_TDX_MRTD], 48);
}

static void measure_snp(const struct world *w, uint8_t ret[static 48])
{
    struct cl_snp_measurement m;
    struct cl_snp_measure_config config = {.firmware = w->firmware,
                                           .kernel = w->kernel,
                                           .initrd = w->initrd[0] != '\0' ? w->initrd : NULL,
                                           .cmdline = w->files.cmdline,
                                           .cpus = w->cfg.cpu_count,
                                           .vcpu_sig = w->cfg.cpu_sig,
                                           .guest_features = TEE_SNP_FEATURES};
    ck_assert_int_eq(cl_snp_measure(&config, &m, NULL), CL_OK);
    memcpy(ret, m.digest, 48);
}

void world_digests(struct world *w, uint8_t vmm[static 48], uint8_t model[static 48],
                   uint8_t measure[static 48])
{
    digest_of_event(w, vmm);
    if (w->td) {
        memcpy(model, model_mrtd(world_vm(w)), 48);
        measure_td(w, measure);
    } else {
        memcpy(model, model_launch_digest(world_vm(w)), 48);
        measure_snp(w, measure);
    }
}

void world_one_digest(struct world *w, uint8_t ret_digest[static 48])
{
    uint8_t vmm[48], measure[48];
    world_digests(w, vmm, ret_digest, measure);
    ck_assert_mem_eq(vmm, ret_digest, 48);
    ck_assert_mem_eq(measure, ret_digest, 48);
}

static uint8_t *read_whole_file(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(64u << 20);
    ck_assert(f != NULL && data != NULL);
    *ret_size = fread(data, 1, 64u << 20, f);
    (void)fclose(f);
    return data;
}

/* Tables, stack, state with the seed, and what was the GHCB page. */
static const struct model_range wiped = {STAGE0_OWN_GPA, STAGE0_OWN_END - STAGE0_OWN_GPA};

/* The protected-mode part begins behind the setup sectors. */
static void tell_entry(struct world *w)
{
    w->kernel_bytes = read_whole_file(w->kernel, &w->kernel_size);
    if (w->initrd[0] != '\0') {
        w->initrd_bytes = read_whole_file(w->initrd, &w->initrd_size);
    }
    size_t setup = (w->kernel_bytes[0x1F1] + 1u) * 512u;
    struct model_entry entry = {.rip = STAGE0_KERNEL_GPA + 0x200,
                                .kernel = w->kernel_bytes + setup,
                                .kernel_size = w->kernel_size - setup,
                                .initrd = w->initrd_bytes,
                                .initrd_size = w->initrd_size,
                                .cmdline = w->files.cmdline,
                                .acpi = true,
                                .cpus = w->cpus_told != 0 ? w->cpus_told : w->cfg.cpu_count,
                                .wiped = &wiped,
                                .wiped_count = 1,
                                .ram_size = w->cfg.ram_size};
    model_expect_entry(world_vm(w), &entry);
}

void world_run(struct world *w)
{
    tell_entry(w);
    unsigned cpus = w->td ? w->cfg.cpu_count : 1;
    for (unsigned steps = 0; steps < 1000000 && !vmm_status_ended(&w->vmm.status); steps++) {
        if (model_outcome(world_vm(w)) != MODEL_GOING ||
            !vmm_vcpu_step(&w->vmm.vcpu[steps % cpus])) {
            return;
        }
    }
}

static void tell_objections(struct world *w)
{
    const struct model_objection *o = NULL;
    for (unsigned i = 0; (o = model_objection(world_vm(w), i)) != NULL; i++) {
        (void)fprintf(stderr, "the model objects: %s: %s\n", o->rule, o->text);
    }
}

void world_expect_linux(struct world *w)
{
    tell_objections(w);
    ck_assert_msg(model_outcome(world_vm(w)) == MODEL_ENTERED, "outcome %d, termination 0x%llx: %s",
                  model_outcome(world_vm(w)), (unsigned long long)model_termination(world_vm(w)),
                  w->vmm.status.reason);
    ck_assert_ptr_null(model_objection(world_vm(w), 0));
    /* Of the setup header, what no loader writes: from the alignment to the command line's size,
     * the address and the size to run at. */
    const uint8_t *params = model_private(world_vm(w), STAGE0_ZERO_PAGE_GPA);
    ck_assert_mem_eq(params + 0x230, w->kernel_bytes + 0x230, 12);
    ck_assert_mem_eq(params + 0x258, w->kernel_bytes + 0x258, 12);
}

void world_expect_refusal(struct world *w, enum stage0_reason reason)
{
    ck_assert_msg(w->vmm.status.ended && w->vmm.status.end == VMM_END_REFUSED,
                  "outcome %d, termination 0x%llx: %s", model_outcome(world_vm(w)),
                  (unsigned long long)model_termination(world_vm(w)), w->vmm.status.reason);
    ck_assert_str_eq(w->vmm.status.reason, stage0_reason_words(reason));
}

void world_free(struct world *w)
{
    struct vmm_files *f = &w->files;
    if (w->vmm.cfg != NULL) {
        vmm_done(&w->vmm);
    }
    struct vmm_kvm k = {.ops = &kvm_model_ops, .ctx = w->model};
    vmm_kvm_close(&k, &f->kvm_fd);
    vmm_kvm_close(&k, &f->sev_fd);
    cl_close_fdp(&f->kernel_fd);
    cl_close_fdp(&f->initrd_fd);
    cl_close_fdp(&f->status_fd);
    cl_close_fdp(&w->status);
    if (f->rom != NULL) {
        (void)munmap(f->rom, STAGE0_ROM_SIZE);
    }
    free(w->kernel_bytes);
    free(w->initrd_bytes);
    cl_buf_done(&f->id_block);
    cl_buf_done(&f->id_auth);
    cl_buf_done(&f->certs);
    struct model_leaks left = model_leaks(w->model);
    ck_assert_msg(model_clean(w->model), "left: %u files, %u VMs, %u vCPUs, %u memories, %u maps",
                  left.files, left.vms, left.vcpus, left.gmems, left.mappings);
    model_free(w->model);
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/kernel", w->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/initrd", w->dir);
    (void)unlink(path);
    (void)rmdir(w->dir);
}
