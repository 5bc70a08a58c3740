/* SPDX-License-Identifier: Apache-2.0
 * kbs_verify.c - `cloister kbs`: what evidence is judged by: verify policy, collateral, and the
 * document of distrusted platforms.
 */
#include "cmd_kbs.h"

#include "base/io.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_DOCUMENT (2u << 20) /* what a request may carry */
#define MAX_KEY (16u << 10)

/* A file as it is: the broker reads it, and says what is wrong with it. */
static enum cl_status post_file(const struct kbs_options *o, const char *file, const char *path,
                                struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(cl_buf_read_file(&raw, file, MAX_DOCUMENT, err));
    CL_TRY(kbs_admin_open(o, &a, err));
    return kbs_admin_send(a, "POST", path, raw.data, raw.len, &resp, err);
}

enum cl_status kbs_set_verify_policy(const struct kbs_options *o, struct cl_err *err)
{
    return post_file(o, o->args[0], "/kbs/v0/verify-policy", err);
}

enum cl_status kbs_get_verify_policy(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_print_document(
        o, o->history ? "/kbs/v0/verify-policy/history" : "/kbs/v0/verify-policy",
        o->history ? NULL : "policy", err);
}

enum cl_status kbs_set_collateral(const struct kbs_options *o, struct cl_err *err)
{
    return post_file(o, o->args[0], "/kbs/v0/collateral", err);
}

enum cl_status kbs_list_collateral(const struct kbs_options *o, struct cl_err *err)
{
    static const char *const members[] = {"kind", "issued", "expires", NULL};
    return kbs_print_list(o, "/kbs/v0/collateral", "items", members, err);
}

enum cl_status kbs_delete_collateral(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_delete_path(o, "/kbs/v0/collateral", NULL, NULL, err);
}

static enum cl_status read_text(const char *file, size_t max, struct cl_buf *out,
                                const char **ret_text, struct cl_err *err)
{
    CL_TRY(cl_buf_read_file(out, file, max, err));
    while (out->len > 0 && isspace(out->data[out->len - 1]) != 0) {
        out->len--;
    }
    enum cl_status st = cl_buf_cstr(out, "text", ret_text, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "'%s'", file);
}

/* The document and the key that signed it: the broker checks the signature at each use. */
enum cl_status kbs_set_distrust(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf document = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf key = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    const char *text = NULL;
    const char *pem = NULL;
    CL_TRY(read_text(o->args[0], MAX_DOCUMENT, &document, &text, err));
    CL_TRY(read_text(o->args[1], MAX_KEY, &key, &pem, err));
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_pack("{s:s, s:s}", "document", text, "key", pem);
    CL_TRY(kbs_admin_open(o, &a, err));
    return kbs_admin_send_json(a, "/kbs/v0/distrust", j, &resp, err);
}

enum cl_status kbs_delete_distrust(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_delete_path(o, "/kbs/v0/distrust", NULL, NULL, err);
}
