/* SPDX-License-Identifier: Apache-2.0
 * files.c - opens every file and socket before the jail closes. Trust, threads: see options.h.
 * Memory: 64 KiB for the firmware.
 */
#include "base/buf.h"
#include "base/io.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define HOST_SOCKET "host.sock"
#define PSP_TIMEOUT_S 60

void vmm_files_init(struct vmm_files *f)
{
    memset(f, 0, sizeof(*f));
    f->kvm_fd = f->kernel_fd = f->initrd_fd = f->psp_fd = f->console_fd = f->status_fd = -1;
    f->control_fd = f->vsock_fd = f->vsock_dir_fd = f->sev_fd = f->qgs_fd = -1;
    for (size_t i = 0; i < VMM_DISKS; i++) {
        f->disk_fd[i] = -1;
    }
    for (size_t i = 0; i < VMM_NETS; i++) {
        f->net_fd[i] = -1;
    }
}

void vmm_files_done(struct vmm_files *f)
{
    int *const fds[] = {&f->kvm_fd,     &f->kernel_fd,  &f->initrd_fd, &f->psp_fd,
                        &f->console_fd, &f->control_fd, &f->vsock_fd,  &f->vsock_dir_fd,
                        &f->status_fd,  &f->sev_fd,     &f->qgs_fd};
    for (size_t i = 0; i < CL_ARRAY_LEN(fds); i++) {
        cl_close_fdp(fds[i]);
    }
    for (size_t i = 0; i < VMM_DISKS; i++) {
        cl_close_fdp(&f->disk_fd[i]);
    }
    for (size_t i = 0; i < VMM_NETS; i++) {
        cl_close_fdp(&f->net_fd[i]);
    }
    cl_buf_done(&f->id_block);
    cl_buf_done(&f->id_auth);
    cl_buf_done(&f->certs);
    if (f->rom != NULL) {
        (void)munmap(f->rom, STAGE0_ROM_SIZE);
        f->rom = NULL;
    }
}

static enum cl_status open_file(const char *path, int flags, int *ret_fd, struct cl_err *err)
{
    *ret_fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0600);
    return *ret_fd < 0 ? cl_err_sys(err, errno, "open '%s'", path) : CL_OK;
}

static enum cl_status open_device(const char *path, int *ret_fd, struct cl_err *err)
{
    *ret_fd = vmm_kvm_real.open(NULL, path);
    return *ret_fd < 0 ? cl_err_sys(err, errno, "open '%s'", path) : CL_OK;
}

static enum cl_status load_firmware(struct vmm_files *f, const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(open_file(path, O_RDONLY, &fd, err));
    if (fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "firmware '%s'", path);
    }
    if (st.st_size != STAGE0_ROM_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "firmware '%s': size: expected %d, got %lld", path,
                          STAGE0_ROM_SIZE, (long long)st.st_size);
    }
    void *map =
        mmap(NULL, STAGE0_ROM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return cl_err_sys(err, errno, "map the firmware");
    }
    f->rom = map;
    return cl_read_all(fd, f->rom, STAGE0_ROM_SIZE, path, err); /* a copy: it must not change */
}

static enum cl_status load_cmdline(struct vmm_files *f, const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    const char *s = "";
    CL_TRY(cl_buf_read_file(&text, path, sizeof(f->cmdline) - 1, err));
    if (text.len > 0) {
        CL_TRY(cl_buf_cstr(&text, path, &s, err));
    }
    (void)snprintf(f->cmdline, sizeof(f->cmdline), "%s", s);
    return CL_OK;
}

static enum cl_status open_vsock(struct vmm_files *f, const char *dir, struct cl_err *err)
{
    char path[4096];
    CL_TRY(open_file(dir, O_RDONLY | O_DIRECTORY, &f->vsock_dir_fd, err));
    int n = snprintf(path, sizeof(path), "%s/" HOST_SOCKET, dir);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "vsock directory '%s': name is too long", dir);
    }
    return cl_unix_listen(path, &f->vsock_fd, err);
}

/* Accepting must never block the main thread: a client may be gone by then; nor may a tap. */
static enum cl_status unblock(int fd, struct cl_err *err)
{
    int flags = fd >= 0 ? fcntl(fd, F_GETFL) : 0;
    if (fd >= 0 && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)) {
        return cl_err_sys(err, errno, "socket");
    }
    return CL_OK;
}

