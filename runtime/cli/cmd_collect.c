/* SPDX-License-Identifier: Apache-2.0
 * cmd_collect.c - `cloister collect`: what somebody needs to reproduce a problem, as one tar file.
 * Trust: the person reads it before he sends it. No secrets: nothing is taken but what is listed
 *        here and the files he names, and a named file that looks like a key is refused. The
 *        environment is not taken.
 */
#include "cli.h"

#include "cloister/guest_files.h"

#include "base/cmd.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MAX_FILE (16u << 20)
#define BLOCK 512u
#define DIR_NAME "cloister-collect"

static const char help[] =
    "usage: cloister collect [--out FILE.tar] [--guest DIR] [FILE]...\n"
    "\n"
    "Writes a tar file with versions, the host's CPU and KVM, the guest's guest.json and command "
    "line, and\n"
    "the FILEs given: what --result, --timing and --console wrote, initdata, logs. Keys are "
    "refused.\n"
    "example: cloister collect --out problem.tar result.json timing.json console.log\n";

/* --- a tar file in memory (ustar)
 * -------------------------------------------------------------------- */

static void octal(char *field, size_t size, uint64_t value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i-- > 0; value >>= 3) {
        field[i] = (char)('0' + (value & 7));
    }
}

static enum cl_status tar_add(struct cl_buf *tar, const char *name, const void *data, size_t len,
                              struct cl_err *err)
{
    static const uint8_t zeros[BLOCK];
    char head[BLOCK] = {0};
    unsigned sum = 0;
    (void)snprintf(head, 100, DIR_NAME "/%.80s", name);
    octal(head + 100, 8, 0644);
    octal(head + 108, 8, 0);
    octal(head + 116, 8, 0);
    octal(head + 124, 12, len);
    octal(head + 136, 12, (uint64_t)time(NULL));
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(head); i++) {
        sum += (unsigned char)head[i];
    }
    octal(head + 148, 7, sum);
    CL_TRY(cl_buf_append(tar, head, sizeof(head), err));
    CL_TRY(cl_buf_append(tar, data, len, err));
    return cl_buf_append(tar, zeros, (BLOCK - len % BLOCK) % BLOCK, err);
}

/* --- what goes in
 * ------------------------------------------------------------------------------------- */

static enum cl_status add_versions(struct cl_buf *tar, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf os = {0};
    struct utsname u;
    if (uname(&u) != 0) {
        return cl_err_sys(err, errno, "uname");
    }
    CL_TRY(cl_buf_printf(&text, err, "cloister %s\nkernel %s %s %s\ncpus %ld\n", CL_VERSION,
                         u.release, u.version, u.machine, sysconf(_SC_NPROCESSORS_ONLN)));
    if (cl_buf_read_file(&os, "/etc/os-release", 65536, NULL) == CL_OK) {
        CL_TRY(cl_buf_append(&text, os.data, os.len, err));
    }
    return tar_add(tar, "versions.txt", text.data, text.len, err);
}

/* One processor's lines are enough; and which KVM there is. */
static enum cl_status add_host(struct cl_buf *tar, struct cl_err *err)
{
    static const char *const paths[] = {"/dev/kvm",
                                        "/dev/sev",
                                        "/dev/vhost-vsock",
                                        "/sys/module/kvm_amd",
                                        "/sys/module/kvm_intel",
                                        "/sys/module/kvm_amd/parameters/sev_snp",
                                        "/sys/module/kvm_intel/parameters/tdx"};
    CL_CLEANUP(cl_buf_done) struct cl_buf cpu = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (cl_buf_read_file(&cpu, "/proc/cpuinfo", 4u << 20, NULL) == CL_OK && cpu.len > 0) {
        const char *end = strstr((const char *)cpu.data, "\n\n");
        size_t len = end != NULL ? (size_t)(end - (const char *)cpu.data) : cpu.len;
        CL_TRY(cl_buf_append(&text, cpu.data, len, err));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(paths); i++) {
        CL_TRY(cl_buf_printf(&text, err, "\n%s: %s", paths[i],
                             access(paths[i], F_OK) == 0 ? "present" : "absent"));
    }
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    return tar_add(tar, "host.txt", text.data, text.len, err);
}

