/* SPDX-License-Identifier: Apache-2.0
 * cmd_show.c - `cloister collateral show`: each item, whose it is, from when until when.
 * Trust: the input is hostile; what is printed of it are words of ours, hex digits and dates.
 * Threads: one. Memory: bounded by cloister/collateral.h.
 */
#include "fetch.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister collateral show"

struct options {
    const char *input, *signer, *time;
    bool json, help;
};

static void help(void)
{
    printf(
        "usage: " PROG " [OPTION]... FILE-OR-DIR\n\n"
        "Prints what a bundle, a folder of raw files or a quote's collateral document holds.\n\n"
        "  --signer FILE     demand a bundle signed by this key (PEM, or 64 hex digits)\n"
        "  --time TIME       judge expiry as of then (2026-01-31T00:00:00Z); default: now\n"
        "  --json            one JSON document (cloister.collateral-show/1)\n\n"
        "Exit status: 0 nothing has expired, 3 something has, 1 a wrong signature, 4 malformed.\n\n"
        "example: " PROG " --signer auditor.pem bundle.json\n");
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    const struct fetch_option table[] = {
        {"signer", &o->signer, NULL}, {"time", &o->time, NULL}, {"json", NULL, &o->json},
        {"help", NULL, &o->help},     {NULL, NULL, NULL},
    };
    int at = 0;
    CL_TRY(fetch_parse_options(table, &o->help, argc, argv, &at, err));
    if (!o->help && at + 1 != argc) {
        return cl_err_set(err, CL_ERR_MALFORMED, "argument: expected one file or folder, got %d",
                          argc - at);
    }
    o->input = argv[at];
    return CL_OK;
}

/* "good": its issuer signed it, whoever that is; "bad"; "no chain": that cannot be told. */
static const char *issuer_word(const struct cl_collateral *c, const struct cl_collateral_item *it)
{
    switch (cl_collateral_check_issuer(c, it, /* err= */ NULL)) {
    case CL_OK:
        return "good";
    case CL_ERR_UNAVAILABLE:
        return "no chain";
    default:
        return "bad";
    }
}

static bool is_amd(const struct cl_collateral_item *it)
{
    return it->kind < CL_COLLATERAL_INTEL_TCB_INFO;
}

static bool has_number(const struct cl_collateral_item *it)
{
    return it->body != NULL;
}

static void print_item(const struct cl_collateral *c, const struct cl_collateral_item *it,
                       int64_t now)
{
    char name[FETCH_NAME_SIZE], from[21], until[21], number[48] = "";
    fetch_file_name(it, name);
    cl_time_format(from, it->issued);
    cl_time_format(until, it->expires);
    if (has_number(it)) {
        (void)snprintf(number, sizeof(number), ", tcbEvaluationDataNumber %u",
                       (unsigned)it->tcb_evaluation_number);
    }
    printf("%s%s\n    says it is of %s, issuer's signature %s, from %s until %s%s, %zu bytes\n",
           name, it->expires <= now ? "  EXPIRED" : "", is_amd(it) ? "AMD" : "Intel",
           issuer_word(c, it), from, until, number, it->len);
}

static void print_text(const struct cl_collateral *c, int64_t now)
{
    const struct cl_collateral_bundle *b = cl_collateral_bundle(c);
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 1], from[21], until[21];
    if (b->present) {
        cl_hex(hex, b->signer, sizeof(b->signer));
        cl_time_format(from, b->created);
        cl_time_format(until, b->expires);
        printf("bundle: created %s, expires %s%s, %s%s\n", from, until,
               b->expires <= now ? "  EXPIRED" : "", b->is_signed ? "signed by " : "not signed",
               b->is_signed ? hex : "");
    }
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        print_item(c, cl_collateral_item(c, i), now);
    }
}

/* A lack of memory shows as a member that is not there; json_is_complete() looks. */
static void set_text(json_t *j, const char *key, const char *text)
{
    (void)json_object_set_new(j, key, json_string(text));
}

static void set_time(json_t *j, const char *key, int64_t t)
{
    char text[21];
    cl_time_format(text, t);
    set_text(j, key, text);
}

