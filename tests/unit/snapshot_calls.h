/* SPDX-License-Identifier: Apache-2.0
 * snapshot_calls.h - the Snapshots service as containerd's side calls it: requests packed, answers
 * as text. "a\nb" below stands for lines. For tests and their programs.
 */
#ifndef CL_TEST_SNAPSHOT_CALLS_H
#define CL_TEST_SNAPSHOT_CALLS_H

#include "grpc/pb.h"
#include "service.h"
#include "snapshots.pb-c.h"

#include <stdio.h>
#include <string.h>

#define CALL_MAX_LABELS 8u

/* "name=value", ... into requests; `pairs` and `list` are the caller's storage. */
static inline size_t call_labels(char *const *labels, size_t count,
                                 Cloister__Snapshots__Pair *pairs, Cloister__Snapshots__Pair **list)
{
    for (size_t i = 0; i < count && i < CALL_MAX_LABELS; i++) {
        char *eq = strchr(labels[i], '=');
        pairs[i] = (Cloister__Snapshots__Pair)CLOISTER__SNAPSHOTS__PAIR__INIT;
        pairs[i].key = cl_pb_data(labels[i]);
        pairs[i].key.len = (size_t)(eq - labels[i]);
        pairs[i].value = cl_pb_data(eq + 1);
        list[i] = &pairs[i];
    }
    return count < CALL_MAX_LABELS ? count : CALL_MAX_LABELS;
}

/* The request of a method: its arguments as on snapshot_peer's command line. */
static inline enum cl_status call_encode(const char *method, char *const *args, size_t count,
                                         struct cl_buf *out, struct cl_err *err)
{
    Cloister__Snapshots__Pair pairs[CALL_MAX_LABELS];
    Cloister__Snapshots__Pair *list[CALL_MAX_LABELS];
    if (strcmp(method, "Prepare") == 0 || strcmp(method, "View") == 0) { /* KEY PARENT LABEL... */
        Cloister__Snapshots__PrepareRequest m = CLOISTER__SNAPSHOTS__PREPARE_REQUEST__INIT;
        m.snapshotter = cl_pb_data("cloister");
        m.key = cl_pb_data(args[0]);
        m.parent = cl_pb_data(args[1]);
        m.n_labels = call_labels(args + 2, count - 2, pairs, list);
        m.labels = list;
        return cl_pb_pack(&m.base, out, err);
    }
    if (strcmp(method, "Commit") == 0) { /* NAME KEY */
        Cloister__Snapshots__CommitRequest m = CLOISTER__SNAPSHOTS__COMMIT_REQUEST__INIT;
        m.snapshotter = cl_pb_data("cloister");
        m.name = cl_pb_data(args[0]);
        m.key = cl_pb_data(args[1]);
        return cl_pb_pack(&m.base, out, err);
    }
    if (strcmp(method, "List") == 0) { /* FILTER... */
        Cloister__Snapshots__ListRequest m = CLOISTER__SNAPSHOTS__LIST_REQUEST__INIT;
        ProtobufCBinaryData filters[CALL_MAX_LABELS];
        m.snapshotter = cl_pb_data("cloister");
        for (size_t i = 0; i < count && i < CALL_MAX_LABELS; i++) {
            filters[m.n_filters++] = cl_pb_data(args[i]);
        }
        m.filters = filters;
        return cl_pb_pack(&m.base, out, err);
    }
    if (strcmp(method, "Update") == 0) { /* NAME LABEL... */
        Cloister__Snapshots__UpdateRequest m = CLOISTER__SNAPSHOTS__UPDATE_REQUEST__INIT;
        Cloister__Snapshots__Info info = CLOISTER__SNAPSHOTS__INFO__INIT;
        m.snapshotter = cl_pb_data("cloister");
        info.name = cl_pb_data(args[0]);
        info.n_labels = call_labels(args + 1, count - 1, pairs, list);
        info.labels = list;
        m.info = &info;
        return cl_pb_pack(&m.base, out, err);
    }
    Cloister__Snapshots__KeyRequest m = CLOISTER__SNAPSHOTS__KEY_REQUEST__INIT;
    m.snapshotter = cl_pb_data("cloister");
    m.key = cl_pb_data(count > 0 ? args[0] : "");
    return cl_pb_pack(&m.base, out, err);
}

static inline enum cl_status call_show_info(const Cloister__Snapshots__Info *i, struct cl_buf *out,
                                            struct cl_err *err)
{
    static const char *const kinds[] = {"unknown", "view", "active", "committed"};
    CL_TRY(cl_buf_printf(out, err, "%s %.*s parent=%.*s", kinds[(unsigned)i->kind % 4],
                         (int)i->name.len, (const char *)i->name.data, (int)i->parent.len,
                         (const char *)i->parent.data));
    for (size_t k = 0; k < i->n_labels; k++) {
        CL_TRY(cl_buf_printf(out, err, " %.*s=%.*s", (int)i->labels[k]->key.len,
                             (const char *)i->labels[k]->key.data, (int)i->labels[k]->value.len,
                             (const char *)i->labels[k]->value.data));
    }
    return cl_buf_append_str(out, "\n", err);
}

static inline enum cl_status call_show_mounts(const Cloister__Snapshots__MountsResponse *r,
                                              struct cl_buf *out, struct cl_err *err)
{
    for (size_t i = 0; i < r->n_mounts; i++) {
        const Cloister__Snapshots__Mount *m = r->mounts[i];
        CL_TRY(cl_buf_printf(out, err, "%.*s %.*s ", (int)m->type.len, (const char *)m->type.data,
                             (int)m->source.len, (const char *)m->source.data));
        for (size_t k = 0; k < m->n_options; k++) {
            CL_TRY(cl_buf_printf(out, err, "%s%.*s", k > 0 ? "," : "", (int)m->options[k].len,
                                 (const char *)m->options[k].data));
        }
        CL_TRY(cl_buf_append_str(out, "\n", err));
    }
    return CL_OK;
}

/* One message of a method's answer, as lines. */
static inline enum cl_status call_show(const char *method, const void *data, size_t len,
                                       struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_pb_freep) ProtobufCMessage *m = NULL;
    if (strcmp(method, "Prepare") == 0 || strcmp(method, "View") == 0 ||
        strcmp(method, "Mounts") == 0) {
        CL_TRY(cl_pb_unpack(&cloister__snapshots__mounts_response__descriptor, data, len, 65536, &m,
                            err));
        return call_show_mounts((Cloister__Snapshots__MountsResponse *)m, out, err);
    }
    if (strcmp(method, "Stat") == 0 || strcmp(method, "Update") == 0) {
        CL_TRY(cl_pb_unpack(&cloister__snapshots__info_response__descriptor, data, len, 65536, &m,
                            err));
        return call_show_info(((Cloister__Snapshots__InfoResponse *)m)->info, out, err);
    }
    if (strcmp(method, "List") == 0) {
        CL_TRY(cl_pb_unpack(&cloister__snapshots__list_response__descriptor, data, len, 65536, &m,
                            err));
        const Cloister__Snapshots__ListResponse *r = (Cloister__Snapshots__ListResponse *)m;
        for (size_t i = 0; i < r->n_info; i++) {
            CL_TRY(call_show_info(r->info[i], out, err));
        }
        return CL_OK;
    }
    return cl_buf_printf(out, err, "%zu bytes\n", len);
}

#endif
