/* SPDX-License-Identifier: Apache-2.0
 * measure.c - the registers of a configuration: files in, digests out.
 * Trust: firmware image and kernel may be hostile (tdvf.c and pe.c bound them); initrd and ACPI
 * files are only hashed. Threads: pure. Memory: constant; files are streamed.
 * Spec: tdx.md b; docs/interfaces.md I-1.7.
 */
#include "tdx/measure/measure_internal.h"

#include "base/io.h"

#include <string.h>

#define MEMORY_UNIT (UINT64_C(2) << 20)

enum cl_status tdx_check_config(const struct cl_tdx_measure_config *c, struct cl_err *err)
{
    if (c->kernel == NULL && (c->initrd != NULL || c->cmdline != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "kernel: expected one beside %s, got none",
                          c->initrd != NULL ? "an initrd" : "a command line");
    }
    if (c->memory > CL_TDX_MEMORY_MAX || c->memory % MEMORY_UNIT != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "memory: expected a multiple of 2 MiB up to 64 TiB, got %llu bytes",
                          (unsigned long long)c->memory);
    }
    bool any = c->acpi_loader != NULL || c->acpi_rsdp != NULL || c->acpi_tables != NULL;
    bool all = c->acpi_loader != NULL && c->acpi_rsdp != NULL && c->acpi_tables != NULL;
    if (any && !all) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "ACPI files: expected table loader, RSDP and tables, got some of them");
    }
    unsigned both = CL_TDX_INITRD_ARG_FIRST | CL_TDX_NO_INITRD_ARG;
    unsigned common = CL_TDX_TWO_PASS | CL_TDX_READ_ON;
    if ((c->variants & both) == both ||
        (c->vmm == CL_TDX_VMM_CLOISTER && (any || (c->variants & ~common) != 0))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "variants: expected ones that go together and with the VMM, got others");
    }
    return CL_OK;
}

/* ---- files ---- */

static enum cl_status section_sha384(const struct launch_image *im, const struct tdvf_section *s,
                                     uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *c = NULL;
    uint8_t chunk[LAUNCH_CHUNK_SIZE];
    CL_TRY(cl_sha384_new(&c, err));
    for (uint32_t at = 0; at < s->raw_size;) {
        size_t n = s->raw_size - at < sizeof(chunk) ? s->raw_size - at : sizeof(chunk);
        CL_TRY(im->read_at(im->ctx, (uint64_t)s->data_offset + at, chunk, n, err));
        CL_TRY(cl_sha384_update(c, chunk, n, err));
        at += (uint32_t)n;
    }
    return cl_sha384_final(c, ret, err);
}

static enum cl_status take_initrd(const char *path, struct tdx_parts *p, uint64_t *ret_size,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    *ret_size = 0;
    p->has_initrd = path != NULL;
    if (path == NULL) {
        return cl_sha384(p->initrd, "", 0, err);
    }
    CL_TRY(launch_open(path, &fd, ret_size, err));
    return launch_file_sha384(path, p->initrd, err);
}

/* The kernel as OVMF measures it, and as older versions of QEMU changed it before. */
static enum cl_status take_kernel_pe(const struct cl_tdx_measure_config *c, uint64_t initrd_size,
                                     struct tdx_parts *p, struct cl_err *err)
{
    const struct pe_patch patch = {c->memory, initrd_size};
    CL_TRY(pe_sha384(c->kernel, NULL, p->kernel_pe, err));
    if (c->memory == 0 && initrd_size > 0) {
        return CL_OK; /* where the initrd goes is in the header */
    }
    struct cl_err ignored = {0};
    enum cl_status st = pe_sha384(c->kernel, &patch, p->kernel_patched, &ignored);
    p->has_patched = st == CL_OK;
    if ((c->variants & CL_TDX_PATCHED_KERNEL) != 0 && st != CL_OK) {
        return cl_err_set(err, st, "%s", ignored.msg);
    }
    return CL_OK;
}

static enum cl_status take_kernel(const struct cl_tdx_measure_config *c, enum cl_tdx_vmm vmm,
                                  struct tdx_parts *p, struct cl_err *err)
{
    uint64_t initrd_size = 0;
    CL_TRY(take_initrd(c->initrd, p, &initrd_size, err));
    p->has_kernel = true;
    if (vmm == CL_TDX_VMM_QEMU) {
        return take_kernel_pe(c, initrd_size, p, err);
    }
    CL_TRY(launch_hashes_take(c->kernel, c->initrd, c->cmdline, &p->hashes, err));
    return launch_file_sha384(c->kernel, p->kernel, err);
}

