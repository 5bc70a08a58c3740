/* SPDX-License-Identifier: Apache-2.0
 * find.c - given a digest that no register of a configuration has, looks for the change to the
 * configuration that has it: page orders, versions, memory sizes, and the mistakes that people
 * make. Trust: as measure.c; the digest is only compared. Threads: pure. Memory: constant.
 */
#include "tdx/measure/measure_internal.h"

#include "base/io.h"
#include "launch/cmdline.h"
#include "launch/words.h"

#include <string.h>

#define MEMORY_STEP (UINT64_C(128) << 20)
#define MEMORY_STEPS 4096u /* to 512 GiB */

struct search {
    const struct cl_tdx_measure_config *config;
    const uint8_t *expected;
    const struct launch_image *image;
    unsigned best; /* number of differences; UINT32_MAX while nothing was found */
    struct cl_tdx_variation *found;
    struct tdx_parts *parts; /* for the VMM that is being tried */
};

/* What is different beside the choice itself. */
struct notes {
    const char *initrd, *cmdline, *hashes; /* NULL: nothing */
};

static void describe(const struct search *s, const struct tdx_choice *c, const struct notes *n,
                     struct cl_tdx_variation *v)
{
    const struct cl_tdx_measure_config *config = s->config;
    const char *const words[] = {n->hashes, n->initrd, n->cmdline};
    size_t size = sizeof(v->words);
    if (c->vmm != config->vmm) {
        launch_words_add(v->words, size, &v->differences, "--vmm %s", cl_tdx_vmm_name(c->vmm));
    }
    if (c->memory != config->memory) {
        launch_words_add(v->words, size, &v->differences, "--memory %lluM",
                         (unsigned long long)(c->memory >> 20));
    }
    for (unsigned bit = 1; cl_tdx_variant_name(bit) != NULL; bit <<= 1) {
        if (((c->variants ^ config->variants) & bit) != 0) {
            launch_words_add(v->words, size, &v->differences, "%s--variant %s",
                             (c->variants & bit) != 0 ? "" : "no ", cl_tdx_variant_name(bit));
        }
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(words); i++) {
        if (words[i] != NULL) {
            launch_words_add(v->words, size, &v->differences, "%s", words[i]);
        }
    }
}

static void note(struct search *s, enum cl_tdx_mr mr, const uint8_t value[CL_TDX_MR_SIZE],
                 const struct tdx_choice *c, const struct notes *n)
{
    struct cl_tdx_variation v = {.mr = mr};
    if (memcmp(value, s->expected, CL_TDX_MR_SIZE) != 0) { /* public values */
        return;
    }
    describe(s, c, n, &v);
    if (v.differences < s->best) {
        s->best = v.differences;
        *s->found = v;
    }
}

/* ---- MRTD: page orders, and the page of kernel hashes ---- */

static enum cl_status try_orders(struct search *s, struct tdx_choice *c, const struct notes *n,
                                 const struct launch_hashes *hashes, struct cl_err *err)
{
    static const unsigned orders[] = {0, CL_TDX_TWO_PASS, CL_TDX_READ_ON,
                                      CL_TDX_TWO_PASS | CL_TDX_READ_ON};
    uint8_t value[CL_TDX_MR_SIZE];
    uint64_t pages = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(orders); i++) {
        const struct mrtd_config m = {
            .tdvf = &s->parts->tdvf, .image = s->image, .hashes = hashes, .variants = orders[i]};
        enum cl_status st = mrtd_compute(&m, value, &pages, err);
        if (st == CL_ERR_UNSUPPORTED || st == CL_ERR_MALFORMED) {
            return CL_OK; /* this image has no place for the hashes */
        }
        CL_TRY(st);
        c->variants = (s->config->variants & ~orders[3]) | orders[i];
        note(s, CL_TDX_MRTD, value, c, n);
    }
    return CL_OK;
}

static enum cl_status try_hashes(struct search *s, struct tdx_choice *c, bool initrd,
                                 struct cl_err *err)
{
    const char *text = s->config->cmdline != NULL ? s->config->cmdline : "";
    struct launch_hashes hashes = s->parts->hashes;
    struct launch_cmdline line;
    struct notes n = {.initrd = initrd ? NULL : "no initrd"};
    if (!initrd) {
        CL_TRY(cl_sha256(hashes.initrd, "", 0, err));
    }
    for (unsigned i = 0; launch_cmdline_variant(text, i, &line); i++) {
        n.cmdline = line.words;
        CL_TRY(cl_sha256(hashes.cmdline, line.text, line.len, err));
        CL_TRY(try_orders(s, c, &n, &hashes, err));
    }
    return CL_OK;
}

static enum cl_status try_mrtd(struct search *s, struct tdx_choice c, struct cl_err *err)
{
    bool hash_page = c.vmm == CL_TDX_VMM_CLOISTER && s->parts->has_kernel;
    const struct notes n = {.hashes = hash_page ? "no kernel hashes (without --kernel)" : NULL};
    CL_TRY(try_orders(s, &c, &n, /* hashes= */ NULL, err));
    if (!hash_page) {
        return CL_OK;
    }
    CL_TRY(try_hashes(s, &c, /* initrd= */ true, err));
    return s->parts->has_initrd ? try_hashes(s, &c, /* initrd= */ false, err) : CL_OK;
}

