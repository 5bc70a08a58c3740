/* SPDX-License-Identifier: Apache-2.0
 * blk.c - block requests (virtio 1.2, 5.2): read, write, flush, identity. Trust, threads: blk.h.
 */
#include "blk.h"

#include "base/bytes.h"
#include "iov.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLK_F_SEG_MAX (1ull << 2)
#define BLK_F_RO (1ull << 5)
#define BLK_F_BLK_SIZE (1ull << 6)
#define BLK_F_FLUSH (1ull << 9)

#define BLK_T_IN 0u
#define BLK_T_OUT 1u
#define BLK_T_FLUSH 4u
#define BLK_T_GET_ID 8u

#define BLK_S_OK 0
#define BLK_S_IOERR 1
#define BLK_S_UNSUPP 2

#define BLK_ID_SIZE 20u
#define BLK_DEVICE_ID 2u

struct blk_head { /* virtio 1.2, 5.2.6 */
    cl_le32 type;
    cl_le32 reserved;
    cl_le64 sector;
};
_Static_assert(sizeof(struct blk_head) == 16, "block request header");

struct blk_config { /* virtio 1.2, 5.2.4, as far as we offer it */
    cl_le64 capacity;
    cl_le32 size_max;
    cl_le32 seg_max;
    uint8_t geometry[4];
    cl_le32 blk_size;
};
_Static_assert(offsetof(struct blk_config, blk_size) == 20, "block configuration");

static uint64_t blk_features(void *dev)
{
    const struct vmm_blk *b = dev;
    return BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | (b->offer_ro ? BLK_F_RO : 0);
}

static void blk_config_read(void *dev, uint32_t offset, uint8_t *ret, uint32_t size)
{
    const struct vmm_blk *b = dev;
    struct blk_config c = {0};
    cl_le64_put(&c.capacity, b->sectors);
    cl_le32_put(&c.seg_max, VMM_BLK_SEG_MAX);
    cl_le32_put(&c.blk_size, VMM_BLK_SECTOR);
    for (uint32_t i = 0; i < size && offset < sizeof(c) && i < sizeof(c) - offset; i++) {
        ret[i] = ((const uint8_t *)&c)[offset + i];
    }
}

static void blk_reset(CL_UNUSED void *dev)
{
    /* Nothing outlives a request. */
}

static const struct vmm_virtio_ops blk_ops = {
    .device_id = BLK_DEVICE_ID,
    .queue_count = 1,
    .queue_max = VMM_BLK_QUEUE_MAX,
    .features = blk_features,
    .config_read = blk_config_read,
    .reset = blk_reset,
};

void vmm_blk_init(struct vmm_blk *b, unsigned slot, const struct vmm_mem *mem)
{
    *b = (struct vmm_blk){.fd = -1, .slot = slot};
    vmm_virtio_init(&b->virtio, &blk_ops, b, mem);
}

void vmm_blk_done(struct vmm_blk *b)
{
    if (b != NULL) {
        if (b->fd >= 0) {
            (void)close(b->fd);
            b->fd = -1;
        }
        vmm_virtio_done(&b->virtio);
    }
}

static enum cl_status measure(int fd, uint64_t *ret_size, bool *ret_read_only, struct cl_err *err)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "disk");
    }
    if ((flags & O_ACCMODE) == O_WRONLY || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "disk: expected a readable file or block device, got something else");
    }
    off_t size = lseek(fd, 0, SEEK_END); /* also right for block devices */
    if (size < 0) {
        return cl_err_sys(err, errno, "disk: size");
    }
    if (size == 0 || size % VMM_BLK_SECTOR != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "disk: size: expected a positive multiple of 512, got %lld",
                          (long long)size);
    }
    *ret_size = (uint64_t)size;
    *ret_read_only = (flags & O_ACCMODE) == O_RDONLY;
    return CL_OK;
}

enum cl_status vmm_blk_attach(struct vmm_blk *b, int fd, bool before_boot, struct cl_err *err)
{
    uint64_t size = 0;
    bool read_only = false;
    CL_TRY(measure(fd, &size, &read_only, err));
    (void)pthread_mutex_lock(&b->virtio.lock);
    bool in_use = b->fd >= 0;
    if (!in_use) {
        b->fd = fd;
        b->sectors = size / VMM_BLK_SECTOR;
        b->read_only = read_only;
        b->offer_ro = read_only && before_boot;
        vmm_virtio_config_changed(&b->virtio);
    }
    (void)pthread_mutex_unlock(&b->virtio.lock);
    return in_use ? cl_err_set(err, CL_ERR_MALFORMED, "disk: slot %u: expected empty, got in use",
                               b->slot)
                  : CL_OK;
}

