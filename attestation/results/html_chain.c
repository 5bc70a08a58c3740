/* SPDX-License-Identifier: Apache-2.0
 * html_chain.c - the chain of trust, drawn: from the pinned root over the certificates to the
 * evidence and the guest, each link with the worst answer among its checks.
 * Trust: certificates are hostile; they are only described here. Which of those given belong to the
 *        chain is found by their signatures; whether the chain holds is what the checks say.
 */
#include "results/html.h"

#include "base/encode.h"
#include "x509/x509.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

struct family_words {  /* what the links are called */
    const char *first; /* how the id of the first check begins */
    const char *other; /* and that of some other check, too; NULL: of none */
    const char *intro;
    const char *title[STEP_COUNT];    /* NULL: there is no such link */
    const char *hands_on[STEP_COUNT]; /* what a link does to the next */
};

#define PINNED                                                                                     \
    "The root key is compared with the one that is built into this program; evidence never "       \
    "brings its own."
#define PARAVISOR                                                                                  \
    PINNED " The hardware vouches for a paravisor, and the paravisor for the guest's virtual TPM."

static const struct family_words words[] = {
    {"snp.",
     "hcl.",
     PARAVISOR,
     {"AMD root key", "AMD signing key", "Key of the chip", "Paravisor's report and TPM quote",
      "Platform", "Paravisor and guest"},
     {"signs", "signs", "signs", "describe", "started"}},
    {"tdx.",
     "hcl.",
     PARAVISOR,
     {"Intel root key", "Intel platform CA and collateral",
      "Key of the platform and quoting enclave", "Paravisor's TD quote and TPM quote", "Platform",
      "Paravisor and guest"},
     {"signs", "signs", "signs", "describe", "started"}},
    {"snp.",
     NULL,
     PINNED,
     {"AMD root key", "AMD signing key", "Key of the chip", "Attestation report", "Platform",
      "Guest"},
     {"signs", "signs", "signs", "describes", "started"}},
    {"tdx.",
     NULL,
     PINNED,
     {"Intel root key", "Intel platform CA and collateral",
      "Key of the platform and quoting enclave", "TD quote", "Platform", "Guest"},
     {"signs", "signs", "signs", "describes", "started"}},
    {"tpm.",
     NULL,
     "No root key vouches for a plain TPM: the chain begins at the attestation key that the policy "
     "names. It says what started, and nothing of encrypted memory.",
     {NULL, NULL, "Attestation key of the TPM", "TPM quote", "Kind of evidence", "Machine"},
     {NULL, NULL, "signs", "counts as", "tells of"}},
    {"",
     NULL,
     PINNED,
     {"Root key", "Intermediate key", "Attestation key", "Evidence", "Platform", "Guest"},
     {"signs", "signs", "signs", "describes", "started"}},
};

static bool begins(const char *id, const char *prefix)
{
    return strncmp(id, prefix, strlen(prefix)) == 0;
}

static bool has_check_of(const struct cl_verify_result *result, const char *prefix)
{
    for (size_t i = 0; i < result->check_count; i++) {
        if (begins(result->checks[i].id, prefix)) {
            return true;
        }
    }
    return false;
}

static const struct family_words *words_of(const struct cl_verify_result *result)
{
    const char *id = result->check_count > 0 ? result->checks[0].id : "";
    const struct family_words *w = words;
    while (!begins(id, w->first) || (w->other != NULL && !has_check_of(result, w->other))) {
        w++; /* the last row fits everything */
    }
    return w;
}

/* The worst answer of a step's checks; UNKNOWN weighs less than FAIL, more than a warning. */
static enum html_state step_state(const struct cl_verify_result *result, enum check_step step)
{
    static const int weight[] = {[STATE_SKIPPED] = 0,
                                 [STATE_PASS] = 1,
                                 [STATE_WARNING] = 2,
                                 [STATE_UNKNOWN] = 3,
                                 [STATE_FAIL] = 4};
    enum html_state worst = STATE_SKIPPED;
    for (size_t i = 0; i < result->check_count; i++) {
        enum html_state s = html_state_of(&result->checks[i]);
        if (check_meaning(result->checks[i].id)->step == step && weight[s] > weight[worst]) {
            worst = s;
        }
    }
    return worst;
}

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

/* The certificate among those given whose key signed x; the same one again for a root. */
static X509 *issuer_of(const struct cl_html_report *p, X509 *x)
{
    for (size_t i = 0; i < p->cert_count; i++) {
        X509 *c = NULL;
        if (cl_x509_parse(p->certs[i].data, p->certs[i].len, &c, NULL) != CL_OK) {
            continue;
        }
        if (X509_NAME_cmp(X509_get_subject_name(c), X509_get_issuer_name(x)) == 0 &&
            X509_verify(x, X509_get0_pubkey(c)) == 1) {
            return c;
        }
        X509_free(c);
    }
    ERR_clear_error();
    return NULL;
}

static void fingerprint(struct html *h, const X509 *x)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    if (X509_digest(x, EVP_sha256(), digest, &n) == 1) {
        cl_hex(hex, digest, n);
        html_raw(h, "<span class=\"hex\">SHA-256 ");
        html_text(h, hex);
        html_raw(h, "</span>");
    }
}

