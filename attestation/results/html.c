/* SPDX-License-Identifier: Apache-2.0
 * html.c - the page as a whole (see cloister/html_report.h), and how text gets into it.
 */
#include "results/html.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_FORMATTED 512u

static void keep(struct html *h, enum cl_status st)
{
    if (h->st == CL_OK) {
        h->st = st;
    }
}

void html_raw(struct html *h, const char *markup)
{
    if (h->st == CL_OK) {
        keep(h, cl_buf_append_str(h->out, markup, h->err));
    }
}

void html_text(struct html *h, const char *text)
{
    if (h->st == CL_OK) {
        keep(h, cl_html_escape(h->out, text, strlen(text), h->err));
    }
}

void html_format(struct html *h, const char *fmt, ...)
{
    char text[MAX_FORMATTED];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    html_text(h, text);
}

void html_size(struct html *h, size_t n)
{
    char digits[24], text[32];
    int len = snprintf(digits, sizeof(digits), "%zu", n);
    size_t k = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            text[k++] = ',';
        }
        text[k++] = digits[i];
    }
    text[k] = '\0';
    html_format(h, "%s bytes", text);
}

void html_base64(struct html *h, const uint8_t *data, size_t len)
{
    if (h->st == CL_OK) {
        keep(h, cl_b64_encode(h->out, data, len, h->err));
    }
}

const char *html_family_name(const struct cl_verify_result *result)
{
    static const struct {
        const char *prefix, *name;
    } families[] = {{"snp.", "AMD SEV-SNP"}, {"tdx.", "Intel TDX"}, {"tpm.", "TPM"}};
    const char *id = result->check_count > 0 ? result->checks[0].id : "";
    for (size_t i = 0; i < CL_ARRAY_LEN(families); i++) {
        if (strncmp(id, families[i].prefix, strlen(families[i].prefix)) == 0) {
            return families[i].name;
        }
    }
    return "attestation";
}

/* The policy names the style sheet by digest: markup that got in by mistake could not style or load
 * anything. */
static void head(struct html *h, const struct cl_html_report *p)
{
    uint8_t digest[CL_SHA256_SIZE] = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf style = {0};
    for (size_t i = 0; h->st == CL_OK && html_style[i] != NULL; i++) {
        keep(h, cl_buf_append_str(&style, html_style[i], h->err));
    }
    if (h->st != CL_OK) {
        return;
    }
    keep(h, cl_sha256(digest, style.data, style.len, h->err));
    html_raw(h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'sha256-");
    html_base64(h, digest, sizeof(digest));
    html_raw(h, "'; base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"referrer\" content=\"no-referrer\">\n"
                "<meta name=\"generator\" content=\"cloister " CL_VERSION "\">\n<title>");
    html_format(h, "%s: %s evidence, Cloister", cl_verdict_name(p->result->verdict),
                html_family_name(p->result));
    html_raw(h, "</title>\n<style>");
    html_raw(h, (const char *)style.data);
    html_raw(h, "</style>\n</head>\n");
}

static void foot(struct html *h, const struct cl_html_report *p)
{
    char when[21];
    cl_time_format(when, p->made_at);
    html_raw(h, "</main>\n<footer>\n<p>");
    html_format(h, "Made by cloister %s at %s. Results schema cloister.verify/1.", CL_VERSION,
                when);
    html_raw(h, " This page runs no script and loads nothing: it can be filed as it is.</p>\n"
                "</footer>\n</body>\n</html>\n");
}

static enum cl_status check_limits(const struct cl_html_report *p, struct cl_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < p->file_count; i++) {
        total += p->files[i].len < CL_HTML_MAX_ATTACHED ? p->files[i].len : CL_HTML_MAX_ATTACHED;
    }
    if (p->file_count > CL_HTML_MAX_FILES || total > CL_HTML_MAX_ATTACHED) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "HTML report: attachments: expected at most %u files and %u bytes, got "
                          "%zu and %zu",
                          CL_HTML_MAX_FILES, CL_HTML_MAX_ATTACHED, p->file_count, total);
    }
    return CL_OK;
}

enum cl_status cl_html_report(const struct cl_html_report *p, struct cl_buf *out,
                              struct cl_err *err)
{
    struct html h = {.out = out, .err = err};
    CL_TRY(check_limits(p, err));
    head(&h, p);
    html_raw(&h, "<body>\n<main>\n");
    html_verdict(&h, p);
    html_chain(&h, p);
    html_checks(&h, p);
    html_demands(&h, p);
    html_claims(&h, p);
    html_files(&h, p);
    html_again(&h, p);
    foot(&h, p);
    return h.st;
}