static enum cl_status add_guest(struct cl_buf *tar, const char *dir, struct cl_err *err)
{
    struct cl_guest_files g;
    struct cl_err why = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf info = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf cmdline = {0};
    if (cl_guest_find(dir, &g, &why) != CL_OK) { /* that there is none may be the problem */
        return tar_add(tar, "guest.txt", why.msg, strlen(why.msg), err);
    }
    if (cl_buf_read_file(&info, g.info, MAX_FILE, NULL) == CL_OK) {
        CL_TRY(tar_add(tar, "guest.json", info.data, info.len, err));
    }
    if (cl_buf_read_file(&cmdline, g.cmdline, 65536, NULL) == CL_OK) {
        CL_TRY(tar_add(tar, "guest.cmdline", cmdline.data, cmdline.len, err));
    }
    return tar_add(tar, "guest.txt", g.dir, strlen(g.dir), err);
}

/* A PEM private key, or 32 bytes that are no text: what a key-encryption key looks like. */
static bool looks_like_a_key(const struct cl_buf *b)
{
    if (b->len > 0 && memmem(b->data, b->len, "PRIVATE KEY-----", 16) != NULL) {
        return true;
    }
    if (b->len != 32 && b->len != 64) {
        return false;
    }
    for (size_t i = 0; i < b->len; i++) {
        if (b->data[i] >= 0x80 || (b->data[i] < 0x20 && b->data[i] != '\n' && b->data[i] != '\t')) {
            return true;
        }
    }
    return false;
}

static enum cl_status add_file(struct cl_buf *tar, const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    char name[100];
    CL_TRY(cl_buf_read_file(&b, path, MAX_FILE, err));
    if (looks_like_a_key(&b)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "collect '%.200s': contents: expected no secrets, got what looks like a "
                          "key",
                          path);
    }
    (void)snprintf(name, sizeof(name), "files/%.70s", path);
    for (char *p = name + strlen("files/"); *p != '\0'; p++) {
        if (*p == '/') {
            *p = '_';
        }
    }
    return tar_add(tar, name, b.data, b.len, err);
}

static enum cl_status collect(const char *guest, int count, char **files, struct cl_buf *tar,
                              struct cl_err *err)
{
    static const uint8_t end[2 * BLOCK];
    CL_TRY(add_versions(tar, err));
    CL_TRY(add_host(tar, err));
    CL_TRY(add_guest(tar, guest, err));
    for (int i = 0; i < count; i++) {
        CL_TRY(add_file(tar, files[i], err));
    }
    return cl_buf_append(tar, end, sizeof(end), err);
}

int cl_cmd_collect(int argc, char **argv)
{
    static const char prog[] = "cloister collect";
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"guest", required_argument, NULL, 'g'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *out = "cloister-collect.tar";
    const char *guest = NULL;
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 'o':
            out = optarg;
            break;
        case 'g':
            guest = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return 0;
        case ':':
            return cl_usage_error(prog, "%s: expected a value, got none", argv[optind - 1]);
        default:
            return cl_usage_error(prog, "unknown option '%s'", argv[optind - 1]);
        }
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf tar = {0};
    struct cl_err err = {0};
    enum cl_status st = collect(guest, argc - optind, argv + optind, &tar, &err);
    st = st == CL_OK ? cl_write_file(out, tar.data, tar.len, 0600, &err) : st;
    if (st != CL_OK) {
        return cl_fail(&err, NULL);
    }
    (void)fprintf(stderr, "cloister: wrote '%s'; look through it before you send it\n", out);
    return 0;
}