static enum cl_status take_acpi(const struct cl_tdx_measure_config *c, struct tdx_parts *p,
                                struct cl_err *err)
{
    if (c->acpi_loader == NULL) {
        return CL_OK;
    }
    p->has_acpi = true;
    CL_TRY(launch_file_sha384(c->acpi_loader, p->acpi[0], err));
    CL_TRY(launch_file_sha384(c->acpi_rsdp, p->acpi[1], err));
    return launch_file_sha384(c->acpi_tables, p->acpi[2], err);
}

enum cl_status tdx_parts_take(const struct cl_tdx_measure_config *config,
                              const struct launch_image *im, enum cl_tdx_vmm vmm,
                              struct tdx_parts *ret_p, struct cl_err *err)
{
    struct tdx_parts p = {0};
    enum cl_status st = tdvf_parse(im, &p.tdvf, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", config->firmware);
    }
    const struct tdvf_section *cfv = tdvf_find(&p.tdvf, TDVF_CFV);
    p.has_cfv = cfv != NULL;
    if (cfv != NULL) {
        CL_TRY(section_sha384(im, cfv, p.cfv, err));
    }
    if (config->kernel != NULL) {
        CL_TRY(take_kernel(config, vmm, &p, err));
    }
    CL_TRY(take_acpi(config, &p, err));
    *ret_p = p;
    return CL_OK;
}

/* ---- registers ---- */

static enum cl_status measure_rtmrs(const struct cl_tdx_measure_config *config,
                                    const struct tdx_parts *p, struct cl_tdx_measurement *m,
                                    struct cl_err *err)
{
    const char *cmdline = config->cmdline != NULL ? config->cmdline : "";
    const struct tdx_choice choice = {.parts = p,
                                      .vmm = config->vmm,
                                      .variants = config->variants,
                                      .memory = config->memory,
                                      .initrd = config->initrd != NULL,
                                      .cmdline = cmdline,
                                      .cmdline_len = strlen(cmdline) + 1,
                                      .event = config->event,
                                      .ctx = config->ctx};
    for (enum cl_tdx_mr mr = CL_TDX_RTMR0; mr < CL_TDX_MR_COUNT; mr++) {
        enum cl_status st = rtmr_compute(&choice, mr, m->mr[mr], &m->missing[mr], err);
        if (st != CL_OK && st != CL_ERR_UNAVAILABLE) {
            return cl_err_wrap(err, st, "'%s'", config->firmware);
        }
        m->known[mr] = st == CL_OK;
    }
    return CL_OK;
}

static enum cl_status measure_image(const struct cl_tdx_measure_config *config,
                                    const struct launch_image *im, struct cl_tdx_measurement *m,
                                    struct cl_err *err)
{
    struct tdx_parts p;
    CL_TRY(tdx_parts_take(config, im, config->vmm, &p, err));
    bool hash_page = config->vmm == CL_TDX_VMM_CLOISTER && p.has_kernel;
    const struct mrtd_config mrtd = {.tdvf = &p.tdvf,
                                     .image = im,
                                     .hashes = hash_page ? &p.hashes : NULL,
                                     .variants = config->variants,
                                     .page = config->page,
                                     .ctx = config->ctx};
    enum cl_status st = mrtd_compute(&mrtd, m->mr[CL_TDX_MRTD], &m->page_count, err);
    if (st == CL_ERR_UNSUPPORTED || st == CL_ERR_MALFORMED) {
        return cl_err_wrap(err, st, "'%s'", config->firmware);
    }
    CL_TRY(st);
    m->known[CL_TDX_MRTD] = true;
    if (config->memory != 0 && tdvf_find(&p.tdvf, TDVF_TD_HOB) != NULL) {
        st = hob_sha384(&p.tdvf, config->vmm, config->memory, hash_page, m->hob_sha384, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "'%s'", config->firmware);
        }
    }
    return measure_rtmrs(config, &p, m, err);
}

enum cl_status cl_tdx_measure(const struct cl_tdx_measure_config *config,
                              struct cl_tdx_measurement *ret_m, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image im;
    struct cl_tdx_measurement m = {0};
    CL_TRY(tdx_check_config(config, err));
    CL_TRY(launch_image_open(config->firmware, &fd, &im, err));
    CL_TRY(measure_image(config, &im, &m, err));
    *ret_m = m;
    return CL_OK;
}
