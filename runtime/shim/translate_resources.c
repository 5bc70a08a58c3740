/* SPDX-License-Identifier: Apache-2.0
 * translate_resources.c - OCI resources for the guest's cgroups, and how large they make the VM
 * (containerd-shim.md 3 Update, 6, 9).
 */
#include "translate_internal.h"

#include "base/io.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CPUS 4096u

/* What is 0 was not asked for: Go's CRI messages have no other word for it. */
static enum cl_status copy_limit(const struct shim_copy *c, const char *key, int64_t min,
                                 struct cl_err *err)
{
    const json_t *v = shim_member(c->from, key);
    return json_is_integer(v) && json_integer_value(v) == 0
               ? CL_OK
               : shim_copy_int(c, key, min, INT64_MAX, err);
}

/* cpus and mems number the host's, which the guest has not. */
static enum cl_status build_cpu(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"shares", "quota", "period", "burst",
                                          "idle",   "cpus",  "mems",   NULL};
    json_t *cpu = NULL;
    CL_TRY(shim_opt_object(from, "linux.resources", "cpu", &cpu, err));
    if (cpu == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "cpu", out, err));
    const struct shim_copy c = {cpu, out, "linux.resources.cpu"};
    CL_TRY(shim_only(cpu, c.what, members, err));
    CL_TRY(copy_limit(&c, "shares", 0, err));
    CL_TRY(copy_limit(&c, "quota", -1, err));
    CL_TRY(copy_limit(&c, "period", 0, err));
    CL_TRY(shim_copy_int(&c, "burst", 0, INT64_MAX, err));
    return shim_copy_int(&c, "idle", 0, 1, err);
}

/* The others are of cgroup v1, which the guest has not; disableOOMKiller asks for something. */
static enum cl_status build_memory(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"limit",        "reservation",       "swap",
                                          "kernel",       "kernelTCP",         "swappiness",
                                          "useHierarchy", "checkBeforeUpdate", NULL};
    json_t *memory = NULL;
    CL_TRY(shim_opt_object(from, "linux.resources", "memory", &memory, err));
    if (memory == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "memory", out, err));
    const struct shim_copy c = {memory, out, "linux.resources.memory"};
    CL_TRY(shim_only(memory, c.what, members, err));
    CL_TRY(copy_limit(&c, "limit", -1, err));
    CL_TRY(copy_limit(&c, "reservation", -1, err));
    return copy_limit(&c, "swap", -1, err);
}

static enum cl_status build_pids(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"limit", NULL};
    json_t *pids = NULL;
    CL_TRY(shim_opt_object(from, "linux.resources", "pids", &pids, err));
    if (pids == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "pids", out, err));
    const struct shim_copy c = {pids, out, "linux.resources.pids"};
    CL_TRY(shim_only(pids, c.what, members, err));
    return copy_limit(&c, "limit", -1, err);
}

static bool starts_with_one_of(const char *s, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strncmp(s, *list, strlen(*list)) == 0) {
            return true;
        }
    }
    return false;
}

/* Files of cgroup v2: those of controllers that the guest has are kept, those of devices and CPUs
 * of the host dropped like the members that mean the same. */
static enum cl_status build_unified(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const kept[] = {"cpu.", "memory.", "pids.", NULL};
    static const char *const dropped[] = {"cpuset.", "io.", "hugetlb.", "rdma.", "misc.", NULL};
    json_t *unified = NULL;
    CL_TRY(shim_opt_object(from, "linux.resources", "unified", &unified, err));
    if (unified == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "unified", out, err));
    const struct shim_copy c = {unified, out, "linux.resources.unified"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(unified, key, value)
    {
        if (starts_with_one_of(key, dropped)) {
            continue;
        }
        if (!starts_with_one_of(key, kept) || !shim_name_valid(key, 64)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: expected a file of cpu, memory or pids, got '%.64s'", c.what,
                              key);
        }
        CL_TRY(shim_copy_string(&c, key, err));
    }
    return CL_OK;
}

/* kubelet writes a limit of 0 for each size of huge pages. */
static enum cl_status check_hugepages(const json_t *from, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *l = NULL;
    CL_TRY(shim_opt_array(from, "linux.resources", "hugepageLimits", 64, &list, err));
    json_array_foreach(list, i, l)
    {
        int64_t limit = 0;
        if (shim_member(l, "limit") != NULL) {
            CL_TRY(cl_json_get_int(l, "linux.resources.hugepageLimits", "limit", INT64_MIN,
                                   INT64_MAX, &limit, err));
        }
        if (limit != 0) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "linux.resources.hugepageLimits: limit: expected 0, got %lld",
                              (long long)limit);
        }
    }
    return CL_OK;
}