/* ---- RTMRs ---- */

static enum cl_status try_rtmr(struct search *s, enum cl_tdx_mr mr, const struct tdx_choice *c,
                               const struct notes *n, struct cl_err *err)
{
    uint8_t value[CL_TDX_MR_SIZE];
    const char *missing = NULL;
    enum cl_status st = rtmr_compute(c, mr, value, &missing, err);
    if (st == CL_OK) {
        note(s, mr, value, c, n);
    }
    /* A memory size that the firmware does not fit into, or something that was not given. */
    return st == CL_ERR_NOMEM ? st : CL_OK;
}

static enum cl_status try_memory(struct search *s, struct tdx_choice c, struct cl_err *err)
{
    const struct notes n = {0};
    CL_TRY(try_rtmr(s, CL_TDX_RTMR0, &c, &n, err));
    for (uint64_t k = 1; k <= MEMORY_STEPS; k++) {
        c.memory = k * MEMORY_STEP;
        CL_TRY(try_rtmr(s, CL_TDX_RTMR0, &c, &n, err));
    }
    return CL_OK;
}

static enum cl_status try_rtmr0_rtmr1(struct search *s, struct tdx_choice c, struct cl_err *err)
{
    static const unsigned separators[] = {0, CL_TDX_SEPARATOR_RTMR0};
    const struct notes n = {0};
    size_t count = c.vmm == CL_TDX_VMM_QEMU ? CL_ARRAY_LEN(separators) : 1;
    for (size_t i = 0; i < count; i++) {
        c.variants = (s->config->variants & ~separators[1]) | separators[i];
        CL_TRY(try_memory(s, c, err));
        CL_TRY(try_rtmr(s, CL_TDX_RTMR1, &c, &n, err));
        c.variants ^= CL_TDX_PATCHED_KERNEL;
        CL_TRY(try_rtmr(s, CL_TDX_RTMR1, &c, &n, err));
    }
    return CL_OK;
}

static enum cl_status try_rtmr2(struct search *s, struct tdx_choice c, bool initrd,
                                struct cl_err *err)
{
    static const unsigned args[] = {0, CL_TDX_INITRD_ARG_FIRST, CL_TDX_NO_INITRD_ARG};
    const char *text = s->config->cmdline != NULL ? s->config->cmdline : "";
    size_t count = c.vmm == CL_TDX_VMM_QEMU ? CL_ARRAY_LEN(args) : 1;
    struct launch_cmdline line;
    struct notes n = {.initrd = c.initrd && !initrd ? "no initrd" : NULL};
    c.initrd = initrd;
    for (unsigned i = 0; launch_cmdline_variant(text, i, &line); i++) {
        n.cmdline = line.words;
        c.cmdline = line.text;
        c.cmdline_len = line.len;
        for (size_t k = 0; k < count; k++) {
            c.variants = (s->config->variants & ~(args[1] | args[2])) | args[k];
            CL_TRY(try_rtmr(s, CL_TDX_RTMR2, &c, &n, err));
        }
    }
    return CL_OK;
}

static enum cl_status try_vmm(struct search *s, enum cl_tdx_vmm vmm, struct cl_err *err)
{
    const char *cmdline = s->config->cmdline != NULL ? s->config->cmdline : "";
    enum cl_status st = tdx_parts_take(s->config, s->image, vmm, s->parts, err);
    if (st != CL_OK) { /* no kernel of the kind that the other VMM starts */
        return vmm != s->config->vmm && st != CL_ERR_NOMEM ? CL_OK : st;
    }
    const struct tdx_parts *parts = s->parts;
    struct tdx_choice c = {.parts = parts,
                           .vmm = vmm,
                           .variants = s->config->variants,
                           .memory = s->config->memory,
                           .initrd = parts->has_initrd,
                           .cmdline = cmdline,
                           .cmdline_len = strlen(cmdline) + 1};
    CL_TRY(try_mrtd(s, c, err));
    CL_TRY(try_rtmr0_rtmr1(s, c, err));
    CL_TRY(try_rtmr2(s, c, /* initrd= */ c.initrd, err));
    return c.initrd ? try_rtmr2(s, c, /* initrd= */ false, err) : CL_OK;
}

enum cl_status cl_tdx_measure_find(const struct cl_tdx_measure_config *config,
                                   const uint8_t expected[static CL_TDX_MR_SIZE],
                                   struct cl_tdx_variation *ret_v, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image im;
    struct cl_tdx_variation found = {0};
    struct tdx_parts parts;
    struct search s = {.config = config,
                       .parts = &parts,
                       .expected = expected,
                       .image = &im,
                       .best = UINT32_MAX,
                       .found = &found};
    CL_TRY(tdx_check_config(config, err));
    CL_TRY(launch_image_open(config->firmware, &fd, &im, err));
    CL_TRY(try_vmm(&s, config->vmm, err));
    CL_TRY(
        try_vmm(&s, config->vmm == CL_TDX_VMM_QEMU ? CL_TDX_VMM_CLOISTER : CL_TDX_VMM_QEMU, err));
    if (s.best == UINT32_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "digest: expected a known variation of the configuration, got none");
    }
    *ret_v = found;
    return CL_OK;
}
