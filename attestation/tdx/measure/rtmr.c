/* SPDX-License-Identifier: Apache-2.0
 * rtmr.c - RTMR0 to RTMR2 as the events that extend them: those of our firmware, and those of OVMF
 * and Linux' EFI stub when QEMU boots a kernel directly.
 * Trust: digests of files only. Threads: pure. Memory: constant.
 * Spec: tdx.md b.5; docs/interfaces.md I-1.7.
 */
#include "tdx/measure/measure_internal.h"

#include <stdlib.h>
#include <string.h>

struct chain {
    const struct tdx_choice *choice;
    enum cl_tdx_mr mr;
    uint8_t value[CL_TDX_MR_SIZE];
};

static enum cl_status extend(struct chain *c, const char *name,
                             const uint8_t digest[CL_TDX_MR_SIZE], struct cl_err *err)
{
    uint8_t both[2 * CL_TDX_MR_SIZE];
    memcpy(both, c->value, CL_TDX_MR_SIZE);
    memcpy(both + CL_TDX_MR_SIZE, digest, CL_TDX_MR_SIZE);
    CL_TRY(cl_sha384(c->value, both, sizeof(both), err));
    if (c->choice->event != NULL) {
        const struct cl_tdx_predicted e = {c->mr, name, digest, c->value};
        c->choice->event(c->choice->ctx, &e);
    }
    return CL_OK;
}

static enum cl_status extend_data(struct chain *c, const char *name, const void *data, size_t n,
                                  struct cl_err *err)
{
    uint8_t digest[CL_TDX_MR_SIZE];
    CL_TRY(cl_sha384(digest, data, n, err));
    return extend(c, name, digest, err);
}

static enum cl_status extend_text(struct chain *c, const char *text, struct cl_err *err)
{
    return extend_data(c, text, text, strlen(text), err);
}

static enum cl_status separator(struct chain *c, struct cl_err *err)
{
    static const uint8_t zero[4] = {0};
    return extend_data(c, "separator", zero, sizeof(zero), err);
}

static enum cl_status extend_hob(struct chain *c, struct cl_err *err)
{
    uint8_t digest[CL_TDX_MR_SIZE];
    const struct tdx_choice *k = c->choice;
    bool hash_page = k->vmm == CL_TDX_VMM_CLOISTER && k->parts->has_kernel;
    CL_TRY(hob_sha384(&k->parts->tdvf, k->vmm, k->memory, hash_page, digest, err));
    return extend(c, "TD HOB", digest, err);
}

/* ---- our firmware ---- */

static enum cl_status stage0(struct chain *c, struct cl_err *err)
{
    const struct tdx_parts *p = c->choice->parts;
    uint8_t none[CL_TDX_MR_SIZE];
    if (c->mr == CL_TDX_RTMR0) {
        return extend_hob(c, err);
    }
    if (c->mr == CL_TDX_RTMR1) {
        CL_TRY(extend(c, "kernel", p->kernel, err));
        return separator(c, err);
    }
    CL_TRY(cl_sha384(none, "", 0, err));
    CL_TRY(extend_data(c, "command line", c->choice->cmdline, c->choice->cmdline_len, err));
    return extend(c, "initrd", c->choice->initrd ? p->initrd : none, err);
}

/* ---- OVMF, direct boot ---- */

struct variable {
    const char *name;
    uint8_t guid[16];
};

#define GLOBAL_GUID                                                                                \
    {                                                                                              \
        0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b,  \
            0x8c                                                                                   \
    }
#define SECURITY_GUID                                                                              \
    {                                                                                              \
        0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65,  \
            0x6f                                                                                   \
    }

/* UEFI_VARIABLE_DATA of a variable that is not set: GUID, length of name and data, name. */
static enum cl_status unset_variable(struct chain *c, const struct variable *v, struct cl_err *err)
{
    uint8_t data[64] = {0};
    size_t n = strlen(v->name);
    memcpy(data, v->guid, sizeof(v->guid));
    data[16] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        data[32 + 2 * i] = (uint8_t)v->name[i];
    }
    return extend_data(c, v->name, data, 32 + 2 * n, err);
}

/* What OVMF's boot manager puts there when a kernel is loaded directly: Boot0000 is its own UiApp,
 * from the firmware volume. Only the contents of these two are measured. */
static const uint8_t boot_order[2] = {0};
static const uint8_t boot_0000[62] = {
    0x09, 0x01, 0x00, 0x00, 0x2c, 0x00, 'U',  0x00, 'i',  0x00, 'A',  0x00, 'p',  0x00, 'p',  0x00,
    0x00, 0x00, 0x04, 0x07, 0x14, 0x00, 0xc9, 0xbd, 0xb8, 0x7c, 0xeb, 0xf8, 0x34, 0x4f, 0xaa, 0xea,
    0x3e, 0xe4, 0xaf, 0x65, 0x16, 0xa1, 0x04, 0x06, 0x14, 0x00, 0x21, 0xaa, 0x2c, 0x46, 0x14, 0x76,
    0x03, 0x45, 0x83, 0x6e, 0x8a, 0xb6, 0xf4, 0x66, 0x23, 0x31, 0x7f, 0xff, 0x04, 0x00};