/* devices are the guest's own; blockIO, network and rdma hold for the VM's processes on the host,
 * where the pod's cgroup has them. */
enum cl_status shim_resources_build(const json_t *from, json_t **ret, struct cl_err *err)
{
    static const char *const members[] = {"cpu",     "memory",  "pids",           "unified",
                                          "devices", "blockIO", "hugepageLimits", "network",
                                          "rdma",    NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    if (out == NULL) {
        return cl_err_nomem(err, "resources");
    }
    CL_TRY(shim_only(from, "linux.resources", members, err));
    CL_TRY(build_cpu(from, out, err));
    CL_TRY(build_memory(from, out, err));
    CL_TRY(build_pids(from, out, err));
    CL_TRY(build_unified(from, out, err));
    CL_TRY(check_hugepages(from, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}

enum cl_status shim_resources_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                        struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *from = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *to = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(shim_document(json, len, "resources", &from, err));
    CL_TRY(shim_resources_build(from, &to, err));
    CL_TRY(cl_json_compact(to, &text, err));
    cl_buf_done(ret_guest);
    *ret_guest = text;
    text = (struct cl_buf){0};
    return CL_OK;
}

static int64_t int_member(const json_t *obj, const char *key)
{
    return json_integer_value(json_object_get(obj, key)); /* 0 for anything else */
}

static enum cl_status set_size(struct shim_spec *s, int64_t quota, int64_t period, int64_t memory,
                               struct cl_err *err)
{
    if (quota > 0 && period > 0) {
        int64_t cpus = quota / period + (quota % period != 0);
        if (cpus > MAX_CPUS) {
            return cl_err_set(err, CL_ERR_REJECTED, "cpu limit: expected at most %u CPUs, got %lld",
                              MAX_CPUS, (long long)cpus);
        }
        s->cpus = (uint32_t)cpus;
    }
    s->memory = memory > 0 ? (uint64_t)memory : 0;
    return CL_OK;
}

static enum cl_status annotation_int(const struct shim_translation *t, const char *key,
                                     int64_t *ret, struct cl_err *err)
{
    const char *text = shim_annotation(t, key);
    uint64_t v = 0;
    *ret = 0;
    if (text == NULL || strcmp(text, "-1") == 0) { /* -1: no limit */
        return CL_OK;
    }
    CL_TRY(cl_uint_parse(text, key, 0, INT64_MAX, &v, err));
    *ret = (int64_t)v;
    return CL_OK;
}

/* CRI-O's form of the pod's resources: the CRI message as JSON. */
static enum cl_status size_of_crio(struct shim_translation *t, const char *text, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(shim_document(text, strlen(text), "io.kubernetes.cri-o.PodLinuxResources", &j, err));
    return set_size(t->s, int_member(j, "cpu_quota"), int_member(j, "cpu_period"),
                    int_member(j, "memory_limit_in_bytes"), err);
}

enum cl_status shim_sizing(struct shim_translation *t, struct cl_err *err)
{
    const json_t *res = json_object_get(json_object_get(t->config, "linux"), "resources");
    if (t->s->kind == SHIM_SINGLE) {
        const json_t *cpu = json_object_get(res, "cpu");
        return set_size(t->s, int_member(cpu, "quota"), int_member(cpu, "period"),
                        int_member(json_object_get(res, "memory"), "limit"), err);
    }
    if (t->crio) {
        const char *crio = shim_annotation(t, "io.kubernetes.cri-o.PodLinuxResources");
        return crio != NULL ? size_of_crio(t, crio, err) : CL_OK;
    }
    int64_t quota = 0;
    int64_t period = 0;
    int64_t memory = 0;
    CL_TRY(annotation_int(t, "io.kubernetes.cri.sandbox-cpu-quota", &quota, err));
    CL_TRY(annotation_int(t, "io.kubernetes.cri.sandbox-cpu-period", &period, err));
    CL_TRY(annotation_int(t, "io.kubernetes.cri.sandbox-memory", &memory, err));
    return set_size(t->s, quota, period, memory, err);
}
