/* SPDX-License-Identifier: Apache-2.0
 * service.c - the methods of Snapshots. Trust, memory, spec: service.h.
 */
#include "service.h"

#include "filter.h"
#include "grpc/pb.h"
#include "snapshots.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REF_LABEL "containerd.io/snapshot.ref"

static const ProtobufCBinaryData nothing = {0};

/* --- requests
 * ------------------------------------------------------------------------------------------- */

static bool check_name(const ProtobufCBinaryData *b, const char *field, struct cl_grpc_answer *a)
{
    if (snap_name_good(b->data, b->len)) {
        return true;
    }
    cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT,
                   "%s: expected 1 to %u printable bytes, got %zu bytes", field, SNAP_MAX_NAME,
                   b->len);
    return false;
}

static bool check_parent(const ProtobufCBinaryData *b, struct cl_grpc_answer *a)
{
    return b->len == 0 || check_name(b, "parent", a);
}

static bool check_labels(size_t count, struct cl_grpc_answer *a)
{
    if (count <= SNAP_MAX_LABELS) {
        return true;
    }
    cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT, "labels: expected at most %u, got %zu",
                   SNAP_MAX_LABELS, count);
    return false;
}

static ProtobufCMessage *decode(const ProtobufCMessageDescriptor *d, const uint8_t *data,
                                size_t len, struct cl_grpc_answer *a)
{
    ProtobufCMessage *m = NULL;
    struct cl_err err = {0};
    if (cl_pb_unpack(d, data, len, CL_GRPC_SERVER_MAX_REQUEST, &m, &err) != CL_OK) {
        cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT, "%s", err.msg);
    }
    return m;
}

/* --- answers
 * -------------------------------------------------------------------------------------------- */

static void reply(struct cl_grpc_answer *a, const ProtobufCMessage *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    if (cl_pb_pack(m, &b, NULL) != CL_OK ||
        cl_grpc_message_encode(b.data, b.len, &a->messages, NULL) != CL_OK) {
        cl_grpc_refuse(a, CL_GRPC_RESOURCE_EXHAUSTED, "answer: no memory");
    }
}

static void reply_nothing(struct cl_grpc_answer *a)
{
    Cloister__Snapshots__Nothing m = CLOISTER__SNAPSHOTS__NOTHING__INIT;
    reply(a, &m.base);
}

static Cloister__Snapshots__Kind kind_of(const ProtobufCBinaryData *name)
{
    return snap_kind_of(name->data, name->len) == SNAP_COMMITTED
               ? CLOISTER__SNAPSHOTS__KIND__COMMITTED
               : CLOISTER__SNAPSHOTS__KIND__ACTIVE;
}

/* What is known of a name: its kind. Times are now: containerd keeps those of the first answer. */
static Cloister__Snapshots__Info info_of(const ProtobufCBinaryData *name,
                                         const ProtobufCBinaryData *parent,
                                         Cloister__Snapshots__Time *now)
{
    struct timespec t = {0};
    Cloister__Snapshots__Info m = CLOISTER__SNAPSHOTS__INFO__INIT;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    *now = (Cloister__Snapshots__Time)CLOISTER__SNAPSHOTS__TIME__INIT;
    now->seconds = t.tv_sec;
    now->nanos = (int32_t)t.tv_nsec;
    m.name = *name;
    m.parent = *parent;
    m.kind = kind_of(name);
    m.created_at = now;
    m.updated_at = now;
    return m;
}

/* Where a container's root file system would be, an empty one that cannot be written; where a layer
 * is unpacked (by clients that do not say which), memory that goes when it is unmounted. */
