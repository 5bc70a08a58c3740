/* SPDX-License-Identifier: Apache-2.0
 * initdata_make.c - writes initdata as TOML text. Trust: the struct is our own; the text is parsed
 * again before it is handed out, so that nothing is measured that a guest would read differently.
 * Threads: no shared state. Memory: the text.
 */
#include "cloister/initdata.h"

#include "base/encode.h"
#include "base/toml.h"

#include <string.h>

static enum cl_status put_list(struct cl_buf *out, const char *key, const struct cl_strv *list,
                               struct cl_err *err)
{
    CL_TRY(cl_buf_printf(out, err, "%s = [", key));
    for (size_t i = 0; i < list->count; i++) {
        CL_TRY(cl_buf_append_str(out, i > 0 ? ", \"" : "\"", err));
        for (const char *p = list->v[i]; *p != '\0'; p++) {
            unsigned char c = (unsigned char)*p;
            if (c == '"' || c == '\\') {
                CL_TRY(cl_buf_printf(out, err, "\\%c", c));
            } else if (c < 0x20 || c == 0x7f) {
                CL_TRY(cl_buf_printf(out, err, "\\u%04x", (unsigned)c));
            } else {
                CL_TRY(cl_buf_append(out, p, 1, err));
            }
        }
        CL_TRY(cl_buf_append_str(out, "\"", err));
    }
    return cl_buf_append_str(out, "]\n", err);
}

static enum cl_status put_optional(struct cl_buf *out, const char *key, const char *value,
                                   struct cl_err *err)
{
    return value != NULL ? cl_toml_put_string(out, key, value, err) : CL_OK;
}

static enum cl_status make_workload(const struct cl_initdata *i, struct cl_buf *out,
                                    struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, i->manifest);
    CL_TRY(cl_buf_append_str(out, "[image]\n", err));
    CL_TRY(cl_toml_put_string(out, "manifest", digest, err));
    CL_TRY(cl_toml_put_string(out, "encryption", i->encryption_required ? "required" : "optional",
                              err));
    CL_TRY(cl_buf_append_str(out, "[container]\n", err));
    if (i->has_command) {
        CL_TRY(put_list(out, "command", &i->command, err));
    }
    if (i->env.count > 0) {
        CL_TRY(put_list(out, "env", &i->env, err));
    }
    CL_TRY(put_optional(out, "workdir", i->workdir, err));
    CL_TRY(put_optional(out, "user", i->user, err));
    return cl_buf_printf(out, err, "terminal = %s\nstdin = %s\nstdout = %s\nstderr = %s\n",
                         i->terminal ? "true" : "false", i->stdin_allowed ? "true" : "false",
                         i->stdout_allowed ? "true" : "false",
                         i->stderr_allowed ? "true" : "false");
}

static enum cl_status make_broker(const struct cl_initdata *i, struct cl_buf *out,
                                  struct cl_err *err)
{
    CL_TRY(cl_buf_append_str(out, "[token_configs.kbs]\n", err));
    CL_TRY(cl_toml_put_string(out, "url", i->kbs_url, err));
    /* A basic string, not a literal of several lines: this text becomes a literal itself. */
    CL_TRY(cl_buf_append_str(out, "cert = \"\"\"\n", err));
    CL_TRY(cl_buf_append_str(out, i->kbs_cert, err));
    return cl_buf_append_str(out, "\"\"\"\n", err);
}

static enum cl_status put_inner(struct cl_buf *out, const char *key, const struct cl_buf *inner,
                                struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_buf_cstr(inner, "initdata", &text, err));
    return cl_toml_put_string(out, key, text, err);
}

static enum cl_status make_text(const struct cl_initdata *i, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf inner = {0};
    CL_TRY(cl_toml_put_string(out, "version", "0.1.0", err));
    CL_TRY(cl_toml_put_string(out, "algorithm", "sha256", err));
    CL_TRY(cl_buf_append_str(out, "[data]\n", err));
    if (i->kbs_url != NULL && i->kbs_cert != NULL) {
        CL_TRY(make_broker(i, &inner, err));
        CL_TRY(put_inner(out, "aa.toml", &inner, err));
        cl_buf_reset(&inner);
    }
    if (i->pod_policy != NULL) {
        return cl_toml_put_string(out, "pod-policy.json", i->pod_policy, err);
    }
    CL_TRY(make_workload(i, &inner, err));
    return put_inner(out, "cloister.toml", &inner, err);
}

static bool text_equal(const char *a, const char *b)
{
    return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

bool cl_initdata_equal(const struct cl_initdata *a, const struct cl_initdata *b)
{
    return text_equal(a->kbs_url, b->kbs_url) && text_equal(a->kbs_cert, b->kbs_cert) &&
           text_equal(a->pod_policy, b->pod_policy) &&
           memcmp(a->manifest, b->manifest, sizeof(a->manifest)) == 0 &&
           a->encryption_required == b->encryption_required && a->has_command == b->has_command &&
           cl_strv_equal(&a->command, &b->command) && cl_strv_equal(&a->env, &b->env) &&
           text_equal(a->workdir, b->workdir) && text_equal(a->user, b->user) &&
           a->terminal == b->terminal && a->stdin_allowed == b->stdin_allowed &&
           a->stdout_allowed == b->stdout_allowed && a->stderr_allowed == b->stderr_allowed;
}

enum cl_status cl_initdata_make(const struct cl_initdata *i, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_initdata_done) struct cl_initdata again = {0};
    CL_TRY(make_text(i, &text, err));
    enum cl_status st = cl_initdata_parse(text.data, text.len, &again, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "initdata as written");
    }
    if (!cl_initdata_equal(i, &again)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "initdata as written: does not read back as it was meant");
    }
    return cl_buf_append(out, text.data, text.len, err);
}
