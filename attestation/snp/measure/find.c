/* SPDX-License-Identifier: Apache-2.0
 * find.c - given a launch digest that a configuration does not have, looks for the change to the
 * configuration that has it: the mistakes that people make, and their combinations.
 * Trust: as measure.c; the digest is only compared. Threads: pure. Memory: constant. Time: well
 * under a second for ordinary images.
 */
#include "snp/measure/measure_internal.h"

#include "base/digest.h"
#include "launch/cmdline.h"
#include "launch/words.h"

#include <stdio.h>
#include <string.h>

struct kernel_variant { /* one content of the page of kernel hashes */
    const char *initrd; /* what is different, for people; NULL: nothing */
    const char *cmdline;
    bool none; /* no hashes at all */
    struct launch_hashes hashes;
};

#define INITRD_VARIANTS 2u
#define KERNEL_VARIANTS (1u + LAUNCH_CMDLINE_VARIANTS * INITRD_VARIANTS)

struct search {
    const struct cl_snp_measure_config *config;
    const uint8_t *expected;
    const struct snp_parts *parts;
    struct cl_sha384_ctx *hash;
    size_t kernel_count;
    struct kernel_variant kernels[KERNEL_VARIANTS];
    unsigned best; /* number of differences; UINT_MAX while nothing was found */
    struct cl_snp_variation *found;
};

/* ---- the page of kernel hashes ---- */

static enum cl_status add_kernel(struct search *s, unsigned cmdline, bool initrd,
                                 struct cl_err *err)
{
    const char *text = s->config->cmdline != NULL ? s->config->cmdline : "";
    struct kernel_variant v = {.hashes = s->parts->hashes};
    struct launch_cmdline c;
    if (launch_cmdline_variant(text, cmdline, &c)) {
        v.cmdline = c.words;
        CL_TRY(cl_sha256(v.hashes.cmdline, c.text, c.len, err));
    }
    if (!initrd) {
        v.initrd = "no initrd";
        CL_TRY(cl_sha256(v.hashes.initrd, "", 0, err));
    }
    s->kernels[s->kernel_count++] = v;
    return CL_OK;
}

static enum cl_status add_kernels(struct search *s, struct cl_err *err)
{
    const struct cl_snp_measure_config *c = s->config;
    s->kernels[s->kernel_count++] = (struct kernel_variant){.none = true};
    if (c->kernel == NULL) {
        return CL_OK;
    }
    for (unsigned i = 0; i < LAUNCH_CMDLINE_VARIANTS; i++) {
        CL_TRY(add_kernel(s, i, /* initrd= */ true, err));
        if (c->initrd != NULL) {
            CL_TRY(add_kernel(s, i, /* initrd= */ false, err));
        }
    }
    return CL_OK;
}

/* ---- what was found ---- */

struct found {
    const struct kernel_variant *kernel;
    enum cl_snp_vmm vmm;
    uint32_t cpus; /* 0: the VMSA pages are missing */
    uint32_t sig;
    const char *type; /* name of sig, or NULL */
    uint64_t features;
};

static void describe(const struct search *s, const struct found *f, struct cl_snp_variation *v)
{
    const struct cl_snp_measure_config *c = s->config;
    char *t = v->words;
    unsigned *n = &v->differences;
    *v = (struct cl_snp_variation){0};
    if (f->vmm != c->vmm) {
        launch_words_add(t, sizeof(v->words), n, "--vmm %s", cl_snp_vmm_name(f->vmm));
    }
    if (f->cpus == 0) {
        launch_words_add(t, sizeof(v->words), n, "no VMSA pages");
    } else if (f->cpus != c->cpus) {
        launch_words_add(t, sizeof(v->words), n, "--cpus %u", f->cpus);
    }
    if (f->cpus > 0 && f->sig != c->vcpu_sig && f->type != NULL) {
        launch_words_add(t, sizeof(v->words), n, "--vcpu-type %s", f->type);
    }
    if (f->cpus > 0 && f->features != c->guest_features) {
        launch_words_add(t, sizeof(v->words), n, "--guest-features %llx",
                         (unsigned long long)f->features);
    }
    if (f->kernel->none && c->kernel != NULL) {
        launch_words_add(t, sizeof(v->words), n, "no kernel hashes (without --kernel)");
    }
    if (f->kernel->initrd != NULL) {
        launch_words_add(t, sizeof(v->words), n, "%s", f->kernel->initrd);
    }
    if (f->kernel->cmdline != NULL) {
        launch_words_add(t, sizeof(v->words), n, "%s", f->kernel->cmdline);
    }
}

