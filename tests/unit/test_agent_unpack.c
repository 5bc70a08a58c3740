/* SPDX-License-Identifier: Apache-2.0
 * test_agent_unpack.c - tar layers into a real directory, as root: what is kept, what whiteouts do,
 * and what hostile archives may not do (threats.md rows 47 and 48).
 */
#include "agent/unpack.h"

#include "agent_tar.h"
#include "base/io.h"
#include "check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char dir_path[64];
static int root_fd = -1;
static struct agent_unpack *unpacker;
static struct agent_limits limits;

static void setup(void)
{
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/cl-unpack-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir_path));
    char root[80];
    (void)snprintf(root, sizeof(root), "%s/root", dir_path);
    ck_assert_int_eq(mkdir(root, 0755), 0);
    root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(root_fd, 0);
    limits = (struct agent_limits){1u << 20, 100, 16, 10, 1024};
    ck_assert_int_eq(agent_unpack_new(root_fd, &limits, &unpacker, NULL), CL_OK);
}

static void teardown(void)
{
    agent_unpack_free(unpacker);
    (void)close(root_fd);
    char cmd[96];
    (void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir_path);
    ck_assert_int_eq(system(cmd), 0);
}

static enum cl_status unpack_pieces(const struct cl_buf *b, size_t piece, struct cl_err *err)
{
    struct bytes_stream s = {b->data, b->len, piece};
    struct agent_stream in = {&s, bytes_next};
    return agent_unpack_layer(unpacker, &in, err);
}

