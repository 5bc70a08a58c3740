/* SPDX-License-Identifier: Apache-2.0
 * cmd_initdata.c - `cloister initdata make|show|digest`.
 * Trust: a document that is shown may be anybody's; what is printed of it is escaped.
 */
#include "cli.h"
#include "run_args.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

static enum cl_status make(const struct cli_run_args *a, struct cl_buf *ret, struct cl_err *err)
{
    struct cl_image_options opt = {.registry_ca = a->registry_ca};
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_TRY(cl_image_open(a->image, &opt, &image, err));
    CL_TRY(cli_initdata_from_args(a, image, "none", &i, err));
    CL_TRY(cli_image_fits(image, &i, err));
    return cl_initdata_make(&i, ret, err);
}

static int cmd_make(int argc, char **argv)
{
    struct cli_run_args a;
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    int rc = cli_run_args_parse(argc, argv, /* make= */ true, EXIT_USAGE, &a);
    if (rc < 0) {
        enum cl_status st = make(&a, &text, &err);
        st = st == CL_OK ? cl_initdata_digest(text.data, text.len, digest, &err) : st;
        if (st == CL_OK) {
            st = a.out != NULL ? cl_write_file(a.out, text.data, text.len, 0644, &err)
                               : cl_write_all(STDOUT_FILENO, text.data, text.len, "stdout", &err);
        }
        if (st == CL_OK) {
            cl_hex(hex, digest, sizeof(digest));
            (void)fprintf(stderr, "cloister: initdata digest %s\n", hex);
        }
        rc = st == CL_OK ? 0 : cl_fail(&err, NULL);
    }
    cli_run_args_done(&a);
    return rc;
}

/* --- show, digest
 * ------------------------------------------------------------------------------------- */

static const char show_help[] = "usage: cloister initdata show FILE [--json]\n"
                                "       cloister initdata digest FILE\n"
                                "\n"
                                "show: what the document says. digest: SHA-256 of its bytes, which "
                                "a guest's HOST_DATA carries.\n"
                                "example: cloister initdata show i.toml\n";

struct show_args {
    const char *file;
    bool json;
};

/* -1: go on; else the exit status. */
static int show_parse(const char *prog, int argc, char **argv, struct show_args *a)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(show_help, stdout);
            return 0;
        }
        if (c != 'j') {
            return cl_usage_error(prog, "unknown option '%s'", argv[optind - 1]);
        }
        a->json = true;
    }
    if (argc - optind != 1) {
        return cl_usage_error(prog, "expected FILE, got %d arguments", argc - optind);
    }
    a->file = argv[optind];
    return -1;
}

static json_t *strv_json(const struct cl_strv *s)
{
    json_t *array = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(array, json_string(s->v[i]));
    }
    return array;
}

static json_t *initdata_json(const struct cl_initdata *i, const char *hex)
{
    char manifest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(manifest, i->manifest);
    return json_pack(
        "{s:s, s:s, s:{s:s?, s:s?}, s:{s:s, s:s}, s:{s:o, s:o, s:s?, s:s?, s:b, s:b, s:b, s:b}}",
        "schema", "cloister.initdata/1", "digest", hex, "kbs", "url", i->kbs_url, "cert",
        i->kbs_cert, "image", "manifest", manifest, "encryption",
        i->encryption_required ? "required" : "optional", "container", "command",
        i->has_command ? strv_json(&i->command) : json_null(), "env", strv_json(&i->env), "workdir",
        i->workdir, "user", i->user, "terminal", i->terminal, "stdin", i->stdin_allowed, "stdout",
        i->stdout_allowed, "stderr", i->stderr_allowed);
}

static int print_document(const struct cl_initdata *i, const char *hex, bool json)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = initdata_json(i, hex);
    size_t flags = JSON_ENSURE_ASCII | (json ? JSON_COMPACT : JSON_INDENT(2));
    char *text = j != NULL ? json_dumps(j, flags) : NULL;
    if (text == NULL) {
        struct cl_err err = {0};
        (void)cl_err_nomem(&err, "initdata");
        return cl_fail(&err, NULL);
    }
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

static int show_or_digest(const char *prog, int argc, char **argv, bool parse)
{
    struct show_args a = {0};
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    int rc = show_parse(prog, argc, argv, &a);
    if (rc >= 0) {
        return rc;
    }
    enum cl_status st = cl_buf_read_file(&text, a.file, CL_INITDATA_MAX_SIZE, &err);
    st = st == CL_OK ? cl_initdata_digest(text.data, text.len, digest, &err) : st;
    /* The digest is of the bytes; but of something that is no initdata it would only mislead. */
    st = st == CL_OK ? cl_initdata_parse(text.data, text.len, &i, &err) : st;
    if (st != CL_OK) {
        if (st != CL_ERR_SYS) {
            (void)cl_err_wrap(&err, st, "%s '%.200s'", prog + strlen("cloister "), a.file);
        }
        return cl_fail(&err, NULL);
    }
    cl_hex(hex, digest, sizeof(digest));
    if (parse) {
        return print_document(&i, hex, a.json);
    }
    (void)printf("%s\n", hex);
    return 0;
}

static int cmd_show(int argc, char **argv)
{
    return show_or_digest("cloister initdata show", argc, argv, true);
}

static int cmd_digest(int argc, char **argv)
{
    return show_or_digest("cloister initdata digest", argc, argv, false);
}

int cl_cmd_initdata(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"make", cmd_make, "write initdata from flags and an image"},
        {"show", cmd_show, "what a document says"},
        {"digest", cmd_digest, "its SHA-256, as HOST_DATA carries it"},
        {0}};
    return cl_cmd_dispatch(table, "cloister initdata", "cloister initdata digest i.toml", argc,
                           argv);
}