static void note(struct search *s, const struct snp_chain *c, const struct found *f)
{
    struct cl_snp_variation v;
    if (memcmp(c->digest, s->expected, CL_SNP_LD_SIZE) != 0) {
        return;
    }
    describe(s, f, &v);
    if (v.differences < s->best) {
        s->best = v.differences;
        *s->found = v;
    }
}

/* ---- the loops: kernel hashes, VMM, features, vCPU type, number of vCPUs ---- */

static enum cl_status try_cpus(struct search *s, struct snp_chain c, struct found *f,
                               struct cl_err *err)
{
    struct snp_vmsas vmsas;
    CL_TRY(snp_vmsas_take(s->hash, f->vmm, s->parts->rom.reset, f->sig, f->features, &vmsas, err));
    for (f->cpus = 1; f->cpus <= CL_SNP_MEASURE_MAX_CPUS; f->cpus++) {
        CL_TRY(snp_chain_vcpu(&c, &vmsas, /* first= */ f->cpus == 1, err));
        note(s, &c, f);
    }
    return CL_OK;
}

static enum cl_status try_types(struct search *s, const struct snp_chain *c, struct found *f,
                                struct cl_err *err)
{
    f->sig = s->config->vcpu_sig;
    f->type = NULL;
    CL_TRY(try_cpus(s, *c, f, err));
    if (f->vmm == CL_SNP_VMM_EC2 || f->vmm == CL_SNP_VMM_GCE) {
        return CL_OK; /* the type is not in their VMSA */
    }
    for (size_t i = 0; (f->type = snp_vcpu_type(i, &f->sig)) != NULL; i++) {
        if (f->sig != s->config->vcpu_sig) {
            CL_TRY(try_cpus(s, *c, f, err));
        }
    }
    return CL_OK;
}

static enum cl_status try_features(struct search *s, const struct snp_chain *c, struct found *f,
                                   struct cl_err *err)
{
    /* SNP alone; with DebugSwap, as hosts of Linux 6.6 and 6.7 set it; with SecureTSC; none. */
    static const uint64_t known[] = {0x1, 0x21, 0x201, 0x221, 0x0};
    f->features = s->config->guest_features;
    CL_TRY(try_types(s, c, f, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        f->features = known[i];
        if (f->features != s->config->guest_features) {
            CL_TRY(try_types(s, c, f, err));
        }
    }
    return CL_OK;
}

static enum cl_status try_vmms(struct search *s, const struct kernel_variant *k, struct cl_err *err)
{
    for (enum cl_snp_vmm vmm = CL_SNP_VMM_CLOISTER; vmm <= CL_SNP_VMM_GCE; vmm++) {
        struct found f = {.kernel = k, .vmm = vmm};
        struct snp_chain c = {.hash = s->hash};
        bool twin = (vmm == CL_SNP_VMM_QEMU && s->config->vmm != CL_SNP_VMM_QEMU) ||
                    (vmm == CL_SNP_VMM_CLOISTER && s->config->vmm == CL_SNP_VMM_QEMU);
        if (twin) { /* these two measure alike: the one that was named is tried */
            continue;
        }
        memcpy(c.digest, s->parts->firmware_digest, sizeof(c.digest));
        enum cl_status st =
            snp_chain_sections(&c, &s->parts->rom, vmm, k->none ? NULL : &k->hashes, err);
        if (st == CL_ERR_UNSUPPORTED || st == CL_ERR_MALFORMED) {
            continue; /* this image has no place for the hashes */
        }
        CL_TRY(st);
        note(s, &c, &f);
        CL_TRY(try_features(s, &c, &f, err));
    }
    return CL_OK;
}

enum cl_status cl_snp_measure_find(const struct cl_snp_measure_config *config,
                                   const uint8_t expected[static CL_SNP_LD_SIZE],
                                   struct cl_snp_variation *ret_v, struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *hash = NULL;
    struct snp_parts parts;
    struct cl_snp_variation found = {0};
    CL_TRY(cl_sha384_new(&hash, err));
    struct snp_chain c = {.hash = hash};
    CL_TRY(snp_parts_take(config, &c, &parts, err));
    struct search s = {.config = config,
                       .expected = expected,
                       .parts = &parts,
                       .hash = hash,
                       .best = UINT32_MAX,
                       .found = &found};
    if (memcmp(c.digest, expected, CL_SNP_LD_SIZE) == 0) {
        (void)snprintf(found.words, sizeof(found.words), "the firmware pages alone");
        found.differences = 1;
        s.best = 1;
    }
    CL_TRY(add_kernels(&s, err));
    for (size_t i = 0; i < s.kernel_count; i++) {
        CL_TRY(try_vmms(&s, &s.kernels[i], err));
    }
    if (s.best == UINT32_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "digest: expected a known variation of the configuration, got none");
    }
    *ret_v = found;
    return CL_OK;
}
