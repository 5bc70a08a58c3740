/* SPDX-License-Identifier: Apache-2.0
 * test_node_deploy.c - the manifests of deploy/kubernetes, held against what the code does: names
 * of handlers, labels, the overhead's formula, rights.
 */
#include "policy/yaml_tree.h"
#include "shim/sizing.h"

#include "node/node.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static struct cl_err err;

static json_t *load(const char *name)
{
    struct cl_buf b = {0};
    json_t *documents = NULL;
    char path[512];
    (void)snprintf(path, sizeof(path), DEPLOY "/kubernetes/%s", name);
    ck_assert_msg(cl_buf_read_file(&b, path, CL_YAML_MAX_SIZE, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(cl_yaml_parse(b.data, b.len, path, &documents, &err) == CL_OK, "%s", err.msg);
    cl_buf_done(&b);
    return documents;
}

/* "a.b.0.c" of an object; members whose names have dots cannot be asked for. */
static json_t *at(json_t *j, const char *path)
{
    char own[128];
    char *rest = NULL;
    (void)snprintf(own, sizeof(own), "%s", path);
    for (char *p = strtok_r(own, ".", &rest); p != NULL; p = strtok_r(NULL, ".", &rest)) {
        j = json_is_array(j) ? json_array_get(j, (size_t)(p[0] - '0')) : json_object_get(j, p);
    }
    return j;
}

static const char *text(json_t *j, const char *path)
{
    const char *s = json_string_value(at(j, path));
    ck_assert_msg(s != NULL, "%s: expected a text, got none", path);
    return s;
}

START_TEST(test_deploy_runtime_classes)
{
    json_t *documents = load("runtimeclasses.yaml");
    struct shim_config c;
    char memory[32];
    char cpu[32];
    shim_config_default(&c);
    uint64_t overhead = shim_overhead_for(&c, 512 * MIB);
    ck_assert_uint_le(overhead, 64 * MIB); /* what issue and docs promise */
    ck_assert_uint_eq(overhead % MIB, 0);
    (void)snprintf(memory, sizeof(memory), "%uMi", (unsigned)(overhead / MIB));
    (void)snprintf(cpu, sizeof(cpu), "%um", SHIM_OVERHEAD_CPU_MILLI);
    ck_assert_uint_eq(json_array_size(documents), NODE_MAX_CLASSES);
    for (size_t i = 0; i < NODE_MAX_CLASSES; i++) {
        json_t *d = json_array_get(documents, i);
        char label[64];
        const char *handler = node_class_name(1u << i);
        (void)snprintf(label, sizeof(label), "dev.cloister/%s", handler);
        ck_assert_str_eq(text(d, "kind"), "RuntimeClass");
        ck_assert_str_eq(text(d, "apiVersion"), "node.k8s.io/v1");
        ck_assert_str_eq(text(d, "handler"), handler);
        ck_assert_str_eq(text(d, "metadata.name"), handler);
        ck_assert_str_eq(text(d, "overhead.podFixed.memory"), memory);
        ck_assert_str_eq(text(d, "overhead.podFixed.cpu"), cpu);
        ck_assert_str_eq(
            json_string_value(json_object_get(at(d, "scheduling.nodeSelector"), label)), "true");
    }
    json_decref(documents);
}
END_TEST

/* The formula and the VM's size agree: what a VM has beyond its limit is declared. */
START_TEST(test_deploy_overhead_covers_the_machine)
{
    struct shim_config c;
    shim_config_default(&c);
    for (uint64_t limit = 80 * MIB; limit <= 65536 * MIB; limit += 13 * MIB) {
        struct shim_size size;
        ck_assert_int_eq(shim_size_for(&c, 1, limit, &size, &err), CL_OK);
        uint64_t declared = shim_overhead_for(&c, limit);
        ck_assert_uint_le(size.memory - limit, declared);
        ck_assert(limit > 512 * MIB || declared <= 64 * MIB);
    }
}
END_TEST

static json_t *kind(json_t *documents, const char *name)
{
    size_t i = 0;
    json_t *d = NULL;
    json_array_foreach(documents, i, d)
    {
        if (strcmp(text(d, "kind"), name) == 0) {
            return d;
        }
    }
    ck_abort_msg("no %s", name);
    return NULL;
}

START_TEST(test_deploy_daemon_set)
{
    json_t *documents = load("node.yaml");
    json_t *set = kind(documents, "DaemonSet");
    json_t *pod = at(set, "spec.template.spec");
    json_t *role = kind(documents, "ClusterRole");
    char path[512];
    ck_assert_str_eq(text(pod, "containers.0.command.0"), "/bin/node-daemon");
    (void)snprintf(path, sizeof(path), DEPLOY "/image/%s",
                   text(pod, "containers.0.command.0") + strlen("/bin/"));
    ck_assert_int_eq(access(path, X_OK), 0);
    ck_assert(json_is_true(at(pod, "hostPID")));
    ck_assert(json_is_true(at(pod, "containers.0.securityContext.privileged")));
    ck_assert_str_eq(text(pod, "containers.0.env.0.name"), "NODE_NAME");
    ck_assert_str_eq(text(pod, "containers.0.env.1.value"), "install");
    ck_assert_str_eq(text(pod, "containers.0.env.2.value"), "sim");
    ck_assert_str_eq(
        json_string_value(json_object_get(at(pod, "nodeSelector"), "dev.cloister/node")), "true");
    /* no right but the one that the label needs */
    ck_assert_uint_eq(json_array_size(at(role, "rules")), 1);
    ck_assert_uint_eq(json_array_size(at(role, "rules.0.resources")), 1);
    ck_assert_str_eq(text(role, "rules.0.resources.0"), "nodes");
    ck_assert_uint_eq(json_array_size(at(role, "rules.0.verbs")), 1);
    ck_assert_str_eq(text(role, "rules.0.verbs.0"), "patch");
    ck_assert_str_eq(text(kind(documents, "ClusterRoleBinding"), "subjects.0.name"),
                     text(pod, "serviceAccountName"));
    json_decref(documents);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_deploy");
    TCase *t = tcase_create("node_deploy");
    tcase_add_test(t, test_deploy_runtime_classes);
    tcase_add_test(t, test_deploy_overhead_covers_the_machine);
    tcase_add_test(t, test_deploy_daemon_set);
    suite_add_tcase(s, t);
    return run_suite(s);
}
