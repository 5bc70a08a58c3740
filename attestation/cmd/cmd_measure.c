/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure.c - `cloister measure snp`: the launch digest from files, before any VM starts.
 * Trust: the user's command line; the files may be hostile. Threads: one. Memory: constant, plus
 * the pages of --explain --json.
 */
#include "cmd/cmd_measure.h"
#include "cloister/attestation_cmd.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/snp_measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister measure snp"
#define HINT_SIZE 320u
#define CLOISTER_VCPU_SIG 0x00A00F11u /* docs/interfaces.md I-1.5 */

struct options {
    struct measure_common common;
    struct cl_snp_measure_config config; /* strings borrowed from common */
    const char *vcpu_type, *vcpu_sig, *features, *cpus;
};

static void help(void)
{
    printf(
        "usage: " PROG " --cpus N [OPTION]...\n\n"
        "Prints the SEV-SNP launch digest that a report must show.\n\n"
        "  --guest DIR           the installed guest to take files from\n"
        "  --firmware FILE       default: the installed guest, with its kernel, initrd and\n"
        "                        command line\n"
        "  --kernel FILE         default: the installed guest's, with its initrd and command\n"
        "                        line; with --firmware none\n"
        "  --initrd FILE, --cmdline TEXT\n"
        "  --class CLASS         snp: the guest's command line as class snp is launched with it,\n"
        "                        without " CL_GUEST_SIM_WORD "; default: as it stands, which\n"
        "                        is what sim-snp has\n"
        "  --cpus N              (or --vcpus N)\n"
        "  --vcpu-type TYPE      EPYC-Milan and so on, or --vcpu-sig HEX (CPUID 1 EAX);\n"
        "                        default for --vmm cloister: 00a00f11\n"
        "  --guest-features HEX  SEV_FEATURES; default 1\n"
        "  --vmm NAME            cloister (default), qemu, ec2, gce\n"
        "  --explain [DIGEST]    print every measured page; with a digest, say whether it is\n"
        "                        the one; if not (exit status 1), which known variation\n"
        "                        of the configuration has it\n" MEASURE_CORIM_HELP "  --json\n\n"
        "example: " PROG " --cpus 2\n");
}

static enum cl_status take_vmm(void *arg, const char *value, struct cl_err *err)
{
    return cl_snp_vmm_parse(value, arg, err);
}

static enum cl_status check_cpu_options(struct options *o, struct cl_err *err)
{
    uint64_t cpus = 0, sig = CLOISTER_VCPU_SIG, features = 1;
    if (o->cpus == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--cpus: expected a number, got nothing");
    }
    CL_TRY(cl_uint_parse(o->cpus, "--cpus", 1, CL_SNP_MEASURE_MAX_CPUS, &cpus, err));
    if (o->vcpu_type != NULL && o->vcpu_sig != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--vcpu-type: expected it or --vcpu-sig, got both");
    }
    if (o->vcpu_type == NULL && o->vcpu_sig == NULL && o->config.vmm == CL_SNP_VMM_QEMU) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--vcpu-type: expected it or --vcpu-sig with --vmm qemu, got neither");
    }
    o->config.cpus = (uint32_t)cpus;
    if (o->vcpu_type != NULL) {
        CL_TRY(cl_snp_vcpu_type_parse(o->vcpu_type, &o->config.vcpu_sig, err));
    } else {
        if (o->vcpu_sig != NULL) {
            CL_TRY(cl_hex_uint_parse(o->vcpu_sig, "--vcpu-sig", 8, &sig, err));
        }
        o->config.vcpu_sig = (uint32_t)sig;
    }
    if (o->features != NULL) {
        CL_TRY(cl_hex_uint_parse(o->features, "--guest-features", 16, &features, err));
    }
    o->config.guest_features = features;
    return CL_OK;
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    const struct measure_option own[] = {
        {"cpus", .text = &o->cpus},
        {"vcpus", .text = &o->cpus},
        {"vcpu-type", .text = &o->vcpu_type},
        {"vcpu-sig", .text = &o->vcpu_sig},
        {"guest-features", .text = &o->features},
        {"vmm", .take = take_vmm, .arg = &o->config.vmm},
    };
    CL_TRY(measure_parse(&o->common, own, CL_ARRAY_LEN(own), argc, argv, err));
    if (o->common.help) {
        return CL_OK;
    }
    CL_TRY(measure_check_class(&o->common, CL_TEE_CLASS_SNP, CL_TEE_CLASS_SIM_SNP, err));
    return check_cpu_options(o, err);
}

static void print_page(void *ctx, const struct cl_snp_page *page)
{
    char hex[2 * CL_SNP_LD_SIZE + 1];
    (void)ctx;
    cl_hex(hex, page->digest, CL_SNP_LD_SIZE);
    printf("%6" PRIu64 "  %012" PRIx64 "  %-10s %-13s %s\n", page->index, page->gpa,
           cl_snp_page_type_name(page->type), page->region, hex);
}

/* Collects pages into a JSON array; a lack of memory shows as a short array, which is checked. */
static void collect_page(void *ctx, const struct cl_snp_page *page)
{
    char gpa[17], content[97], digest[97];
    (void)snprintf(gpa, sizeof(gpa), "%016" PRIx64, page->gpa);
    cl_hex(content, page->content, CL_SNP_LD_SIZE);
    cl_hex(digest, page->digest, CL_SNP_LD_SIZE);
    (void)json_array_append_new(ctx,
                                json_pack("{s:s,s:s,s:s,s:s,s:s}", "gpa", gpa, "type",
                                          cl_snp_page_type_name(page->type), "region", page->region,
                                          "contents", content, "digest", digest));
}

