/* SPDX-License-Identifier: Apache-2.0
 * cmd_node_report.c - a document of runtime/node in words, on stdout. Trust, threads, memory:
 * cmd_node.h.
 */
#include "cmd_node.h"

#include <stdio.h>
#include <string.h>

static void put(const char *s)
{
    for (; s != NULL && *s != '\0'; s++) {
        (void)putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
    }
}

static const char *text(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s != NULL ? s : "";
}

static void items(const json_t *list)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        bool good = strcmp(text(item, "status"), "pass") == 0;
        (void)printf("%-8s%s", text(item, "status"), text(item, "id"));
        if (!good) {
            (void)fputs(": expected ", stdout);
            put(text(item, "expected"));
            (void)fputs(", got ", stdout);
            put(text(item, "actual"));
        }
        (void)putchar('\n');
    }
}

static void changes(const json_t *doc)
{
    json_t *list = json_object_get(doc, "changes");
    bool dry = json_is_true(json_object_get(doc, "dry_run"));
    size_t i = 0;
    json_t *c = NULL;
    if (list != NULL && json_array_size(list) == 0) {
        (void)puts("nothing to change");
    }
    json_array_foreach(list, i, c)
    {
        (void)printf("%s%s ", dry ? "would " : "", text(c, "change"));
        put(text(c, "path"));
        (void)putchar('\n');
    }
}

static void digests(const json_t *list)
{
    size_t i = 0;
    json_t *d = NULL;
    json_array_foreach(list, i, d)
    {
        if (json_object_get(d, "measurement") != NULL) {
            (void)printf("%s --cpus %d --vcpu-type %s %s\n", text(d, "class"),
                         (int)json_integer_value(json_object_get(d, "cpus")), text(d, "vcpu_type"),
                         text(d, "measurement"));
        } else {
            (void)printf("%s mrtd %s rtmr1 %s rtmr2 %s\n", text(d, "class"), text(d, "mrtd"),
                         text(d, "rtmr1"), text(d, "rtmr2"));
        }
    }
}

static void gone(const json_t *list)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(list, i, v)
    {
        (void)printf("removed version %s, which nothing needs any more\n", json_string_value(v));
    }
}

static void line(const json_t *doc, const char *key, const char *words)
{
    if (text(doc, key)[0] != '\0') {
        (void)printf("%s", words);
        put(text(doc, key));
        (void)putchar('\n');
    }
}

void cl_node_report(const json_t *doc)
{
    json_t *restart = json_object_get(doc, "restart");
    if (strcmp(text(doc, "recovered"), "none") != 0) {
        line(doc, "recovered", "a command that was cut off before: ");
    }
    items(json_object_get(doc, "preflight"));
    changes(doc);
    items(json_object_get(doc, "items"));
    digests(json_object_get(doc, "digests"));
    gone(json_object_get(doc, "collected"));
    line(doc, "note", "note: ");
    line(doc, "version", "version: ");
    line(json_object_get(doc, "snapshotter"), "words", "images: ");
    if (json_is_true(json_object_get(restart, "needed"))) {
        line(restart, "how",
             json_is_true(json_object_get(restart, "done")) ? "containerd was restarted: "
                                                            : "to be done by you: ");
    }
    json_t *service = json_object_get(doc, "service");
    if (json_is_true(json_object_get(service, "needed"))) {
        line(service, "how",
             json_is_true(json_object_get(service, "done")) ? "snapshotter was started: "
                                                            : "snapshotter, to be done by you: ");
    }
    line(doc, "verdict", "verdict: ");
}
