/* SPDX-License-Identifier: Apache-2.0
 * run_initdata.c - initdata out of flags, and flags against initdata. Trust, memory: run_args.h.
 */
#include "run_args.h"

#include "cloister/kbs_client.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CERT 65536u

static enum cl_status set_text(char **slot, const char *text, struct cl_err *err)
{
    if (text == NULL) {
        return CL_OK;
    }
    *slot = strdup(text);
    return *slot != NULL ? CL_OK : cl_err_nomem(err, "initdata");
}

static bool has_stream(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *s = list; s != NULL; s = strchr(s, ',') != NULL ? strchr(s, ',') + 1 : NULL) {
        if (strcspn(s, ",") == len && memcmp(s, name, len) == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status cli_read_cert(const char *path, char **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    const char *text = NULL;
    CL_TRY(cl_buf_read_file(&b, path, MAX_CERT, err));
    CL_TRY(cl_buf_cstr(&b, path, &text, err));
    if (strstr(text, "-----BEGIN CERTIFICATE-----") == NULL ||
        strstr(text, "PRIVATE KEY") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--kbs-cert '%s': expected a PEM certificate and no private key, got "
                          "something else",
                          path);
    }
    enum cl_status st = cl_kbs_check_cert(text, err);
    return st == CL_OK ? set_text(ret, text, err) : cl_err_wrap(err, st, "--kbs-cert '%s'", path);
}

enum cl_status cli_initdata_from_args(const struct cli_run_args *a, const struct cl_image *image,
                                      const char *default_stdio, struct cl_initdata *ret,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    const char *stdio = a->stdio != NULL ? a->stdio : default_stdio;
    i.encryption_required = a->encryption == NULL || strcmp(a->encryption, "required") == 0;
    if (i.encryption_required && a->kbs_url == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "--kbs: expected a broker, as encryption is required, got none");
    }
    memcpy(i.manifest, cl_image_manifest_digest(image), sizeof(i.manifest));
    CL_TRY(set_text(&i.kbs_url, a->kbs_url, err));
    if (a->kbs_cert != NULL) {
        CL_TRY(cli_read_cert(a->kbs_cert, &i.kbs_cert, err));
    }
    CL_TRY(set_text(&i.workdir, a->workdir, err));
    CL_TRY(set_text(&i.user, a->user, err));
    CL_TRY(cl_strv_copy(&i.env, &a->env, err));
    CL_TRY(cl_strv_copy(&i.command, &a->command, err));
    i.has_command = i.command.count > 0;
    i.terminal = a->tty;
    i.stdin_allowed = has_stream(stdio, "in");
    i.stdout_allowed = has_stream(stdio, "out");
    i.stderr_allowed = has_stream(stdio, "err") && !a->tty; /* a terminal carries both */
    *ret = i;
    i = (struct cl_initdata){0};
    return CL_OK;
}

/* --- flags against a given document
 * --------------------------------------------------------------- */

static enum cl_status differs(struct cl_err *err, const char *field, const char *want,
                              const char *got)
{
    return cl_err_set(err, CL_ERR_REJECTED, "initdata: %s: expected %.140s, got %.140s", field,
                      want != NULL ? want : "none", got);
}

static enum cl_status agree_text(const char *field, const char *want, const char *flag,
                                 struct cl_err *err)
{
    if (flag == NULL || (want != NULL && strcmp(want, flag) == 0)) {
        return CL_OK;
    }
    return differs(err, field, want, flag);
}

static enum cl_status agree_list(const char *field, const struct cl_strv *want,
                                 const struct cl_strv *flag, struct cl_err *err)
{
    if (flag->count == 0 || cl_strv_equal(want, flag)) {
        return CL_OK;
    }
    for (size_t n = 0; n < want->count || n < flag->count; n++) {
        const char *w = n < want->count ? want->v[n] : "none";
        const char *f = n < flag->count ? flag->v[n] : "none";
        if (strcmp(w, f) != 0) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "initdata: %s: item %zu: expected '%.120s', got '%.120s'", field, n,
                              w, f);
        }
    }
    return differs(err, field, "another list", "this one");
}

static enum cl_status agree_flag(const char *field, bool want, bool got, struct cl_err *err)
{
    return want == got ? CL_OK
                       : differs(err, field, want ? "true" : "false", got ? "true" : "false");
}

static enum cl_status agree_stdio(const struct cli_run_args *a, const struct cl_initdata *i,
                                  struct cl_err *err)
{
    if (a->stdio == NULL) {
        return CL_OK;
    }
    CL_TRY(agree_flag("container.stdin", i->stdin_allowed, has_stream(a->stdio, "in"), err));
    CL_TRY(agree_flag("container.stdout", i->stdout_allowed, has_stream(a->stdio, "out"), err));
    return agree_flag("container.stderr", i->stderr_allowed,
                      has_stream(a->stdio, "err") && !i->terminal, err);
}

static enum cl_status agree_cert(const struct cli_run_args *a, const struct cl_initdata *i,
                                 struct cl_err *err)
{
    char *cert = NULL;
    if (a->kbs_cert == NULL) {
        return CL_OK;
    }
    CL_TRY(cli_read_cert(a->kbs_cert, &cert, err));
    bool same = i->kbs_cert != NULL && strcmp(cert, i->kbs_cert) == 0;
    free(cert);
    return same ? CL_OK
                : differs(err, "aa.toml: cert",
                          i->kbs_cert != NULL ? "the certificate in initdata" : NULL, a->kbs_cert);
}

enum cl_status cli_initdata_agrees(const struct cli_run_args *a,
                                   const uint8_t manifest[static CL_SHA256_SIZE],
                                   const struct cl_initdata *i, struct cl_err *err)
{
    if (memcmp(manifest, i->manifest, CL_SHA256_SIZE) != 0) {
        char want[CL_OCI_DIGEST_SIZE];
        char got[CL_OCI_DIGEST_SIZE];
        cl_oci_digest_format(want, i->manifest);
        cl_oci_digest_format(got, manifest);
        return differs(err, "image.manifest", want, got);
    }
    CL_TRY(agree_text("image.encryption", i->encryption_required ? "required" : "optional",
                      a->encryption, err));
    CL_TRY(agree_text("aa.toml: url", i->kbs_url, a->kbs_url, err));
    CL_TRY(agree_cert(a, i, err));
    CL_TRY(agree_list("container.command", &i->command, &a->command, err));
    CL_TRY(agree_list("container.env", &i->env, &a->env, err));
    CL_TRY(agree_text("container.workdir", i->workdir, a->workdir, err));
    CL_TRY(agree_text("container.user", i->user, a->user, err));
    if (a->tty) {
        CL_TRY(agree_flag("container.terminal", i->terminal, true, err));
    }
    return agree_stdio(a, i, err);
}

enum cl_status cli_image_fits(const struct cl_image *image, const struct cl_initdata *i,
                              struct cl_err *err)
{
    const struct cl_oci_manifest *m = cl_image_manifest(image);
    bool all = cl_oci_manifest_all_encrypted(m);
    bool none = cl_oci_manifest_none_encrypted(m);
    if (all || (none && !i->encryption_required)) {
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "image: layers: expected %s encrypted, got %s encrypted",
                      i->encryption_required ? "all" : "all or none", none ? "none" : "some");
}
