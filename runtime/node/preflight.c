/* SPDX-License-Identifier: Apache-2.0
 * preflight.c - what a node must have before anything is written. An item that cannot be looked at
 * (a tree is no machine) is "skipped" and says so; a failed one ends the command.
 * Trust, threads, memory: plan.h.
 */
#include "items.h"

#include "cloister/hostcheck.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/io.h"

enum cl_status node_item(json_t *list, const char *id, const char *status, const char *expected,
                         const char *actual, struct cl_err *err)
{
    json_t *item = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "status", status, "expected",
                             expected, "actual", actual);
    return json_array_append_new(list, item) == 0 ? CL_OK : cl_err_nomem(err, "report");
}

static bool kvm_works(void)
{
    CL_CLEANUP(cl_close_fdp) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    return fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION;
}

/* Loaded, built in, or in the folder of modules that can be loaded. */
static bool has_module(const char *name)
{
    struct utsname u;
    char path[256];
    char with_dash[64];
    static const char *const lists[] = {"modules.builtin", "modules.dep"};
    (void)snprintf(path, sizeof(path), "/sys/module/%s", name);
    if (access(path, F_OK) == 0) {
        return true;
    }
    (void)snprintf(with_dash, sizeof(with_dash), "/%s.ko", name);
    for (size_t i = 0; i < CL_ARRAY_LEN(lists) && uname(&u) == 0; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        (void)snprintf(path, sizeof(path), "/lib/modules/%.100s/%s", u.release, lists[i]);
        if (cl_buf_read_file(&b, path, 16u << 20, NULL) == CL_OK && b.len > 0 &&
            strstr((char *)b.data, with_dash) != NULL) {
            return true;
        }
    }
    return false;
}

static enum cl_status devices(const struct node_run *r, json_t *list, struct cl_err *err)
{
    static const char *const modules[] = {"sch_ingress", "cls_u32", "act_mirred"};
    if (r->tree.root[0] != '\0') {
        return node_item(list, "host", "skipped", "a machine", "--root: a tree", err);
    }
    bool kvm = kvm_works();
    bool tun = access("/dev/net/tun", R_OK | W_OK) == 0;
    CL_TRY(node_item(list, "host.kvm", kvm ? "pass" : "fail", "/dev/kvm can be used",
                     kvm ? "it can" : "it cannot", err));
    CL_TRY(node_item(list, "host.tun", tun ? "pass" : "fail", "/dev/net/tun can be used",
                     tun ? "it can" : "it cannot", err));
    for (size_t i = 0; i < CL_ARRAY_LEN(modules); i++) {
        char id[64];
        bool there = has_module(modules[i]);
        (void)snprintf(id, sizeof(id), "host.module.%s", modules[i]);
        CL_TRY(node_item(list, id, there ? "pass" : "unknown", "loaded, built in or to be loaded",
                         there ? "it is" : "not to be seen", err));
    }
    return CL_OK;
}

/* Encrypted images need a snapshotter that fetches nothing, chosen for the class. */
static enum cl_status snapshotter(const struct node_run *r, unsigned classes,
                                  const struct node_version *v, json_t *list, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf dump = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *flat = NULL;
    char now[64] = "unknown";
    if ((classes & (NODE_CLASS_SNP | NODE_CLASS_TDX)) == 0 || v->major > 1 || v->minor > 6) {
        return CL_OK;
    }
    if (node_can_dump(r) && node_dump(r, &dump, NULL) == CL_OK &&
        node_config_flatten((char *)dump.data, dump.len, &flat, NULL) == CL_OK) {
        (void)node_config_cri(flat, "containerd\n", "snapshotter", now, sizeof(now));
    }
    bool good = strcmp(now, "cloister") == 0 || r->o->snapshotter == NODE_SNAPSHOTTER_NODE;
    return node_item(list, "containerd.snapshotter", good ? "pass" : "fail",
                     "containerd 1.6: the global snapshotter is cloister, for encrypted classes",
                     now, err);
}

/* A hardware class by what `cloister host check` says of it; class sim needs nothing else. */
static enum cl_status class_item(const struct hc_report *report, unsigned one, json_t *list,
                                 struct cl_err *err)
{
    enum hc_class class = one == NODE_CLASS_SNP ? HC_SNP : HC_TDX;
    const struct hc_check *o = one == NODE_CLASS_SIM ? NULL : hc_obstacle(report, class);
    char id[64];
    char actual[2 * HC_MAX_TEXT] = "it can";
    (void)snprintf(id, sizeof(id), "class.%s", node_class_name(one));
    if (o != NULL) {
        (void)snprintf(actual, sizeof(actual), "%s: %s (cloister host check)", o->id, o->actual);
    }
    return node_item(list, id,
                     o == NULL              ? "pass"
                     : o->status == HC_FAIL ? "fail"
                                            : "unknown",
                     "a host that can run this class", actual, err);
}

static enum cl_status class_items(const struct node_run *r, unsigned classes, json_t *list,
                                  struct cl_err *err)
{
    struct hc_facts facts;
    struct hc_report report;
    if (r->tree.root[0] != '\0') {
        return CL_OK; /* said by devices() */
    }
    CL_TRY(hc_read(NULL, NULL, &facts, err));
    hc_judge(&facts, &report);
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((classes & one) != 0) {
            CL_TRY(class_item(&report, one, list, err));
        }
    }
    return CL_OK;
}

enum cl_status node_preflight_items(const struct node_run *r, unsigned classes,
                                    const struct node_version *v, json_t *list, struct cl_err *err)
{
    CL_TRY(devices(r, list, err));
    CL_TRY(node_item(list, "containerd.version", "pass", "1.6 or later", v->text, err));
    CL_TRY(class_items(r, classes, list, err));
    return snapshotter(r, classes, v, list, err);
}

enum cl_status node_preflight(const struct node_run *r, unsigned classes,
                              const struct node_version *v, json_t *doc, const char **ret_hint,
                              struct cl_err *err)
{
    json_t *list = json_array();
    size_t i = 0;
    json_t *item = NULL;
    if (list == NULL || json_object_set_new(doc, "preflight", list) != 0) {
        return cl_err_nomem(err, "report");
    }
    CL_TRY(node_preflight_items(r, classes, v, list, err));
    json_array_foreach(list, i, item)
    {
        if (strcmp(node_state_text(item, "status"), "fail") == 0) {
            *ret_hint = "docs/kubernetes.md says what a node needs; nothing was changed";
            return cl_err_set(err, CL_ERR_REJECTED, "preflight: %s: expected %s, got %s",
                              node_state_text(item, "id"), node_state_text(item, "expected"),
                              node_state_text(item, "actual"));
        }
    }
    return CL_OK;
}
