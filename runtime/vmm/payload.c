/* SPDX-License-Identifier: Apache-2.0
 * payload.c - lays out the payload window and hashes what lies in it. Trust, memory: payload.h.
 */
#include "payload.h"

#include "base/bytes.h"
#include "stage0_abi.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct descriptor { /* I-1.2 */
    uint8_t magic[8];
    cl_le32 version;
    cl_le32 cpu_count;
    cl_le64 ram_size;
    cl_le64 kernel_gpa;
    cl_le64 kernel_size;
    cl_le64 initrd_gpa;
    cl_le64 initrd_size;
    cl_le64 cmdline_gpa;
    cl_le64 cmdline_size;
};
_Static_assert(offsetof(struct descriptor, version) == STAGE0_DESC_OFF_VERSION, "version");
_Static_assert(offsetof(struct descriptor, cpu_count) == STAGE0_DESC_OFF_CPU_COUNT, "cpu_count");
_Static_assert(offsetof(struct descriptor, ram_size) == STAGE0_DESC_OFF_RAM_SIZE, "ram_size");
_Static_assert(offsetof(struct descriptor, kernel_gpa) == STAGE0_DESC_OFF_KERNEL_GPA, "kernel");
_Static_assert(offsetof(struct descriptor, initrd_gpa) == STAGE0_DESC_OFF_INITRD_GPA, "initrd");
_Static_assert(offsetof(struct descriptor, cmdline_gpa) == STAGE0_DESC_OFF_CMDLINE_GPA, "cmdline");
_Static_assert(sizeof(struct descriptor) == STAGE0_DESC_OFF_ZERO, "payload descriptor");

static size_t page_up(size_t n)
{
    return (n + STAGE0_PAGE_SIZE - 1) & ~(size_t)(STAGE0_PAGE_SIZE - 1);
}

static enum cl_status file_size(int fd, const char *what, size_t min, size_t max, size_t *ret_size,
                                struct cl_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "%s", what);
    }
    if (!S_ISREG(st.st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a regular file, got something else",
                          what);
    }
    if ((uint64_t)st.st_size < min || (uint64_t)st.st_size > max) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: size: expected %zu..%zu bytes, got %lld",
                          what, min, max, (long long)st.st_size);
    }
    *ret_size = (size_t)st.st_size;
    return CL_OK;
}

static enum cl_status map_file(uint8_t *at, int fd, size_t size, const char *what,
                               struct cl_err *err)
{
    if (size > 0 && mmap(at, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
        return cl_err_sys(err, errno, "map %s", what);
    }
    return CL_OK;
}

struct layout {
    size_t kernel_size, initrd_size, cmdline_size;
    size_t kernel, initrd, cmdline; /* offsets in the window */
    size_t total;
};

static enum cl_status plan(const struct vmm_payload_source *src, struct layout *ret_l,
                           struct cl_err *err)
{
    struct layout l = {.cmdline_size = strlen(src->cmdline) + 1};
    CL_TRY(file_size(src->kernel_fd, "kernel", 1, STAGE0_KERNEL_SIZE_MAX, &l.kernel_size, err));
    if (src->initrd_fd >= 0) {
        CL_TRY(file_size(src->initrd_fd, "initrd", 0, STAGE0_INITRD_SIZE_MAX, &l.initrd_size, err));
    }
    if (l.cmdline_size > STAGE0_CMDLINE_SIZE_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "command line: expected at most %d bytes, got %zu",
                          STAGE0_CMDLINE_SIZE_MAX - 1, l.cmdline_size - 1);
    }
    /* The two private pages first, the mapped files behind them. */
    l.cmdline = STAGE0_DESC_SIZE;
    l.kernel = l.cmdline + page_up(l.cmdline_size);
    l.initrd = l.kernel + page_up(l.kernel_size);
    l.total = l.initrd + page_up(l.initrd_size);
    *ret_l = l;
    return CL_OK;
}

static void write_descriptor(uint8_t *page, const struct vmm_payload_source *src,
                             const struct layout *l)
{
    struct descriptor d = {0};
    memcpy(d.magic, STAGE0_DESC_MAGIC, sizeof(d.magic));
    cl_le32_put(&d.version, STAGE0_DESC_VERSION);
    cl_le32_put(&d.cpu_count, src->cpu_count);
    cl_le64_put(&d.ram_size, src->ram_size);
    cl_le64_put(&d.kernel_gpa, STAGE0_WINDOW_GPA + l->kernel);
    cl_le64_put(&d.kernel_size, l->kernel_size);
    cl_le64_put(&d.cmdline_gpa, STAGE0_WINDOW_GPA + l->cmdline);
    cl_le64_put(&d.cmdline_size, l->cmdline_size);
    if (l->initrd_size > 0) {
        cl_le64_put(&d.initrd_gpa, STAGE0_WINDOW_GPA + l->initrd);
        cl_le64_put(&d.initrd_size, l->initrd_size);
    }
    memcpy(page, &d, sizeof(d));
}

static enum cl_status digest(uint8_t ret[static CL_SHA256_SIZE], const uint8_t *known,
                             const uint8_t *data, size_t size, struct cl_err *err)
{
    if (known != NULL) {
        memcpy(ret, known, CL_SHA256_SIZE);
        return CL_OK;
    }
    return cl_sha256(ret, data, size, err);
}

static enum cl_status fill(struct vmm_payload *p, const struct vmm_payload_source *src,
                           const struct layout *l, struct cl_err *err)
{
    if (mprotect(p->map, l->kernel, PROT_READ | PROT_WRITE) != 0) {
        return cl_err_sys(err, errno, "payload window");
    }
    CL_TRY(map_file(p->map + l->kernel, src->kernel_fd, l->kernel_size, "kernel", err));
    CL_TRY(map_file(p->map + l->initrd, src->initrd_fd, l->initrd_size, "initrd", err));
    write_descriptor(p->map, src, l);
    memcpy(p->map + l->cmdline, src->cmdline, l->cmdline_size);
    CL_TRY(digest(p->hashes.kernel, src->kernel_digest, p->map + l->kernel, l->kernel_size, err));
    CL_TRY(digest(p->hashes.initrd, src->initrd_digest, p->map + l->initrd, l->initrd_size, err));
    return cl_sha256(p->hashes.cmdline, p->map + l->cmdline, l->cmdline_size, err);
}

enum cl_status vmm_payload_init(struct vmm_payload *ret_p, const struct vmm_payload_source *src,
                                struct cl_err *err)
{
    struct layout l = {0};
    CL_TRY(plan(src, &l, err));
    struct vmm_payload p = {.size = l.total};
    p.map = mmap(NULL, l.total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p.map == MAP_FAILED) {
        return cl_err_sys(err, errno, "map the payload window");
    }
    enum cl_status st = fill(&p, src, &l, err);
    if (st != CL_OK) {
        vmm_payload_done(&p);
        return st;
    }
    *ret_p = p;
    return CL_OK;
}

void vmm_payload_done(struct vmm_payload *p)
{
    if (p != NULL && p->map != NULL) {
        (void)munmap(p->map, p->size);
        p->map = NULL;
    }
}
