/* SPDX-License-Identifier: Apache-2.0
 * vm_vmm.c - the command line of a VM's cloister-vmm, by class. Trust, threads, memory: host/vm.h.
 */
#include "vm_internal.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/guest_files.h"
#include "cloister/initdata.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_FD 3u /* of the VMM: takes its events; then a disk's, then the taps' */
#define NET_SIZE 48u

struct vmm_argv {
    const char *v[HOST_CHILD_MAX_ARGS + 1];
    size_t count;
};
struct vmm_text { /* of arguments */
    char cpus[24], memory[32], scratch[16];
    char psp[VM_PATH_SIZE], control[VM_PATH_SIZE];
    char field[2 * CL_INITDATA_FIELD_MAX + 1];
    char net[HOST_VM_NETS][NET_SIZE];
};

const char *host_vm_class_name(enum host_vm_class class)
{
    static const char *const names[] = {
        [HOST_VM_SIM_SNP] = "sim-snp", [HOST_VM_SNP] = "snp", [HOST_VM_TDX] = "tdx"};
    return names[class];
}

static void put(struct vmm_argv *a, const char *option, const char *value)
{
    if (value != NULL && a->count + 2 <= HOST_CHILD_MAX_ARGS) {
        a->v[a->count++] = option;
        a->v[a->count++] = value;
    }
}

static void put_flag(struct vmm_argv *a, const char *option, bool given)
{
    if (given && a->count < HOST_CHILD_MAX_ARGS) {
        a->v[a->count++] = option;
    }
}

/* What binds initdata, in the field of the class. */
static void put_field(const struct host_vm_config *cfg, struct vmm_text *t, struct vmm_argv *a)
{
    static const uint8_t no_initdata[CL_SHA256_SIZE];
    const uint8_t *digest = cfg->initdata_digest != NULL ? cfg->initdata_digest : no_initdata;
    uint8_t field[CL_INITDATA_FIELD_MAX];
    bool tdx = cfg->tee_class == HOST_VM_TDX;
    cl_initdata_fit(field, sizeof(field), digest, CL_SHA256_SIZE);
    cl_hex(t->field, field, tdx ? sizeof(field) : CL_SHA256_SIZE);
    put(a, tdx ? "--mr-config-id" : "--host-data", t->field);
}

/* Where Intel's service has its socket, if it has one; else it is asked by vsock. */
static const char *find_qgs(void)
{
    static const char socket[] = "/var/run/tdx-qgs/qgs.socket";
    return access(socket, F_OK) == 0 ? socket : "vsock";
}

static enum cl_status put_class(const struct host_vm *vm, struct vmm_text *t, struct vmm_argv *a,
                                struct cl_err *err)
{
    const struct host_vm_config *cfg = &vm->cfg;
    switch (cfg->tee_class) {
    case HOST_VM_SIM_SNP:
        CL_TRY(vm_path(vm, "psp.sock", t->psp, err));
        put(a, "--psp-socket", t->psp);
        break;
    case HOST_VM_SNP:
        put(a, "--id-block", cfg->id_block);
        put(a, "--id-auth", cfg->id_auth);
        put_flag(a, "--id-author", cfg->id_author);
        put(a, "--certs", cfg->certs);
        break;
    case HOST_VM_TDX:
        put(a, "--qgs", cfg->qgs != NULL ? cfg->qgs : find_qgs());
        break;
    }
    return CL_OK;
}

/* Disks, then interfaces; what is open goes along as descriptors. */
static void put_devices(const struct host_vm_config *cfg, struct vmm_text *t, struct vmm_argv *a,
                        struct host_keep *keep)
{
    for (size_t i = 0; i < cfg->disk_count && i < HOST_VM_DISKS; i++) {
        put(a, "--disk", cfg->disk[i]);
    }
    if (cfg->scratch_fd > 0) {
        put(a, "--disk", cfg->disk_count == 0 ? "none" : NULL);
        (void)snprintf(t->scratch, sizeof(t->scratch), "fd:%zu", FIRST_FD + keep->count);
        put(a, "--disk", t->scratch);
        keep->fd[keep->count++] = cfg->scratch_fd;
    }
    for (size_t i = 0; i < cfg->net_count && i < HOST_VM_NETS; i++) {
        const struct host_vm_net *n = &cfg->net[i];
        char mac[CL_MAC_TEXT_SIZE];
        cl_mac_format(mac, n->mac);
        (void)snprintf(t->net[i], NET_SIZE, "%zu,%s,%u", FIRST_FD + keep->count, mac,
                       (unsigned)n->mtu);
        put(a, "--net", t->net[i]);
        keep->fd[keep->count++] = n->tap_fd;
    }
}

enum cl_status vm_vmm_start(struct host_vm *vm, int status_fd, struct cl_err *err)
{
    const struct host_vm_config *cfg = &vm->cfg;
    const char *initrd = access(cfg->guest->initrd, F_OK) == 0 ? cfg->guest->initrd : NULL;
    struct vmm_argv a = {.v = {"cloister-vmm"}, .count = 1};
    struct host_keep keep = {.fd = {status_fd}, .count = 1};
    struct vmm_text t;
    (void)snprintf(t.cpus, sizeof(t.cpus), "%llu", (unsigned long long)cfg->cpus);
    (void)snprintf(t.memory, sizeof(t.memory), "%lluM", (unsigned long long)(cfg->memory >> 20));
    CL_TRY(vm_path(vm, "control.sock", t.control, err));
    put(&a, "--tee", host_vm_class_name(cfg->tee_class));
    put(&a, "--firmware", cfg->guest->firmware);
    put(&a, "--kernel", cfg->guest->kernel);
    put(&a, "--initrd", initrd);
    put(&a, "--cmdline-file", vm->cmdline[0] != '\0' ? vm->cmdline : cfg->guest->cmdline);
    put(&a, "--cpus", t.cpus);
    put(&a, "--memory", t.memory);
    put_field(cfg, &t, &a);
    put(&a, "--vsock-dir", cfg->dir);
    put_devices(cfg, &t, &a, &keep);
    CL_TRY(put_class(vm, &t, &a, err));
    put(&a, "--control", t.control);
    put(&a, "--status-fd", "3");
    put(&a, "--console", cfg->console);
    put_flag(&a, "--insecure-no-jail", cfg->insecure_no_jail);
    return host_child_start(&vm->vmm, "cloister-vmm", a.v, &keep, err);
}

enum cl_status vm_vmm_write_cmdline(struct host_vm *vm, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_guest_read_class_cmdline(vm->cfg.guest->cmdline, /* hardware= */ true, &text, err));
    CL_TRY(vm_path(vm, "guest.cmdline", vm->cmdline, err));
    return cl_write_file(vm->cmdline, text.data, text.len, 0600, err);
}