static json_t *hex_value(const uint8_t *data, size_t n)
{
    char hex[2 * CL_SNP_LD_SIZE + 1];
    cl_hex(hex, data, n);
    return json_string(hex);
}

static enum cl_status print_json(const struct options *o, const struct cl_snp_measurement *m,
                                 json_t *pages, struct cl_err *err)
{
    char sig[9], features[17];
    (void)snprintf(sig, sizeof(sig), "%08" PRIx32, o->config.vcpu_sig);
    (void)snprintf(features, sizeof(features), "%016" PRIx64, o->config.guest_features);
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:s,s:s,s:o,s:o,s:s,s:I,s:s,s:s,s:I}", "schema", "cloister.measure/1", "tee",
                  "snp", "digest", hex_value(m->digest, CL_SNP_LD_SIZE), "firmware_digest",
                  hex_value(m->firmware_digest, CL_SNP_LD_SIZE), "vmm",
                  cl_snp_vmm_name(o->config.vmm), "cpus", (json_int_t)o->config.cpus, "vcpu_sig",
                  sig, "guest_features", features, "page_count", (json_int_t)m->page_count);
    bool good = j != NULL;
    if (good && o->config.kernel != NULL) {
        good = json_object_set_new(j, "kernel_sha256", hex_value(m->kernel_sha256, 32)) == 0 &&
               json_object_set_new(j, "initrd_sha256", hex_value(m->initrd_sha256, 32)) == 0 &&
               json_object_set_new(j, "cmdline_sha256", hex_value(m->cmdline_sha256, 32)) == 0;
    }
    if (good && pages != NULL) {
        good = json_array_size(pages) == m->page_count && json_object_set(j, "pages", pages) == 0;
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (!good) {
        return cl_err_nomem(err, "measurement as JSON");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

/* The digest after --explain is another one: is it that of a known variation? ret_hint says. */
static enum cl_status compare_expected(const struct options *o, const struct cl_snp_measurement *m,
                                       char ret_hint[static HINT_SIZE], struct cl_err *err)
{
    char hex[2 * CL_SNP_LD_SIZE + 1];
    uint8_t expected[CL_SNP_LD_SIZE];
    struct cl_snp_variation v;
    cl_hex(hex, m->digest, CL_SNP_LD_SIZE);
    if (o->common.expected == NULL || strcmp(o->common.expected, hex) == 0) {
        return CL_OK;
    }
    CL_TRY(cl_unhex(expected, sizeof(expected), o->common.expected, "--explain", err));
    enum cl_status st = cl_snp_measure_find(&o->config, expected, &v, err);
    if (st == CL_OK) {
        (void)snprintf(ret_hint, HINT_SIZE, "it is the digest of these files with: %s", v.words);
    } else if (st == CL_ERR_REJECTED) {
        (void)snprintf(ret_hint, HINT_SIZE,
                       "no known variation (vCPUs, VMM, features, kernel hashes) has it: the "
                       "firmware or another file differs");
    } else {
        return st;
    }
    return cl_err_set(err, CL_ERR_REJECTED, "measure '%s': digest: expected %s, got %s",
                      o->config.firmware, o->common.expected, hex);
}

static enum cl_status run(struct options *o, char ret_hint[static HINT_SIZE], struct cl_err *err)
{
    struct measure_common *m = &o->common;
    struct cl_snp_measurement got;
    struct cl_corim_reference reference = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *pages = NULL;
    CL_TRY(measure_take_files(m, err));
    o->config.firmware = m->firmware;
    o->config.kernel = m->kernel;
    o->config.initrd = m->initrd;
    o->config.cmdline = m->cmdline;
    if (m->explain) {
        pages = m->json ? json_array() : NULL;
        o->config.page = m->json ? collect_page : print_page;
        o->config.page_ctx = pages;
    }
    CL_TRY(cl_snp_measure(&o->config, &got, err));
    memcpy(reference.measurement, got.digest, sizeof(reference.measurement));
    enum cl_status same = compare_expected(o, &got, ret_hint, err);
    if (same == CL_OK) { /* a digest that is not the one is not handed on */
        CL_TRY(measure_corim_write(&m->corim, &reference, err));
    }
    if (m->json) {
        CL_TRY(print_json(o, &got, pages, err));
    } else {
        char hex[2 * CL_SNP_LD_SIZE + 1];
        cl_hex(hex, got.digest, CL_SNP_LD_SIZE);
        printf("%s\n", hex);
    }
    CL_TRY(same);
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

static int measure_snp(int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {.config = {.vmm = CL_SNP_VMM_CLOISTER}};
    char hint[HINT_SIZE] = "";
    if (parse(&o, argc, argv, &err) != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (o.common.help) {
        help();
        return 0;
    }
    enum cl_status st = run(&o, hint, &err);
    return measure_end(&o.common, st, &err, hint);
}

int cl_cmd_measure(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"snp", measure_snp, "the launch digest of an SEV-SNP (or sim-snp) VM"},
        {"tdx", cmd_measure_tdx, "MRTD and RTMR0 to RTMR2 of a TDX VM"},
        {0},
    };
    return cl_cmd_dispatch(table, "cloister measure", PROG " --cpus 2", argc, argv);
}
