/* SPDX-License-Identifier: Apache-2.0
 * test_node_install.c - a node's life on a tree: what is written, what stays the operator's, what
 * is refused before anything is written, and that nothing is left.
 */
#include "node_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIM "bin/containerd-shim-cloister-v2"

/* Configurations as nodes have them: by packages, by `config default`, by hand. */
static const struct {
    const char *version;
    const char *config;
} nodes[] = {
    {"1.6.20", NULL},
    {"1.7.24", NULL},
    {"2.0.1", NULL},
    {"1.6.20",
     "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n"
     "    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n"},
    {"1.6.20", "version = 2"}, /* no line end */
    {"1.7.24", "disabled_plugins = []\nimports = []\nversion = 2\n[timeouts]\n  \"io.x\" = \"2s\"\n"
               "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
               "  runtime_type = \"io.containerd.runc.v2\"\n"},
    {"1.7.24", "version = 2\r\n[debug]\r\n  level = 'info'\r\n"},
    {"2.1.0",
     "version = 3\nroot = '/var/lib/containerd'\nimports = ['/etc/containerd/conf.d/*.toml']\n"
     "[plugins.'io.containerd.cri.v1.runtime']\n  x = [\n    'a', # b\n    'c',\n  ]\n"},
    {"2.1.0", "version = 3\nimports = ['conf.d/*.toml']\n"},
    {"2.1.0", "version = 3\nimports = [\"/a.toml\", \"/b.toml\",]\n[debug]"},
    {"2.2.0", "version = 2\nimports = [\n  \"/a.toml\",\n  \"/b.toml\"\n]\n"},
    {"2.3.0",
     "# a comment\nversion = 4 # four\n\n[debug]\nx = \"\"\"\nversion = 1\n[no.table]\n\"\"\"\n"},
    {"2.2.0", "version = 3\nimports = []"},
};

static bool merges(int i)
{
    return nodes[i].version[0] == '2';
}

START_TEST(test_node_ten_times_the_same_bytes)
{
    struct node_world w;
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    char *before = node_world_look(&w);
    char *installed = NULL;
    for (int n = 0; n < 10; n++) {
        node_world_run(node_install, &w.o, CL_OK);
        char *now = node_world_look(&w);
        ck_assert_msg(installed == NULL || strcmp(now, installed) == 0, "round %d: %s", n, now);
        free(installed);
        installed = now;
        node_world_run(node_uninstall, &w.o, CL_OK);
        char *after = node_world_look(&w);
        ck_assert_msg(strcmp(before, after) == 0, "round %d: %s", n, after);
        free(after);
    }
    ck_assert_str_ne(before, installed);
    free(installed);
    free(before);
    node_world_done(&w);
}
END_TEST

START_TEST(test_node_again_changes_nothing)
{
    struct node_world w;
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    node_world_run(node_install, &w.o, CL_OK);
    char *once = node_world_look(&w);
    node_world_run(node_install, &w.o, CL_OK);
    node_world_run(node_verify, &w.o, CL_OK);
    char *twice = node_world_look(&w);
    ck_assert_str_eq(once, twice);
    free(once);
    free(twice);
    node_world_done(&w);
}
END_TEST

START_TEST(test_node_runtime_is_in_the_right_file)
{
    struct node_world w;
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    node_world_run(node_install, &w.o, CL_OK);
    char *config = node_world_read(&w, CONFIG);
    char *tables =
        merges(_i) ? node_world_read(&w, "/etc/containerd/conf.d/cloister.toml") : strdup(config);
    ck_assert_ptr_nonnull(strstr(tables, ".containerd.runtimes.cloister-sim]\n"));
    ck_assert_ptr_nonnull(strstr(tables, "/" SHIM "\"\n"));
    const char *key = strncmp(nodes[_i].version, "1.6", 3) == 0 ? "runtime_type = \"/usr/lib"
                                                                : "runtime_path = \"/usr/lib";
    ck_assert_ptr_nonnull(strstr(tables, key));
    ck_assert_ptr_nonnull(strstr(tables, "ConfigPath = \"/etc/cloister/cloister-sim.toml\""));
    if (merges(_i)) {
        ck_assert_ptr_null(strstr(config, "runtimes.cloister-sim"));
    } else { /* the default runtime is not lost */
        ck_assert_ptr_nonnull(strstr(config, "containerd.runtimes.runc]"));
    }
    free(config);
    free(tables);
    node_world_done(&w);
}
END_TEST

