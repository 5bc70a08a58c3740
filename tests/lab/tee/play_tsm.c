/* SPDX-License-Identifier: Apache-2.0
 * play_tsm.c - see play.h: the kernel's configfs as far as its tsm/report goes, as a file system of
 * FUSE. A directory that is made there has the attributes of a report; they answer as
 * drivers/virt/coco/tsm.c does.
 */
#define FUSE_USE_VERSION 35
#include "play.h"

#include "base/bytes.h"

#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/tsm/report"
#define REPORTS 4u
#define NAME_SIZE 64u

enum attribute { A_NONE, A_INBLOB, A_OUTBLOB, A_AUXBLOB, A_PROVIDER, A_GENERATION, A_COUNT };
static const char *const attribute_names[A_COUNT] = {NULL,      "inblob",   "outblob",
                                                     "auxblob", "provider", "generation"};

struct report {
    char name[NAME_SIZE]; /* "": free */
    uint8_t inblob[PLAY_DATA_SIZE];
    size_t in_size;
    unsigned long written, read; /* generations */
    struct cl_buf outblob;
};

struct tree { /* of the player's process */
    struct play *p;
    struct report reports[REPORTS];
    unsigned busy;
};

static struct tree *tree(void)
{
    return fuse_get_context()->private_data;
}

/* Splits "/tsm/report/NAME/ATTRIBUTE"; NULL when there is no such report. */
static struct report *find(const char *path, enum attribute *ret_attribute)
{
    char name[NAME_SIZE] = "", attribute[NAME_SIZE] = "";
    *ret_attribute = A_NONE;
    if (sscanf(path, ROOT "/%63[^/]/%63s", name, attribute) < 1) {
        return NULL;
    }
    for (int a = 1; a < A_COUNT; a++) {
        if (strcmp(attribute, attribute_names[a]) == 0) {
            *ret_attribute = (enum attribute)a;
        }
    }
    for (size_t i = 0; i < REPORTS; i++) {
        struct report *r = &tree()->reports[i];
        if (strcmp(r->name, name) == 0) {
            return attribute[0] != '\0' && *ret_attribute == A_NONE ? NULL : r;
        }
    }
    return NULL;
}

static bool is_folder(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/tsm") == 0 || strcmp(path, ROOT) == 0;
}

static int tsm_getattr(const char *path, struct stat *st, CL_UNUSED struct fuse_file_info *fi)
{
    enum attribute a = A_NONE;
    const struct report *r = find(path, &a);
    if (r == NULL && !is_folder(path)) {
        return -ENOENT;
    }
    *st = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
    if (a != A_NONE) {
        st->st_mode = S_IFREG | (a == A_INBLOB ? 0200 : 0444);
        st->st_nlink = 1;
    }
    return 0;
}

static int tsm_mkdir(const char *path, CL_UNUSED mode_t mode)
{
    enum attribute a = A_NONE;
    char name[NAME_SIZE];
    if (find(path, &a) != NULL) {
        return -EEXIST;
    }
    if (sscanf(path, ROOT "/%63[^/]", name) != 1) {
        return -EPERM;
    }
    if (tree()->p->lie == PLAY_NO_PROVIDER) {
        return -ENXIO;
    }
    for (size_t i = 0; i < REPORTS; i++) {
        struct report *r = &tree()->reports[i];
        if (r->name[0] == '\0') {
            (void)snprintf(r->name, sizeof(r->name), "%s", name);
            tree()->busy = 2;
            return 0;
        }
    }
    return -ENOSPC;
}

static int tsm_rmdir(const char *path)
{
    enum attribute a = A_NONE;
    struct report *r = find(path, &a);
    if (r == NULL || a != A_NONE) {
        return r == NULL ? -ENOENT : -ENOTDIR;
    }
    cl_buf_done(&r->outblob);
    *r = (struct report){0};
    return 0;
}

static int tsm_open(const char *path, struct fuse_file_info *fi)
{
    enum attribute a = A_NONE;
    if (find(path, &a) == NULL) {
        return -ENOENT;
    }
    fi->direct_io = 1; /* sizes are not known before they are read */
    return 0;
}

static int tsm_truncate(CL_UNUSED const char *path, CL_UNUSED off_t size,
                        CL_UNUSED struct fuse_file_info *fi)
{
    return 0;
}

static int tsm_write(const char *path, const char *data, size_t size, off_t offset,
                     CL_UNUSED struct fuse_file_info *fi)
{
    enum attribute a = A_NONE;
    struct report *r = find(path, &a);
    if (r == NULL || a != A_INBLOB || offset != 0 || size == 0 || size > sizeof(r->inblob)) {
        return -EINVAL;
    }
    memcpy(r->inblob, data, size);
    r->in_size = size;
    r->written++;
    return (int)size;
}

