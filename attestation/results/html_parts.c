/* SPDX-License-Identifier: Apache-2.0
 * html_parts.c - the sections of the page but the chain: verdict, checks, demands, claims, files,
 * how to verify again.
 */
#include "results/html.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

#define MAX_CLAIM_DEPTH 6u

static const struct {
    const char *sign, *word, *class;
} states[] = {
    [STATE_PASS] = {"&#10003;", "passed", "pass"},
    [STATE_WARNING] = {"&#9888;", "warning", "warn"},
    [STATE_FAIL] = {"&#10007;", "failed", "fail"},
    [STATE_UNKNOWN] = {"?", "cannot tell", "unknown"},
    [STATE_SKIPPED] = {"&#8211;", "not asked", "skip"},
};

enum html_state html_state_of(const struct cl_check *c)
{
    switch (c->status) {
    case CL_CHECK_PASS:
        return c->warning ? STATE_WARNING : STATE_PASS;
    case CL_CHECK_FAIL:
        return STATE_FAIL;
    case CL_CHECK_SKIPPED:
        return STATE_SKIPPED;
    case CL_CHECK_UNKNOWN:
        break;
    }
    return STATE_UNKNOWN;
}

const char *html_state_class(enum html_state s)
{
    return states[s].class;
}

const char *html_state_sign(enum html_state s)
{
    return states[s].sign;
}

void html_badge(struct html *h, enum html_state s)
{
    html_raw(h, "<span class=\"badge\"><span aria-hidden=\"true\">");
    html_raw(h, states[s].sign);
    html_raw(h, "</span> ");
    html_raw(h, states[s].word);
    html_raw(h, "</span>");
}

static void row(struct html *h, const char *name, const char *value)
{
    html_raw(h, "<div><dt>");
    html_text(h, name);
    html_raw(h, "</dt><dd>");
    html_text(h, value);
    html_raw(h, "</dd></div>\n");
}

static void sha256_text(struct html *h, const uint8_t *data, size_t len)
{
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    if (h->st == CL_OK) {
        h->st = cl_sha256(digest, data, len, h->err);
    }
    if (h->st == CL_OK) {
        cl_hex(hex, digest, sizeof(digest));
        html_text(h, hex);
    }
}

static bool was_compared(const struct cl_verify_result *r)
{
    return r->appraisal != CL_APPRAISAL_NONE;
}

static void sentence(struct html *h, const struct cl_verify_result *r)
{
    const char *family = html_family_name(r);
    if (r->verdict == CL_VERDICT_REJECTED) {
        html_raw(h, r->authentic == CL_YES
                        ? "The evidence is genuine, but it does not show what was demanded. Do not "
                          "trust this virtual machine with secrets."
                        : "The evidence is not acceptable. Do not trust this virtual machine with "
                          "secrets.");
    } else if (r->verdict == CL_VERDICT_UNDETERMINED) {
        html_raw(h,
                 r->authentic == CL_YES
                     ? "The evidence is genuine, but that is not yet an answer: something needed "
                       "to decide was missing. Treat this as a no."
                     : "Whether the evidence is genuine could not be told: something needed to "
                       "decide was missing. Treat this as a no.");
    } else if (cl_tee_class_is_simulated(r->tee_class)) {
        html_raw(h, "Every check passed, but the hardware is simulated: nothing is protected.");
    } else if (r->tee_class == CL_TEE_CLASS_TPM) {
        html_raw(h, was_compared(r)
                        ? "A TPM whose key is trusted says that a machine started what it was "
                          "expected to start. Nothing is said of encrypted memory."
                        : "A TPM whose key is trusted made this evidence. What the machine started "
                          "was compared with nothing, as asked.");
    } else if (was_compared(r)) {
        html_raw(h, "Genuine ");
        html_text(h, family);
        html_raw(h, " hardware vouches for a virtual machine that is what it was expected to be.");
    } else {
        html_raw(h, "Genuine ");
        html_text(h, family);
        html_raw(h, " hardware made this evidence. What runs in the virtual machine was compared "
                    "with nothing, as asked.");
    }
}

