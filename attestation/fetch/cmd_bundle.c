/* SPDX-License-Identifier: Apache-2.0
 * cmd_bundle.c - `cloister collateral bundle`: folders, files and older bundles become one file.
 * Trust: the inputs are hostile in form; whoever signs vouches for nothing but that these items
 *        are what was there at that time. Threads: one. Memory: bounded by cloister/collateral.h.
 */
#include "fetch.h"

#include "base/cmd.h"
#include "base/io.h"
#include "cloister/pem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister collateral bundle"
#define MAX_INPUTS 64

struct options {
    const char *out, *key, *expires, *signer;
    char **inputs;
    int input_count;
    bool help;
};

static void help(void)
{
    printf(
        "usage: " PROG " --out FILE [OPTION]... FILE-OR-DIR...\n\n"
        "Puts collateral into one file, with which verification needs no network.\n\n"
        "  --out FILE        the bundle to write (cloister.collateral/1)\n"
        "  --key FILE        sign it with this private key (PEM, EC P-256 or Ed25519)\n"
        "  --expires TIME    when it stops being usable (2026-01-31T00:00:00Z); default: when\n"
        "                    the first of its items does\n"
        "  --signer FILE     accept only inputs that are bundles signed by this key (PEM, or 64\n"
        "                    hex digits)\n\n"
        "example: " PROG " --key auditor.key --out bundle.json collateral\n");
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    const struct fetch_option table[] = {
        {"out", &o->out, NULL},       {"key", &o->key, NULL},   {"expires", &o->expires, NULL},
        {"signer", &o->signer, NULL}, {"help", NULL, &o->help}, {NULL, NULL, NULL},
    };
    int at = 0;
    CL_TRY(fetch_parse_options(table, &o->help, argc, argv, &at, err));
    o->inputs = argv + at;
    o->input_count = argc - at;
    if (o->help) {
        return CL_OK;
    }
    if (o->out == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--out: expected a file, got nothing");
    }
    if (o->input_count < 1 || o->input_count > MAX_INPUTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "argument: expected 1 to %d inputs, got %d",
                          MAX_INPUTS, o->input_count);
    }
    return CL_OK;
}

static enum cl_status read_inputs(const struct options *o, int64_t now, struct cl_collateral *c,
                                  struct cl_err *err)
{
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_collateral_options options = {.time = now};
    if (o->signer != NULL) {
        CL_TRY(cl_collateral_signer_read(o->signer, signer, err));
        options.signer = signer;
    }
    for (int i = 0; i < o->input_count; i++) {
        CL_TRY(cl_collateral_add_path(c, o->inputs[i], &options, err));
    }
    return CL_OK;
}

/* The time of --expires, or when the first item ends. An item that has ended already has no place
 * in a bundle. */
static enum cl_status choose_expiry(const struct options *o, int64_t now,
                                    const struct cl_collateral *c, int64_t *ret, struct cl_err *err)
{
    int64_t first = INT64_MAX;
    char text[21];
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        char name[FETCH_NAME_SIZE];
        if (it->expires <= now) {
            fetch_file_name(it, name);
            cl_time_format(text, it->expires);
            return cl_err_set(err, CL_ERR_UNAVAILABLE,
                              "bundle '%s': %s: expiry: expected a time to come, got %s", o->out,
                              name, text);
        }
        first = it->expires < first ? it->expires : first;
    }
    *ret = first;
    if (o->expires != NULL) {
        CL_TRY(cl_time_parse(o->expires, ret, err));
    }
    if (*ret <= now) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--expires: expected a time to come, got %s",
                          o->expires);
    }
    return CL_OK;
}

static enum cl_status run(const struct options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    int64_t now = 0, expires = 0;
    char until[21];
    CL_TRY(fetch_parse_time(/* text= */ NULL, &now, err));
    if (o->key != NULL) {
        CL_TRY(cl_pem_private_key(o->key, &key, err));
        CL_TRY(cl_collateral_signer_of(key, signer, err));
    }
    CL_TRY(cl_collateral_new(&c, err));
    CL_TRY(read_inputs(o, now, c, err));
    CL_TRY(choose_expiry(o, now, c, &expires, err));
    CL_TRY(cl_collateral_write_bundle(c, now, expires, key, &text, err));
    CL_TRY(cl_write_file(o->out, text.data, text.len, 0644, err));
    cl_time_format(until, expires);
    printf("%s: %zu items, expires %s, %s\n", o->out, cl_collateral_count(c), until,
           key != NULL ? "signed" : "not signed");
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

int fetch_cmd_bundle(int argc, char **argv)
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
    enum cl_status st = run(&o, &err);
    return st == CL_OK ? 0 : cl_fail(&err, st == CL_ERR_UNAVAILABLE ? "fetch it anew" : NULL);
}
