/* SPDX-License-Identifier: Apache-2.0
 * status.c - ends and events. Trust, threads: see status.h.
 */
#include "status.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct {
    const char *name;
    int exit_code;
} ends[] = {
    [VMM_END_POWEROFF] = {"poweroff", 0},
    [VMM_END_RESET] = {"reset", 10},
    [VMM_END_PANIC] = {"panic", 11},
    [VMM_END_REFUSED] = {"refused", 12},
    [VMM_END_TRIPLE_FAULT] = {"triple-fault", 13},
    [VMM_END_STOPPED] = {"stopped", 14},
    [VMM_END_ERROR] = {"error", 5},
};

enum cl_status vmm_status_init(struct vmm_status *s, int fd, struct cl_err *err)
{
    *s = (struct vmm_status){.fd = fd, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (s->wake_fd < 0) {
        return cl_err_sys(err, errno, "eventfd");
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    return CL_OK;
}

void vmm_status_done(struct vmm_status *s)
{
    if (s != NULL && s->wake_fd > 0) {
        (void)close(s->wake_fd);
        (void)pthread_mutex_destroy(&s->lock);
        *s = (struct vmm_status){.fd = -1, .wake_fd = -1};
    }
}

/* One line, one write, so that events of several threads do not mix. */
CL_PRINTF(2, 3) static void put_event(struct vmm_status *s, const char *fmt, ...)
{
    char line[2 * CL_ERR_MSG_SIZE];
    if (s->fd < 0) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n <= 0 || (size_t)n >= sizeof(line)) {
        return;
    }
    if (cl_write_all(s->fd, line, (size_t)n, "status", NULL) != CL_OK) {
        cl_log(CL_LOG_DEBUG, "vmm.status", "the reader of the status events is gone");
    }
}

void vmm_status_mark(struct vmm_status *s, const char *name, uint64_t us)
{
    put_event(s, "{\"event\":\"mark\",\"name\":\"%s\",\"us\":%llu}\n", name,
              (unsigned long long)us);
}

void vmm_status_launched(struct vmm_status *s, const uint8_t digest[static 48])
{
    char hex[2 * 48 + 1];
    cl_hex(hex, digest, 48);
    put_event(s, "{\"event\":\"launched\",\"measurement\":\"%s\"}\n", hex);
}

static void end_with(struct vmm_status *s, enum vmm_end end, unsigned code, int exit_code,
                     const char *reason)
{
    uint64_t one = 1;
    (void)pthread_mutex_lock(&s->lock);
    bool first = !s->ended;
    if (first) {
        s->ended = true;
        s->end = end;
        s->code = code;
        s->exit_code = exit_code;
        (void)snprintf(s->reason, sizeof(s->reason), "%s", reason);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (first && write(s->wake_fd, &one, sizeof(one)) < 0) {
        cl_log(CL_LOG_ERROR, "vmm.status", "cannot wake the main thread"); /* cannot happen */
    }
}

void vmm_status_end(struct vmm_status *s, enum vmm_end end, unsigned code, const char *reason)
{
    end_with(s, end, code, ends[end].exit_code, reason);
}

void vmm_status_fail(struct vmm_status *s, const struct cl_err *err)
{
    /* Input that is broken, or the system (I-2): nothing else fails before the guest runs. */
    int code = cl_status_exit_code(err->status) == 4 ? 4 : 5;
    end_with(s, VMM_END_ERROR, 0, code, err->msg);
}

bool vmm_status_ended(struct vmm_status *s)
{
    (void)pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    (void)pthread_mutex_unlock(&s->lock);
    return ended;
}

/* Reasons are our own words, but an error may quote a file name. */
static void json_escape(char *dst, size_t size, const char *src)
{
    size_t n = 0;
    for (; *src != '\0' && n + 2 < size; src++) {
        unsigned char ch = (unsigned char)*src;
        if (ch == '"' || ch == '\\') {
            dst[n++] = '\\';
        }
        dst[n++] = ch >= 0x20 && ch < 0x7f ? (char)ch : '?';
    }
    dst[n] = '\0';
}

int vmm_status_report(struct vmm_status *s)
{
    char reason[CL_ERR_MSG_SIZE + 64];
    json_escape(reason, sizeof(reason), s->reason);
    put_event(s, "{\"event\":\"end\",\"status\":\"%s\",\"code\":%u,\"reason\":\"%s\"}\n",
              ends[s->end].name, s->code, reason);
    return s->exit_code;
}