static enum cl_status ovmf_rtmr0(struct chain *c, struct cl_err *err)
{
    static const struct variable variables[] = {{"SecureBoot", GLOBAL_GUID},
                                                {"PK", GLOBAL_GUID},
                                                {"KEK", GLOBAL_GUID},
                                                {"db", SECURITY_GUID},
                                                {"dbx", SECURITY_GUID}};
    static const char *const acpi[] = {"ACPI table loader", "ACPI RSDP", "ACPI tables"};
    const struct tdx_parts *p = c->choice->parts;
    CL_TRY(extend_hob(c, err));
    CL_TRY(extend(c, "configuration volume", p->cfv, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(variables); i++) {
        CL_TRY(unset_variable(c, &variables[i], err));
    }
    CL_TRY(separator(c, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(acpi); i++) {
        CL_TRY(extend(c, acpi[i], p->acpi[i], err));
    }
    CL_TRY(extend_data(c, "BootOrder", boot_order, sizeof(boot_order), err));
    CL_TRY(extend_data(c, "Boot0000", boot_0000, sizeof(boot_0000), err));
    return (c->choice->variants & CL_TDX_SEPARATOR_RTMR0) != 0 ? separator(c, err) : CL_OK;
}

static enum cl_status ovmf_rtmr1(struct chain *c, struct cl_err *err)
{
    const struct tdx_choice *k = c->choice;
    bool patched = (k->variants & CL_TDX_PATCHED_KERNEL) != 0;
    CL_TRY(extend(c, "kernel", patched ? k->parts->kernel_patched : k->parts->kernel_pe, err));
    CL_TRY(extend_text(c, "Calling EFI Application from Boot Option", err));
    if ((k->variants & CL_TDX_SEPARATOR_RTMR0) == 0) {
        CL_TRY(separator(c, err));
    }
    CL_TRY(extend_text(c, "Exit Boot Services Invocation", err));
    return extend_text(c, "Exit Boot Services Returned with Success", err);
}

/* The EFI stub measures the load options in UTF-16 with their NUL; OVMF names the initrd there. */
static enum cl_status load_options(struct chain *c, struct cl_err *err)
{
    static const char arg[] = "initrd=initrd";
    const struct tdx_choice *k = c->choice;
    size_t len = strlen(k->cmdline), at = 0;
    bool named = k->initrd && (k->variants & CL_TDX_NO_INITRD_ARG) == 0;
    bool first = (k->variants & CL_TDX_INITRD_ARG_FIRST) != 0;
    uint8_t *wide = calloc(len + sizeof(arg) + 2, 2);
    if (wide == NULL) {
        return cl_err_nomem(err, "load options");
    }
    for (size_t i = 0; named && first && i < sizeof(arg); i++, at += 2) {
        wide[at] = (uint8_t)(arg[i] != '\0' ? arg[i] : ' ');
    }
    for (size_t i = 0; i < len; i++, at += 2) {
        wide[at] = (uint8_t)k->cmdline[i];
    }
    for (size_t i = 0; named && !first && i < sizeof(arg); i++, at += 2) {
        wide[at] = (uint8_t)(i == 0 ? ' ' : arg[i - 1]);
    }
    enum cl_status st = extend_data(c, "load options", wide, at + 2, err);
    free(wide);
    return st;
}

static enum cl_status ovmf_rtmr2(struct chain *c, struct cl_err *err)
{
    CL_TRY(load_options(c, err));
    return c->choice->initrd ? extend(c, "initrd", c->choice->parts->initrd, err) : CL_OK;
}

/* ---- */

/* NULL, or what a register needs and was not given. */
static const char *missing(const struct tdx_choice *c, enum cl_tdx_mr mr)
{
    const struct tdx_parts *p = c->parts;
    bool qemu = c->vmm == CL_TDX_VMM_QEMU;
    if (mr == CL_TDX_RTMR0) {
        return c->memory == 0 ? "needs the memory size"
               : tdvf_find(&p->tdvf, TDVF_TD_HOB) == NULL
                   ? "needs a firmware with a place for the TD HOB"
               : !qemu        ? NULL
               : !p->has_acpi ? "needs QEMU's ACPI files"
               : !p->has_cfv  ? "needs a firmware with a configuration volume"
                              : NULL;
    }
    if (!p->has_kernel) {
        return "needs a kernel";
    }
    bool patched = qemu && mr == CL_TDX_RTMR1 && (c->variants & CL_TDX_PATCHED_KERNEL) != 0;
    return patched && !p->has_patched ? "needs the memory size" : NULL;
}

enum cl_status rtmr_compute(const struct tdx_choice *c, enum cl_tdx_mr mr,
                            uint8_t ret[static CL_TDX_MR_SIZE], const char **ret_missing,
                            struct cl_err *err)
{
    struct chain chain = {.choice = c, .mr = mr};
    const char *what = missing(c, mr);
    if (what != NULL) {
        *ret_missing = what;
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: %s", cl_tdx_mr_name(mr), what);
    }
    enum cl_status st = c->vmm == CL_TDX_VMM_CLOISTER ? stage0(&chain, err)
                        : mr == CL_TDX_RTMR0          ? ovmf_rtmr0(&chain, err)
                        : mr == CL_TDX_RTMR1          ? ovmf_rtmr1(&chain, err)
                                                      : ovmf_rtmr2(&chain, err);
    if (st == CL_OK) {
        memcpy(ret, chain.value, CL_TDX_MR_SIZE);
    }
    return st;
}