/* `actual`, with what differs from `expected` marked where both are digests of one length. */
static void found_text(struct html *h, const struct cl_check *c)
{
    size_t n = strlen(c->actual);
    bool mark = c->status == CL_CHECK_FAIL && n > 0 && n == strlen(c->expected) &&
                strspn(c->actual, "0123456789abcdef") == n;
    bool open = false;
    if (!mark) {
        html_text(h, c->actual);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool differs = c->actual[i] != c->expected[i];
        if (differs != open) {
            html_raw(h, differs ? "<mark>" : "</mark>");
            open = differs;
        }
        html_format(h, "%c", c->actual[i]);
    }
    html_raw(h, open ? "</mark>" : "");
}

static void check_texts(struct html *h, const struct cl_check *c)
{
    html_raw(h, "<dl class=\"texts\">");
    if (c->expected[0] != '\0') {
        row(h, "Expected", c->expected);
    }
    if (c->actual[0] != '\0') {
        html_raw(h, "<div><dt>Found</dt><dd>");
        found_text(h, c);
        html_raw(h, "</dd></div>\n");
    }
    if (c->why[0] != '\0') {
        row(h, c->status == CL_CHECK_PASS && !c->warning ? "Note" : "Why", c->why);
    }
    html_raw(h, "</dl>");
}

static void check_title(struct html *h, const struct cl_check *c)
{
    const char *question = check_meaning(c->id)->question;
    if (question != NULL) {
        html_text(h, question);
        html_raw(h, " ");
    }
    html_raw(h, "<code>");
    html_text(h, c->id);
    html_raw(h, "</code>");
}

/* The checks of one state, above everything else: what decided, what a person should know. */
static void stand_out(struct html *h, const struct cl_verify_result *r, enum html_state s,
                      const char *title)
{
    bool open = false;
    for (size_t i = 0; i < r->check_count; i++) {
        if (html_state_of(&r->checks[i]) != s) {
            continue;
        }
        if (!open) {
            html_raw(h, "<div class=\"reasons ");
            html_raw(h, html_state_class(s));
            html_raw(h, "\">\n<h2>");
            html_raw(h, title);
            html_raw(h, "</h2>\n<ul>\n");
            open = true;
        }
        html_raw(h, "<li><p>");
        check_title(h, &r->checks[i]);
        html_raw(h, "</p>");
        check_texts(h, &r->checks[i]);
        html_raw(h, "</li>\n");
    }
    html_raw(h, open ? "</ul>\n</div>\n" : "");
}

static const char *authentic_why(const struct cl_verify_result *r)
{
    return r->tee_class == CL_TEE_CLASS_TPM          ? "yes: signed by a key that the policy trusts"
           : cl_tee_class_is_simulated(r->tee_class) ? "yes: signed under a simulated root"
                                                     : "yes: signed under a pinned root";
}

static void facts(struct html *h, const struct cl_html_report *p)
{
    const struct cl_verify_result *r = p->result;
    char as_of[21], made[21];
    cl_time_format(as_of, r->time);
    cl_time_format(made, p->made_at);
    html_raw(h, "<dl class=\"facts\">\n");
    row(h, "Technology", html_family_name(r));
    row(h, "Class",
        r->tee_class != CL_TEE_CLASS_NONE ? cl_tee_class_name(r->tee_class)
                                          : "none: no accepted root vouches for it");
    if (r->product != NULL) {
        row(h, "Product", r->product);
    }
    row(h, "Authentic",
        r->authentic == CL_YES  ? authentic_why(r)
        : r->authentic == CL_NO ? "no"
                                : "cannot tell");
    row(h, "Appraisal",
        was_compared(r) ? cl_appraisal_name(r->appraisal) : "none: compared with nothing");
    row(h, "Verified as of", as_of);
    row(h, "Page made", made);
    row(h, "Verified by", p->verified_by);
    if (p->file_count > 0) {
        row(h, "Evidence", p->files[0].name);
        html_raw(h, "<div class=\"wide\"><dt>SHA-256 of the evidence</dt><dd class=\"hex\">");
        sha256_text(h, p->files[0].data, p->files[0].len);
        html_raw(h, "</dd></div>\n");
    }
    html_raw(h, "</dl>\n");
}

