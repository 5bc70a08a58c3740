/* SPDX-License-Identifier: Apache-2.0
 * vm_host.c - the VM of a pod as runtime/host starts and serves it.
 * Trust: host/vm.h, host/serve.h.
 */
#include "vm.h"

#include "cloister/guest_files.h"
#include "cloister/initdata.h"
#include "host/disk.h"
#include "host/initdata_disk.h"
#include "host/rundir.h"
#include "host/scratch_file.h"
#include "host/serve.h"
#include "host/vm.h"
#include "net/podnet.h"

#include "base/io.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(HOST_VM_NETS >= CL_PODNET_INTERFACES, "a VM has all interfaces of a pod");

struct shim_vm {
    struct shim_vm_callbacks cb;
    struct cl_guest_files guest;
    struct host_rundir dir;
    struct host_server *server;
    struct host_vm *vm;
    uint8_t digest[CL_SHA256_SIZE];
    char disk[128]; /* "ro:FILE" */
    int scratch_fd; /* -1: none, or the VMM has it */
    char console[512];
    char failure[CL_ERR_MSG_SIZE]; /* what was heard before the end */
};

/* --- what the VM says
 * -------------------------------------------------------------------------------- */

static void on_mark(void *ctx, const char *name, uint64_t us)
{
    (void)ctx;
    cl_log(CL_LOG_DEBUG, "shim.vm", "%s %llu", name, (unsigned long long)us);
}

static void on_spawned(void *ctx)
{
    struct shim_vm *vm = ctx;
    cl_close_fdp(&vm->scratch_fd);
    vm->cb.spawned(vm->cb.ctx);
}

static void on_launched(void *ctx, const char *measurement)
{
    (void)ctx;
    cl_log(CL_LOG_INFO, "shim.vm", "launch digest %s", measurement);
}

static void on_failed(void *ctx, const char *who, const char *step, const struct cl_err *err)
{
    struct shim_vm *vm = ctx;
    (void)snprintf(vm->failure, sizeof(vm->failure), "%s: %s: %.400s", who, step, err->msg);
}

static void on_ended(void *ctx, const struct host_vm_end *end)
{
    struct shim_vm *vm = ctx;
    char why[CL_ERR_MSG_SIZE];
    if (vm->failure[0] != '\0') {
        (void)snprintf(why, sizeof(why), "%s", vm->failure);
    } else {
        (void)snprintf(why, sizeof(why), "%s%s%.400s", end->status,
                       end->status[0] != '\0' && end->reason[0] != '\0' ? ": " : "", end->reason);
    }
    vm->cb.ended(vm->cb.ctx, why);
}

/* --- starting
 * ----------------------------------------------------------------------------------------- */

