/* SPDX-License-Identifier: Apache-2.0
 * tdx_tcb_info.c - TCB Info version 3 of Intel TDX: which TCBs of one family of platforms are good.
 * Trust: called on bytes that Intel has signed, and as strict as if it had not.
 * Threads: pure. Memory: one object and its JSON document. Spec: tdx.md a.9.
 */
#include "tdx/tdx_tcb.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "tcbInfo"
#define VERSION 3

void tdx_tcb_info_free(struct tdx_tcb_info *info)
{
    if (info != NULL) {
        json_decref(info->doc.json);
        free(info);
    }
}

void tdx_tcb_info_freep(struct tdx_tcb_info **info)
{
    tdx_tcb_info_free(*info);
    *info = NULL;
}

static enum cl_status get_components(const json_t *tcb, const char *key,
                                     uint8_t ret[static CL_TDX_SVN_SIZE], struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(tcb, WHAT, key, &list, err));
    if (json_array_size(list) != CL_TDX_SVN_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": %s: expected %u, got %zu", key,
                          CL_TDX_SVN_SIZE, json_array_size(list));
    }
    for (size_t i = 0; i < CL_TDX_SVN_SIZE; i++) {
        int64_t svn = 0;
        CL_TRY(cl_json_get_int(json_array_get(list, i), key, "svn", 0, 255, &svn, err));
        ret[i] = (uint8_t)svn;
    }
    return CL_OK;
}

static int higher_first(const void *a, const void *b)
{
    const struct tdx_platform_level *x = a, *y = b;
    int d = memcmp(y->sgx, x->sgx, sizeof(x->sgx));
    d = d != 0 ? d : (int)y->pcesvn - (int)x->pcesvn;
    return d != 0 ? d : memcmp(y->tdx, x->tdx, sizeof(x->tdx));
}

static enum cl_status get_levels(struct tdx_tcb_info *info, struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(info->doc.json, WHAT, "tcbLevels", &list, err));
    size_t n = json_array_size(list);
    if (n == 0 || n > TDX_MAX_LEVELS) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": tcbLevels: expected 1 to %u, got %zu",
                          TDX_MAX_LEVELS, n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *level = json_array_get(list, i);
        struct tdx_platform_level *l = &info->levels[i];
        json_t *tcb = NULL;
        int64_t pcesvn = 0;
        CL_TRY(cl_json_get_object(level, WHAT, "tcb", &tcb, err));
        CL_TRY(get_components(tcb, "sgxtcbcomponents", l->sgx, err));
        CL_TRY(get_components(tcb, "tdxtcbcomponents", l->tdx, err));
        CL_TRY(cl_json_get_int(tcb, WHAT, "pcesvn", 0, UINT16_MAX, &pcesvn, err));
        l->pcesvn = (uint16_t)pcesvn;
        CL_TRY(tdx_get_words(level, WHAT, &l->words, err));
    }
    info->level_count = n;
    qsort(info->levels, n, sizeof(info->levels[0]), higher_first);
    return CL_OK;
}

static enum cl_status get_signer(const json_t *j, const char *what, struct tdx_module *m,
                                 struct cl_err *err)
{
    CL_TRY(tdx_get_hex(j, what, "mrsigner", m->mrsigner, sizeof(m->mrsigner), err));
    CL_TRY(tdx_get_hex(j, what, "attributes", m->attributes, sizeof(m->attributes), err));
    return tdx_get_hex(j, what, "attributesMask", m->attributes_mask, sizeof(m->attributes_mask),
                       err);
}

/* "TDX_03" is 3. */
static enum cl_status parse_module_id(const char *id, uint8_t *ret, struct cl_err *err)
{
    char *end = NULL;
    unsigned long v =
        strlen(id) == 6 && strncmp(id, "TDX_", 4) == 0 ? strtoul(id + 4, &end, 16) : 256;
    if (v > 255 || end != id + 6 || id[4] == '+' || id[4] == '-' || id[4] == ' ') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": tdxModuleIdentities: id: expected TDX_ and two hex digits, got "
                               "'%.32s'",
                          id);
    }
    *ret = (uint8_t)v;
    return CL_OK;
}

static enum cl_status get_modules(struct tdx_tcb_info *info, struct cl_err *err)
{
    json_t *one = NULL, *list = NULL;
    CL_TRY(cl_json_get_object(info->doc.json, WHAT, "tdxModule", &one, err));
    CL_TRY(get_signer(one, "tdxModule", &info->module_v0, err));
    if (json_object_get(info->doc.json, "tdxModuleIdentities") == NULL) {
        return CL_OK; /* as Intel served it before TDX 1.5 */
    }
    CL_TRY(cl_json_get_array(info->doc.json, WHAT, "tdxModuleIdentities", &list, err));
    if (json_array_size(list) > TDX_MAX_MODULES) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": tdxModuleIdentities: expected at most %u, got %zu",
                          TDX_MAX_MODULES, json_array_size(list));
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        struct tdx_module *m = &info->modules[i];
        const char *id = NULL;
        CL_TRY(cl_json_get_string(j, "tdxModuleIdentities", "id", &id, err));
        CL_TRY(parse_module_id(id, &m->version, err));
        if (tdx_find_module(info, m->version) != NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              WHAT ": tdxModuleIdentities: expected each id once, got %s twice",
                              id);
        }
        CL_TRY(get_signer(j, "tdxModuleIdentities", m, err));
        CL_TRY(tdx_get_svn_levels(j, "tdxModuleIdentities", m->levels, &m->level_count, err));
        info->module_count = i + 1;
    }
    return CL_OK;
}

enum cl_status tdx_tcb_info_parse(const uint8_t *body, size_t len, struct tdx_tcb_info **ret_info,
                                  struct cl_err *err)
{
    CL_CLEANUP(tdx_tcb_info_freep) struct tdx_tcb_info *info = calloc(1, sizeof(*info));
    int64_t type = 0;
    if (info == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    CL_TRY(tdx_document_parse(body, len, WHAT, "TDX", VERSION, &info->doc, err));
    const json_t *j = info->doc.json;
    CL_TRY(tdx_get_hex(j, WHAT, "fmspc", info->fmspc, sizeof(info->fmspc), err));
    CL_TRY(tdx_get_hex(j, WHAT, "pceId", info->pceid, sizeof(info->pceid), err));
    CL_TRY(cl_json_get_int(j, WHAT, "tcbType", 0, 0, &type, err));
    CL_TRY(get_modules(info, err));
    CL_TRY(get_levels(info, err));
    *ret_info = CL_TAKE(info);
    return CL_OK;
}