static void time_text(struct html *h, const ASN1_TIME *t)
{
    struct tm tm = {0};
    char text[32] = "unknown";
    if (ASN1_TIME_to_tm(t, &tm) == 1) {
        (void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
    }
    html_text(h, text);
}

static void describe_cert(struct html *h, X509 *x)
{
    char cn[CL_X509_CN_SIZE];
    if (x == NULL) {
        html_raw(h, "<span class=\"absent\">not among the files given</span>");
        return;
    }
    cl_x509_cn(X509_get_subject_name(x), cn);
    html_raw(h, "<strong>");
    html_text(h, cn);
    html_raw(h, "</strong><span>valid ");
    time_text(h, X509_get0_notBefore(x));
    html_raw(h, " to ");
    time_text(h, X509_get0_notAfter(x));
    html_raw(h, "</span>");
    fingerprint(h, x);
}

/* The number of a link among those that there are. */
static unsigned link_number(const struct family_words *w, enum check_step step)
{
    unsigned n = 0;
    for (int i = STEP_ROOT; i <= (int)step; i++) {
        n += w->title[i] != NULL ? 1 : 0;
    }
    return n;
}

static void open_link(struct html *h, const struct family_words *w, enum check_step step,
                      enum html_state s)
{
    html_raw(h, "<li class=\"");
    html_raw(h, html_state_class(s));
    html_raw(h, "\"><span class=\"node\" aria-hidden=\"true\">");
    html_raw(h, html_state_sign(s));
    html_raw(h, "</span>\n<div class=\"card\"><div class=\"linkhead\"><h3>");
    html_format(h, "%u. %s", link_number(w, step), w->title[step]);
    html_raw(h, "</h3>");
    html_badge(h, s);
    html_raw(h, "</div>\n<div class=\"linkbody\">");
}

static void close_link(struct html *h, const struct family_words *w, enum check_step step)
{
    html_raw(h, "</div></div>\n");
    if (w->hands_on[step] != NULL) {
        html_raw(h, "<span class=\"arrow\">");
        html_text(h, w->hands_on[step]);
        html_raw(h, " <span aria-hidden=\"true\">&darr;</span></span>\n");
    }
    html_raw(h, "</li>\n");
}

static const char *claim(const struct cl_html_report *p, const char *name)
{
    return json_string_value(json_object_get(p->claims, name));
}

static void short_hex(struct html *h, const char *label, const char *hex)
{
    if (hex != NULL) {
        html_raw(h, "<span class=\"hex\">");
        html_text(h, label);
        html_raw(h, " ");
        html_text(h, hex);
        html_raw(h, "</span>");
    }
}

static void describe_evidence(struct html *h, const struct cl_html_report *p)
{
    if (p->file_count > 0) {
        html_raw(h, "<strong>");
        html_text(h, p->files[0].name);
        html_raw(h, "</strong><span>");
        html_size(h, p->files[0].len);
        html_raw(h, "</span>");
    }
}

static void describe_platform(struct html *h, const struct cl_html_report *p)
{
    const char *product = p->result->product;
    html_raw(h, "<strong>");
    html_format(h, "%s%s%s", html_family_name(p->result), product != NULL ? ", " : "",
                product != NULL ? product : "");
    html_raw(h, "</strong>");
    short_hex(h, "chip", claim(p, "chip_id"));
    short_hex(h, "TCB status", claim(p, "tcb_status"));
    short_hex(h, "FMSPC", claim(p, "fmspc"));
}

static void describe_guest(struct html *h, const struct cl_html_report *p)
{
    const char *mrtd = claim(p, "mrtd");
    html_raw(h, p->result->tee_class == CL_TEE_CLASS_TPM
                    ? "<strong>the machine that asked</strong>"
                    : "<strong>the virtual machine that asked</strong>");
    short_hex(h, "measurement", mrtd != NULL ? mrtd : claim(p, "measurement"));
}

/* A TPM's attestation key comes without a certificate. */
static void describe_key(struct html *h, const struct cl_html_report *p, X509 *cert)
{
    const json_t *ak = json_object_get(p->claims, "ak");
    if (ak == NULL) {
        describe_cert(h, cert);
        return;
    }
    html_raw(h, "<strong>no certificate: known by its digest</strong>");
    short_hex(h, "SHA-256", json_string_value(json_object_get(ak, "sha256")));
}

static void link_of(struct html *h, const struct cl_html_report *p, const struct family_words *w,
                    enum check_step step, X509 *cert)
{
    open_link(h, w, step, step_state(p->result, step));
    if (step == STEP_KEY) {
        describe_key(h, p, cert);
    } else if (step < STEP_KEY) {
        describe_cert(h, cert);
    } else if (step == STEP_EVIDENCE) {
        describe_evidence(h, p);
    } else if (step == STEP_PLATFORM) {
        describe_platform(h, p);
    } else {
        describe_guest(h, p);
    }
    close_link(h, w, step);
}

void html_chain(struct html *h, const struct cl_html_report *p)
{
    CL_CLEANUP(x509_freep) X509 *key = NULL;
    CL_CLEANUP(x509_freep) X509 *middle = NULL;
    CL_CLEANUP(x509_freep) X509 *root = NULL;
    if (p->cert_count > 0 &&
        cl_x509_parse(p->certs[0].data, p->certs[0].len, &key, NULL) == CL_OK) {
        middle = issuer_of(p, key);
        root = middle != NULL ? issuer_of(p, middle) : NULL;
    }
    const struct family_words *w = words_of(p->result);
    html_raw(h, "<section aria-labelledby=\"chain\">\n<h2 id=\"chain\">Chain of trust</h2>\n"
                "<p>Each link vouches for the next. ");
    html_text(h, w->intro);
    html_raw(h, "</p>\n<ol class=\"chain\">\n");
    X509 *const certs[STEP_COUNT] = {root, middle, key};
    for (int step = STEP_ROOT; step < STEP_COUNT; step++) {
        if (w->title[step] != NULL) {
            link_of(h, p, w, (enum check_step)step, certs[step]);
        }
    }
    html_raw(h, "</ol>\n</section>\n");
}
