/* SPDX-License-Identifier: Apache-2.0
 * cmd_guest.c - `cloister guest info` and `guest rebuild`.
 * Trust: the guest folder is the person's choice; its guest.json is shown, not believed: digests
 *        are computed here, and a difference is told.
 */
#include "cli.h"

#include "cloister/guest_files.h"

#include "base/cmd.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_INFO (1u << 20)

/* -1: go on; else the exit status. `guest` may be NULL: no such option. */
static int parse(const char *prog, const char *help, int argc, char **argv, bool *json,
                 const char **guest)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"guest", required_argument, NULL, 'g'},
                                            {0}};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return 0;
        }
        if (c == 'j') {
            *json = true;
        } else if (c == 'g' && guest != NULL) {
            *guest = optarg;
        } else {
            return cl_usage_error(prog, "%s '%s'", c == ':' ? "no value for" : "unknown option",
                                  argv[optind - 1]);
        }
    }
    return optind == argc ? -1 : cl_usage_error(prog, "unexpected argument '%s'", argv[optind]);
}

int cli_print_json(json_t *j, bool compact)
{
    CL_CLEANUP(cl_json_decrefp) json_t *own = j;
    char *text =
        own != NULL ? json_dumps(own, JSON_ENSURE_ASCII | (compact ? JSON_COMPACT : JSON_INDENT(2)))
                    : NULL;
    if (text == NULL) {
        struct cl_err err = {0};
        (void)cl_err_nomem(&err, "output");
        return cl_fail(&err, NULL);
    }
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

/* --- guest info
 * ----------------------------------------------------------------------------------- */

static const char info_help[] =
    "usage: cloister guest info [--guest DIR] [--json]\n"
    "\n"
    "The installed guest: where it is, size and SHA-256 of firmware, kernel, initrd and command "
    "line,\n"
    "and what guest.json says of their versions; the command line as it stands (class sim) and as "
    "the\n"
    "hardware classes are launched with it. `cloister measure` computes the launch digest of "
    "each.\n"
    "example: cloister guest info\n";

static enum cl_status file_json(const char *path, json_t *files, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *sha = NULL;
    uint8_t buf[16384];
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    uint64_t size = 0;
    ssize_t n = 0;
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    CL_TRY(cl_sha256_new(&sha, err));
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        CL_TRY(cl_sha256_update(sha, buf, (size_t)n, err));
        size += (uint64_t)n;
    }
    if (n < 0) {
        return cl_err_sys(err, errno, "read '%s'", path);
    }
    CL_TRY(cl_sha256_final(sha, digest, err));
    cl_hex(hex, digest, sizeof(digest));
    json_t *one = json_pack("{s:I, s:s}", "size", (json_int_t)size, "sha256", hex);
    return json_object_set_new(files, strrchr(path, '/') + 1, one) == 0
               ? CL_OK
               : cl_err_nomem(err, "guest info");
}

static enum cl_status guest_json(const char *dir, json_t **ret, struct cl_err *err)
{
    struct cl_guest_files g;
    CL_CLEANUP(cl_json_decrefp) json_t *files = json_object();
    CL_CLEANUP(cl_json_decrefp) json_t *about = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf cmdline = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf hardware = {0};
    const char *text = NULL;
    const char *hardware_text = NULL;
    CL_TRY(cl_guest_find(dir, &g, err));
    CL_TRY(file_json(g.firmware, files, err));
    CL_TRY(file_json(g.kernel, files, err));
    CL_TRY(file_json(g.cmdline, files, err));
    if (access(g.initrd, F_OK) == 0) {
        CL_TRY(file_json(g.initrd, files, err));
    }
    CL_TRY(cl_guest_read_cmdline(g.cmdline, &cmdline, err));
    CL_TRY(cl_buf_cstr(&cmdline, "command line", &text, err));
    CL_TRY(cl_guest_read_class_cmdline(g.cmdline, /* hardware= */ true, &hardware, err));
    CL_TRY(cl_buf_cstr(&hardware, "command line", &hardware_text, err));
    if (access(g.info, F_OK) == 0) {
        CL_TRY(cl_json_read_file(g.info, MAX_INFO, &about, err));
    }
    *ret = json_pack("{s:s, s:s, s:O, s:s, s:s, s:O?}", "schema", "cloister.guest/1", "dir", g.dir,
                     "files", files, "cmdline", text, "cmdline_hardware", hardware_text, "about",
                     about);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "guest info");
}

static int cmd_info(int argc, char **argv)
{
    bool json = false;
    const char *dir = NULL;
    struct cl_err err = {0};
    json_t *j = NULL;
    int rc = parse("cloister guest info", info_help, argc, argv, &json, &dir);
    if (rc >= 0) {
        return rc;
    }
    return guest_json(dir, &j, &err) == CL_OK
               ? cli_print_json(j, json)
               : cl_fail(&err, "build a guest with 'cmake --build --preset dev --target guest'");
}

/* --- guest rebuild
 * --------------------------------------------------------------------------------- */

static const char rebuild_help[] =
    "usage: cloister guest rebuild\n"
    "\n"
    "Says how to build the guest again from source and compare it with the installed one.\n"
    "example: cloister guest rebuild\n";

static int cmd_rebuild(int argc, char **argv)
{
    bool json = false;
    int rc = parse("cloister guest rebuild", rebuild_help, argc, argv, &json, NULL);
    if (rc >= 0) {
        return rc;
    }
    (void)fputs("In Cloister's source tree, at the version of `cloister --version`:\n"
                "  cmake --preset dev && cmake --build --preset dev --target guest\n"
                "  guest-firmware/image/build-kernel --verify      the minimal kernel, twice\n"
                "then compare, file by file:\n"
                "  build/dev/bin/cloister guest info --guest build/dev/guest\n"
                "  cloister guest info\n",
                stdout);
    return 0;
}

int cl_cmd_guest(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"info", cmd_info, "the installed firmware, kernel, initrd, command line"},
        {"rebuild", cmd_rebuild, "how to build them again and compare"},
        {0}};
    return cl_cmd_dispatch(table, "cloister guest", "cloister guest info --json", argc, argv);
}
