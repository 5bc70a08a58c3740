/* SPDX-License-Identifier: Apache-2.0
 * cmd_evidence.c - `cloister evidence`: this machine's evidence of itself, in the JSON that
 * `cloister verify` and brokers take. Trust: the user's command line; kernel and TPM are this
 * machine's. Threads: one. Memory: one answer.
 */
#include "cloister/gather.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/snp_evidence.h"
#include "cloister/vtpm_evidence.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROG "cloister evidence"

struct options { /* zeroed is fine */
    uint8_t report_data[CL_REPORT_DATA_SIZE];
    size_t report_data_len; /* as given; the rest is zeros */
    const char *out;
    bool help;
};

static void help(void)
{
    printf(
        "usage: " PROG " [OPTION]...\n\n"
        "Asks this machine for evidence of itself: through the kernel's configfs-tsm (SEV-SNP, "
        "TDX),\n"
        "/dev/sev-guest, or a TPM; behind a paravisor that keeps a report in its TPM, with that\n"
        "report.\n\n"
        "  --report-data HEX     1 to 64 bytes that the evidence must carry: a verifier's nonce.\n"
        "                        Padded with zeros for SEV-SNP and TDX, exactly as given for a "
        "TPM\n"
        "  --out FILE            write the JSON there, not to stdout\n\n"
        "Exit status: 0 done, 3 this machine has no evidence to give, 5 the system failed.\n\n"
        "example: " PROG " --report-data \"$(openssl rand -hex 32)\" --out evidence.json\n");
}

static enum cl_status take_report_data(struct options *o, const char *hex, struct cl_err *err)
{
    size_t n = strlen(hex) / 2;
    if (n == 0 || n > sizeof(o->report_data)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--report-data: expected 1 to 64 bytes in hex, got %zu characters",
                          strlen(hex));
    }
    o->report_data_len = n;
    return cl_unhex(o->report_data, n, hex, "--report-data", err);
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    enum { OPT_DATA = 1, OPT_OUT, OPT_HELP };
    static const struct option long_options[] = {{"report-data", required_argument, NULL, OPT_DATA},
                                                 {"out", required_argument, NULL, OPT_OUT},
                                                 {"help", no_argument, NULL, OPT_HELP},
                                                 {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int c = 0; (c = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        if (c == OPT_DATA) {
            CL_TRY(take_report_data(o, optarg, err));
        } else if (c == OPT_OUT) {
            o->out = optarg;
        } else if (c == OPT_HELP) {
            o->help = true;
            return CL_OK;
        } else {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "option: expected one of --help's list with its value, got another");
        }
    }
    return optind == argc ? CL_OK
                          : cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'",
                                       argv[optind]);
}

/* ---- from each source; CL_ERR_SYS with ENOENT when there is none ---- */

static enum cl_status snp_to_json(const struct cl_buf *report, const struct cl_buf *certs,
                                  json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_TRY(cl_snp_evidence_from_report(report->data, report->len, &ev, err));
    CL_TRY(cl_snp_evidence_add_table(ev, certs->data, certs->len, err));
    return cl_snp_evidence_to_json(ev, ret_j, err);
}

/* Trustee's form; the log that explains the registers is the firmware's CCEL, where there is one.
 */
static enum cl_status tdx_to_json(const struct cl_buf *quote, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf log = {0};
    CL_TRY(cl_b64_encode(&text, quote->data, quote->len, err));
    if (cl_buf_read_file(&raw, "/sys/firmware/acpi/tables/data/CCEL", CL_GATHER_MAX_BLOB,
                         /* err= */ NULL) == CL_OK) {
        CL_TRY(cl_b64_encode(&log, raw.data, raw.len, err));
    }
    *ret_j = json_pack("{s:s?,s:s}", "cc_eventlog", (const char *)log.data, "quote",
                       (const char *)text.data);
    return *ret_j != NULL ? CL_OK : cl_err_nomem(err, "evidence");
}

static enum cl_status from_tsm(const struct options *o, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    CL_TRY(cl_tsm_get(CL_TSM_ROOT, o->report_data, &r, err));
    if (strcmp(r.provider, "sev_guest") == 0) {
        return snp_to_json(&r.report, &r.certs, ret_j, err);
    }
    if (strcmp(r.provider, "tdx_guest") == 0) {
        return tdx_to_json(&r.report, ret_j, err);
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "configfs-tsm: provider: expected sev_guest or tdx_guest, got '%s'",
                      r.provider);
}

static enum cl_status from_sev_guest(const struct options *o, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    CL_TRY(cl_sev_guest_get(CL_SEV_GUEST_DEVICE, o->report_data, &report, &certs, err));
    return snp_to_json(&report, &certs, ret_j, err);
}

static enum cl_status from_tpm(const struct options *o, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    const struct cl_tpm_request request = {.nonce = o->report_data,
                                           .nonce_len = o->report_data_len};
    CL_TRY(cl_tpm_gather(/* tcti= */ NULL, &request, &ev, err));
    return cl_vtpm_evidence_to_json(ev, ret_j, err);
}

static enum cl_status gather(const struct options *o, json_t **ret_j, struct cl_err *err)
{
    enum cl_status (*const sources[])(const struct options *, json_t **,
                                      struct cl_err *) = {from_tsm, from_sev_guest, from_tpm};
    for (size_t i = 0; i < CL_ARRAY_LEN(sources); i++) {
        enum cl_status st = sources[i](o, ret_j, err);
        if (st != CL_ERR_SYS || err->sys_errno != ENOENT) {
            return st;
        }
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      "evidence: expected configfs-tsm, " CL_SEV_GUEST_DEVICE " or " CL_TPM_DEVICE
                      ", got none of them");
}

static enum cl_status run(const struct options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(gather(o, &j, err));
    CL_TRY(cl_json_compact(j, &text, err));
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    if (o->out != NULL) {
        return cl_write_file(o->out, text.data, text.len, 0644, err);
    }
    return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0
               ? CL_OK
               : cl_err_sys(err, errno, "write 'stdout'");
}

int cl_cmd_evidence(int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {0};
    (void)setenv("TSS2_LOG", "all+none", /* overwrite= */ 0); /* it would print errors of its own */
    if (parse(&o, argc, argv, &err) != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (o.help) {
        help();
        return 0;
    }
    enum cl_status st = run(&o, &err);
    return st == CL_OK ? 0
                       : cl_fail(&err, st == CL_ERR_UNAVAILABLE
                                           ? "run it inside of a confidential VM, as root"
                                           : NULL);
}
