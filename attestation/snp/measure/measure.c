/* SPDX-License-Identifier: Apache-2.0
 * measure.c - the launch digest of a configuration: files in, digest out.
 * Trust: the firmware image may be hostile (rom.c bounds it); kernel and initrd are only hashed.
 * Threads: pure. Memory: constant; files are streamed.
 * Spec: snp.md c; docs/interfaces.md I-1.5.
 */
#include "snp/measure/measure_internal.h"

#include "base/digest.h"
#include "base/io.h"

#include <string.h>

static enum cl_status check_config(const struct cl_snp_measure_config *c, struct cl_err *err)
{
    if (c->cpus < 1 || c->cpus > CL_SNP_MEASURE_MAX_CPUS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "vCPUs: expected 1 to %u, got %u",
                          CL_SNP_MEASURE_MAX_CPUS, c->cpus);
    }
    if (c->kernel == NULL && (c->initrd != NULL || c->cmdline != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "kernel: expected one beside %s, got none",
                          c->initrd != NULL ? "an initrd" : "a command line");
    }
    return CL_OK;
}

/* Tables, then the pages. */
static enum cl_status take_firmware(const struct cl_snp_measure_config *config,
                                    const struct launch_image *im, struct snp_chain *c,
                                    struct snp_parts *p, struct cl_err *err)
{
    enum cl_status st = snp_rom_parse(im, &p->rom, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", config->firmware);
    }
    if (!p->rom.has_reset) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware '%s': tables: expected an SEV-ES reset block, got none",
                          config->firmware);
    }
    if (config->firmware_digest == NULL) {
        return snp_chain_firmware(c, im, err);
    }
    memcpy(c->digest, config->firmware_digest, sizeof(c->digest));
    return CL_OK;
}

enum cl_status snp_parts_take(const struct cl_snp_measure_config *config, struct snp_chain *c,
                              struct snp_parts *ret_p, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image im;
    struct snp_parts p = {0};
    CL_TRY(check_config(config, err));
    CL_TRY(launch_image_open(config->firmware, &fd, &im, err));
    CL_TRY(take_firmware(config, &im, c, &p, err));
    if (config->kernel != NULL) {
        CL_TRY(launch_hashes_take(config->kernel, config->initrd, config->cmdline, &p.hashes, err));
    }
    memcpy(p.firmware_digest, c->digest, sizeof(p.firmware_digest));
    *ret_p = p;
    return CL_OK;
}

static enum cl_status finish_chain(struct snp_chain *c, const struct cl_snp_measure_config *config,
                                   const struct snp_parts *p, struct cl_err *err)
{
    struct snp_vmsas vmsas;
    enum cl_status st = snp_chain_sections(c, &p->rom, config->vmm,
                                           config->kernel != NULL ? &p->hashes : NULL, err);
    if (st == CL_ERR_UNSUPPORTED) {
        return cl_err_wrap(err, st, "firmware '%s'", config->firmware);
    }
    CL_TRY(st);
    CL_TRY(snp_vmsas_take(c->hash, config->vmm, p->rom.reset, config->vcpu_sig,
                          config->guest_features, &vmsas, err));
    for (uint32_t i = 0; i < config->cpus; i++) {
        CL_TRY(snp_chain_vcpu(c, &vmsas, /* first= */ i == 0, err));
    }
    return CL_OK;
}

enum cl_status cl_snp_measure(const struct cl_snp_measure_config *config,
                              struct cl_snp_measurement *ret_m, struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *hash = NULL;
    struct cl_snp_measurement out = {0};
    struct snp_parts p;
    CL_TRY(cl_sha384_new(&hash, err));
    struct snp_chain c = {.hash = hash, .page = config->page, .page_ctx = config->page_ctx};
    CL_TRY(snp_parts_take(config, &c, &p, err));
    CL_TRY(finish_chain(&c, config, &p, err));
    memcpy(out.digest, c.digest, sizeof(out.digest));
    memcpy(out.firmware_digest, p.firmware_digest, sizeof(out.firmware_digest));
    memcpy(out.kernel_sha256, p.hashes.kernel, sizeof(out.kernel_sha256));
    memcpy(out.initrd_sha256, p.hashes.initrd, sizeof(out.initrd_sha256));
    memcpy(out.cmdline_sha256, p.hashes.cmdline, sizeof(out.cmdline_sha256));
    out.page_count = c.page_count;
    *ret_m = out;
    return CL_OK;
}

enum cl_status cl_snp_measure_firmware(const char *firmware, uint8_t ret[static CL_SNP_LD_SIZE],
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *hash = NULL;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image im;
    struct snp_rom rom;
    CL_TRY(cl_sha384_new(&hash, err));
    struct snp_chain c = {.hash = hash};
    CL_TRY(launch_image_open(firmware, &fd, &im, err));
    CL_TRY(snp_rom_parse(&im, &rom, err)); /* broken tables are refused here too */
    CL_TRY(snp_chain_firmware(&c, &im, err));
    memcpy(ret, c.digest, CL_SNP_LD_SIZE);
    return CL_OK;
}