static void reply_mounts(struct cl_grpc_answer *a, const ProtobufCBinaryData *key)
{
    static const char *const rootfs[] = {"ro",      "nosuid",      "nodev",    "noexec",
                                         "size=4k", "nr_inodes=2", "mode=0555"};
    static const char *const scratch[] = {"nosuid", "nodev", "noexec", "size=50%", "mode=0755"};
    bool unpacking = snap_kind_of(key->data, key->len) == SNAP_UNPACKING;
    const char *const *options = unpacking ? scratch : rootfs;
    size_t count = unpacking ? CL_ARRAY_LEN(scratch) : CL_ARRAY_LEN(rootfs);
    ProtobufCBinaryData list[CL_ARRAY_LEN(rootfs)];
    char source[sizeof(SNAP_SOURCE) + SNAP_MAX_NAME] = SNAP_SOURCE;
    for (size_t i = 0; i < count; i++) {
        list[i] = cl_pb_data(options[i]);
    }
    memcpy(source + strlen(source), key->data, key->len);
    Cloister__Snapshots__Mount mount = CLOISTER__SNAPSHOTS__MOUNT__INIT;
    mount.type = cl_pb_data("tmpfs");
    mount.source = cl_pb_data(source);
    mount.n_options = count;
    mount.options = list;
    Cloister__Snapshots__Mount *mounts[] = {&mount};
    Cloister__Snapshots__MountsResponse m = CLOISTER__SNAPSHOTS__MOUNTS_RESPONSE__INIT;
    m.n_mounts = 1;
    m.mounts = mounts;
    reply(a, &m.base);
}

/* --- methods
 * -------------------------------------------------------------------------------------------- */

static const ProtobufCBinaryData *find_ref(const Cloister__Snapshots__PrepareRequest *r)
{
    for (size_t i = 0; i < r->n_labels; i++) {
        if (cl_pb_equals(&r->labels[i]->key, REF_LABEL)) {
            return &r->labels[i]->value;
        }
    }
    return NULL;
}

/* Prepare and View. A label that names a chain id asks whether that layer is there: it is.
 * containerd then asks List for it, and keeps what it is told there. */
static void prepare(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__prepare_request__descriptor, data, len, a);
    const Cloister__Snapshots__PrepareRequest *r = (Cloister__Snapshots__PrepareRequest *)m;
    if (m == NULL || !check_name(&r->key, "key", a) || !check_parent(&r->parent, a) ||
        !check_labels(r->n_labels, a)) {
        return;
    }
    const ProtobufCBinaryData *ref = find_ref(r);
    if (ref != NULL && snap_is_chain_id(ref->data, ref->len)) {
        cl_grpc_refuse(a, CL_GRPC_ALREADY_EXISTS, "snapshot '%.*s': already exists", (int)ref->len,
                       (const char *)ref->data);
        return;
    }
    reply_mounts(a, &r->key);
}

/* The requests that are a key. */
static void with_key(const uint8_t *data, size_t len, struct cl_grpc_answer *a,
                     void (*answer)(struct cl_grpc_answer *a, const ProtobufCBinaryData *key))
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__key_request__descriptor, data, len, a);
    const Cloister__Snapshots__KeyRequest *r = (Cloister__Snapshots__KeyRequest *)m;
    if (m != NULL && check_name(&r->key, "key", a)) {
        answer(a, &r->key);
    }
}

static void mounts(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    with_key(data, len, a, reply_mounts);
}

static void reply_info(struct cl_grpc_answer *a, Cloister__Snapshots__Info *info)
{
    Cloister__Snapshots__InfoResponse m = CLOISTER__SNAPSHOTS__INFO_RESPONSE__INIT;
    m.info = info;
    reply(a, &m.base);
}

static void reply_stat(struct cl_grpc_answer *a, const ProtobufCBinaryData *key)
{
    Cloister__Snapshots__Time now;
    Cloister__Snapshots__Info info = info_of(key, &nothing, &now);
    reply_info(a, &info);
}

static void stat_key(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    with_key(data, len, a, reply_stat);
}

static void reply_usage(struct cl_grpc_answer *a, const ProtobufCBinaryData *key)
{
    Cloister__Snapshots__UsageResponse m = CLOISTER__SNAPSHOTS__USAGE_RESPONSE__INIT;
    (void)key;
    reply(a, &m.base);
}

static void usage(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    with_key(data, len, a, reply_usage);
}

static void reply_removed(struct cl_grpc_answer *a, const ProtobufCBinaryData *key)
{
    (void)key;
    reply_nothing(a);
}

static void remove_key(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    with_key(data, len, a, reply_removed);
}

static void commit(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__commit_request__descriptor, data, len, a);
    const Cloister__Snapshots__CommitRequest *r = (Cloister__Snapshots__CommitRequest *)m;
    if (m != NULL && check_name(&r->name, "name", a) && check_name(&r->key, "key", a) &&
        check_parent(&r->parent, a) && check_labels(r->n_labels, a)) {
        reply_nothing(a);
    }
}

