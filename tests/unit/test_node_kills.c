/* SPDX-License-Identifier: Apache-2.0
 * test_node_kills.c - commands of `cloister node` killed before each single change of the file
 * system: the next command leaves a tree that is whole.
 */
#include "node_world.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_16                                                                                  \
    "version = 2\n# mine\n[plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/x\"\n"
#define CONFIG_21 "version = 3\nimports = [\"/etc/other/*.toml\"]\n[debug]\n  level = \"info\""
#define KILLED 77

static const struct {
    const char *config;
    const char *version;
    enum node_snapshotter snapshotter;
} nodes[] = {{CONFIG_16, "1.6.20", NODE_SNAPSHOTTER_AS_IS},
             {CONFIG_16, "1.6.20", NODE_SNAPSHOTTER_NODE},
             {CONFIG_21, "2.1.0", NODE_SNAPSHOTTER_CLASS},
             {NULL, "1.7.24", NODE_SNAPSHOTTER_CLASS},
             {NULL, "2.2.0", NODE_SNAPSHOTTER_AS_IS}};

static void die_at(void *ctx, unsigned n)
{
    if (n == *(unsigned *)ctx) {
        _exit(KILLED);
    }
}

/* false: it came to its end before. */
static bool killed_at(node_operation *f, const struct node_options *o, unsigned n)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct node_options own = *o;
        own.step = die_at;
        own.step_ctx = &n;
        json_t *doc = NULL;
        const char *hint = NULL;
        struct cl_err err = {0};
        _exit(f(&own, &doc, &hint, &err) == CL_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_ne(WEXITSTATUS(status), 1);
    return WEXITSTATUS(status) == KILLED;
}

static void same(const char *what, unsigned n, const struct node_world *w, const char *expected)
{
    char *now = node_world_look(w);
    ck_assert_msg(strcmp(now, expected) == 0, "%s, killed before change %u: expected\n%s\ngot\n%s",
                  what, n, expected, now);
    free(now);
}

/* How a tree looks after these, undisturbed. */
static char *look_after(size_t node, node_operation *const *f, size_t count)
{
    struct node_world w;
    node_world_init(&w, nodes[node].config, nodes[node].version);
    w.o.snapshotter = nodes[node].snapshotter;
    for (size_t i = 0; i < count; i++) {
        w.o.payload = w.payload[i > 0];
        node_world_run(f[i], &w.o, CL_OK);
    }
    char *ret = node_world_look(&w);
    node_world_done(&w);
    return ret;
}

/* `before` of f is done, then f[before] is killed, then `after` runs: the tree is as `expected`. */
static void kill_each(const char *what, size_t node, node_operation *const *f, size_t before,
                      node_operation *after, const char *expected)
{
    bool killed = true;
    unsigned n = 0;
    for (; killed; n++) {
        struct node_world w;
        node_world_init(&w, nodes[node].config, nodes[node].version);
        w.o.snapshotter = nodes[node].snapshotter;
        for (size_t i = 0; i < before; i++) {
            w.o.payload = w.payload[i > 0];
            node_world_run(f[i], &w.o, CL_OK);
        }
        w.o.payload = w.payload[before > 0];
        killed = killed_at(f[before], &w.o, n);
        if (after != node_rollback || !killed) {
            node_world_run(after, &w.o, CL_OK);
            same(what, n, &w, expected);
        }
        node_world_done(&w);
    }
    ck_assert_uint_gt(n, 5);
}

static node_operation *const life[] = {node_install, node_upgrade, node_rollback};

START_TEST(test_node_install_killed_then_installed)
{
    char *whole = look_after((size_t)_i, life, 1);
    kill_each("install, install", (size_t)_i, life, 0, node_install, whole);
    free(whole);
}
END_TEST

START_TEST(test_node_install_killed_then_uninstalled)
{
    char *none = look_after((size_t)_i, life, 0);
    kill_each("install, uninstall", (size_t)_i, life, 0, node_uninstall, none);
    free(none);
}
END_TEST

START_TEST(test_node_upgrade_killed_then_upgraded)
{
    char *whole = look_after((size_t)_i, life, 2);
    kill_each("upgrade, upgrade", (size_t)_i, life, 1, node_upgrade, whole);
    free(whole);
}
END_TEST

START_TEST(test_node_rollback_killed_then_uninstalled)
{
    char *none = look_after((size_t)_i, life, 0);
    kill_each("rollback, uninstall", (size_t)_i, life, 2, node_uninstall, none);
    free(none);
}
END_TEST

START_TEST(test_node_uninstall_killed_then_uninstalled)
{
    static node_operation *const f[] = {node_install, node_uninstall};
    char *none = look_after((size_t)_i, life, 0);
    kill_each("uninstall, uninstall", (size_t)_i, f, 1, node_uninstall, none);
    free(none);
}
END_TEST

static enum cl_status install_without(const struct node_options *o, json_t **ret,
                                      const char **ret_hint, struct cl_err *err)
{
    struct node_options own = *o;
    own.snapshotter = NODE_SNAPSHOTTER_NONE;
    return node_install(&own, ret, ret_hint, err);
}

START_TEST(test_node_snapshotter_taken_away_killed)
{
    static node_operation *const f[] = {node_install, install_without};
    char *none = look_after((size_t)_i, f, 0);
    char *whole = look_after((size_t)_i, f, 2);
    kill_each("install without, uninstall", (size_t)_i, f, 1, node_uninstall, none);
    kill_each("install without, again", (size_t)_i, f, 1, install_without, whole);
    free(none);
    free(whole);
}
END_TEST

/* The payload is gone when the next command comes: what was begun is undone. */
START_TEST(test_node_payload_gone_is_undone)
{
    struct node_world w;
    bool killed = true;
    for (unsigned n = 0; killed; n++) {
        node_world_init(&w, CONFIG_16, "1.6.20");
        char *none = node_world_look(&w);
        char moved[128];
        killed = killed_at(node_install, &w.o, n);
        (void)snprintf(moved, sizeof(moved), "%s.gone", w.payload[0]);
        ck_assert_int_eq(rename(w.payload[0], moved), 0);
        node_world_run(node_uninstall, &w.o, CL_OK);
        same("install without payload, uninstall", n, &w, none);
        ck_assert_int_eq(rename(moved, w.payload[0]), 0);
        free(none);
        node_world_done(&w);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_kills");
    TCase *t = tcase_create("node_kills");
    int count = (int)CL_ARRAY_LEN(nodes);
    tcase_add_loop_test(t, test_node_install_killed_then_installed, 0, count);
    tcase_add_loop_test(t, test_node_install_killed_then_uninstalled, 0, count);
    tcase_add_loop_test(t, test_node_upgrade_killed_then_upgraded, 0, count);
    tcase_add_loop_test(t, test_node_rollback_killed_then_uninstalled, 0, count);
    tcase_add_loop_test(t, test_node_uninstall_killed_then_uninstalled, 0, count);
    tcase_add_loop_test(t, test_node_snapshotter_taken_away_killed, 0, count);
    tcase_add_test(t, test_node_payload_gone_is_undone);
    suite_add_tcase(s, t);
    return run_suite(s);
}
