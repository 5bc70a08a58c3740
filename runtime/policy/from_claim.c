/* SPDX-License-Identifier: Apache-2.0
 * from_claim.c - claims whose volumes are encrypted: what --volume says of them. The manifest has
 * no place for it.
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <stdlib.h>
#include <string.h>

struct claim {
    char *key;
    char *mount; /* NULL: a device */
    char *format;
};

static void claim_done(struct claim *k)
{
    free(k->key);
    free(k->mount);
    free(k->format);
}

static enum cl_status bad(const char *option, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "--volume: expected NAME=kbs:///KEY[,mount=PATH][,format=if-blank], got "
                      "'%.128s'",
                      option);
}

static enum cl_status take(char **field, const char *text, size_t len, struct cl_err *err)
{
    free(*field);
    *field = strndup(text, len);
    return *field != NULL ? CL_OK : cl_err_nomem(err, "volume");
}

/* text: behind "NAME=". */
static enum cl_status parse(const char *option, const char *text, struct claim *k,
                            struct cl_err *err)
{
    size_t n = strcspn(text, ",");
    CL_TRY(take(&k->key, text, n, err));
    for (text += n; *text == ','; text += n) {
        text++;
        n = strcspn(text, ",");
        if (strncmp(text, "mount=", 6) == 0 && n > 6) {
            CL_TRY(take(&k->mount, text + 6, n - 6, err));
        } else if (strncmp(text, "format=", 7) == 0 && n > 7) {
            CL_TRY(take(&k->format, text + 7, n - 7, err));
        } else {
            return bad(option, err);
        }
    }
    return CL_OK;
}

static const char *find_option(struct policy_from *f, const char *name, const char **ret_option)
{
    const struct cl_strv *list = f->options->volumes;
    size_t n = strlen(name);
    for (size_t i = 0; list != NULL && i < list->count && i < POLICY_MAX_GIVEN; i++) {
        if (strncmp(list->v[i], name, n) == 0 && list->v[i][n] == '=') {
            f->volume_used[i] = true;
            *ret_option = list->v[i];
            return list->v[i] + n + 1;
        }
    }
    return NULL;
}

static enum cl_status add_volume(struct policy_from *f, const char *name, const struct claim *k,
                                 struct cl_err *err)
{
    json_t *v = NULL;
    CL_TRY(policy_use_volume(f, name, "block", &v, err));
    if (v == NULL) {
        return CL_OK;
    }
    json_t *encrypted = json_object();
    CL_TRY(policy_put(v, "encrypted", encrypted, err));
    CL_TRY(policy_put(encrypted, "key", json_string(k->key), err));
    return k->format != NULL ? policy_put(encrypted, "format", json_string(k->format), err) : CL_OK;
}

static enum cl_status add_device(const char *name, const char *path, const struct claim *k,
                                 json_t *devices, struct cl_err *err)
{
    json_t *to = json_object();
    CL_TRY(policy_append(devices, to, err));
    CL_TRY(policy_put(to, "path", json_string(path), err));
    CL_TRY(policy_put(to, "volume", json_string(name), err));
    return k->mount != NULL ? policy_put(to, "mount", json_string(k->mount), err) : CL_OK;
}

enum cl_status policy_claim_build(struct policy_container *c, const char *name, const char *path,
                                  json_t *devices, bool *ret_found, struct cl_err *err)
{
    struct claim k = {0};
    const char *option = NULL;
    const char *text = find_option(c->f, name, &option);
    *ret_found = text != NULL;
    enum cl_status st = text != NULL ? parse(option, text, &k, err) : CL_OK;
    st = st == CL_OK && text != NULL ? add_volume(c->f, name, &k, err) : st;
    st = st == CL_OK && text != NULL ? add_device(name, path, &k, devices, err) : st;
    claim_done(&k);
    return st;
}
