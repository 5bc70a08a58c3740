/* SPDX-License-Identifier: Apache-2.0
 * names.c - words of the command line for registers, VMMs and variants.
 * Trust: the words are the user's. Threads: pure. Memory: none.
 */
#include "tdx/measure/measure_internal.h"

#include <string.h>

const char *cl_tdx_mr_name(enum cl_tdx_mr mr)
{
    static const char *const names[CL_TDX_MR_COUNT] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
    return names[mr];
}

static const char *const vmm_names[] = {
    [CL_TDX_VMM_CLOISTER] = "cloister", [CL_TDX_VMM_QEMU] = "qemu"};

enum cl_status cl_tdx_vmm_parse(const char *name, enum cl_tdx_vmm *ret_vmm, struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(vmm_names); i++) {
        if (strcmp(name, vmm_names[i]) == 0) {
            *ret_vmm = (enum cl_tdx_vmm)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "VMM: expected cloister or qemu, got '%.40s'", name);
}

const char *cl_tdx_vmm_name(enum cl_tdx_vmm vmm)
{
    return vmm_names[vmm];
}

static const struct {
    unsigned bit;
    const char *name;
} variants[] = {
    {CL_TDX_TWO_PASS, "two-pass"},
    {CL_TDX_READ_ON, "read-on"},
    {CL_TDX_PATCHED_KERNEL, "patched-kernel"},
    {CL_TDX_SEPARATOR_RTMR0, "separator-rtmr0"},
    {CL_TDX_INITRD_ARG_FIRST, "initrd-arg-first"},
    {CL_TDX_NO_INITRD_ARG, "no-initrd-arg"},
};

enum cl_status cl_tdx_variant_parse(const char *name, unsigned *ret_variant, struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(variants); i++) {
        if (strcmp(name, variants[i].name) == 0) {
            *ret_variant = variants[i].bit;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "variant: expected two-pass, read-on, patched-kernel, separator-rtmr0, "
                      "initrd-arg-first or no-initrd-arg, got '%.40s'",
                      name);
}

const char *cl_tdx_variant_name(unsigned variant)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(variants); i++) {
        if (variants[i].bit == variant) {
            return variants[i].name;
        }
    }
    return NULL;
}