/* The launch waits for the security processor; not for ever. */
static enum cl_status open_psp(struct vmm_files *f, const char *path, struct cl_err *err)
{
    struct timeval limit = {.tv_sec = PSP_TIMEOUT_S};
    CL_TRY(cl_unix_connect(path, &f->psp_fd, err));
    if (setsockopt(f->psp_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(f->psp_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
        return cl_err_sys(err, errno, "security processor '%s'", path);
    }
    return CL_OK;
}

static enum cl_status open_disk(const struct vmm_disk_option *d, int *ret_fd, struct cl_err *err)
{
    if (d->path != NULL) {
        return open_file(d->path, d->read_only ? O_RDONLY : O_RDWR, ret_fd, err);
    }
    if (d->fd >= 0 && fcntl(d->fd, F_SETFD, FD_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "disk: descriptor %d", d->fd);
    }
    *ret_fd = d->fd; /* ours from here on */
    return CL_OK;
}

static enum cl_status load_exactly(struct cl_buf *b, const char *path, size_t size,
                                   struct cl_err *err)
{
    if (path == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_buf_read_file(b, path, size, err));
    if (b->len != size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': size: expected %zu bytes, got %zu", path,
                          size, b->len);
    }
    return CL_OK;
}

/* What only class snp has. */
static enum cl_status open_snp(struct vmm_files *f, const struct vmm_options *o, struct cl_err *err)
{
    if (o->cfg.tee != &tee_snp_ops) {
        return CL_OK;
    }
    CL_TRY(load_exactly(&f->id_block, o->id_block, VMM_ID_BLOCK_SIZE, err));
    CL_TRY(load_exactly(&f->id_auth, o->id_auth, VMM_ID_AUTH_SIZE, err));
    if (o->certs != NULL) {
        CL_TRY(cl_buf_read_file(&f->certs, o->certs, VMM_CERTS_MAX, err));
    }
    return open_device("/dev/sev", &f->sev_fd, err);
}

static enum cl_status open_optional(struct vmm_files *f, const struct vmm_options *o,
                                    struct cl_err *err)
{
    if (o->initrd != NULL) {
        CL_TRY(open_file(o->initrd, O_RDONLY, &f->initrd_fd, err));
    }
    if (o->console != NULL && strcmp(o->console, "-") == 0) {
        f->console_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (f->console_fd < 0) {
            return cl_err_sys(err, errno, "console");
        }
    } else if (o->console != NULL) {
        CL_TRY(open_file(o->console, O_WRONLY | O_CREAT | O_APPEND, &f->console_fd, err));
    }
    if (o->psp_socket != NULL) {
        CL_TRY(open_psp(f, o->psp_socket, err));
    }
    if (o->control != NULL) {
        CL_TRY(cl_unix_listen(o->control, &f->control_fd, err));
    }
    for (unsigned i = 0; i < o->disk_count; i++) {
        CL_TRY(open_disk(&o->disk[i], &f->disk_fd[i], err));
    }
    return CL_OK;
}

enum cl_status vmm_files_open(struct vmm_files *f, const struct vmm_options *o, struct cl_err *err)
{
    f->status_fd = o->status_fd;
    for (unsigned i = 0; i < o->cfg.net_count; i++) {
        f->net_fd[i] = o->net_fd[i];
        CL_TRY(unblock(f->net_fd[i], err));
    }
    CL_TRY(load_firmware(f, o->firmware, err));
    CL_TRY(open_file(o->kernel, O_RDONLY, &f->kernel_fd, err));
    CL_TRY(load_cmdline(f, o->cmdline_file, err));
    CL_TRY(open_optional(f, o, err));
    CL_TRY(open_snp(f, o, err));
    CL_TRY(open_vsock(f, o->vsock_dir, err));
    CL_TRY(unblock(f->vsock_fd, err));
    CL_TRY(unblock(f->control_fd, err));
    return open_device("/dev/kvm", &f->kvm_fd, err);
}

void vmm_files_unlink(const struct vmm_options *o)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/" HOST_SOCKET, o->vsock_dir);
    if (n > 0 && (size_t)n < sizeof(path)) {
        (void)unlink(path);
    }
    if (o->control != NULL) {
        (void)unlink(o->control);
    }
}