static json_t *item_json(const struct cl_collateral *c, const struct cl_collateral_item *it,
                         int64_t now)
{
    char name[FETCH_NAME_SIZE], hex[2 * CL_SNP_CHIP_ID_SIZE + 1];
    json_t *j = json_object();
    fetch_file_name(it, name);
    set_text(j, "kind", cl_collateral_kind_name(it->kind));
    set_text(j, "name", name);
    if (is_amd(it)) {
        set_text(j, "product", cl_snp_product_name(it->product));
    }
    if (it->kind == CL_COLLATERAL_AMD_VCEK) {
        cl_hex(hex, it->hw_id, it->hw_id_len);
        set_text(j, "chip_id", hex);
    }
    if (it->kind == CL_COLLATERAL_INTEL_TCB_INFO) {
        cl_hex(hex, it->fmspc, sizeof(it->fmspc));
        set_text(j, "fmspc", hex);
    }
    if (it->kind == CL_COLLATERAL_INTEL_PCK_CRL) {
        set_text(j, "ca", cl_collateral_ca_name(it->ca));
    }
    if (has_number(it)) {
        set_text(j, "tee", cl_collateral_tee_name(it->tee));
        (void)json_object_set_new(j, "tcb_evaluation_data_number",
                                  json_integer(it->tcb_evaluation_number));
    }
    set_text(j, "claimed_issuer", is_amd(it) ? "amd" : "intel");
    set_text(j, "issuer_signature", issuer_word(c, it));
    set_time(j, "issued", it->issued);
    set_time(j, "expires", it->expires);
    (void)json_object_set_new(j, "expired", json_boolean(it->expires <= now));
    (void)json_object_set_new(j, "size", json_integer((json_int_t)it->len));
    return j;
}

static json_t *bundle_json(const struct cl_collateral_bundle *b, int64_t now)
{
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 1];
    json_t *j = json_object();
    set_time(j, "created", b->created);
    set_time(j, "expires", b->expires);
    (void)json_object_set_new(j, "expired", json_boolean(b->expires <= now));
    cl_hex(hex, b->signer, sizeof(b->signer));
    (void)json_object_set_new(j, "signer", b->is_signed ? json_string(hex) : json_null());
    return j;
}

static enum cl_status print_json(const struct cl_collateral *c, int64_t now, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_object();
    const struct cl_collateral_bundle *b = cl_collateral_bundle(c);
    json_t *items = json_array();
    set_text(j, "schema", "cloister.collateral-show/1");
    (void)json_object_set_new(j, "bundle", b->present ? bundle_json(b, now) : json_null());
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        (void)json_array_append_new(items, item_json(c, cl_collateral_item(c, i), now));
    }
    if (json_object_set_new(j, "items", items) != 0 || json_object_size(j) != 3 ||
        json_array_size(items) != cl_collateral_count(c)) {
        return cl_err_nomem(err, "collateral as JSON");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

static enum cl_status check_expiry(const struct options *o, const struct cl_collateral *c,
                                   int64_t now, struct cl_err *err)
{
    const struct cl_collateral_bundle *b = cl_collateral_bundle(c);
    char name[FETCH_NAME_SIZE] = "bundle", until[21], then[21];
    int64_t expired = b->present && b->expires <= now ? b->expires : INT64_MAX;
    for (size_t i = 0; expired == INT64_MAX && i < cl_collateral_count(c); i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        if (it->expires <= now) {
            fetch_file_name(it, name);
            expired = it->expires;
        }
    }
    if (expired == INT64_MAX) {
        return CL_OK;
    }
    cl_time_format(until, expired);
    cl_time_format(then, now);
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      "collateral '%s': %s: expected expiry after %s, got %s", o->input, name, then,
                      until);
}

static enum cl_status run(const struct options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_collateral_options options = {.allow_expired = true};
    CL_TRY(fetch_parse_time(o->time, &options.time, err));
    if (o->signer != NULL) {
        CL_TRY(cl_collateral_signer_read(o->signer, signer, err));
        options.signer = signer;
    }
    CL_TRY(cl_collateral_new(&c, err));
    CL_TRY(cl_collateral_add_path(c, o->input, &options, err));
    if (o->json) {
        CL_TRY(print_json(c, options.time, err));
    } else {
        print_text(c, options.time);
    }
    if (fflush(stdout) != 0) {
        return cl_err_sys(err, errno, "write 'stdout'");
    }
    return check_expiry(o, c, options.time, err);
}

int fetch_cmd_show(int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {0};
    if (parse(&o, argc, argv, &err) != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (o.help) {
        help();
        return 0;
    }
    return run(&o, &err) == CL_OK ? 0 : cl_fail(&err, /* hint= */ NULL);
}