static void counts(struct html *h, const struct cl_verify_result *r)
{
    size_t n[CL_ARRAY_LEN(states)] = {0};
    for (size_t i = 0; i < r->check_count; i++) {
        n[html_state_of(&r->checks[i])]++;
    }
    html_raw(h, "<p class=\"counts\">");
    html_format(h, "%zu checks:", r->check_count);
    for (size_t i = 0, shown = 0; i < CL_ARRAY_LEN(states); i++) {
        if (n[i] > 0) {
            html_format(h, "%s %zu %s", shown++ > 0 ? "," : "", n[i],
                        i == STATE_WARNING ? "with a warning" : states[i].word);
        }
    }
    html_raw(h, ".</p>\n");
}

/* What "Accepted" leaves out; empty for a full yes, and for the other verdicts. */
static const char *reservation(const struct cl_verify_result *r)
{
    if (r->verdict != CL_VERDICT_ACCEPTED) {
        return "";
    }
    if (cl_tee_class_is_simulated(r->tee_class)) {
        return ", simulated hardware";
    }
    if (!was_compared(r)) {
        return ", authenticity only";
    }
    return r->appraisal == CL_APPRAISAL_WARNING ? ", with warnings" : "";
}

void html_verdict(struct html *h, const struct cl_html_report *p)
{
    static const struct {
        const char *word, *class, *sign;
    } verdicts[] = {
        [CL_VERDICT_UNDETERMINED] = {"Undetermined", "unknown", "?"},
        [CL_VERDICT_ACCEPTED] = {"Accepted", "pass", "&#10003;"},
        [CL_VERDICT_REJECTED] = {"Rejected", "fail", "&#10007;"},
    };
    const struct cl_verify_result *r = p->result;
    const char *but = reservation(r);
    html_raw(h, "<header class=\"verdict ");
    html_raw(h, but[0] != '\0' ? "warn" : verdicts[r->verdict].class);
    html_raw(h, "\">\n<p class=\"kicker\">Verification of attestation evidence</p>\n<h1>"
                "<span class=\"sign\" aria-hidden=\"true\">");
    html_raw(h, verdicts[r->verdict].sign);
    html_raw(h, "</span>");
    html_raw(h, verdicts[r->verdict].word);
    html_raw(h, but);
    html_raw(h, "</h1>\n<p class=\"lead\">");
    sentence(h, r);
    html_raw(h, "</p>\n");
    counts(h, r);
    html_raw(h, "</header>\n");
    stand_out(h, r, STATE_FAIL, "What failed");
    stand_out(h, r, STATE_UNKNOWN, "What could not be told");
    stand_out(h, r, STATE_WARNING, "Warnings");
    facts(h, p);
}

static void check_row(struct html *h, const struct cl_check *c)
{
    enum html_state s = html_state_of(c);
    html_raw(h, "<li class=\"");
    html_raw(h, html_state_class(s));
    html_raw(h, "\">");
    html_badge(h, s);
    html_raw(h, "<div><p>");
    check_title(h, c);
    html_raw(h, "</p>");
    check_texts(h, c);
    html_raw(h, "</div></li>\n");
}