/* As report_new() of the drivers. */
static int make(struct report *r, const struct play *p)
{
    uint8_t snp[CL_SNP_REPORT_SIZE];
    cl_buf_reset(&r->outblob);
    if (!p->td && r->in_size != PLAY_DATA_SIZE) {
        return -EINVAL;
    }
    if (p->lie == PLAY_FIRMWARE) {
        return -EIO;
    }
    if (p->td) {
        play_quote(p, r->inblob, &r->outblob);
    } else {
        play_snp_report(p, r->inblob, 0, snp);
        if (cl_buf_append(&r->outblob, snp, sizeof(snp), NULL) != CL_OK) {
            return -ENOMEM;
        }
    }
    if (p->lie == PLAY_SHORT) {
        r->outblob.len /= 2;
    } else if (p->lie == PLAY_EMPTY) {
        r->outblob.len = 0;
    }
    r->read = r->written;
    return 0;
}

static int outblob(struct report *r, const uint8_t **ret_data, size_t *ret_size)
{
    struct tree *t = tree();
    if (r->in_size == 0) {
        return -EINVAL;
    }
    if (t->p->lie == PLAY_BUSY || (t->p->lie == PLAY_BUSY_TWICE && t->busy > 0)) {
        t->busy -= t->busy > 0;
        t->p->refusals++;
        return -EBUSY;
    }
    if (r->read != r->written) {
        int error = make(r, t->p);
        if (error != 0) {
            t->p->refusals++;
            return error;
        }
        t->p->calls++;
    }
    *ret_data = r->outblob.data;
    *ret_size = r->outblob.len;
    return 0;
}

/* The contents of an attribute as they are now. text: room for short ones. */
static int contents(struct report *r, enum attribute a, char text[static 64],
                    const uint8_t **ret_data, size_t *ret_size)
{
    const struct play *p = tree()->p;
    switch (a) {
    case A_OUTBLOB:
        return outblob(r, ret_data, ret_size);
    case A_AUXBLOB: {
        bool recorded = p->lie == PLAY_RECORDED;
        *ret_data = recorded ? p->recorded_table : p->table;
        *ret_size = p->td ? 0 : recorded ? p->recorded_table_size : p->table_size;
        return r->in_size == 0 ? -EINVAL : 0;
    }
    case A_PROVIDER:
        (void)snprintf(text, 64, "%s\n",
                       p->lie == PLAY_PROVIDER ? "arm_cca_guest"
                       : p->td                 ? "tdx_guest"
                                               : "sev_guest");
        break;
    case A_GENERATION:
        r->written += p->lie == PLAY_WRITERS;
        (void)snprintf(text, 64, "%lu\n", r->written);
        break;
    default:
        return -EPERM;
    }
    *ret_data = (const uint8_t *)text;
    *ret_size = strlen(text);
    return 0;
}

static int tsm_read(const char *path, char *buf, size_t size, off_t offset,
                    CL_UNUSED struct fuse_file_info *fi)
{
    enum attribute a = A_NONE;
    struct report *r = find(path, &a);
    char text[64];
    const uint8_t *data = NULL;
    size_t len = 0;
    if (r == NULL) {
        return -ENOENT;
    }
    if (a == A_OUTBLOB && tree()->p->lie == PLAY_LARGE) {
        memset(buf, 0, size);
        return offset < 2 << 20 ? (int)size : 0;
    }
    if (a == A_GENERATION && offset > 0) {
        return 0; /* the end of what was read */
    }
    int error = contents(r, a, text, &data, &len);
    if (error != 0 || offset < 0 || (size_t)offset >= len) {
        return error;
    }
    size_t n = len - (size_t)offset < size ? len - (size_t)offset : size;
    memcpy(buf, data + offset, n);
    return (int)n;
}

static const struct fuse_operations operations = {
    .getattr = tsm_getattr,
    .mkdir = tsm_mkdir,
    .rmdir = tsm_rmdir,
    .open = tsm_open,
    .truncate = tsm_truncate,
    .read = tsm_read,
    .write = tsm_write,
};

pid_t play_tsm(struct play *p, const char *mountpoint)
{
    char folder[256];
    (void)snprintf(folder, sizeof(folder), "%s" ROOT, mountpoint);
    pid_t player = fork();
    if (player == 0) {
        static struct tree t;
        char program[] = "play", foreground[] = "-f", one_thread[] = "-s", where[256];
        (void)snprintf(where, sizeof(where), "%s", mountpoint);
        char *argv[] = {program, foreground, one_thread, where, NULL};
        t.p = p;
        _exit(fuse_main(4, argv, &operations, &t) == 0 ? 0 : 1);
    }
    if (player > 0 && !play_wait(folder, player)) {
        play_stop(player);
        return -1;
    }
    return player;
}
