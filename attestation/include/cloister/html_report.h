/* SPDX-License-Identifier: Apache-2.0
 * html_report.h - a verdict as one self-contained HTML page for an auditor: the answer in plain
 * words first, then the chain of trust, every check, what it was compared with, the claims, and the
 * evidence itself attached with its digests.
 * Trust: every text and every byte may be hostile. Text reaches the page only through
 *        cl_html_escape(); the page has no script, loads nothing, and its content security policy
 *        allows its one style sheet alone, by digest.
 * Threads: pure. Memory: about 1.4 times the attached files, plus 100 KiB.
 */
#ifndef CLOISTER_HTML_REPORT_H
#define CLOISTER_HTML_REPORT_H

#include "base/buf.h"
#include "cloister/verify.h"

#define CL_HTML_MAX_FILES 160u
#define CL_HTML_MAX_ATTACHED (16u << 20) /* bytes of all files together */
#define CL_HTML_MAX_CERTS 32u

struct cl_html_file { /* something to attach; borrowed */
    const char *role; /* "Evidence", "Certificate", ... */
    const char *name; /* as the user named it */
    const uint8_t *data;
    size_t len;
};

struct cl_html_demand { /* something that the evidence was compared with; borrowed */
    const char *name, *value;
};

struct cl_html_cert { /* DER; borrowed */
    const uint8_t *data;
    size_t len;
};

struct cl_html_report {
    const struct cl_verify_result *result;
    json_t *claims;                   /* an object, or NULL; borrowed, as all of this */
    const char *verified_by;          /* "cloister verify 0.1.0, run by alice on audit-1" */
    const char *command;              /* the line that verifies again */
    int64_t made_at;                  /* seconds since 1970 */
    const struct cl_html_file *files; /* the evidence first */
    size_t file_count;
    const struct cl_html_demand *demands;
    size_t demand_count;
    struct cl_html_cert certs[CL_HTML_MAX_CERTS]; /* for the drawing; the signer's first */
    size_t cert_count;
};

/* Appends the page. CL_ERR_MALFORMED when there is more to attach than the limits above. */
CL_NODISCARD enum cl_status cl_html_report(const struct cl_html_report *p, struct cl_buf *out,
                                           struct cl_err *err);

/* Appends hostile bytes as the text of an element or of a quoted attribute. The five characters of
 * HTML become references; every byte that is not printable ASCII becomes \xNN, so that no control,
 * direction mark or broken UTF-8 reaches the page. */
CL_NODISCARD enum cl_status cl_html_escape(struct cl_buf *out, const char *text, size_t len,
                                           struct cl_err *err);

#endif