void html_checks(struct html *h, const struct cl_html_report *p)
{
    static const char *const titles[STEP_COUNT] = {
        [STEP_ROOT] = "Root",           [STEP_INTERMEDIATE] = "Certificates",
        [STEP_KEY] = "Attestation key", [STEP_EVIDENCE] = "Evidence",
        [STEP_PLATFORM] = "Platform",   [STEP_GUEST] = "Guest",
    };
    html_raw(h, "<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">Every check</h2>\n"
                "<p>All checks that could run did run, also after one failed.</p>\n");
    for (int step = STEP_ROOT; step < STEP_COUNT; step++) {
        bool open = false;
        for (size_t i = 0; i < p->result->check_count; i++) {
            const struct cl_check *c = &p->result->checks[i];
            if ((int)check_meaning(c->id)->step != step) {
                continue;
            }
            if (!open) {
                html_raw(h, "<h3>");
                html_raw(h, titles[step]);
                html_raw(h, "</h3>\n<ul class=\"checks\">\n");
                open = true;
            }
            check_row(h, c);
        }
        html_raw(h, open ? "</ul>\n" : "");
    }
    html_raw(h, "</section>\n");
}

void html_demands(struct html *h, const struct cl_html_report *p)
{
    html_raw(h, "<section aria-labelledby=\"demands\">\n"
                "<h2 id=\"demands\">What it was compared with</h2>\n");
    if (p->demand_count == 0) {
        html_raw(h, "<p>Nothing was given to compare the evidence with.</p>\n");
    } else {
        html_raw(h, "<table>\n<thead><tr><th scope=\"col\">Demand</th><th scope=\"col\">Value</th>"
                    "</tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < p->demand_count; i++) {
            html_raw(h, "<tr><th scope=\"row\">");
            html_text(h, p->demands[i].name);
            html_raw(h, "</th><td>");
            html_text(h, p->demands[i].value);
            html_raw(h, "</td></tr>\n");
        }
        html_raw(h, "</tbody>\n</table>\n");
    }
    html_raw(h, "</section>\n");
}

static void claim_scalar(struct html *h, const json_t *v)
{
    if (json_is_string(v)) {
        html_text(h, json_string_value(v));
    } else if (json_is_integer(v)) {
        html_format(h, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_boolean(v)) {
        html_raw(h, json_is_true(v) ? "true" : "false");
    } else {
        html_raw(h, json_is_null(v) ? "null" : "...");
    }
}

static bool is_nested(json_t *v)
{
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(v, key, member)
    {
        if (json_is_object(member) || json_is_array(member)) {
            return true;
        }
    }
    size_t i = 0;
    json_array_foreach(v, i, member)
    {
        if (json_is_object(member) || json_is_array(member)) {
            return true;
        }
    }
    return false;
}

/* A scalar, or the members of an object or array of scalars in one line. */
static void claim_value(struct html *h, json_t *v)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;
    if (is_nested(v) || (!json_is_object(v) && !json_is_array(v))) {
        claim_scalar(h, v);
    }
    json_object_foreach(v, key, member)
    {
        html_raw(h, i++ > 0 ? " " : "");
        html_text(h, key);
        html_raw(h, "=");
        claim_scalar(h, member);
    }
    json_array_foreach(v, i, member)
    {
        html_raw(h, i > 0 ? ", " : "");
        claim_scalar(h, member);
    }
}

