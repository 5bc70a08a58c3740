/* SPDX-License-Identifier: Apache-2.0
 * html.h - what the files that write the page share. Markup goes out with html_raw() and is always
 * a constant of ours; everything else goes through html_text().
 */
#ifndef CL_ATTESTATION_HTML_H
#define CL_ATTESTATION_HTML_H

#include "cloister/html_report.h"
#include "results/meaning.h"

struct html { /* the first failure sticks */
    struct cl_buf *out;
    struct cl_err *err;
    enum cl_status st;
};

void html_raw(struct html *h, const char *markup);
void html_text(struct html *h, const char *text);
CL_PRINTF(2, 3) void html_format(struct html *h, const char *fmt, ...); /* as text */
void html_size(struct html *h, size_t n);                               /* "1,184 bytes" */
void html_base64(struct html *h, const uint8_t *data, size_t len);

/* How a check, or a part of the chain, came out. */
enum html_state { STATE_PASS, STATE_WARNING, STATE_FAIL, STATE_UNKNOWN, STATE_SKIPPED };
enum html_state html_state_of(const struct cl_check *c);
const char *html_state_class(enum html_state s); /* of the style sheet */
const char *html_state_sign(enum html_state s);  /* markup of one character */
/* Sign and word together: colour alone says nothing. */
void html_badge(struct html *h, enum html_state s);

const char *html_family_name(const struct cl_verify_result *result); /* "AMD SEV-SNP" */

/* Sections, in the order of the page. */
void html_verdict(struct html *h, const struct cl_html_report *p);
void html_chain(struct html *h, const struct cl_html_report *p);
void html_checks(struct html *h, const struct cl_html_report *p);
void html_demands(struct html *h, const struct cl_html_report *p);
void html_claims(struct html *h, const struct cl_html_report *p);
void html_files(struct html *h, const struct cl_html_report *p);
void html_again(struct html *h, const struct cl_html_report *p);

extern const char *const html_style[]; /* html_style.c; ends with NULL */

#endif
