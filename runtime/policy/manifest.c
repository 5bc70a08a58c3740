/* SPDX-License-Identifier: Apache-2.0
 * manifest.c - see manifest.h.
 */
#include "manifest.h"

#include "tree.h"

#include <string.h>

/* Where the PodSpec of an object of each kind is. */
static const struct {
    const char *kind;
    const char *const path[6]; /* NULL-terminated */
} kinds[] = {
    {"Pod", {"spec"}},
    {"PodTemplate", {"template", "spec"}},
    {"Deployment", {"spec", "template", "spec"}},
    {"ReplicaSet", {"spec", "template", "spec"}},
    {"ReplicationController", {"spec", "template", "spec"}},
    {"StatefulSet", {"spec", "template", "spec"}},
    {"DaemonSet", {"spec", "template", "spec"}},
    {"Job", {"spec", "template", "spec"}},
    {"CronJob", {"spec", "jobTemplate", "spec", "template", "spec"}},
};

struct search {
    const char *selected;
    struct policy_pod found;
    size_t count;   /* that fit */
    size_t objects; /* seen */
};

static const char *name_of(const json_t *object)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    return name != NULL ? name : "";
}

static bool fits(const char *selected, const char *kind, const char *name)
{
    const char *slash = selected != NULL ? strchr(selected, '/') : NULL;
    if (selected == NULL) {
        return true;
    }
    if (slash == NULL) {
        return strcmp(selected, name) == 0;
    }
    size_t len = (size_t)(slash - selected);
    return strlen(kind) == len && strncmp(selected, kind, len) == 0 && strcmp(slash + 1, name) == 0;
}

static enum cl_status take_pod(struct search *s, const json_t *object, size_t k, struct cl_err *err)
{
    const char *name = name_of(object);
    json_t *at = (json_t *)(uintptr_t)object;
    if (!fits(s->selected, kinds[k].kind, name)) {
        return CL_OK;
    }
    for (size_t i = 0; kinds[k].path[i] != NULL; i++) {
        json_t *below = NULL;
        enum cl_status st = cl_json_get_object(at, "object", kinds[k].path[i], &below, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s '%.64s'", kinds[k].kind, name);
        }
        at = below;
    }
    s->found = (struct policy_pod){.spec = at,
                                   .kind = kinds[k].kind,
                                   .name = name,
                                   .is_pod = strcmp(kinds[k].kind, "Pod") == 0};
    s->count++;
    return CL_OK;
}

static enum cl_status visit(struct search *s, const json_t *object, struct cl_err *err)
{
    const char *kind = NULL;
    if (++s->objects > POLICY_MAX_OBJECTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "objects: expected at most %u, got more",
                          POLICY_MAX_OBJECTS);
    }
    CL_TRY(policy_need_text(object, "object", "kind", &kind, err));
    for (size_t k = 0; k < CL_ARRAY_LEN(kinds); k++) {
        if (strcmp(kinds[k].kind, kind) == 0) {
            return take_pod(s, object, k, err);
        }
    }
    return CL_OK; /* a Service, a ConfigMap: nothing that runs */
}

/* The items of a List, or NULL. A list in a list is none of Kubernetes. */
static json_t *items_of(const json_t *document)
{
    const char *kind = json_string_value(json_object_get(document, "kind"));
    json_t *items = json_object_get(document, "items");
    return kind != NULL && strcmp(kind, "List") == 0 && json_is_array(items) ? items : NULL;
}

enum cl_status policy_pod_find(const json_t *documents, const char *selected,
                               struct policy_pod *ret, struct cl_err *err)
{
    struct search s = {.selected = selected};
    size_t i = 0;
    json_t *d = NULL;
    json_array_foreach(documents, i, d)
    {
        json_t *items = items_of(d);
        size_t k = 0;
        json_t *item = NULL;
        if (items == NULL) {
            CL_TRY(visit(&s, d, err));
        }
        json_array_foreach(items, k, item)
        {
            CL_TRY(visit(&s, item, err));
        }
    }
    if (s.count != 1) {
        return cl_err_set(err, CL_ERR_REJECTED, "pods%s%.64s: expected one, got %zu",
                          selected != NULL ? " that are " : "", selected != NULL ? selected : "",
                          s.count);
    }
    *ret = s.found;
    return CL_OK;
}

static bool is_object(const json_t *object, const char *kind, const char *name)
{
    const char *k = json_string_value(json_object_get(object, "kind"));
    return k != NULL && strcmp(k, kind) == 0 && strcmp(name_of(object), name) == 0;
}

json_t *policy_object_find(const json_t *documents, const char *kind, const char *name)
{
    size_t i = 0;
    json_t *d = NULL;
    json_array_foreach(documents, i, d)
    {
        size_t k = 0;
        json_t *item = NULL;
        if (is_object(d, kind, name)) {
            return d;
        }
        json_array_foreach(items_of(d), k, item)
        {
            if (is_object(item, kind, name)) {
                return item;
            }
        }
    }
    return NULL;
}
