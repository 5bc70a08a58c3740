/* SPDX-License-Identifier: Apache-2.0
 * cmd_fetch.c - `cloister collateral fetch`: gets what evidence needs into a folder.
 * Trust: the user's command line; evidence and servers are hostile (fetch.h).
 * Threads: one. Memory: see fetch.h.
 */
#include "fetch.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "x509/x509.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROG "cloister collateral fetch"
#define MAX_PATH_SIZE 4096u
#define MAX_CA (4u << 20)
#define MAX_AGE_HOURS 8760u

struct options {
    const char *out, *evidence, *product, *chip_id, *tcb, *fmspc, *ca, *tee, *timeout, *max_age;
    const char *kds_url, *pcs_url, *root_crl_url, *cache, *tls_ca;
    bool vlek, refresh, json, help;
};

static void help(void)
{
    printf("usage: " PROG " --out DIR (--evidence FILE | --product NAME | --fmspc HEX --ca NAME)\n"
           "       [OPTION]...\n\n"
           "Gets the certificates, CRLs, TCB info and QE identity that verification of evidence "
           "needs.\n\n"
           "  --out DIR            where to write them, as files that verify and bundle read\n"
           "  --evidence FILE      an SNP report, the JSON that guests send, or a TDX quote\n"
           "  --product NAME       milan, genoa or turin; needed for version 2 reports\n"
           "  --chip-id HEX        with --product and --tcb: this chip's VCEK certificate too\n"
           "  --tcb HEX            REPORTED_TCB, 8 bytes as in the report\n"
           "  --vlek               what a report signed by a VLEK needs\n"
           "  --fmspc HEX          6 bytes; with --ca: what TDX quotes of this platform need\n"
           "  --ca NAME            platform or processor: who issued the PCK certificate\n"
           "  --tee NAME           tdx (default) or sgx\n"
           "  --kds-url URL        default: " FETCH_KDS_URL "\n"
           "  --pcs-url URL        Intel's PCS or a PCCS; default:\n"
           "                       " FETCH_PCS_URL "\n"
           "  --root-crl-url URL   default: Intel's, or the PCCS's when --pcs-url is given\n"
           "  --tls-ca FILE        trust these certificates (PEM) instead of the system's\n"
           "  --cache DIR          default: $XDG_CACHE_HOME/cloister/collateral\n"
           "  --max-age HOURS      how old a CRL, TCB info or QE identity of the cache may be;\n"
           "                       default 24\n"
           "  --refresh            ask the servers, whatever the cache holds\n"
           "  --timeout SECONDS    for one document, waits included; default 60\n"
           "  --json               one JSON document (cloister.collateral-fetch/1)\n\n"
           "example: " PROG " --evidence report.bin --out collateral\n");
}

static enum cl_status check_together(const struct options *o, struct cl_err *err)
{
    if (o->out == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--out: expected a folder, got nothing");
    }
    if (o->evidence == NULL && o->product == NULL && o->fmspc == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--evidence: expected it, --product or --fmspc, got none");
    }
    if ((o->fmspc == NULL) != (o->ca == NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--fmspc: expected it together with --ca, got %s",
                          o->ca == NULL ? "no --ca" : "--ca alone");
    }
    if ((o->chip_id == NULL) != (o->tcb == NULL) || (o->chip_id != NULL && o->product == NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--chip-id: expected it together with --tcb and --product, got less");
    }
    if (o->evidence != NULL && (o->fmspc != NULL || o->chip_id != NULL || o->vlek)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--evidence: expected it, or flags that say what it would, got both");
    }
    return CL_OK;
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    const struct fetch_option table[] = {
        {"out", &o->out, NULL},         {"evidence", &o->evidence, NULL},
        {"product", &o->product, NULL}, {"chip-id", &o->chip_id, NULL},
        {"tcb", &o->tcb, NULL},         {"vlek", NULL, &o->vlek},
        {"fmspc", &o->fmspc, NULL},     {"ca", &o->ca, NULL},
        {"tee", &o->tee, NULL},         {"kds-url", &o->kds_url, NULL},
        {"pcs-url", &o->pcs_url, NULL}, {"root-crl-url", &o->root_crl_url, NULL},
        {"tls-ca", &o->tls_ca, NULL},   {"cache", &o->cache, NULL},
        {"max-age", &o->max_age, NULL}, {"refresh", NULL, &o->refresh},
        {"timeout", &o->timeout, NULL}, {"json", NULL, &o->json},
        {"help", NULL, &o->help},       {NULL, NULL, NULL},
    };
    int at = 0;
    CL_TRY(fetch_parse_options(table, &o->help, argc, argv, &at, err));
    if (!o->help && at != argc) {
        return cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'", argv[at]);
    }
    return o->help ? CL_OK : check_together(o, err);
}

/* --- what is wanted
 * ------------------------------------------------------------------------------------------ */

/* An index into the words; `words` ends with NULL. */
static enum cl_status parse_word(const char *text, const char *option, const char *const *words,
                                 size_t *ret, struct cl_err *err)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected one of --help's words, got '%.40s'",
                      option, text);
}