/* The node's settings alone name the class; nothing of a pod does. */
static enum cl_status take_class(const struct shim_config *c, enum host_vm_class *ret_class,
                                 struct cl_err *err)
{
    static const struct {
        const char *name;
        enum host_vm_class class;
    } classes[] = {{"snp", HOST_VM_SNP}, {"tdx", HOST_VM_TDX}, {"sim", HOST_VM_SIM_SNP}};
    const char *name = c->tee != NULL ? c->tee : "none";
    for (size_t i = 0; i < CL_ARRAY_LEN(classes); i++) {
        if (strcmp(name, classes[i].name) == 0) {
            *ret_class = classes[i].class;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED, "settings: vm.tee: expected sim, snp or tdx, got %s",
                      name);
}

static enum cl_status fill_allow(const struct shim_vm_config *cfg, struct host_allow *a,
                                 struct cl_err *err)
{
    struct cl_initdata i = {0};
    struct cl_err ignored = {0};
    for (size_t n = 0; n < cfg->settings->relay_count; n++) {
        CL_TRY(
            host_endpoint_parse(cfg->settings->relay_allow[n], "relay.allow", &a->named[n], err));
        a->count = n + 1;
    }
    /* What the guest makes of a document is its own affair; without a broker in it that we
     * understand, nothing is relayed. */
    if (cfg->initdata != NULL &&
        cl_initdata_parse(cfg->initdata, cfg->initdata_len, &i, &ignored) == CL_OK &&
        i.kbs_url != NULL) {
        a->has_initdata =
            cl_initdata_broker(&i, a->initdata.host, &a->initdata.port, &ignored) == CL_OK;
    }
    if (ignored.status != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.vm", "no relay: %s", ignored.msg);
    }
    cl_initdata_done(&i);
    return CL_OK;
}

static enum cl_status serve(struct shim_vm *vm, const struct shim_vm_config *cfg,
                            struct cl_err *err)
{
    struct host_server_config server = {.base = cfg->base,
                                        .open_blob = cfg->cb.open_blob,
                                        .open_signature = cfg->cb.open_signature,
                                        .open_stdio = cfg->cb.open_stdio,
                                        .on_agent = cfg->cb.agent,
                                        .on_output_end = cfg->cb.output_end,
                                        .open_forward = cfg->cb.open_forward,
                                        .on_forward_end = cfg->cb.forward_end,
                                        .ctx = cfg->cb.ctx};
    CL_TRY(fill_allow(cfg, &server.allow, err));
    CL_TRY(host_server_new(&server, &vm->server, err));
    return host_server_listen(vm->server, vm->dir.path, err);
}

static enum cl_status write_initdata(struct shim_vm *vm, const struct shim_vm_config *cfg,
                                     struct cl_err *err)
{
    memcpy(vm->disk, "ro:", strlen("ro:"));
    host_rundir_path(&vm->dir, "initdata.img", vm->disk + strlen("ro:"));
    CL_TRY(cl_initdata_digest(cfg->initdata, cfg->initdata_len, vm->digest, err));
    return host_initdata_disk_write(vm->disk + strlen("ro:"), cfg->initdata, cfg->initdata_len,
                                    err);
}

static enum cl_status launch(struct shim_vm *vm, const struct shim_vm_config *cfg,
                             struct cl_err *err)
{
    const struct shim_config *c = cfg->settings;
    bool has_initdata = cfg->initdata != NULL;
    enum host_vm_class class = HOST_VM_SIM_SNP;
    CL_TRY(take_class(c, &class, err));
    CL_TRY(cl_guest_find(c->guest, &vm->guest, err));
    CL_TRY(host_rundir_make(&vm->dir, err));
    if (has_initdata) {
        CL_TRY(write_initdata(vm, cfg, err));
    }
    if (c->scratch_mib > 0) {
        CL_TRY(host_scratch_file(c->scratch_dir, (uint64_t)c->scratch_mib << 20, &vm->scratch_fd,
                                 err));
    }
    CL_TRY(serve(vm, cfg, err));
    if (c->console != NULL) {
        (void)snprintf(vm->console, sizeof(vm->console), "%.400s/%.76s.log", c->console, cfg->id);
    }
    struct host_vm_config host = {.base = cfg->base,
                                  .guest = &vm->guest,
                                  .tee_class = class,
                                  .dir = vm->dir.path,
                                  .psp_state = c->psp_state,
                                  .certs = c->certs,
                                  .qgs = c->qgs,
                                  .cpus = cfg->size.cpus,
                                  .memory = cfg->size.memory,
                                  .initdata_digest = has_initdata ? vm->digest : NULL,
                                  .disk = {vm->disk},
                                  .disk_count = has_initdata ? 1 : 0,
                                  .scratch_fd = vm->scratch_fd >= 0 ? vm->scratch_fd : 0,
                                  .console = c->console != NULL ? vm->console : NULL,
                                  .insecure_no_jail = c->insecure_no_jail,
                                  .cb = {.mark = on_mark,
                                         .spawned = on_spawned,
                                         .launched = on_launched,
                                         .failed = on_failed,
                                         .ended = on_ended,
                                         .ctx = vm}};
    for (unsigned i = 0; cfg->net != NULL && i < cfg->net->interface_count; i++) {
        const struct cl_podnet_interface *n = &cfg->net->interface[i];
        host.net[i] = (struct host_vm_net){.tap_fd = n->tap_fd, .mtu = n->mtu};
        memcpy(host.net[i].mac, n->mac, sizeof(n->mac));
        host.net_count = i + 1;
    }
    return host_vm_start(&host, &vm->vm, err);
}

static void vm_free(struct shim_vm *vm)
{
    if (vm == NULL) {
        return;
    }
    host_vm_free(vm->vm);
    host_server_free(vm->server);
    cl_close_fdp(&vm->scratch_fd);
    host_rundir_remove(&vm->dir);
    free(vm);
}

static enum cl_status vm_start(const struct shim_vm_config *cfg, struct shim_vm **ret_vm,
                               struct cl_err *err)
{
    struct shim_vm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL) {
        return cl_err_nomem(err, "VM");
    }
    vm->cb = cfg->cb;
    vm->scratch_fd = -1;
    enum cl_status st = launch(vm, cfg, err);
    if (st != CL_OK) {
        vm_free(vm);
        return st;
    }
    *ret_vm = vm;
    return CL_OK;
}

static void vm_stop(struct shim_vm *vm)
{
    host_vm_stop(vm->vm);
}

static pid_t vm_pid(const struct shim_vm *vm)
{
    return host_vm_pid(vm->vm);
}

/* The security processor ends by itself when the VMM does, and what is in the VMM's namespace goes
 * with it. */
static size_t vm_processes(const struct shim_vm *vm, pid_t ret[SHIM_VM_MAX_PROCESSES])
{
    ret[0] = host_vm_pid(vm->vm);
    return ret[0] > 0 ? 1 : 0;
}

static enum cl_status vm_attach(struct shim_vm *vm, unsigned slot, int fd, struct cl_err *err)
{
    return host_disk_attach(vm->dir.path, slot, fd, err);
}

static const char *vm_folder(const struct shim_vm *vm)
{
    return vm->dir.path;
}

const struct shim_vm_ops *shim_vm_host(void)
{
    static const struct shim_vm_ops ops = {.start = vm_start,
                                           .stop = vm_stop,
                                           .free = vm_free,
                                           .pid = vm_pid,
                                           .processes = vm_processes,
                                           .attach = vm_attach,
                                           .folder = vm_folder};
    return &ops;
}