/* Moves all bytes between file and vector; a short file is an error. */
static bool transfer(int fd, bool write, struct iovec *iov, size_t count, uint64_t offset)
{
    while (count > 0) {
        ssize_t n = write ? pwritev(fd, iov, (int)count, (off_t)offset)
                          : preadv(fd, iov, (int)count, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        offset += (uint64_t)n;
        vmm_iov_skip(&iov, &count, (size_t)n);
    }
    return true;
}

static bool in_range(const struct vmm_blk *b, uint64_t sector, uint64_t size)
{
    return size % VMM_BLK_SECTOR == 0 && sector <= b->sectors &&
           size / VMM_BLK_SECTOR <= b->sectors - sector;
}

static uint8_t get_id(const struct vmm_blk *b, const struct iovec *iov, size_t count,
                      uint32_t *ret_written)
{
    char id[BLK_ID_SIZE + 1] = {0};
    (void)snprintf(id, sizeof(id), "cloister-disk%u", b->slot);
    size_t room = vmm_iov_size(iov, count);
    size_t n = room < BLK_ID_SIZE ? room : BLK_ID_SIZE;
    if (!vmm_iov_write(iov, count, id, n)) {
        return BLK_S_IOERR;
    }
    *ret_written = (uint32_t)n;
    return BLK_S_OK;
}

/* Executes one request whose header was copied and whose data vectors exclude header and status. */
static uint8_t execute(struct vmm_blk *b, const struct blk_head *head, struct iovec *out,
                       size_t out_count, struct iovec *in, size_t in_count, uint32_t *ret_written)
{
    uint64_t sector = cl_le64_get(&head->sector);
    uint64_t in_size = vmm_iov_size(in, in_count);
    uint64_t out_size = vmm_iov_size(out, out_count);
    switch (cl_le32_get(&head->type)) {
    case BLK_T_IN:
        if (!in_range(b, sector, in_size) ||
            !transfer(b->fd, false, in, in_count, sector * VMM_BLK_SECTOR)) {
            return BLK_S_IOERR;
        }
        *ret_written = (uint32_t)in_size;
        return BLK_S_OK;
    case BLK_T_OUT:
        return !b->read_only && in_range(b, sector, out_size) &&
                       transfer(b->fd, true, out, out_count, sector * VMM_BLK_SECTOR)
                   ? BLK_S_OK
                   : BLK_S_IOERR;
    case BLK_T_FLUSH:
        return b->read_only || (b->fd >= 0 && fdatasync(b->fd) == 0) ? BLK_S_OK : BLK_S_IOERR;
    case BLK_T_GET_ID:
        return get_id(b, in, in_count, ret_written);
    default:
        return BLK_S_UNSUPP;
    }
}

/* false: the chain is no block request at all, and the device must be reset. */
static bool serve(struct vmm_blk *b, struct vmm_virtq *q, struct vmm_chain *c)
{
    struct blk_head head; /* our copy: the guest may rewrite its own */
    struct iovec *out = c->iov;
    size_t out_count = c->out_count;
    struct iovec *in = c->iov + c->out_count;
    size_t in_count = c->in_count;
    size_t in_size = vmm_iov_size(in, in_count);
    if (!vmm_iov_read(out, out_count, &head, sizeof(head)) || in_size == 0) {
        return false;
    }
    vmm_iov_skip(&out, &out_count, sizeof(head));
    /* The status is the very last writable byte. */
    const struct iovec *last = &in[in_count - 1];
    uint8_t *status = (uint8_t *)last->iov_base + last->iov_len - 1;
    vmm_iov_trim(in, &in_count, in_size - 1);
    uint32_t written = 0;
    *status = execute(b, &head, out, out_count, in, in_count, &written);
    vmm_virtq_push(q, c->head, written + 1);
    return true;
}

bool vmm_blk_process(struct vmm_blk *b)
{
    struct vmm_virtio *v = &b->virtio;
    struct vmm_virtq *q = &v->queue[0];
    bool more = false;
    (void)pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; vmm_virtio_is_live(v); i++) {
        if (i == VMM_BLK_BATCH) {
            more = true;
            break;
        }
        enum vmm_virtq_result got = vmm_virtq_pop(q, &b->chain);
        if (got == VMM_VIRTQ_EMPTY && vmm_virtq_enable_notify(q)) {
            continue;
        }
        if (got == VMM_VIRTQ_EMPTY) {
            break;
        }
        if (got == VMM_VIRTQ_BROKEN || !serve(b, q, &b->chain)) {
            vmm_virtio_fail(v);
        }
    }
    vmm_virtio_signal_used(v, q);
    (void)pthread_mutex_unlock(&v->lock);
    return more;
}