static enum cl_status read_product(const struct options *o, enum cl_snp_product *ret,
                                   struct cl_err *err)
{
    static const char *const words[] = {"", "milan", "genoa", "turin", NULL};
    size_t i = CL_SNP_PRODUCT_UNKNOWN;
    if (o->product != NULL && o->product[0] != '\0') {
        CL_TRY(parse_word(o->product, "--product", words, &i, err));
    }
    *ret = (enum cl_snp_product)i;
    return CL_OK;
}

static enum cl_status read_chip(const struct options *o, struct fetch_request *r,
                                struct cl_err *err)
{
    uint8_t tcb[8];
    bool turin = r->product == CL_SNP_PRODUCT_TURIN;
    size_t size = turin && strlen(o->chip_id) == 16 ? 8 : CL_SNP_CHIP_ID_SIZE;
    CL_TRY(cl_unhex(r->chip_id, size, o->chip_id, "--chip-id", err));
    CL_TRY(cl_unhex(tcb, sizeof(tcb), o->tcb, "--tcb", err));
    r->tcb = cl_snp_tcb_decode(tcb, turin);
    r->has_chip = true;
    return CL_OK;
}

static enum cl_status read_intel(const struct options *o, struct fetch_request *r,
                                 struct cl_err *err)
{
    static const char *const cas[] = {"platform", "processor", NULL};
    static const char *const tees[] = {"tdx", "sgx", NULL};
    size_t ca = 0, tee = 0;
    CL_TRY(cl_unhex(r->fmspc, sizeof(r->fmspc), o->fmspc, "--fmspc", err));
    CL_TRY(parse_word(o->ca, "--ca", cas, &ca, err));
    if (o->tee != NULL) {
        CL_TRY(parse_word(o->tee, "--tee", tees, &tee, err));
    }
    r->intel = true;
    r->ca = ca == 0 ? CL_COLLATERAL_PLATFORM : CL_COLLATERAL_PROCESSOR;
    r->tee = tee == 0 ? CL_COLLATERAL_TDX : CL_COLLATERAL_SGX;
    return CL_OK;
}

/* From the flags; with --evidence, only the product. */
static enum cl_status read_flags(const struct options *o, struct fetch_request *r,
                                 struct cl_err *err)
{
    *r = (struct fetch_request){.vlek = o->vlek};
    CL_TRY(read_product(o, &r->product, err));
    if (o->chip_id != NULL) {
        CL_TRY(read_chip(o, r, err));
    }
    return o->fmspc != NULL ? read_intel(o, r, err) : CL_OK;
}

/* --- how it is got
 * ------------------------------------------------------------------------------------------ */

static enum cl_status default_cache(char ret[static MAX_PATH_SIZE], struct cl_err *err)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool has_xdg = xdg != NULL && xdg[0] == '/';
    if (!has_xdg && (home == NULL || home[0] != '/')) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--cache: expected it, or $HOME to be set, got neither");
    }
    int n = snprintf(ret, MAX_PATH_SIZE, "%s%s/cloister/collateral", has_xdg ? xdg : home,
                     has_xdg ? "" : "/.cache");
    return n > 0 && (size_t)n < MAX_PATH_SIZE
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "--cache: expected a shorter path");
}

/* cache: room for the default folder's name. */
static enum cl_status read_settings(const struct options *o, char cache[static MAX_PATH_SIZE],
                                    struct fetch_options *ret, struct cl_err *err)
{
    uint64_t timeout = 60, hours = 24;
    struct fetch_options f = {.kds_url = o->kds_url != NULL ? o->kds_url : FETCH_KDS_URL,
                              .pcs_url = o->pcs_url != NULL ? o->pcs_url : FETCH_PCS_URL,
                              .root_crl_url = o->root_crl_url,
                              .tls_ca = o->tls_ca,
                              .cache_dir = o->cache,
                              .refresh = o->refresh};
    if (f.root_crl_url == NULL && o->pcs_url == NULL) {
        f.root_crl_url = FETCH_ROOT_CRL_URL;
    }
    CL_TRY(fetch_check_base_url(f.kds_url, "--kds-url", err));
    CL_TRY(fetch_check_base_url(f.pcs_url, "--pcs-url", err));
    if (f.root_crl_url != NULL) {
        CL_TRY(fetch_check_base_url(f.root_crl_url, "--root-crl-url", err));
    }
    if (f.cache_dir == NULL) {
        CL_TRY(default_cache(cache, err));
        f.cache_dir = cache;
    }
    if (o->timeout != NULL) {
        CL_TRY(cl_uint_parse(o->timeout, "--timeout", 1, FETCH_MAX_TIMEOUT_S, &timeout, err));
    }
    if (o->max_age != NULL) {
        CL_TRY(cl_uint_parse(o->max_age, "--max-age", 0, MAX_AGE_HOURS, &hours, err));
    }
    f.timeout_s = (uint32_t)timeout;
    f.max_age_s = (uint32_t)hours * 3600u;
    *ret = f;
    return CL_OK;
}

