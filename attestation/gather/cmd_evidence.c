/* SPDX-License-Identifier: Apache-2.0
 * cmd_evidence.c - `cloister evidence`: this machine's evidence of itself, in the JSON that
 * `cloister verify` and brokers take. Trust: the user's command line; kernel and TPM are this
 * machine's. Threads: one. Memory: one answer.
 */
#include "evidence_sources.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROG "cloister evidence"

struct options { /* zeroed is fine */
    struct evidence_request request;
    const char *td_quote; /* a file */
    const char *out;
    bool help;
};

static void help(void)
{
    printf(
        "usage: " PROG " [OPTION]...\n\n"
        "Asks this machine for evidence of itself: through the kernel's configfs-tsm (SEV-SNP, "
        "TDX),\n"
        "/dev/sev-guest, /dev/tdx_guest, or a TPM; behind a paravisor that keeps a report in its\n"
        "TPM, with that report.\n\n"
        "  --report-data HEX     1 to 64 bytes that the evidence must carry: a verifier's nonce.\n"
        "                        Padded with zeros for SEV-SNP and TDX, exactly as given for a "
        "TPM\n"
        "  --user-data           behind a paravisor: have it put --report-data into its report, "
        "too\n"
        "                        (evidence of version 2); writes to the TPM\n"
        "  --td-quote FILE       behind a paravisor on TDX: the quote that the cloud's metadata\n"
        "                        service made of the TDREPORT, or its answer in JSON\n"
        "  --out FILE            write the JSON there, not to stdout\n\n"
        "Exit status: 0 done, 3 this machine has no evidence to give, or (written all the same)\n"
        "only a part of it, 5 the system failed.\n\n"
        "example: " PROG " --report-data \"$(openssl rand -hex 32)\" --out evidence.json\n");
}

static enum cl_status take_report_data(struct options *o, const char *hex, struct cl_err *err)
{
    size_t n = strlen(hex) / 2;
    if (n == 0 || n > sizeof(o->request.report_data)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--report-data: expected 1 to 64 bytes in hex, got %zu characters",
                          strlen(hex));
    }
    o->request.report_data_len = n;
    return cl_unhex(o->request.report_data, n, hex, "--report-data", err);
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    enum { OPT_DATA = 1, OPT_USER_DATA, OPT_TD_QUOTE, OPT_OUT, OPT_HELP };
    static const struct option long_options[] = {
        {"report-data", required_argument, NULL, OPT_DATA},
        {"user-data", no_argument, NULL, OPT_USER_DATA},
        {"td-quote", required_argument, NULL, OPT_TD_QUOTE},
        {"out", required_argument, NULL, OPT_OUT},
        {"help", no_argument, NULL, OPT_HELP},
        {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int c = 0; (c = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        if (c == OPT_DATA) {
            CL_TRY(take_report_data(o, optarg, err));
        } else if (c == OPT_USER_DATA) {
            o->request.user_data = true;
        } else if (c == OPT_TD_QUOTE) {
            o->td_quote = optarg;
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
    if (o->request.user_data && o->request.report_data_len == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--user-data: expected --report-data beside it, got nothing");
    }
    return optind == argc ? CL_OK
                          : cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'",
                                       argv[optind]);
}

static enum cl_status write_out(const struct options *o, const json_t *j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_json_compact(j, &text, err));
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    if (o->out != NULL) {
        return cl_write_file(o->out, text.data, text.len, 0644, err);
    }
    return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0
               ? CL_OK
               : cl_err_sys(err, errno, "write 'stdout'");
}

/* What is not whole is written too, and is no success: nobody can verify it. */
static enum cl_status run(struct options *o, const char **ret_hint, struct cl_err *err)
{
    CL_CLEANUP(evidence_found_done) struct evidence_found f = {0};
    if (o->td_quote != NULL) {
        CL_TRY(evidence_read_td_quote(o->td_quote, &o->request.td_quote, err));
    }
    enum cl_status st = evidence_gather(&o->request, &f, err);
    if (st == CL_ERR_UNAVAILABLE) {
        *ret_hint = "run it inside of a confidential VM, as root";
    }
    CL_TRY(st);
    CL_TRY(write_out(o, f.json, err));
    *ret_hint = f.hint;
    return f.missing == NULL ? CL_OK
                             : cl_err_set(err, CL_ERR_UNAVAILABLE, "evidence: %s", f.missing);
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
    const char *hint = NULL;
    enum cl_status st = run(&o, &hint, &err);
    evidence_request_done(&o.request);
    return st == CL_OK ? 0 : cl_fail(&err, hint);
}
