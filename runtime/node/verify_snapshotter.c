/* SPDX-License-Identifier: Apache-2.0
 * verify_snapshotter.c - whether the snapshotter of a node is as it was installed, is what
 * containerd takes, and answers. Trust, threads, memory: node.h.
 */
#include "items.h"
#include "snapshotter.h"

#include "grpc/client.h"

#include <stdio.h>
#include <string.h>

#define CALL_MS 10000u

static enum cl_status check_units(const struct node_run *r, const json_t *units, json_t *list,
                                  struct cl_err *err)
{
    char actual[NODE_PATH_SIZE + 32] = "they have";
    bool good = true;
    size_t i = 0;
    json_t *u = NULL;
    json_array_foreach(units, i, u)
    {
        const char *path = node_state_text(u, "path");
        const char *sha256 = node_state_text(u, "sha256");
        struct node_file now = {0};
        if (path == NULL || sha256 == NULL || node_stat(&r->tree, path, &now, NULL) != CL_OK ||
            !now.there || strcmp(now.sha256, sha256) != 0) {
            good = false;
            (void)snprintf(actual, sizeof(actual), "'%s': %s", path != NULL ? path : "",
                           now.there ? "changed" : "missing");
        }
    }
    return node_item(list, "snapshotter.units", good ? "pass" : "fail",
                     "the digests of the installation", actual, err);
}

enum cl_status node_verify_chosen(const json_t *flat, const json_t *state, json_t *list,
                                  struct cl_err *err)
{
    const json_t *ours = json_object_get(state, "snapshotter");
    unsigned classes = node_state_classes(ours);
    char actual[64] = "none";
    const char *mode = node_state_text(ours, "mode");
    if (mode != NULL && strcmp(mode, "node") == 0) {
        (void)node_config_cri(flat, "containerd\n", "snapshotter", actual, sizeof(actual));
        CL_TRY(node_item(list, "containerd.snapshotter.node",
                         strcmp(actual, "cloister") == 0 ? "pass" : "fail", "cloister", actual,
                         err));
    }
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        char id[64];
        char table[128];
        if ((classes & one) == 0) {
            continue;
        }
        (void)snprintf(actual, sizeof(actual), "none");
        (void)snprintf(id, sizeof(id), "containerd.snapshotter.%s", node_class_name(one));
        (void)snprintf(table, sizeof(table), "containerd\nruntimes\n%s\n", node_class_name(one));
        (void)node_config_cri(flat, table, "snapshotter", actual, sizeof(actual));
        CL_TRY(node_item(list, id, strcmp(actual, "cloister") == 0 ? "pass" : "fail", "cloister",
                         actual, err));
    }
    return CL_OK;
}

/* Any status that the program itself gives will do; under systemd a connection alone shows
 * nothing, for systemd has the socket. */
bool node_snapshotter_answers(const char *socket, struct cl_err *err)
{
    static const char usage[] = "\x0a\x08"
                                "cloister"
                                "\x12\x08"
                                "cloister"; /* UsageRequest */
    const struct cl_grpc_call call = {.path = "/containerd.services.snapshots.v1.Snapshots/Usage",
                                      .metadata = {{"containerd-namespace", "default"}},
                                      .metadata_count = 1,
                                      .message = usage,
                                      .len = sizeof(usage) - 1,
                                      .max_reply = 4096,
                                      .timeout_ms = CALL_MS};
    CL_CLEANUP(cl_buf_done) struct cl_buf reply = {0};
    unsigned code = CL_GRPC_UNKNOWN;
    enum cl_status st = cl_grpc_unary(socket, &call, &code, &reply, err);
    return st == CL_OK || code == CL_GRPC_NOT_FOUND || code == CL_GRPC_INVALID_ARGUMENT;
}

enum cl_status node_verify_snapshotter(const struct node_run *r, const json_t *state, json_t *list,
                                       struct cl_err *err)
{
    struct cl_err why = {0};
    if (!node_snapshotter_used(state)) {
        return CL_OK;
    }
    CL_TRY(
        check_units(r, json_object_get(json_object_get(state, "snapshotter"), "units"), list, err));
    if (r->tree.root[0] != '\0') {
        return node_item(list, "snapshotter.socket", "skipped", NODE_SNAPSHOTTER_SOCKET " answers",
                         "--root: a tree", err);
    }
    bool good = node_snapshotter_answers(NODE_SNAPSHOTTER_SOCKET, &why);
    return node_item(list, "snapshotter.socket", good ? "pass" : "fail",
                     NODE_SNAPSHOTTER_SOCKET " answers", good ? "it does" : why.msg, err);
}
