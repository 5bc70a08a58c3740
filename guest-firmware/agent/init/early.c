/* SPDX-License-Identifier: Apache-2.0
 * early.c - the mounts without which nothing works, and the modules that a distribution's kernel
 * needs.
 */
#include "agent.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES_DISABLED "/proc/sys/kernel/modules_disabled"
#define MAX_ORDER 65536u /* bytes of /modules/order */

static enum cl_status mount_one(const char *type, const char *where, unsigned long flags,
                                const char *options, struct cl_err *err)
{
    if (mkdir(where, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", where);
    }
    if (mount(type, where, type, flags, options) != 0 && errno != EBUSY) {
        return cl_err_sys(err, errno, "mount '%s'", where);
    }
    return CL_OK;
}

/* A kernel without a console starts us with none of them open, and what we open must never land
 * where something expects stdin, stdout or stderr. */
static enum cl_status fill_standard_descriptors(struct cl_err *err)
{
    for (int fd = 0; fd <= STDERR_FILENO;) {
        fd = open("/dev/null", O_RDWR | O_NOCTTY);
        if (fd < 0) {
            return cl_err_sys(err, errno, "open '/dev/null'");
        }
        if (fd > STDERR_FILENO) {
            (void)close(fd);
        }
    }
    return CL_OK;
}

enum cl_status agent_mount_early(struct cl_err *err)
{
    const unsigned long plain = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    CL_TRY(mount_one("proc", "/proc", plain, NULL, err));
    CL_TRY(mount_one("sysfs", "/sys", plain, NULL, err));
    CL_TRY(mount_one("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755", err));
    return fill_standard_descriptors(err);
}

static enum cl_status load_module(const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open module '%s'", path);
    }
    if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "load module '%s'", path);
    }
    return CL_OK;
}

/* The initrd is measured, so its list needs no defence; a device that is absent (ENODEV) is not the
 * list's fault. */
static enum cl_status load_listed(struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf order = {0};
    const char *text = NULL;
    if (access("/modules/order", F_OK) != 0) {
        return CL_OK; /* a kernel with everything built in */
    }
    CL_TRY(cl_buf_read_file(&order, "/modules/order", MAX_ORDER, err));
    CL_TRY(cl_buf_cstr(&order, "/modules/order", &text, err));
    char *rest = (char *)order.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        struct cl_err why = {0};
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        enum cl_status st = load_module(line, &why);
        if (st != CL_OK && why.sys_errno != ENODEV) {
            return cl_err_set(err, st, "%s", why.msg);
        }
    }
    return CL_OK;
}

/* From here on nobody loads a module, not even root; only a reboot takes it back. A kernel that was
 * built without modules has no such switch. */
static enum cl_status lock_modules(struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf now = {0};
    CL_CLEANUP(cl_close_fdp) int fd = open(MODULES_DISABLED, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && access("/proc/sys/kernel", F_OK) == 0 &&
        access("/proc/modules", F_OK) != 0) {
        return CL_OK;
    }
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '" MODULES_DISABLED "'");
    }
    CL_TRY(cl_write_all(fd, "1", 1, MODULES_DISABLED, err));
    CL_TRY(cl_buf_read_file(&now, MODULES_DISABLED, 16, err));
    if (now.len == 0 || now.data[0] != '1') {
        return cl_err_set(err, CL_ERR_SYS, "'" MODULES_DISABLED "': expected 1, got another value");
    }
    return CL_OK;
}

enum cl_status agent_load_modules(struct cl_err *err)
{
    CL_TRY(load_listed(err));
    return lock_modules(err);
}

enum cl_status agent_loopback_up(struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo"};
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        return cl_err_sys(err, errno, "interface lo");
    }
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0 ? CL_OK : cl_err_sys(err, errno, "interface lo");
}