/* containerd keeps the labels itself, and only wants to hear them again. */
static void update(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__update_request__descriptor, data, len, a);
    const Cloister__Snapshots__UpdateRequest *r = (Cloister__Snapshots__UpdateRequest *)m;
    Cloister__Snapshots__Time now;
    if (m == NULL) {
        return;
    }
    if (r->info == NULL) {
        cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT, "info: expected one, got none");
        return;
    }
    const ProtobufCBinaryData *name = &r->info->name;
    if (!check_name(name, "name", a) || !check_parent(&r->info->parent, a) ||
        !check_labels(r->info->n_labels, a)) {
        return;
    }
    Cloister__Snapshots__Info info = info_of(name, &r->info->parent, &now);
    info.n_labels = r->info->n_labels;
    info.labels = r->info->labels;
    reply_info(a, &info);
}

static ProtobufCBinaryData data_of(struct snap_text *t)
{
    return (ProtobufCBinaryData){.len = t->len, .data = t->data};
}

static void reply_match(struct cl_grpc_answer *a, struct snap_match *match)
{
    Cloister__Snapshots__Time now;
    Cloister__Snapshots__Pair label = CLOISTER__SNAPSHOTS__PAIR__INIT;
    Cloister__Snapshots__Pair *labels[] = {&label};
    const ProtobufCBinaryData name = data_of(&match->ref);
    const ProtobufCBinaryData parent = data_of(&match->parent);
    Cloister__Snapshots__Info info = info_of(&name, &parent, &now);
    Cloister__Snapshots__Info *infos[] = {&info};
    Cloister__Snapshots__ListResponse m = CLOISTER__SNAPSHOTS__LIST_RESPONSE__INIT;
    label.key = cl_pb_data(REF_LABEL);
    label.value = name;
    info.n_labels = 1;
    info.labels = labels;
    m.n_info = 1;
    m.info = infos;
    reply(a, &m.base);
}

/* Without a filter containerd looks for what it may remove: there is nothing. With one it looks for
 * the layer that Prepare has claimed: here it is, under its chain id and upon the parent asked for.
 */
static void list(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__list_request__descriptor, data, len, a);
    const Cloister__Snapshots__ListRequest *r = (Cloister__Snapshots__ListRequest *)m;
    if (m == NULL) {
        return;
    }
    if (r->n_filters > SNAP_MAX_FILTERS) {
        cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT, "filters: expected at most %u, got %zu",
                       SNAP_MAX_FILTERS, r->n_filters);
        return;
    }
    for (size_t i = 0; i < r->n_filters && a->code == CL_GRPC_OK; i++) {
        struct snap_match match;
        struct cl_err err = {0};
        if (snap_filter_match(r->filters[i].data, r->filters[i].len, &match, &err) != CL_OK) {
            cl_grpc_refuse(a, CL_GRPC_INVALID_ARGUMENT, "%s", err.msg);
        } else if (match.ref.len > 0) {
            reply_match(a, &match);
        }
    }
}

static void cleanup(const uint8_t *data, size_t len, struct cl_grpc_answer *a)
{
    CL_CLEANUP(cl_pb_freep)
    ProtobufCMessage *m = decode(&cloister__snapshots__nothing__descriptor, data, len, a);
    if (m != NULL) {
        reply_nothing(a);
    }
}

void snap_call(void *ctx, const char *path, const uint8_t *message, size_t len,
               struct cl_grpc_answer *answer)
{
    static const struct {
        const char *path;
        void (*run)(const uint8_t *data, size_t len, struct cl_grpc_answer *a);
    } methods[] = {
        {SNAP_SERVICE "Prepare", prepare},   {SNAP_SERVICE "View", prepare},
        {SNAP_SERVICE "Mounts", mounts},     {SNAP_SERVICE "Commit", commit},
        {SNAP_SERVICE "Remove", remove_key}, {SNAP_SERVICE "Stat", stat_key},
        {SNAP_SERVICE "Update", update},     {SNAP_SERVICE "List", list},
        {SNAP_SERVICE "Usage", usage},       {SNAP_SERVICE "Cleanup", cleanup},
    };
    (void)ctx;
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        if (strcmp(path, methods[i].path) == 0) {
            methods[i].run(message, len, answer);
            return;
        }
    }
    cl_grpc_refuse(answer, CL_GRPC_UNIMPLEMENTED, "method '%.200s': expected one of Snapshots",
                   path);
}