START_TEST(test_node_dry_run_changes_nothing)
{
    struct node_world w;
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    char *before = node_world_look(&w);
    w.o.dry_run = true;
    node_world_run(node_install, &w.o, CL_OK);
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

START_TEST(test_node_upgrade_and_rollback)
{
    struct node_world w;
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    char *none = node_world_look(&w);
    node_world_run(node_rollback, &w.o, CL_ERR_REJECTED);
    node_world_run(node_upgrade, &w.o, CL_ERR_REJECTED); /* install comes first */
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_run(node_install, &w.o, CL_OK);
    w.o.payload = w.payload[1];
    w.o.classes = 0;
    node_world_run(node_upgrade, &w.o, CL_OK);
    char *second = node_world_look(&w);
    node_world_run(node_rollback, &w.o, CL_OK);
    char *first = node_world_look(&w);
    node_world_run(node_rollback, &w.o, CL_OK);
    char *again = node_world_look(&w);
    ck_assert_str_eq(second, again);
    ck_assert_str_ne(first, second);
    ck_assert_ptr_nonnull(strstr(second, SHIM " of 0")); /* side by side */
    ck_assert_ptr_nonnull(strstr(second, SHIM " of 1"));
    node_world_run(node_uninstall, &w.o, CL_OK);
    char *after = node_world_look(&w);
    ck_assert_str_eq(none, after);
    free(none);
    free(first);
    free(second);
    free(again);
    free(after);
    node_world_done(&w);
}
END_TEST

/* A third version: the first is needed by nobody and goes. */
START_TEST(test_node_old_versions_are_collected)
{
    struct node_world w;
    char path[128];
    node_world_init(&w, NULL, "1.6.20");
    node_world_run(node_install, &w.o, CL_OK);
    w.o.payload = w.payload[1];
    node_world_run(node_upgrade, &w.o, CL_OK);
    (void)snprintf(path, sizeof(path), "%s/guest/guest.json", w.payload[1]);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("third", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    node_world_run(node_upgrade, &w.o, CL_OK);
    char *now = node_world_look(&w);
    ck_assert_ptr_null(strstr(now, SHIM " of 0"));
    ck_assert_ptr_nonnull(strstr(now, "guest/guest.json of 1"));
    ck_assert_ptr_nonnull(strstr(now, "third"));
    free(now);
    node_world_done(&w);
}
END_TEST

/* A program that was overwritten, larger than any configuration: install mends it. */
START_TEST(test_node_install_mends)
{
    static char large[(2u << 20) + 1];
    struct node_world w;
    char path[128];
    node_world_init(&w, NULL, "1.6.20");
    node_world_run(node_install, &w.o, CL_OK);
    char *before = node_world_look(&w);
    json_t *state = NULL;
    (void)snprintf(path, sizeof(path), "%s/var/lib/cloister-node/state.json", w.root);
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &state, NULL), CL_OK);
    (void)snprintf(path, sizeof(path), "/usr/lib/cloister/%s/bin/cloister-vmm",
                   json_string_value(json_object_get(state, "current")));
    json_decref(state);
    memset(large, 'x', sizeof(large) - 1);
    node_world_write(&w, path, large);
    node_world_run(node_install, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

static const char *status_of(const json_t *doc, const char *id)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(doc, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "id")), id) == 0) {
            return json_string_value(json_object_get(item, "status"));
        }
    }
    return "none";
}

static void refuse(struct node_world *w, const char *words)
{
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    ck_assert_int_ne(node_install(&w->o, &doc, &hint, &err), CL_OK);
    ck_assert_msg(strstr(err.msg, words) != NULL, "%s", err.msg);
}