static void unpack_good(struct cl_buf *b)
{
    struct cl_err err = {0};
    tar_end(b);
    enum cl_status st = unpack_pieces(b, 700, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    cl_buf_done(b);
}

static void unpack_refused(struct cl_buf *b, enum cl_status want, const char *message)
{
    struct cl_err err = {0};
    tar_end(b);
    ck_assert_int_eq(unpack_pieces(b, 10240, &err), want);
    ck_assert_str_eq(err.msg, message);
    cl_buf_done(b);
}

static void assert_text(const char *path, const char *want)
{
    char got[64] = {0};
    int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_ge(read(fd, got, sizeof(got) - 1), 0);
    (void)close(fd);
    ck_assert_str_eq(got, want);
}

static bool exists(const char *path)
{
    struct stat s;
    return fstatat(root_fd, path, &s, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(test_files_keep_owner_mode_time_and_content)
{
    struct cl_buf b = {0};
    struct stat s;
    struct tar_entry e = {.type = '0',
                          .name = "./usr/bin/su",
                          .data = "program",
                          .size = 7,
                          .mode = 04755,
                          .uid = 1000,
                          .gid = 1001,
                          .mtime = 1234567};
    tar_dir(&b, "./");
    tar_add(&b, &e);
    unpack_good(&b);
    assert_text("usr/bin/su", "program");
    ck_assert_int_eq(fstatat(root_fd, "usr/bin/su", &s, 0), 0);
    ck_assert_uint_eq(s.st_mode, S_IFREG | 04755);
    ck_assert_uint_eq(s.st_uid, 1000);
    ck_assert_uint_eq(s.st_gid, 1001);
    ck_assert_int_eq(s.st_mtime, 1234567);
    ck_assert_int_eq(fstatat(root_fd, "usr/bin", &s, 0), 0); /* not in the archive */
    ck_assert_uint_eq(s.st_mode, S_IFDIR | 0755);
    ck_assert_uint_eq(s.st_uid, 0);
}
END_TEST

START_TEST(test_capability_is_kept_and_other_attributes_are_not)
{
    static const uint8_t cap[20] = {1, 0, 0, 2, 0, 0x20};
    struct cl_buf b = {0};
    uint8_t got[32];
    tar_pax(&b, "SCHILY.xattr.security.capability", cap, sizeof(cap));
    tar_file(&b, "ping", "x");
    tar_pax(&b, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
    tar_dir(&b, "d");
    unpack_good(&b);
    int fd = openat(root_fd, "ping", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(fgetxattr(fd, "security.capability", got, sizeof(got)), sizeof(cap));
    ck_assert_mem_eq(got, cap, sizeof(cap));
    (void)close(fd);
    fd = openat(root_fd, "d", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(fgetxattr(fd, "trusted.overlay.opaque", got, sizeof(got)), -1);
    (void)close(fd);
}
END_TEST

START_TEST(test_names_beyond_ascii_pass_through)
{
    struct cl_buf b = {0};
    tar_pax(&b, "path", "etc/F\xc5\x91.crt", 11);
    tar_file(&b, "short", "x");
    tar_file(&b, "raw\xff", "y");
    tar_pax(&b, "path", "e\xcc\x81", 3); /* decomposed: no other name may come of it */
    tar_file(&b, "short", "z");
    unpack_good(&b);
    assert_text("etc/F\xc5\x91.crt", "x");
    assert_text("raw\xff", "y");
    assert_text("e\xcc\x81", "z");
}
END_TEST

START_TEST(test_links)
{
    struct cl_buf b = {0};
    char target[64] = {0};
    struct stat a;
    struct stat c;
    tar_file(&b, "a", "one");
    tar_link(&b, '1', "d/hard", "a");
    tar_link(&b, '2', "abs", "/etc/passwd");
    tar_link(&b, '2', "up", "../../../x");
    unpack_good(&b);
    ck_assert_int_eq(fstatat(root_fd, "a", &a, 0), 0);
    ck_assert_int_eq(fstatat(root_fd, "d/hard", &c, 0), 0);
    ck_assert_uint_eq(a.st_ino, c.st_ino);
    ck_assert_int_gt(readlinkat(root_fd, "abs", target, sizeof(target)), 0);
    ck_assert_str_eq(target, "/etc/passwd");
    ck_assert(exists("up"));
}
END_TEST

START_TEST(test_later_layers_replace)
{
    struct cl_buf b = {0};
    tar_file(&b, "f", "old");
    tar_file(&b, "tree/x/y", "old");
    tar_link(&b, '2', "link", "tree");
    tar_dir(&b, "kept");
    tar_file(&b, "kept/a", "a");
    unpack_good(&b);
    tar_file(&b, "f", "new");
    tar_file(&b, "tree", "file now");
    tar_dir(&b, "link");
    tar_file(&b, "link/z", "z");
    tar_dir(&b, "kept");
    unpack_good(&b);
    assert_text("f", "new");
    assert_text("tree", "file now");
    assert_text("link/z", "z");
    assert_text("kept/a", "a");
}
END_TEST

START_TEST(test_whiteouts_hide_lower_layers_only)
{
    struct cl_buf b = {0};
    tar_file(&b, "d/gone", "1");
    tar_file(&b, "d/stays", "1");
    tar_file(&b, "o/lower", "1");
    tar_file(&b, "o/sub/lower", "1");
    tar_file(&b, "whole/tree/f", "1");
    unpack_good(&b);
    tar_file(&b, "o/sub/upper", "2");
    tar_file(&b, "o/.wh..wh..opq", "");
    tar_file(&b, "o/after", "2");
    tar_file(&b, "d/.wh.gone", "");
    tar_file(&b, "d/.wh.absent", "");
    tar_file(&b, "d/both", "2");
    tar_file(&b, "d/.wh.both", "");
    tar_file(&b, ".wh.whole", "");
    unpack_good(&b);
    ck_assert(!exists("d/gone"));
    ck_assert(!exists("d/.wh.gone"));
    assert_text("d/stays", "1");
    assert_text("d/both", "2");
    ck_assert(!exists("o/lower"));
    ck_assert(!exists("o/sub/lower"));
    ck_assert(!exists("o/.wh..wh..opq"));
    assert_text("o/sub/upper", "2");
    assert_text("o/after", "2");
    ck_assert(!exists("whole"));
}
END_TEST

START_TEST(test_harmless_nodes_and_fifos_are_made)
{
    struct cl_buf b = {0};
    struct stat s;
    struct tar_entry null_node = {
        .type = '3', .name = "dev/null", .mode = 0666, .devmajor = 1, .devminor = 3};
    struct tar_entry fifo = {.type = '6', .name = "run/fifo", .mode = 0600};
    tar_add(&b, &null_node);
    tar_add(&b, &fifo);
    unpack_good(&b);
    ck_assert_int_eq(fstatat(root_fd, "dev/null", &s, 0), 0);
    ck_assert_uint_eq(s.st_mode, S_IFCHR | 0666);
    ck_assert_uint_eq(s.st_rdev, makedev(1, 3));
    ck_assert_int_eq(fstatat(root_fd, "run/fifo", &s, 0), 0);
    ck_assert(S_ISFIFO(s.st_mode));
}
END_TEST

START_TEST(test_dangerous_nodes_are_refused)
{
    struct cl_buf b = {0};
    struct tar_entry disk = {
        .type = '4', .name = "dev/vda", .mode = 0666, .devmajor = 254, .devminor = 0};
    struct tar_entry mem = {
        .type = '3', .name = "dev/mem", .mode = 0666, .devmajor = 1, .devminor = 1};
    struct tar_entry overlay = {.type = '3', .name = "gone", .mode = 0};
    tar_add(&b, &disk);
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'dev/vda': device: expected a harmless one, got b 254:0");
    tar_add(&b, &mem);
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'dev/mem': device: expected a harmless one, got c 1:1");
    tar_add(&b, &overlay);
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'gone': device: expected a harmless one, got c 0:0");
    ck_assert(!exists("dev/vda") && !exists("dev/mem") && !exists("gone"));
}
END_TEST

START_TEST(test_paths_that_leave_the_root_are_refused)
{
    static const char *const names[] = {"../evil", "a/../../evil", "/../evil",
                                        "a/..",    "..",           "./../evil"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        struct cl_buf b = {0};
        char want[128];
        (void)snprintf(want, sizeof(want), "tar entry '%s': entry: path: expected no '..', got one",
                       names[i]);
        tar_file(&b, names[i], "x");
        unpack_refused(&b, CL_ERR_REJECTED, want);
    }
    char outside[80];
    (void)snprintf(outside, sizeof(outside), "%s/evil", dir_path);
    ck_assert_int_ne(access(outside, F_OK), 0);
}
END_TEST

START_TEST(test_absolute_names_land_below_the_root)
{
    struct cl_buf b = {0};
    tar_file(&b, "/cl-unpack-absolute", "x");
    unpack_good(&b);
    assert_text("cl-unpack-absolute", "x");
    ck_assert_int_ne(access("/cl-unpack-absolute", F_OK), 0);
}
END_TEST

START_TEST(test_symbolic_links_are_never_followed)
{
    static const char *const targets[] = {"/tmp", "..", "../..", ".", "real", "/proc/self/root"};
    for (size_t i = 0; i < CL_ARRAY_LEN(targets); i++) {
        struct cl_buf b = {0};
        tar_dir(&b, "real");
        tar_link(&b, '2', "link", targets[i]);
        tar_file(&b, "link/cl-unpack-evil", "x");
        unpack_refused(&b, CL_ERR_REJECTED,
                       "tar entry 'link/cl-unpack-evil': path: expected a directory, got a link "
                       "or file at 'link'");
        ck_assert_int_ne(access("/tmp/cl-unpack-evil", F_OK), 0);
        ck_assert(!exists("real/cl-unpack-evil"));
    }
    struct cl_buf b = {0};
    char outside[80];
    (void)snprintf(outside, sizeof(outside), "%s/outside", dir_path);
    tar_link(&b, '2', "out", outside);
    tar_file(&b, "out", "replaces the link itself");
    tar_link(&b, '2', "out2", outside);
    tar_file(&b, ".wh.out2", "");
    unpack_good(&b);
    assert_text("out", "replaces the link itself");
    ck_assert_int_ne(access(outside, F_OK), 0);
}
END_TEST

START_TEST(test_whiteouts_do_not_follow_links)
{
    struct cl_buf b = {0};
    char outside[80];
    char file[96];
    (void)snprintf(outside, sizeof(outside), "%s/outside", dir_path);
    (void)snprintf(file, sizeof(file), "%s/precious", outside);
    ck_assert_int_eq(mkdir(outside, 0755), 0);
    ck_assert_int_eq(cl_write_file(file, "x", 1, 0644, NULL), CL_OK);
    tar_dir(&b, "d");
    tar_link(&b, '2', "d/link", outside);
    unpack_good(&b);
    tar_file(&b, "d/link/.wh.precious", "");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'd/link/.wh.precious': path: expected a directory, got a link or "
                   "file at 'link'");
    tar_file(&b, "d/.wh..wh..opq", "");
    unpack_good(&b);
    ck_assert(!exists("d/link"));
    ck_assert_int_eq(access(file, F_OK), 0);
}
END_TEST

START_TEST(test_whiteouts_without_a_name_are_refused)
{
    struct cl_buf b = {0};
    tar_file(&b, "d/.wh.", "");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'd/.wh.': whiteout: expected a name behind it, got none");
    tar_file(&b, "d/.wh..", "");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'd/.wh..': whiteout: expected a name behind it, got none");
    tar_file(&b, "d/.wh...", "");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'd/.wh...': whiteout: path: expected no '..', got one");
}
END_TEST

START_TEST(test_hard_links_outside_are_refused)
{
    struct cl_buf b = {0};
    tar_link(&b, '1', "h", "../../../etc/passwd");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'h': link target: path: expected no '..', got one");
    tar_link(&b, '1', "h", "/etc/passwd"); /* below the root, where it is not */
    unpack_refused(&b, CL_ERR_REJECTED, "tar entry 'h': path: 'etc' does not exist");
    tar_link(&b, '2', "etc", "/etc");
    tar_link(&b, '1', "h", "etc/passwd");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'h': path: expected a directory, got a link or file at 'etc'");
    tar_dir(&b, "d");
    tar_link(&b, '1', "h", "d");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'h': link target: expected a file, got none at 'd'");
    tar_file(&b, "f", "x");
    tar_link(&b, '1', "./f", "f");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry './f': link target: expected another file, got itself");
    ck_assert(!exists("h"));
}
END_TEST

START_TEST(test_limits_are_refusals)
{
    struct cl_buf b = {0};
    struct tar_entry big = {.type = '0', .name = "big", .size = (1u << 20) + 1, .mode = 0644};
    tar_add(&b, &big);
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'big': size: expected at most 1048576 bytes in all files, got more");
    tar_file(&b, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "x");
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q': entry: depth: expected at most "
                   "16, got more");
    char name[300];
    memset(name, 'n', sizeof(name));
    tar_pax(&b, "path", name, 256);
    tar_file(&b, "short", "x");
    struct cl_err err = {0};
    tar_end(&b);
    ck_assert_int_eq(unpack_pieces(&b, 512, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "name: expected at most 255 bytes, got 256"));
    cl_buf_done(&b);
    for (unsigned i = 0; i < 100; i++) {
        char n[16];
        (void)snprintf(n, sizeof(n), "f%u", i);
        tar_file(&b, n, "");
    }
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar entry 'f97': tar: entries: expected at most 100, got more");
}
END_TEST

START_TEST(test_every_truncation_is_noticed)
{
    struct cl_buf b = {0};
    tar_file(&b, "f", "some text");
    size_t boundary =
        b.len; /* an archive may end without its mark; the digests of the layer notice that */
    tar_pax(&b, "path", "g", 1);
    tar_file(&b, "x", "more");
    for (size_t len = 1; len < b.len; len += len % 512 < 4 || len % 512 > 506 ? 1 : 41) {
        struct bytes_stream s = {b.data, len, 500};
        struct agent_stream in = {&s, bytes_next};
        struct cl_err err = {0};
        enum cl_status st = agent_unpack_layer(unpacker, &in, &err);
        if (len == boundary) {
            ck_assert_int_eq(st, CL_OK);
        } else {
            ck_assert_int_eq(st, CL_ERR_TRUNCATED);
            ck_assert_ptr_nonnull(strstr(err.msg, ": the archive ends inside"));
        }
    }
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_garbage_is_no_archive)
{
    struct cl_buf b = {0};
    struct cl_err err = {0};
    for (unsigned i = 0; i < 2048; i++) {
        uint8_t c = (uint8_t)(i * 7 + 1);
        ck_assert_int_eq(cl_buf_append(&b, &c, 1, NULL), CL_OK);
    }
    ck_assert_int_eq(unpack_pieces(&b, 512, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "tar: checksum: not a number in its range");
    cl_buf_done(&b);
    tar_file(&b, "f", "x");
    b.data[0] = 'g';
    ck_assert_int_eq(unpack_pieces(&b, 512, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(strncmp(err.msg, "tar: checksum: expected ", 24), 0);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_numbers_out_of_range_are_refused)
{
    struct cl_buf b = {0};
    tar_pax(&b, "uid", "4294967295", 10);
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_MALFORMED, "tar: uid: not a number in its range");
    tar_pax(&b, "size", "-1", 2);
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_MALFORMED, "tar: size: not a number in its range");
    tar_pax(&b, "size", "99999999999999999999", 20);
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_MALFORMED, "tar: size: not a number in its range");
    tar_pax(&b, "mtime", "1.x", 3);
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_MALFORMED, "tar: mtime: not a number in its range");
}
END_TEST

START_TEST(test_gnu_headers)
{
    struct cl_buf b = {0};
    char name[201];
    char target[151];
    char got[160] = {0};
    memset(name, 'n', 200);
    name[100] = '/';
    name[200] = '\0';
    memset(target, 't', 150);
    target[150] = '\0';
    struct tar_entry longname = {.type = 'L', .name = "././@LongLink", .data = name, .size = 201};
    struct tar_entry longlink = {.type = 'K', .name = "././@LongLink", .data = target, .size = 151};
    tar_add(&b, &longname);
    tar_file(&b, "short", "x");
    tar_add(&b, &longlink);
    tar_link(&b, '2', "link", "short");
    struct tar_entry old_dir = {.type = '\0', .name = "olddir/", .mode = 0700};
    tar_add(&b, &old_dir);
    unpack_good(&b);
    assert_text(name, "x");
    ck_assert_int_eq(readlinkat(root_fd, "link", got, sizeof(got)), 150);
    ck_assert_str_eq(got, target);
    struct stat s;
    ck_assert_int_eq(fstatat(root_fd, "olddir", &s, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_uint_eq(s.st_mode, S_IFDIR | 0700);
}
END_TEST

START_TEST(test_pax_records)
{
    struct cl_buf b = {0};
    struct stat s;
    tar_pax(&b, "mtime", "1234567.890000001", 17);
    tar_file(&b, "f", "x");
    tar_pax(&b, "comment", "anything", 8);
    tar_pax(&b, "linkpath", "a b", 3); /* both count for the entry */
    tar_link(&b, '2', "l", "other");
    unpack_good(&b);
    ck_assert_int_eq(fstatat(root_fd, "f", &s, 0), 0);
    ck_assert_int_eq(s.st_mtim.tv_sec, 1234567);
    ck_assert_int_eq(s.st_mtim.tv_nsec, 890000001);
    char got[16] = {0};
    ck_assert_int_eq(readlinkat(root_fd, "l", got, sizeof(got)), 3);
    ck_assert_str_eq(got, "a b");
}
END_TEST

/* A header whose body is raw pax text. */
static void raw_pax(struct cl_buf *b, char type, const char *text)
{
    struct tar_entry e = {.type = type, .name = "pax", .data = text, .size = strlen(text)};
    tar_add(b, &e);
}

START_TEST(test_broken_pax_records_are_refused)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"x", "tar: pax: expected a length, got none"},
        {" path=x\n", "tar: pax: expected a length, got none"},
        {"99 path=x\n", "tar: pax: the record's length does not fit"},
        {"3 path=x\n", "tar: pax: the record's length does not fit"},
        {"8 path=x\n", "tar: pax: the record's length does not fit"},
        {"7 path\n", "tar: pax: expected key=value, got none"},
        {"6 =ab\n", "tar: pax: expected key=value, got none"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_buf b = {0};
        raw_pax(&b, 'x', cases[i].text);
        tar_file(&b, "f", "x");
        unpack_refused(&b, CL_ERR_MALFORMED, cases[i].message);
    }
    struct cl_buf b = {0};
    raw_pax(&b, 'x', "8 path=\n");
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_REJECTED, "tar: path: expected 1 to 4095 bytes without NUL, got 0");
    struct tar_entry huge = {.type = 'x', .name = "pax", .size = (256u << 10) + 1};
    tar_add(&b, &huge);
    unpack_refused(&b, CL_ERR_REJECTED,
                   "tar: extended header: expected at most 262144 bytes, got 262145");
}
END_TEST

START_TEST(test_what_is_not_understood_is_refused)
{
    struct cl_buf b = {0};
    struct tar_entry sparse = {.type = 'S', .name = "f", .mode = 0644};
    struct tar_entry volume = {.type = 'V', .name = "label"};
    tar_add(&b, &sparse);
    unpack_refused(&b, CL_ERR_UNSUPPORTED, "tar: type: expected 0 to 7, got 0x53");
    tar_add(&b, &volume);
    unpack_refused(&b, CL_ERR_UNSUPPORTED, "tar: type: expected 0 to 7, got 0x56");
    tar_pax(&b, "GNU.sparse.major", "1", 1);
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_UNSUPPORTED, "tar: sparse files are not supported");
    raw_pax(&b, 'g', "8 uid=1\n");
    tar_file(&b, "f", "x");
    unpack_refused(&b, CL_ERR_UNSUPPORTED, "tar: global pax records are not supported");
    raw_pax(&b, 'g', "14 comment=ab\n");
    tar_file(&b, "f", "x");
    unpack_good(&b);
}
END_TEST

int main(void)
{
    if (geteuid() != 0) {
        printf("SKIP: unpacking sets owners and makes nodes, which only root can\n");
        return EXIT_SUCCESS;
    }
    Suite *s = suite_create("agent_unpack");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_files_keep_owner_mode_time_and_content);
    tcase_add_test(t, test_capability_is_kept_and_other_attributes_are_not);
    tcase_add_test(t, test_names_beyond_ascii_pass_through);
    tcase_add_test(t, test_links);
    tcase_add_test(t, test_later_layers_replace);
    tcase_add_test(t, test_whiteouts_hide_lower_layers_only);
    tcase_add_test(t, test_harmless_nodes_and_fifos_are_made);
    tcase_add_test(t, test_dangerous_nodes_are_refused);
    tcase_add_test(t, test_paths_that_leave_the_root_are_refused);
    tcase_add_test(t, test_absolute_names_land_below_the_root);
    tcase_add_test(t, test_symbolic_links_are_never_followed);
    tcase_add_test(t, test_whiteouts_do_not_follow_links);
    tcase_add_test(t, test_whiteouts_without_a_name_are_refused);
    tcase_add_test(t, test_hard_links_outside_are_refused);
    tcase_add_test(t, test_limits_are_refusals);
    tcase_add_test(t, test_every_truncation_is_noticed);
    tcase_add_test(t, test_garbage_is_no_archive);
    tcase_add_test(t, test_numbers_out_of_range_are_refused);
    tcase_add_test(t, test_gnu_headers);
    tcase_add_test(t, test_pax_records);
    tcase_add_test(t, test_broken_pax_records_are_refused);
    tcase_add_test(t, test_what_is_not_understood_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
