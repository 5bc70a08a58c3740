/* SPDX-License-Identifier: Apache-2.0
 * probe.c - what no file of this machine says: CPUID, KVM's capabilities, the firmware's status; as
 * text, in the form of a record, so that one parser serves both.
 * Spec: snp.md d.1, d.5.
 */
#include "hostcheck_internal.h"

#include "tee/kvm_coco.h"

#include "base/encode.h"
#include "base/io.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

enum cl_status hc_probe_cpuid(struct cl_buf *text, struct cl_err *err)
{
    static const unsigned leaves[] = {0, 1, 0x80000000u, 0x8000001Fu};
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        unsigned a = 0;
        unsigned b = 0;
        unsigned c = 0;
        unsigned d = 0;
        if (__get_cpuid_count(leaves[i], 0, &a, &b, &c, &d) != 0) {
            CL_TRY(cl_buf_printf(text, err, "%08x 0 %08x %08x %08x %08x\n", leaves[i], a, b, c, d));
        }
    }
    return CL_OK;
}

enum cl_status hc_probe_kvm(struct cl_buf *text, struct cl_err *err)
{
    static const unsigned caps[] = {KC_CAP_EXIT_HYPERCALL,    KC_CAP_USER_MEMORY2,
                                    KC_CAP_MEMORY_FAULT_INFO, KC_CAP_MEMORY_ATTRIBUTES,
                                    KC_CAP_GUEST_MEMFD,       KC_CAP_VM_TYPES};
    CL_CLEANUP(cl_close_fdp) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return CL_OK;
    }
    CL_TRY(cl_buf_printf(text, err, "api %d\n", ioctl(fd, KVM_GET_API_VERSION, 0)));
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        int value = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)caps[i]);
        if (value >= 0) {
            CL_TRY(cl_buf_printf(text, err, "cap %u 0x%x\n", caps[i], (unsigned)value));
        }
    }
    return CL_OK;
}

/* SEV_ISSUE_CMD takes a packed structure: command, address, what the firmware answered. */
#define ISSUE_COMMAND _IOWR('S', 0, uint8_t[16])
_Static_assert(ISSUE_COMMAND == 0xC0105300u, "SEV_ISSUE_CMD");
#define SNP_PLATFORM_STATUS 9u

enum cl_status hc_probe_sev(struct cl_buf *text, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open("/dev/sev", O_RDWR | O_CLOEXEC);
    uint8_t status[32] = {0};
    uint8_t issue[16] = {SNP_PLATFORM_STATUS};
    uint64_t address = (uint64_t)(uintptr_t)status;
    char hex[2 * sizeof(status) + 1];
    if (fd < 0) {
        return CL_OK;
    }
    memcpy(issue + 4, &address, sizeof(address));
    if (ioctl(fd, ISSUE_COMMAND, issue) != 0) {
        return cl_buf_printf(text, err, "error %d\n", errno);
    }
    cl_hex(hex, status, sizeof(status));
    return cl_buf_printf(text, err, "snp_platform_status %s\n", hex);
}

const char *hc_probe_open(const char *path)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0                             ? "ok"
           : errno == ENOENT                   ? "ENOENT"
           : errno == EACCES || errno == EPERM ? "EACCES"
                                               : "EIO";
}