static void claim_rows( // NOLINT(misc-no-recursion): depth is bounded
    struct html *h, const char *prefix, json_t *obj, unsigned depth)
{
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach(obj, key, v)
    {
        CL_CLEANUP(cl_buf_done) struct cl_buf name = {0};
        if (h->st != CL_OK) {
            return;
        }
        h->st = cl_buf_printf(&name, h->err, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (h->st != CL_OK) {
            return;
        }
        if (json_is_object(v) && is_nested(v) && depth < MAX_CLAIM_DEPTH) {
            claim_rows(h, (const char *)name.data, v, depth + 1);
            continue;
        }
        html_raw(h, "<tr><th scope=\"row\">");
        html_text(h, (const char *)name.data);
        html_raw(h, "</th><td>");
        claim_value(h, v);
        html_raw(h, "</td></tr>\n");
    }
}

void html_claims(struct html *h, const struct cl_html_report *p)
{
    if (p->claims == NULL || json_object_size(p->claims) == 0) {
        return;
    }
    html_raw(h, "<section aria-labelledby=\"claims\">\n<h2 id=\"claims\">What the evidence "
                "says</h2>\n<p>Every field under the name that its specification gives it");
    html_raw(h, p->result->authentic == CL_YES ? ". The signature covers them.</p>\n"
                                               : ". Nobody vouches for them: the evidence is not "
                                                 "proven genuine.</p>\n");
    html_raw(h, "<table>\n<thead><tr><th scope=\"col\">Claim</th><th scope=\"col\">Value</th></tr>"
                "</thead>\n<tbody>\n");
    claim_rows(h, "", p->claims, 0);
    html_raw(h, "</tbody>\n</table>\n</section>\n");
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void file_row(struct html *h, const struct cl_html_file *f)
{
    html_raw(h, "<tr><th scope=\"row\">");
    html_text(h, f->role);
    html_raw(h, "</th><td><a download=\"");
    html_text(h, base_name(f->name));
    html_raw(h, "\" href=\"data:application/octet-stream;base64,");
    html_base64(h, f->data, f->len);
    html_raw(h, "\">");
    html_text(h, f->name);
    html_raw(h, "</a><br>");
    html_size(h, f->len);
    html_raw(h, "<br><span class=\"hex\">SHA-256 ");
    sha256_text(h, f->data, f->len);
    html_raw(h, "</span></td></tr>\n");
}

static void result_row(struct html *h, const struct cl_html_report *p)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (h->st == CL_OK) {
        h->st = cl_verify_result_to_json(p->result, json_incref(p->claims), &j, h->err);
    }
    if (h->st == CL_OK) {
        h->st = cl_json_compact(j, &text, h->err);
    }
    struct cl_html_file f = {
        .role = "Result, for programs", .name = "verify.json", .data = text.data, .len = text.len};
    if (h->st == CL_OK) {
        file_row(h, &f);
    }
}

void html_files(struct html *h, const struct cl_html_report *p)
{
    html_raw(h, "<section aria-labelledby=\"files\">\n<h2 id=\"files\">Attached files</h2>\n"
                "<p>The HTML file carries these within itself, byte for byte: each name is a link "
                "that saves the file. On paper, the digests name them.</p>\n<table>\n"
                "<thead><tr><th scope=\"col\">Role</th><th scope=\"col\">File</th></tr></thead>\n"
                "<tbody>\n");
    for (size_t i = 0; i < p->file_count; i++) {
        file_row(h, &p->files[i]);
    }
    result_row(h, p);
    html_raw(h, "</tbody>\n</table>\n</section>\n");
}

/* Text whose line ends are kept: escaped line by line. */
static void lines(struct html *h, const char *text)
{
    for (const char *end = strchr(text, '\n'); h->st == CL_OK && end != NULL;
         end = strchr(text, '\n')) {
        h->st = cl_html_escape(h->out, text, (size_t)(end - text), h->err);
        html_raw(h, "\n");
        text = end + 1;
    }
    html_text(h, text);
}

void html_again(struct html *h, const struct cl_html_report *p)
{
    html_raw(h, "<section aria-labelledby=\"again\">\n<h2 id=\"again\">Verify it again</h2>\n"
                "<p>This page is a statement of whoever made it. To need nobody's word, save the "
                "attached files and run, on a machine without a network if you like:</p>\n<pre>");
    lines(h, p->command);
    html_raw(h, "</pre>\n<p>Exit status 0 means accepted, 1 rejected, 3 cannot tell. The program "
                "can be built from source; the roots it trusts stand in its source, as digests of "
                "their keys.</p>\n</section>\n");
}
