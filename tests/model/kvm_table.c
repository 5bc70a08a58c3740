/* SPDX-License-Identifier: Apache-2.0
 * kvm_table.c - the table through which a VMM reaches the model, one call at a time.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static int table_open(struct model *m, const char *path, int flags)
{
    int error;
    (void)flags;
    m->reason[0] = '\0';
    if (model_fails(m, MODEL_CALL_OPEN, &error)) {
        return error;
    }
    if (strcmp(path, "/dev/kvm") == 0) {
        return model_file_add(m, MODEL_KVM, m);
    }
    if (strcmp(path, "/dev/sev") == 0 && !m->config.no_snp && !m->config.intel) {
        return model_file_add(m, MODEL_SEV, m);
    }
    return model_refuse(m, ENOENT, "open.path");
}

static int table_close(struct model *m, int fd)
{
    m->reason[0] = '\0';
    struct model_file *f = model_file_any(m, fd);
    if (f == NULL) {
        return model_refuse(m, EBADF, "close.fd");
    }
    model_file_close(m, f);
    return 0;
}

static int table_ioctl(struct model *m, int fd, unsigned long request, void *arg)
{
    int error;
    m->reason[0] = '\0';
    if (model_fails(m, MODEL_CALL_IOCTL, &error)) {
        return error;
    }
    struct model_file *f = model_file_any(m, fd);
    if (f == NULL) {
        return model_refuse(m, EBADF, "ioctl.fd");
    }
    switch (f->kind) {
    case MODEL_KVM:
        return model_system_ioctl(m, request, arg);
    case MODEL_VM:
        return model_vm_ioctl(f->object, request, arg);
    case MODEL_VCPU:
        return model_vcpu_ioctl(f->object, request, arg);
    case MODEL_SEV:
    case MODEL_GMEM:
        break;
    }
    return model_refuse(m, ENOTTY, "ioctl.request");
}

static struct model_mapping *mapping_free(struct model *m)
{
    for (size_t i = 0; i < MODEL_MAX_MAPPINGS; i++) {
        if (m->mappings[i].addr == NULL) {
            return &m->mappings[i];
        }
    }
    return NULL;
}

static void *table_mmap(struct model *m, size_t size, int prot, int flags, int fd, int64_t offset,
                        int *ret_err)
{
    m->reason[0] = '\0';
    if (model_fails(m, MODEL_CALL_MMAP, ret_err)) {
        return NULL;
    }
    struct model_mapping *map = mapping_free(m);
    if (map == NULL) {
        *ret_err = model_refuse(m, ENOMEM, "mmap.many");
        return NULL;
    }
    if (fd < MODEL_FIRST_FD) { /* ordinary memory: the guest's shared side */
        void *p = mmap(NULL, size, prot, flags, fd, (off_t)offset);
        if (p == MAP_FAILED) {
            *ret_err = model_refuse(m, errno, "mmap");
            return NULL;
        }
        *map = (struct model_mapping){.addr = p, .size = size};
        m->live.mappings++;
        return p;
    }
    struct model_file *f = model_file_get(m, fd, MODEL_VCPU);
    struct model_vcpu *vcpu = f != NULL ? f->object : NULL;
    if (vcpu == NULL || vcpu->run == NULL || size != MODEL_RUN_SIZE || offset != 0) {
        *ret_err = model_refuse(m, f == NULL ? ENODEV : EINVAL, "mmap.run"); /* no mmap of gmem */
        return NULL;
    }
    *map = (struct model_mapping){.addr = vcpu->run, .size = size}; /* now the mapping's */
    m->live.mappings++;
    return vcpu->run;
}

/* The vCPU whose kvm_run was unmapped runs no more. */
static void run_forget(struct model *m, const void *addr)
{
    for (size_t i = 0; i < MODEL_MAX_FILES; i++) {
        struct model_vcpu *vcpu = m->files[i].kind == MODEL_VCPU ? m->files[i].object : NULL;
        if (m->files[i].fd != 0 && vcpu != NULL && (void *)vcpu->run == addr) {
            vcpu->run = NULL;
        }
    }
}

bool model_is_mapped(const struct model *m, const void *addr)
{
    for (size_t i = 0; i < MODEL_MAX_MAPPINGS; i++) {
        if (m->mappings[i].addr == addr) {
            return true;
        }
    }
    return false;
}

static int table_munmap(struct model *m, void *addr, size_t size)
{
    m->reason[0] = '\0';
    for (size_t i = 0; i < MODEL_MAX_MAPPINGS; i++) {
        struct model_mapping *map = &m->mappings[i];
        if (map->addr == addr && map->size == size && addr != NULL) {
            run_forget(m, addr);
            (void)munmap(addr, size);
            *map = (struct model_mapping){0};
            m->live.mappings--;
            return 0;
        }
    }
    return model_refuse(m, EINVAL, "munmap.addr");
}

static int table_fallocate(struct model *m, int fd, int mode, uint64_t offset, uint64_t size)
{
    m->reason[0] = '\0';
    struct model_file *f = model_file_get(m, fd, MODEL_GMEM);
    if (f == NULL) {
        return model_refuse(m, EBADF, "fallocate.fd");
    }
    return model_gmem_fallocate(f->object, mode, offset, size);
}

/* A plain mutex would let a vCPU that runs slice after slice starve the others. */
static void enter(struct model *m)
{
    (void)pthread_mutex_lock(&m->lock);
    uint64_t ticket = m->next_ticket++;
    while (m->serving != ticket) {
        (void)pthread_cond_wait(&m->turn, &m->lock);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

static void leave(struct model *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->serving++;
    (void)pthread_cond_broadcast(&m->turn);
    (void)pthread_mutex_unlock(&m->lock);
}

static int locked_open(void *ctx, const char *path, int flags)
{
    struct model *m = ctx;
    enter(m);
    int r = table_open(m, path, flags);
    leave(m);
    return r;
}

static int locked_close(void *ctx, int fd)
{
    struct model *m = ctx;
    enter(m);
    int r = table_close(m, fd);
    leave(m);
    return r;
}

static int locked_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
    struct model *m = ctx;
    enter(m);
    int r = table_ioctl(m, fd, request, arg);
    leave(m);
    return r;
}

static void *locked_mmap(void *ctx, size_t size, int prot, int flags, int fd, int64_t offset,
                         int *ret_err)
{
    struct model *m = ctx;
    enter(m);
    void *p = table_mmap(m, size, prot, flags, fd, offset, ret_err);
    leave(m);
    return p;
}

static int locked_munmap(void *ctx, void *addr, size_t size)
{
    struct model *m = ctx;
    enter(m);
    int r = table_munmap(m, addr, size);
    leave(m);
    return r;
}

static int locked_fallocate(void *ctx, int fd, int mode, uint64_t offset, uint64_t size)
{
    struct model *m = ctx;
    enter(m);
    int r = table_fallocate(m, fd, mode, offset, size);
    leave(m);
    return r;
}

const struct model_ops model_kvm_ops = {
    .open = locked_open,
    .close = locked_close,
    .ioctl = locked_ioctl,
    .mmap = locked_mmap,
    .munmap = locked_munmap,
    .fallocate = locked_fallocate,
};
