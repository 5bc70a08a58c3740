/* SPDX-License-Identifier: Apache-2.0
 * names.c - words of the command line for vCPU types, VMMs and page types.
 * Trust: the words are the user's. Threads: pure. Memory: none.
 */
#include "snp/measure/measure_internal.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t signature;
} vcpu_types[] = {
    /* QEMU's models; longest names first, since versions follow a name */
    {"EPYC-Milan", 0x00A00F11}, {"EPYC-Genoa", 0x00A10F10}, {"EPYC-Turin", 0x00B00F00},
    {"EPYC-Rome", 0x00830F10},  {"EPYC-IBPB", 0x00800F12},  {"EPYC", 0x00800F12},
};

/* "" or "-v" and one or two digits. */
static bool is_version(const char *s)
{
    if (s[0] == '\0') {
        return true;
    }
    size_t digits = strspn(s[0] == '-' && s[1] == 'v' ? s + 2 : "", "0123456789");
    return (digits == 1 || digits == 2) && s[2 + digits] == '\0';
}

enum cl_status cl_snp_vcpu_type_parse(const char *name, uint32_t *ret_sig, struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(vcpu_types); i++) {
        size_t n = strlen(vcpu_types[i].name);
        if (strncmp(name, vcpu_types[i].name, n) == 0 && is_version(name + n)) {
            *ret_sig = vcpu_types[i].signature;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "vCPU type: expected EPYC, EPYC-Rome, -Milan, -Genoa or -Turin, or one of "
                      "these with -vN, got '%.40s'",
                      name);
}

const char *snp_vcpu_type(size_t i, uint32_t *ret_sig)
{
    if (i >= CL_ARRAY_LEN(vcpu_types)) {
        return NULL;
    }
    *ret_sig = vcpu_types[i].signature;
    return vcpu_types[i].name;
}

static const char *const vmm_names[] = {
    [CL_SNP_VMM_CLOISTER] = "cloister",
    [CL_SNP_VMM_QEMU] = "qemu",
    [CL_SNP_VMM_EC2] = "ec2",
    [CL_SNP_VMM_GCE] = "gce",
};

enum cl_status cl_snp_vmm_parse(const char *name, enum cl_snp_vmm *ret_vmm, struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(vmm_names); i++) {
        if (strcmp(name, vmm_names[i]) == 0) {
            *ret_vmm = (enum cl_snp_vmm)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "VMM: expected cloister, qemu, ec2 or gce, got '%.40s'", name);
}

const char *cl_snp_vmm_name(enum cl_snp_vmm vmm)
{
    return vmm_names[vmm];
}

const char *cl_snp_page_type_name(uint8_t type)
{
    static const char *const names[] = {"?",          "normal",  "vmsa", "zero",
                                        "unmeasured", "secrets", "cpuid"};
    return type < CL_ARRAY_LEN(names) ? names[type] : names[0];
}
