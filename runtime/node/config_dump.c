/* SPDX-License-Identifier: Apache-2.0
 * config_dump.c - what containerd makes of its files, by its own account (`containerd config
 * dump`). Trust, threads, memory: config.h.
 */
#include "config_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum cl_status take_table(const struct node_table *t, struct cl_buf *name,
                                 struct cl_err *err)
{
    cl_buf_reset(name);
    for (size_t i = 0; i < t->part_count; i++) {
        CL_TRY(cl_buf_printf(name, err, "%s\n", t->part[i]));
    }
    return CL_OK;
}

static enum cl_status take_key(const char *text, const struct node_line *l,
                               const struct cl_buf *table, json_t *flat, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf name = {0};
    size_t end = l->value.end;
    while (end > l->value.begin && strchr(" \t\r\n", text[end - 1]) != NULL) {
        end--;
    }
    CL_TRY(cl_buf_append(&name, table->data, table->len, err));
    CL_TRY(cl_buf_append(&name, text + l->key.begin, l->key.end - l->key.begin, err));
    CL_TRY(cl_buf_append_str(&name, "\n", err));
    json_t *value = json_stringn(text + l->value.begin, end - l->value.begin);
    if (value == NULL || json_object_set_new(flat, (const char *)name.data, value) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "key '%.60s': expected UTF-8", (char *)name.data);
    }
    return CL_OK;
}

enum cl_status node_config_flatten(const char *text, size_t len, json_t **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *flat = json_object();
    struct node_line *l = calloc(1, sizeof(*l));
    enum cl_status st = CL_OK;
    size_t pos = 0;
    if (l == NULL || flat == NULL) {
        free(l);
        return cl_err_nomem(err, "configuration");
    }
    while (st == CL_OK && node_line_next(text, len, &pos, l, &st, err)) {
        if (l->kind == NODE_LINE_TABLE) {
            st = take_table(&l->table, &table, err);
        } else if (l->kind == NODE_LINE_KEY) {
            st = take_key(text, l, &table, flat, err);
        }
    }
    free(l);
    if (st == CL_OK) {
        *ret = CL_TAKE(flat);
    }
    return st;
}

bool node_config_cri(const json_t *flat, const char *table, const char *key, char *ret, size_t size)
{
    static const char *const plugin[] = {
        "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"};
    char name[1024];
    for (size_t i = 0; i < CL_ARRAY_LEN(plugin); i++) {
        (void)snprintf(name, sizeof(name), "plugins\n%s\n%s%s\n", plugin[i], table, key);
        const char *value = json_string_value(json_object_get(flat, name));
        size_t n = value != NULL ? strlen(value) : 0;
        if (n >= 2 && (value[0] == '"' || value[0] == '\'') && n - 2 < size) {
            memcpy(ret, value + 1, n - 2);
            ret[n - 2] = '\0';
            return true;
        }
    }
    return false;
}

/* One table's line, and its header when it is another table than that of the line before. */
static enum cl_status put_line(const char *rest, const char *value, struct cl_buf *last,
                               struct cl_buf *ret, struct cl_err *err)
{
    char name[1024];
    (void)snprintf(name, sizeof(name), "%s", rest);
    name[strlen(name) > 0 ? strlen(name) - 1 : 0] = '\0'; /* the key's line end */
    char *key = strrchr(name, '\n');
    if (key == NULL) {
        return CL_OK; /* a key of the table of runtimes itself */
    }
    *key++ = '\0';
    for (char *p = name; (p = strchr(p, '\n')) != NULL;) {
        *p = '.';
    }
    if (last->len == 0 || strcmp((char *)last->data, name) != 0) {
        cl_buf_reset(last);
        CL_TRY(cl_buf_append_str(last, name, err));
        CL_TRY(cl_buf_printf(
            ret, err, "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.%s]\n", name));
    }
    return cl_buf_printf(ret, err, "  %s = %s\n", key, value);
}

enum cl_status node_config_runtimes(const json_t *flat, struct cl_buf *ret, struct cl_err *err)
{
    static const char prefix[] = "plugins\nio.containerd.grpc.v1.cri\ncontainerd\nruntimes\n";
    CL_CLEANUP(cl_buf_done) struct cl_buf last = {0};
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)flat, name, value)
    {
        if (strncmp(name, prefix, strlen(prefix)) == 0 && strstr(name, "\ncloister-") == NULL) {
            CL_TRY(put_line(name + strlen(prefix), json_string_value(value), &last, ret, err));
        }
    }
    return CL_OK;
}

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* What we say of the snapshotter besides tables of our own: these keys, with these values. */
static bool key_of_images(const char *name, const char *was, const char *is)
{
    static const char *const keys[][2] = {
        {"plugins\nio.containerd.cri.v1.images\ndisable_snapshot_annotations\n", "false"},
        {"plugins\nio.containerd.cri.v1.images\nuse_local_image_pull\n", "true"},
        {"plugins\nio.containerd.grpc.v1.cri\ncontainerd\ndisable_snapshot_annotations\n", "false"},
        {"plugins\nio.containerd.grpc.v1.cri\ncontainerd\nsnapshotter\n", "\"cloister\""}};
    for (size_t i = 0; i < CL_ARRAY_LEN(keys); i++) {
        if (strcmp(name, keys[i][0]) == 0) {
            return (was != NULL && strcmp(was, keys[i][1]) == 0) ||
                   (is != NULL && strcmp(is, keys[i][1]) == 0);
        }
    }
    return false;
}

/* "plugins" "\n" "io.containerd..." "\n" "containerd" "\n" "runtimes" "\n" "cloister-..." */
static bool key_is_ours(const char *name)
{
    if (starts(name, "proxy_plugins\ncloister\n") ||
        starts(name, "plugins\nio.containerd.cri.v1.images\nruntime_platforms\ncloister-")) {
        return true;
    }
    const char *runtimes = strstr(name, "\ncontainerd\nruntimes\ncloister-");
    return strncmp(name, "plugins\n", strlen("plugins\n")) == 0 && runtimes != NULL &&
           strchr(name + strlen("plugins\n"), '\n') == runtimes;
}

static enum cl_status differs(const char *name, const char *was, const char *is, struct cl_err *err)
{
    char shown[100];
    (void)snprintf(shown, sizeof(shown), "%s", name);
    for (char *p = shown; *p != '\0'; p++) {
        *p = *p == '\n' ? '.' : *p;
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "containerd's own account: '%s': expected %.40s as before, got %.40s", shown,
                      was != NULL ? was : "nothing", is != NULL ? is : "nothing");
}

static enum cl_status compare(const json_t *before, const json_t *after, struct cl_err *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)after, name, value)
    {
        const char *was = json_string_value(json_object_get(before, name));
        if (strcmp(name, "imports\n") != 0 && !key_is_ours(name) &&
            !key_of_images(name, was, json_string_value(value)) &&
            (was == NULL || strcmp(was, json_string_value(value)) != 0)) {
            return differs(name, was, json_string_value(value), err);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)before, name, value)
    {
        if (strcmp(name, "imports\n") != 0 && !key_is_ours(name) &&
            !key_of_images(name, json_string_value(value), NULL) &&
            json_object_get(after, name) == NULL) {
            return differs(name, json_string_value(value), NULL, err);
        }
    }
    return CL_OK;
}

enum cl_status node_config_compare(const char *before, size_t before_len, const char *after,
                                   size_t after_len, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *was = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *is = NULL;
    CL_TRY(node_config_flatten(before, before_len, &was, err));
    CL_TRY(node_config_flatten(after, after_len, &is, err));
    return compare(was, is, err);
}
