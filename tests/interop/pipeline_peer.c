/* SPDX-License-Identifier: Apache-2.0
 * pipeline_peer.c - the two ends of an image's way into a guest, without a guest: the host's server
 * over blobs of a folder, and the agent's code that asks it, verifies, decrypts and unpacks.
 * usage: pipeline_peer serve BLOBS DIGEST SOCKETS     listens until it is killed
 *        pipeline_peer unpack SOCKETS DIGEST KEYFILE ROOT
 */
#include "agent/image.h"
#include "host/serve.h"
#include "image/image.h"
#include "image/keyprovider.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static enum cl_status open_blob(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                uint64_t *ret_size, struct cl_err *err)
{
    return cl_image_blob_open(ctx, digest, ret_fd, ret_size, err);
}

static void on_agent(void *ctx, int fd)
{
    (void)ctx;
    cl_close_fdp(&fd);
}

static bool no_stdio(void *ctx, const char *process, unsigned stream, int *ret_fd, bool *ret_owned)
{
    (void)ctx;
    (void)process;
    (void)stream;
    *ret_fd = -1;
    *ret_owned = false;
    return false;
}

static void no_output(void *ctx, const char *process, unsigned stream)
{
    (void)ctx;
    (void)process;
    (void)stream;
}

static enum cl_status serve(const char *blobs, const char *digest, const char *sockets,
                            struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    struct host_server *server = NULL;
    uint8_t target[CL_SHA256_SIZE];
    CL_TRY(cl_oci_digest_parse(digest, target, err));
    CL_TRY(cl_image_open_store(blobs, NULL, target, &image, err));
    const struct host_server_config cfg = {.base = event_base_new(),
                                           .open_blob = open_blob,
                                           .open_stdio = no_stdio,
                                           .on_agent = on_agent,
                                           .on_output_end = no_output,
                                           .ctx = image};
    if (cfg.base == NULL) {
        return cl_err_nomem(err, "loop");
    }
    CL_TRY(host_server_new(&cfg, &server, err));
    CL_TRY(host_server_listen(server, sockets, err));
    (void)event_base_dispatch(cfg.base);
    host_server_free(server);
    event_base_free(cfg.base);
    return CL_OK;
}

struct guest {
    char socket[100];
    const char *key;
};

static enum cl_status dial_blob(void *ctx, int *ret_fd, struct cl_err *err)
{
    const struct guest *g = ctx;
    return cl_unix_connect(g->socket, ret_fd, err);
}

static enum cl_status get_key(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err)
{
    const struct guest *g = ctx;
    (void)path;
    return cl_keyprovider_load_key(g->key, /* generate= */ false, ret, err);
}

static void on_done(void *ctx, const char *phase)
{
    (void)ctx;
    (void)printf("%s\n", phase);
}

static enum cl_status unpack(struct guest *g, const char *digest, const char *root,
                             struct cl_err *err)
{
    const struct agent_image_ops ops = {g, dial_blob, get_key, on_done};
    const struct agent_limits limits = {UINT64_C(8) << 30, AGENT_MAX_ENTRIES, AGENT_MAX_DEPTH,
                                        AGENT_MAX_RATIO, AGENT_RATIO_FREE};
    CL_CLEANUP(cl_oci_config_done) struct cl_oci_config config = {0};
    const char *step = "";
    uint8_t target[CL_SHA256_SIZE];
    CL_TRY(cl_oci_digest_parse(digest, target, err));
    CL_CLEANUP(cl_close_fdp) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", root);
    }
    const struct agent_image_want want = {target, /* encryption_required= */ true};
    enum cl_status st = agent_image_fetch(&want, &ops, fd, &limits, &config, &step, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", step);
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    enum cl_status st = CL_ERR_MALFORMED;
    cl_log_init("pipeline_peer", /* json= */ false);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "serve") == 0) {
        st = serve(argv[2], argv[3], argv[4], &err);
    } else if (argc == 6 && strcmp(argv[1], "unpack") == 0) {
        struct guest g = {.key = argv[4]};
        (void)snprintf(g.socket, sizeof(g.socket), "%.70s/guest_%d.sock", argv[2], HOST_PORT_BLOB);
        st = unpack(&g, argv[3], argv[5], &err);
    } else {
        (void)cl_err_set(&err, st,
                         "arguments: expected serve or unpack, see the head of this file");
    }
    if (st != CL_OK) {
        cl_report(&err, NULL);
    }
    return st == CL_OK ? 0 : 1;
}