static enum cl_status parse_ca(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_freep) X509 *x = NULL;
    (void)ctx;
    return cl_x509_parse(der, len, &x, err);
}

/* libcurl would tell of it only after connecting, and without the file's name. */
static enum cl_status check_tls_ca(const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_TRY(cl_buf_read_file(&pem, path, MAX_CA, err));
    enum cl_status st =
        pem.len == 0
            ? cl_err_set(err, CL_ERR_TRUNCATED, "expected certificates in PEM, got nothing")
            : cl_x509_pem_each(pem.data, pem.len, parse_ca, /* ctx= */ NULL, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "--tls-ca '%s'", path);
}

struct outcome {
    struct fetch_target targets[FETCH_MAX_TARGETS];
    enum fetch_origin origins[FETCH_MAX_TARGETS];
    size_t count;
};

static const char *origin_name(enum fetch_origin origin)
{
    static const char *const names[] = {
        [FETCH_NETWORK] = "fetched", [FETCH_CACHE] = "cached", [FETCH_STALE] = "stale"};
    return names[origin];
}

static void print_text(const struct outcome *r, const struct cl_collateral *c)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        char name[FETCH_NAME_SIZE], until[21];
        fetch_file_name(it, name);
        cl_time_format(until, it->expires);
        printf("%-8s %s, expires %s\n", origin_name(r->origins[i]), name, until);
    }
}

static enum cl_status print_json(const struct outcome *r, const struct cl_collateral *c,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s,s:[]}", "schema", "cloister.collateral-fetch/1", "items");
    json_t *items = json_object_get(j, "items");
    for (size_t i = 0; i < r->count; i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        char name[FETCH_NAME_SIZE], until[21];
        fetch_file_name(it, name);
        cl_time_format(until, it->expires);
        (void)json_array_append_new(items, json_pack("{s:s,s:s,s:s,s:s}", "name", name, "origin",
                                                     origin_name(r->origins[i]), "url",
                                                     r->targets[i].url, "expires", until));
    }
    if (json_array_size(items) != r->count) {
        return cl_err_nomem(err, "outcome as JSON");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

/* Everything, or nothing: a folder with half of it would look like one from which items are kept
 * away. */
static enum cl_status run(const struct options *o, const struct fetch_options *f,
                          struct fetch_request *q, struct cl_err *err)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    struct outcome r = {0};
    int64_t now = 0;
    CL_TRY(fetch_parse_time(/* text= */ NULL, &now, err));
    if (f->tls_ca != NULL) {
        CL_TRY(check_tls_ca(f->tls_ca, err));
    }
    if (o->evidence != NULL) {
        CL_TRY(fetch_request_from_evidence(o->evidence, q->product, q, err));
    }
    CL_TRY(fetch_plan(f, q, r.targets, &r.count, err));
    CL_TRY(cl_collateral_new(&c, err));
    for (size_t i = 0; i < r.count; i++) {
        CL_TRY(fetch_one(f, &r.targets[i], now, c, &r.origins[i], err));
    }
    CL_TRY(fetch_write_files(c, o->out, err));
    if (o->json) {
        CL_TRY(print_json(&r, c, err));
    } else {
        print_text(&r, c);
    }
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

int fetch_cmd_fetch(int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {0};
    struct fetch_options f = {0};
    struct fetch_request q = {0};
    char cache[MAX_PATH_SIZE];
    enum cl_status st = parse(&o, argc, argv, &err);
    if (st == CL_OK && o.help) {
        help();
        return 0;
    }
    st = st == CL_OK ? read_flags(&o, &q, &err) : st;
    st = st == CL_OK ? read_settings(&o, cache, &f, &err) : st;
    if (st != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)cl_err_nomem(&err, "libcurl");
        return cl_fail(&err, /* hint= */ NULL);
    }
    st = run(&o, &f, &q, &err);
    curl_global_cleanup();
    if (st == CL_OK && q.product != CL_SNP_PRODUCT_UNKNOWN && !q.has_chip && o.evidence != NULL) {
        (void)fputs("cloister: warning: the report hides its chip: its VCEK certificate must come "
                    "from the host\n",
                    stderr);
    }
    return st == CL_OK ? 0 : cl_fail(&err, /* hint= */ NULL);
}
