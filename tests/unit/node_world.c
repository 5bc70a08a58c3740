/* SPDX-License-Identifier: Apache-2.0
 * node_world.c - trees of a node for tests. See node_world.h.
 */
#include "node_world.h"

#include "base/io.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"bin/cloister-fetch",   "bin/cloister-snapshotter",
                                    "bin/cloister",         "bin/cloister-vmm",
                                    "bin/cloister-sim-psp", "bin/containerd-shim-cloister-v2",
                                    "guest/stage0.bin",     "guest/vmlinuz",
                                    "guest/initrd.img",     "guest/guest.cmdline",
                                    "guest/guest.json"};

static void put(const char *dir, const char *path, const char *text)
{
    char full[256];
    struct cl_err err = {0};
    (void)snprintf(full, sizeof(full), "%s/%s", dir, path);
    ck_assert_msg(cl_write_file(full, text, strlen(text), 0644, &err) == CL_OK, "%s", err.msg);
}

static void make_payload(char ret[96], const char *root, int n)
{
    char sub[128];
    (void)snprintf(ret, 96, "%s.payload%d", root, n);
    ck_assert_int_eq(mkdir(ret, 0755), 0);
    (void)snprintf(sub, sizeof(sub), "%s/bin", ret);
    ck_assert_int_eq(mkdir(sub, 0755), 0);
    (void)snprintf(sub, sizeof(sub), "%s/guest", ret);
    ck_assert_int_eq(mkdir(sub, 0755), 0);
    for (size_t i = 0; i < CL_ARRAY_LEN(files); i++) {
        char text[96];
        (void)snprintf(text, sizeof(text), "%s of %d", files[i], n);
        put(ret, files[i], text);
    }
}

void node_world_init(struct node_world *w, const char *config, const char *version)
{
    static const char *const folders[] = {"/var", "/var/lib", "/usr", "/usr/lib", "/etc"};
    char path[128];
    *w = (struct node_world){0};
    /* Thousands of fsync(2): in memory where there is a place for that. */
    (void)snprintf(w->root, sizeof(w->root), "%s/node-world.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(w->root));
    for (size_t i = 0; i < CL_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", w->root, folders[i]);
        ck_assert_int_eq(mkdir(path, 0755), 0);
    }
    if (config != NULL) {
        (void)snprintf(path, sizeof(path), "%s/etc/containerd", w->root);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        node_world_write(w, CONFIG, config);
    }
    make_payload(w->payload[0], w->root, 0);
    make_payload(w->payload[1], w->root, 1);
    w->o = (struct node_options){.root = w->root,
                                 .payload = w->payload[0],
                                 .classes = NODE_CLASS_SIM,
                                 .containerd_version = version};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void node_world_done(struct node_world *w)
{
    (void)nftw(w->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)nftw(w->payload[0], remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)nftw(w->payload[1], remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void look(const char *root, const char *path, struct cl_buf *b)
{
    char full[512];
    struct stat st;
    struct dirent **list = NULL;
    (void)snprintf(full, sizeof(full), "%s%s", root, path);
    ck_assert_int_eq(lstat(full, &st), 0);
    ck_assert_int_eq(cl_buf_printf(b, NULL, "%s %o\n", path, (unsigned)st.st_mode), CL_OK);
    if (S_ISREG(st.st_mode)) {
        ck_assert_int_eq(cl_buf_read_file(b, full, 1u << 20, NULL), CL_OK);
    }
    int n = S_ISDIR(st.st_mode) ? scandir(full, &list, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        char sub[512];
        (void)snprintf(sub, sizeof(sub), "%.200s/%.200s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.') {
            look(root, sub, b);
        }
        free(list[i]);
    }
    free(list);
}

static char *text_of(struct cl_buf *b)
{
    char *ret = strndup(b->data != NULL ? (const char *)b->data : "", b->len);
    ck_assert_ptr_nonnull(ret);
    cl_buf_done(b);
    return ret;
}

char *node_world_look(const struct node_world *w)
{
    struct cl_buf b = {0};
    look(w->root, "", &b);
    return text_of(&b);
}

void node_world_end(struct node_world *w, char *before)
{
    char *after = node_world_look(w);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    node_world_done(w);
}

void node_world_write(const struct node_world *w, const char *path, const char *text)
{
    put(w->root, path + 1, text);
}

char *node_world_read(const struct node_world *w, const char *path)
{
    char full[256];
    struct cl_buf b = {0};
    struct cl_err err = {0};
    (void)snprintf(full, sizeof(full), "%s%s", w->root, path);
    ck_assert_msg(cl_buf_read_file(&b, full, 1u << 20, &err) == CL_OK, "%s", err.msg);
    return text_of(&b);
}

void node_world_run(node_operation *f, const struct node_options *o, enum cl_status expected)
{
    json_t *doc = NULL;
    const char *hint = NULL;
    struct cl_err err = {0};
    enum cl_status st = f(o, &doc, &hint, &err);
    ck_assert_msg(st == expected, "expected %d, got %d: %s", (int)expected, (int)st, err.msg);
    json_decref(doc);
}