/* An installation is refused with these words, and nothing was written. */
static void refused_whole(const char *config, const char *version, enum node_snapshotter mode,
                          const char *words)
{
    struct node_world w;
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    node_world_init(&w, config, version);
    char *before = node_world_look(&w);
    w.o.snapshotter = mode;
    ck_assert_int_ne(node_install(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_msg(strstr(err.msg, words) != NULL, "%s", err.msg);
    node_world_run(node_uninstall, &w.o, CL_OK); /* its lock and blobs */
    node_world_end(&w, before);
}

/* --- the snapshotter
 * ------------------------------------------------------------------------------------- */

#define UNITS "/etc/systemd/system/"
#define DROP_IN "/etc/containerd/conf.d/cloister.toml"
#define PROXY                                                                                      \
    "[proxy_plugins.cloister]\n  type = \"snapshot\"\n"                                            \
    "  address = \"/run/cloister-snapshotter/grpc.sock\"\n"

/* What the node's containerd takes: the whole node with 1.6, else each runtime; none: neither. */
static enum node_snapshotter where(int i)
{
    bool old = nodes[i].config != NULL && strstr(nodes[i].config, "version = 2") != NULL;
    return strncmp(nodes[i].version, "1.6", 3) == 0 ? NODE_SNAPSHOTTER_NODE
           : merges(i) && old                       ? NODE_SNAPSHOTTER_NONE
                                                    : NODE_SNAPSHOTTER_CLASS;
}

START_TEST(test_node_snapshotter_and_back)
{
    struct node_world w;
    enum node_snapshotter mode = where(_i);
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    char *before = node_world_look(&w);
    w.o.snapshotter = mode;
    node_world_run(node_install, &w.o, CL_OK);
    char *once = node_world_look(&w);
    w.o.snapshotter = NODE_SNAPSHOTTER_AS_IS; /* it is remembered */
    node_world_run(node_install, &w.o, CL_OK);
    node_world_run(node_verify, &w.o, CL_OK);
    char *twice = node_world_look(&w);
    ck_assert_str_eq(once, twice);
    char *tables = node_world_read(&w, merges(_i) ? DROP_IN : CONFIG);
    bool used = mode != NODE_SNAPSHOTTER_NONE;
    ck_assert_int_eq(strstr(tables, PROXY) != NULL, used);
    ck_assert_int_eq(strstr(tables, "  snapshotter = \"cloister\"\n") != NULL, used);
    ck_assert_int_eq(strstr(once, UNITS "cloister-snapshotter.socket") != NULL, used);
    free(once);
    free(twice);
    free(tables);
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

/* The operator edits containerd's file while we are there: his edits stay, ours go. */
START_TEST(test_node_edits_of_others_stay)
{
    struct node_world w;
    struct cl_buf edited = {0};
    struct cl_buf expected = {0};
    static const char more[] = "\n[metrics]\n  address = \"127.0.0.1:1\"\n";
    node_world_init(&w, nodes[_i].config, nodes[_i].version);
    w.o.snapshotter = where(_i);
    node_world_run(node_install, &w.o, CL_OK);
    char *config = node_world_read(&w, CONFIG);
    ck_assert_int_eq(cl_buf_printf(&edited, NULL, "%s%s", config, more), CL_OK);
    node_world_write(&w, CONFIG, (char *)edited.data);
    node_world_run(node_install, &w.o, CL_OK); /* and ours can be written again */
    node_world_run(node_uninstall, &w.o, CL_OK);
    char *after = node_world_read(&w, CONFIG);
    const char *base = nodes[_i].config != NULL ? nodes[_i].config
                       : merges(_i)             ? "version = 3\n"
                                                : "version = 2\n";
    ck_assert_int_eq(cl_buf_printf(&expected, NULL, "%s%s", base, more), CL_OK);
    ck_assert_str_eq(after, (char *)expected.data);
    free(config);
    free(after);
    cl_buf_done(&edited);
    cl_buf_done(&expected);
    node_world_done(&w);
}
END_TEST

/* The units run the version that new pods have, there and back; --snapshotter=none takes them away
 * and leaves the rest. */
START_TEST(test_node_snapshotter_follows_the_version)
{
    struct node_world w;
    node_world_init(&w, NULL, "2.1.0");
    w.o.snapshotter = NODE_SNAPSHOTTER_CLASS;
    node_world_run(node_install, &w.o, CL_OK);
    char *first = node_world_read(&w, UNITS "cloister-snapshotter.service");
    ck_assert_ptr_nonnull(strstr(first, "\nExecStart=/usr/lib/cloister/"));
    ck_assert_ptr_nonnull(strstr(first, "/bin/cloister-snapshotter\nRestart="));
    w.o.payload = w.payload[1];
    w.o.snapshotter = NODE_SNAPSHOTTER_AS_IS;
    node_world_run(node_upgrade, &w.o, CL_OK);
    char *second = node_world_read(&w, UNITS "cloister-snapshotter.service");
    ck_assert_str_ne(first, second);
    node_world_run(node_rollback, &w.o, CL_OK);
    char *again = node_world_read(&w, UNITS "cloister-snapshotter.service");
    ck_assert_str_eq(first, again);
    char *tables = node_world_read(&w, DROP_IN);
    ck_assert_ptr_nonnull(strstr(tables, ".runtime_platforms.cloister-sim]\n  snapshotter = "));
    ck_assert_ptr_nonnull(strstr(tables, "\n  use_local_image_pull = true\n"));
    w.o.payload = w.payload[0];
    w.o.snapshotter = NODE_SNAPSHOTTER_NONE;
    node_world_run(node_install, &w.o, CL_OK);
    char *none = node_world_look(&w);
    ck_assert_ptr_null(strstr(none, "cloister-snapshotter.service"));
    ck_assert_ptr_null(strstr(none, "proxy_plugins"));
    ck_assert_ptr_nonnull(strstr(none, "runtimes.cloister-sim]"));
    free(first);
    free(second);
    free(again);
    free(tables);
    free(none);
    node_world_done(&w);
}
END_TEST

START_TEST(test_node_snapshotter_verified)
{
    struct node_world w;
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    node_world_init(&w, NULL, "1.7.24");
    w.o.snapshotter = NODE_SNAPSHOTTER_CLASS;
    node_world_run(node_install, &w.o, CL_OK);
    ck_assert_int_eq(node_verify(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_str_eq(status_of(doc, "snapshotter.units"), "pass");
    ck_assert_str_eq(status_of(doc, "snapshotter.socket"), "skipped");
    json_decref(doc);
    node_world_write(&w, UNITS "cloister-snapshotter.service", "[Service]\n");
    ck_assert_int_eq(node_verify(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_str_eq(status_of(doc, "snapshotter.units"), "fail");
    ck_assert_str_eq(json_string_value(json_object_get(doc, "verdict")), "fail");
    json_decref(doc);
    node_world_done(&w);
}
END_TEST

/* By the account of this machine's containerd, where it is a 1.6: nothing but ours differs. */
START_TEST(test_node_snapshotter_of_this_containerd)
{
    struct node_world w;
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    node_world_init(&w, nodes[3].config, "1.6.20");
    char *before = node_world_look(&w);
    if (system("containerd --version 2>/dev/null | grep -q ' 1\\.6\\.'") != 0) {
        free(before);
        node_world_done(&w);
        puts("SKIP: expected a containerd 1.6 on PATH");
        return;
    }
    w.o.containerd = "containerd";
    w.o.snapshotter = NODE_SNAPSHOTTER_NODE;
    node_world_run(node_install, &w.o, CL_OK);
    ck_assert_int_eq(node_verify(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_str_eq(status_of(doc, "containerd.snapshotter.node"), "pass");
    ck_assert_str_eq(status_of(doc, "containerd.handler.cloister-sim"), "pass");
    json_decref(doc);
    w.o.snapshotter = NODE_SNAPSHOTTER_NONE;
    node_world_run(node_install, &w.o, CL_OK);
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

static const struct {
    const char *version;
    const char *config;
    enum node_snapshotter mode;
    const char *words;
} no_snapshotter[] = {
    {"1.6.20", NULL, NODE_SNAPSHOTTER_CLASS, "--snapshotter: expected 'node' for containerd 1.6"},
    {"1.7.24", NULL, NODE_SNAPSHOTTER_NODE, "--snapshotter: expected 'class' for containerd 1.7"},
    {"2.2.0", "version = 2\n[debug]\n", NODE_SNAPSHOTTER_CLASS,
     "version: expected 3 or later for --snapshotter"},
    {"1.7.24", "version = 2\n[proxy_plugins.cloister]\n", NODE_SNAPSHOTTER_CLASS,
     "expected no table 'cloister' but ours"},
    {"1.6.20",
     "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
     "  snapshotter = \"overlayfs\"\n",
     NODE_SNAPSHOTTER_NODE, "snapshotter: expected \"cloister\", got overlayfs"},
};

START_TEST(test_node_snapshotter_refused)
{
    refused_whole(no_snapshotter[_i].config, no_snapshotter[_i].version, no_snapshotter[_i].mode,
                  no_snapshotter[_i].words);
}
END_TEST

START_TEST(test_node_snapshotter_units_of_others)
{
    struct node_world w;
    char path[128];
    static const char *const folders[] = {"/etc/systemd", "/etc/systemd/system"};
    node_world_init(&w, NULL, "1.7.24");
    for (size_t i = 0; i < CL_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", w.root, folders[i]);
        ck_assert_int_eq(mkdir(path, 0755), 0);
    }
    node_world_write(&w, UNITS "cloister-snapshotter.socket", "[Socket]\n");
    char *before = node_world_look(&w);
    w.o.snapshotter = NODE_SNAPSHOTTER_CLASS;
    refuse(&w, "expected no file, got one of others");
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);

    node_world_init(&w, NULL, "1.7.24"); /* and a version that has no such program */
    (void)snprintf(path, sizeof(path), "%s/bin/cloister-snapshotter", w.payload[0]);
    ck_assert_int_eq(unlink(path), 0);
    w.o.snapshotter = NODE_SNAPSHOTTER_CLASS;
    refuse(&w, "expected 'bin/cloister-snapshotter'");
    node_world_done(&w);
}
END_TEST

/* --- what is refused, before anything is written
 * --------------------------------------------------------- */

static const struct {
    const char *version;
    const char *config;
    const char *words; /* of the message */
} refused[] = {
    {"1.6.20", "[plugins.cri]\n  x = 1\n", "version: expected 2 for containerd 1.6.20, got 1"},
    {"1.7.0", "version = 3\n", "version: expected 2 for containerd 1.7.0, got 3"},
    {"2.1.0", "version = 1\n[debug]\n", "version: expected 2 to 4"},
    {"2.1.0", "version = x\n", "version: expected one digit"},
    {"1.6.20", "version = 2\na = \"b\n", "expected the end of a text"},
    {"1.6.20", "version = 2\na = [ \"b\"\n", "expected the end of an array"},
    {"1.6.20", "version = 2\n[a.b\n", "expected the end of a table's name"},
    {"1.6.20", "version = 2\nnonsense\n", "expected a key and '='"},
    {"2.1.0", "version = 3\nimports = \"x\"\n", "imports: expected a list of paths"},
    {"2.1.0", "version = 3\nimports = [\"a\" # b\n]\n",
     "imports: expected a list without a comment"},
    {"1.6.20",
     "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.cloister-sim]\n",
     "expected no table 'cloister-sim' but ours"},
    {"1.6.20", "version = 2\n# >>> cloister node install: what stands from here\n",
     "our mark: expected the one that ends"},
    {"1.5.2", "version = 2\n", "expected 1.6 or later, got 1.5.2"},
    {"one", "version = 2\n", "expected one like 1.6.20"},
};

START_TEST(test_node_refuses_and_writes_nothing)
{
    refused_whole(refused[_i].config, refused[_i].version, NODE_SNAPSHOTTER_AS_IS,
                  refused[_i].words);
}
END_TEST

START_TEST(test_node_refuses_no_class)
{
    struct node_world w;
    node_world_init(&w, NULL, "1.6.20");
    w.o.classes = 0;
    refuse(&w, "preflight: --class: expected one, got none");
    node_world_done(&w);
}
END_TEST

START_TEST(test_node_refuses_what_is_not_its_own)
{
    struct node_world w;
    char path[128];
    char other[128];
    node_world_init(&w, "version = 3\n", "2.1.0");
    (void)snprintf(path, sizeof(path), "%s/etc/containerd/conf.d", w.root);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    node_world_write(&w, "/etc/containerd/conf.d/cloister.toml", "version = 3\n");
    refuse(&w, "conf.d/cloister.toml': expected no file, got one of others");
    node_world_done(&w);

    node_world_init(&w, "version = 2\n", "1.6.20"); /* a link instead of the file */
    (void)snprintf(path, sizeof(path), "%s" CONFIG, w.root);
    (void)snprintf(other, sizeof(other), "%s/etc/real.toml", w.root);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink("../real.toml", path), 0);
    refuse(&w, "expected a file, got a symbolic link");
    node_world_done(&w);

    node_world_init(&w, NULL, "1.6.20");
    (void)snprintf(path, sizeof(path), "%s/guest/stage0.bin", w.payload[0]);
    ck_assert_int_eq(unlink(path), 0);
    refuse(&w, "files: payload");
    node_world_done(&w);
}
END_TEST

/* Settings that the operator wrote are his: checked, used, never touched. */
START_TEST(test_node_settings_of_the_operator_stay)
{
    struct node_world w;
    char path[128];
    node_world_init(&w, NULL, "1.6.20");
    (void)snprintf(path, sizeof(path), "%s/etc/cloister", w.root);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    node_world_write(&w, "/etc/cloister/cloister-sim.toml", "[vm]\ntee = \"snp\"\n");
    refuse(&w, "vm.tee: expected sim, got snp");
    node_world_write(&w, "/etc/cloister/cloister-sim.toml", "[vm]\ntee = \"sim\"\nbogus = 1\n");
    refuse(&w, "bogus");
    node_world_write(&w, "/etc/cloister/cloister-sim.toml", "[vm]\ntee = \"sim\"\ncpus = 2\n");
    node_world_run(node_uninstall, &w.o, CL_OK);
    char *before = node_world_look(&w);
    node_world_run(node_install, &w.o, CL_OK);
    node_world_run(node_uninstall, &w.o, CL_OK);
    node_world_end(&w, before);
}
END_TEST

/* verify says which item fails. */
START_TEST(test_node_verify_names_what_fails)
{
    struct node_world w;
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    node_world_init(&w, NULL, "1.6.20");
    node_world_run(node_verify, &w.o, CL_ERR_REJECTED);
    node_world_run(node_install, &w.o, CL_OK);
    node_world_write(&w, "/etc/cloister/cloister-sim.toml", "[vm]\n");
    ck_assert_int_eq(node_verify(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "verdict")), "fail");
    ck_assert_str_eq(status_of(doc, "settings.cloister-sim"), "fail");
    ck_assert_str_eq(status_of(doc, "files"), "pass");
    ck_assert_str_eq(status_of(doc, "container.cloister-sim"), "skipped");
    json_decref(doc);
    node_world_done(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_install");
    TCase *t = tcase_create("node_install");
    int count = (int)CL_ARRAY_LEN(nodes);
    tcase_add_loop_test(t, test_node_ten_times_the_same_bytes, 0, count);
    tcase_add_loop_test(t, test_node_again_changes_nothing, 0, count);
    tcase_add_loop_test(t, test_node_runtime_is_in_the_right_file, 0, count);
    tcase_add_loop_test(t, test_node_dry_run_changes_nothing, 0, count);
    tcase_add_loop_test(t, test_node_edits_of_others_stay, 0, count);
    tcase_add_loop_test(t, test_node_upgrade_and_rollback, 0, count);
    tcase_add_test(t, test_node_old_versions_are_collected);
    tcase_add_test(t, test_node_install_mends);
    tcase_add_loop_test(t, test_node_refuses_and_writes_nothing, 0, (int)CL_ARRAY_LEN(refused));
    tcase_add_test(t, test_node_refuses_no_class);
    tcase_add_test(t, test_node_refuses_what_is_not_its_own);
    tcase_add_test(t, test_node_settings_of_the_operator_stay);
    tcase_add_loop_test(t, test_node_snapshotter_and_back, 0, count);
    tcase_add_test(t, test_node_snapshotter_follows_the_version);
    tcase_add_test(t, test_node_snapshotter_verified);
    tcase_add_test(t, test_node_snapshotter_of_this_containerd);
    tcase_add_loop_test(t, test_node_snapshotter_refused, 0, (int)CL_ARRAY_LEN(no_snapshotter));
    tcase_add_test(t, test_node_snapshotter_units_of_others);
    tcase_add_test(t, test_node_verify_names_what_fails);
    suite_add_tcase(s, t);
    return run_suite(s);
}
