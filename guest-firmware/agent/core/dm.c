/* SPDX-License-Identifier: Apache-2.0
 * dm.c - requests of the device mapper. Trust, threads, memory: dm.h.
 */
#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

#define CONTROL "/dev/mapper/control"
#define ALIGN 8u /* of each target, dm-ioctl.h */

_Static_assert(AGENT_DM_MAX_NAME < DM_NAME_LEN, "a name fits, with its end");

static enum cl_status too_long(const char *name, const char *what, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "device mapper: '%.40s': %s is too long", name, what);
}

/* *at: where the target begins, and then the next. */
static enum cl_status put_target(struct cl_secret *s, size_t *at, const char *name,
                                 const struct agent_dm_target *t, struct cl_err *err)
{
    struct dm_target_spec spec = {.sector_start = t->start, .length = t->sectors};
    size_t params_size = strlen(t->params) + 1;
    size_t type_size = strlen(t->type) + 1;
    if (type_size > sizeof(spec.target_type)) {
        return too_long(name, "a target's type", err);
    }
    if (params_size > s->len - *at || s->len - *at - params_size < sizeof(spec) + ALIGN) {
        return too_long(name, "its table", err);
    }
    size_t size = (sizeof(spec) + params_size + ALIGN - 1) / ALIGN * ALIGN;
    memcpy(spec.target_type, t->type, type_size);
    spec.next = (uint32_t)size; /* from this one's beginning */
    memcpy(s->data + *at, &spec, sizeof(spec));
    memcpy(s->data + *at + sizeof(spec), t->params, params_size);
    *at += size;
    return CL_OK;
}

enum cl_status agent_dm_encode(const char *name, uint32_t flags,
                               const struct agent_dm_target *target, uint32_t count,
                               struct cl_secret *ret_s, struct cl_err *err)
{
    struct dm_ioctl head = {.version = {DM_VERSION_MAJOR, 0, 0},
                            .data_size = AGENT_DM_REQUEST_SIZE,
                            .data_start = sizeof(head),
                            .target_count = count,
                            .flags = flags | DM_SECURE_DATA_FLAG};
    size_t at = sizeof(head);
    if (strlen(name) > AGENT_DM_MAX_NAME) {
        return too_long(name, "its name", err);
    }
    memcpy(head.name, name, strlen(name) + 1);
    CL_TRY(cl_secret_alloc(ret_s, AGENT_DM_REQUEST_SIZE, err));
    memcpy(ret_s->data, &head, sizeof(head));
    for (uint32_t i = 0; i < count; i++) {
        enum cl_status st = put_target(ret_s, &at, name, &target[i], err);
        if (st != CL_OK) {
            cl_secret_done(ret_s);
            return st;
        }
    }
    return CL_OK;
}

static enum cl_status ask(int dm, unsigned long request, const char *what, const char *name,
                          uint32_t flags, const struct agent_dm_target *target, uint32_t count,
                          struct dm_ioctl *ret_head, struct cl_err *err)
{
    struct cl_secret s = {0};
    CL_TRY(agent_dm_encode(name, flags, target, count, &s, err));
    int rc = ioctl(dm, request, s.data);
    int e = errno;
    memcpy(ret_head, s.data, sizeof(*ret_head));
    cl_secret_done(&s);
    return rc == 0 ? CL_OK : cl_err_sys(err, e, "device mapper: %s '%s'", what, name);
}

enum cl_status agent_dm_open(int *ret_fd, struct cl_err *err)
{
    int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '" CONTROL "'");
    }
    *ret_fd = fd;
    return CL_OK;
}

enum cl_status agent_dm_create(int dm, const char *name, dev_t *ret_dev, struct cl_err *err)
{
    struct dm_ioctl head;
    CL_TRY(ask(dm, DM_DEV_CREATE, "create", name, 0, NULL, 0, &head, err));
    *ret_dev = (dev_t)head.dev; /* the kernel's form of it, which is also the C library's */
    return CL_OK;
}

enum cl_status agent_dm_load(int dm, const char *name, const struct agent_dm_target *target,
                             uint32_t count, struct cl_err *err)
{
    struct dm_ioctl head;
    return ask(dm, DM_TABLE_LOAD, "load", name, 0, target, count, &head, err);
}

enum cl_status agent_dm_clear(int dm, const char *name, struct cl_err *err)
{
    struct dm_ioctl head;
    return ask(dm, DM_TABLE_CLEAR, "clear", name, 0, NULL, 0, &head, err);
}

enum cl_status agent_dm_resume(int dm, const char *name, struct cl_err *err)
{
    struct dm_ioctl head;
    return ask(dm, DM_DEV_SUSPEND, "resume", name, 0, NULL, 0, &head, err);
}

void agent_dm_remove(int dm, const char *name)
{
    struct dm_ioctl head;
    enum cl_status st = ask(dm, DM_DEV_REMOVE, "remove", name, 0, NULL, 0, &head, NULL);
    (void)st;
}
