/* SPDX-License-Identifier: Apache-2.0
 * disk.c - disks by their block slot, and initdata's bytes from slot 1. A disk is found by the
 * address of its slot (I-1.1), not by the order in which the kernel named the disks. Trust: the
 * host writes the disk; length and magic are bounded here, the bytes are compared with HOST_DATA by
 * the caller.
 */
#include "agent.h"

#include "base/bytes.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOT_ADDRESS "d000%u000-" /* as /proc/iomem begins its line */
#define INITDATA_SLOT 1u
#define MAGIC "CLINITD1"
#define MAX_IOMEM (1u << 20)
#define TRIES 40 /* of 50 ms: the driver may still be probing */

/* "  d0001000-d0001fff : LNRO0005:01 LNRO0005:01" -> "LNRO0005:01" */
static enum cl_status slot_device(unsigned slot, char ret[static 64], struct cl_err *err)
{
    char address[24];
    CL_CLEANUP(cl_buf_done) struct cl_buf iomem = {0};
    const char *text = NULL;
    CL_TRY(cl_buf_read_file(&iomem, "/proc/iomem", MAX_IOMEM, err));
    CL_TRY(cl_buf_cstr(&iomem, "/proc/iomem", &text, err));
    (void)snprintf(address, sizeof(address), SLOT_ADDRESS, slot);
    const char *at = strstr(text, address);
    const char *name = at != NULL ? strstr(at, " : ") : NULL;
    if (name == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "block slot %u: expected a virtio device, got none", slot);
    }
    name += 3;
    size_t n = strcspn(name, " \n");
    if (n == 0 || n >= 64) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "block slot %u: its name is too long", slot);
    }
    memcpy(ret, name, n);
    ret[n] = '\0';
    return CL_OK;
}

/* Does /sys/class/block/<name> hang below that platform device? */
static bool belongs_to(const char *name, const char *device)
{
    char link[320];
    char want[80];
    char *real = NULL;
    (void)snprintf(link, sizeof(link), "/sys/class/block/%s", name);
    (void)snprintf(want, sizeof(want), "/%s/virtio", device);
    real = realpath(link, NULL);
    bool found = real != NULL && strstr(real, want) != NULL;
    free(real);
    return found;
}

static bool find_disk(const char *device, char ret_path[static AGENT_DISK_PATH_SIZE])
{
    DIR *dir = opendir("/sys/class/block");
    bool found = false;
    struct dirent *e = NULL;
    while (dir != NULL && !found && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.' && belongs_to(e->d_name, device)) {
            (void)snprintf(ret_path, AGENT_DISK_PATH_SIZE, "/dev/%s", e->d_name);
            found = true;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return found && access(ret_path, F_OK) == 0;
}

static enum cl_status read_disk(int fd, struct cl_buf *out, struct cl_err *err)
{
    uint8_t head[16];
    CL_TRY(cl_read_all(fd, head, sizeof(head), "initdata disk", err));
    struct cl_reader r = cl_reader_init(head, sizeof(head));
    const uint8_t *magic = cl_reader_bytes(&r, 8, "magic");
    uint64_t len = cl_reader_le64(&r, "length");
    CL_TRY(cl_reader_finish(&r, "initdata disk", err));
    if (memcmp(magic, MAGIC, 8) != 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, 0,
                         "initdata disk: magic: expected " MAGIC ", got other bytes");
    }
    if (len < 1 || len > CL_INITDATA_MAX_SIZE) {
        return cl_err_at(err, CL_ERR_MALFORMED, 8,
                         "initdata disk: length: expected 1 to %u, got %llu", CL_INITDATA_MAX_SIZE,
                         (unsigned long long)len);
    }
    CL_TRY(cl_buf_reserve(out, (size_t)len, err));
    CL_TRY(cl_read_all(fd, out->data, (size_t)len, "initdata disk", err));
    out->len = (size_t)len;
    out->data[out->len] = 0;
    return CL_OK;
}

/* A slot without a disk has a device of ours that no driver has taken: both drivers were there
 * before us, and what they found they took before they returned. */
static bool has_driver(const char *device)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/driver", device);
    return access(path, F_OK) == 0;
}

static enum cl_status disk_is_empty(const char *path, bool *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (size < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    *ret = size == 0;
    return CL_OK;
}

/* Waits for the driver when there is one. */
static bool await_disk(const char *device, char ret_path[static AGENT_DISK_PATH_SIZE])
{
    const struct timespec pause = {.tv_nsec = 50000000};
    bool found = false;
    for (int i = 0; !found && i < TRIES; i++) {
        found = find_disk(device, ret_path);
        if (!found) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return found;
}

enum cl_status agent_disk_find(unsigned slot, bool *ret_present,
                               char ret_path[static AGENT_DISK_PATH_SIZE], struct cl_err *err)
{
    char device[64];
    bool empty = true;
    CL_TRY(slot_device(slot, device, err));
    if (has_driver(device)) {
        if (!await_disk(device, ret_path)) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "block slot %u: expected a disk, got none",
                              slot);
        }
        CL_TRY(disk_is_empty(ret_path, &empty, err));
    }
    *ret_present = !empty;
    return CL_OK;
}

enum cl_status agent_initdata_present(bool *ret, struct cl_err *err)
{
    char path[AGENT_DISK_PATH_SIZE];
    return agent_disk_find(INITDATA_SLOT, ret, path, err);
}

enum cl_status agent_initdata_read(struct cl_buf *out, struct cl_err *err)
{
    char path[AGENT_DISK_PATH_SIZE];
    bool present = false;
    CL_TRY(agent_disk_find(INITDATA_SLOT, &present, path, err));
    if (!present) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "initdata disk: expected one, got none");
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    return read_disk(fd, out, err);
}
