/* SPDX-License-Identifier: Apache-2.0
 * payload.c - what a version consists of. Trust, threads, memory: payload.h.
 */
#include "payload.h"

#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *path;
    bool needed;
} known[] = {{"bin/cloister", true},
             {"bin/cloister-fetch", false},
             {"bin/cloister-keyprovider", false},
             {"bin/cloister-sim-psp", false},
             {"bin/cloister-snapshotter", false},
             {"bin/cloister-vmm", true},
             {"bin/containerd-shim-cloister-v2", true},
             {"guest/guest.cmdline", true},
             {"guest/guest.json", true},
             {"guest/initrd.img", false},
             {"guest/stage0.bin", true},
             {"guest/vmlinuz", true}};

void node_payload_done(struct node_payload *p)
{
    json_decref(p->files);
    *p = (struct node_payload){0};
}

/* Beside the folder that this program lies in. */
static enum cl_status own_folder(char ret[static NODE_PATH_SIZE], struct cl_err *err)
{
    ssize_t n = readlink("/proc/self/exe", ret, NODE_PATH_SIZE - 1);
    if (n <= 0) {
        return cl_err_sys(err, errno, "readlink '/proc/self/exe'");
    }
    ret[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(ret, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    return CL_OK;
}

static enum cl_status find(const struct node_options *o, char ret[static NODE_PATH_SIZE],
                           struct cl_err *err)
{
    if (o->payload == NULL) {
        return own_folder(ret, err);
    }
    char *real = realpath(o->payload, NULL);
    if (real == NULL) {
        return cl_err_sys(err, errno, "--payload '%s'", o->payload);
    }
    int n = snprintf(ret, NODE_PATH_SIZE, "%s", real);
    free(real);
    return n > 0 && (size_t)n < NODE_PATH_SIZE - 64
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "--payload: expected a shorter path");
}

static enum cl_status add(struct node_payload *p, size_t i, struct cl_buf *all, struct cl_err *err)
{
    static const struct node_tree none = {""};
    char path[NODE_PATH_SIZE + 64];
    struct node_file f;
    (void)snprintf(path, sizeof(path), "%s/%s", p->dir, known[i].path);
    CL_TRY(node_stat(&none, path, &f, err));
    if (!f.there) {
        return !known[i].needed
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_REJECTED, "payload '%.120s': expected '%s', got none",
                                p->dir, known[i].path);
    }
    int mode = strncmp(known[i].path, "bin/", 4) == 0 ? 0755 : 0644;
    CL_TRY(cl_buf_printf(all, err, "%s %s\n", known[i].path, f.sha256));
    return json_array_append_new(p->files, json_pack("{s:s, s:s, s:i}", "path", known[i].path,
                                                     "sha256", f.sha256, "mode", mode)) == 0
               ? CL_OK
               : cl_err_nomem(err, "payload");
}

enum cl_status node_payload_read(const struct node_options *o, struct node_payload *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf all = {0};
    CL_CLEANUP(node_payload_done) struct node_payload p = {.files = json_array()};
    char sha256[NODE_HEX_SIZE];
    if (p.files == NULL) {
        return cl_err_nomem(err, "payload");
    }
    CL_TRY(find(o, p.dir, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        CL_TRY(add(&p, i, &all, err));
    }
    CL_TRY(node_sha256(all.data, all.len, sha256, err));
    (void)snprintf(p.version, sizeof(p.version), CL_VERSION "-%.12s", sha256);
    *ret = p;
    p.files = NULL;
    return CL_OK;
}
