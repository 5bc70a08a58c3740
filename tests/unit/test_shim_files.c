/* SPDX-License-Identifier: Apache-2.0
 * test_shim_files.c - volumes of files out of real folders: what is in them, what may not be, how
 * much, and a folder that is swapped meanwhile.
 */
#include "files.h"
#include "shim_folder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

static const Cloister__Pod__V1__File *entry(const struct shim_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->file[i].path, path) == 0) {
            return &f->file[i];
        }
    }
    ck_abort_msg("no entry '%s'", path);
    return NULL;
}

static void contents_are(const struct shim_files *f, const char *path, const char *text)
{
    const Cloister__Pod__V1__File *file = entry(f, path);
    ck_assert_uint_eq(file->data.len, strlen(text));
    ck_assert_mem_eq(file->data.data, text, strlen(text));
    ck_assert_str_eq(file->link, "");
    ck_assert(!file->directory);
}

static struct shim_files read_good(const char *path)
{
    struct shim_files f = {0};
    struct cl_err err = {0};
    ck_assert_msg(shim_files_read(path, &f, &err) == CL_OK, "%s", err.msg);
    return f;
}

static void refused(const char *path, enum cl_status want, const char *msg)
{
    struct shim_files f = {0};
    struct cl_err err = {0};
    enum cl_status st = shim_files_read(path, &f, &err);
    ck_assert_msg(st == want, "%s: %s", cl_status_name(st), err.msg);
    ck_assert_msg(strstr(err.msg, msg) != NULL, "%s", err.msg);
    ck_assert_uint_eq(f.count, 0);
}

START_TEST(test_one_file)
{
    put_text("etc-hosts", "127.0.0.1 localhost\n");
    struct shim_files f = read_good(in_folder("etc-hosts"));
    ck_assert_uint_eq(f.count, 1);
    contents_are(&f, "etc-hosts", "127.0.0.1 localhost\n");
    ck_assert_uint_eq(f.file[0].mode, 0640);
    ck_assert_uint_eq(f.file[0].uid, getuid());
    ck_assert_uint_eq(f.file[0].gid, getgid());
    shim_files_done(&f);
}
END_TEST

START_TEST(test_a_tree)
{
    put_folder("a");
    put_folder("a/b");
    put_text("a/b/c", "deep");
    put_text("empty", "");
    put_link("a/up", "../empty");
    put_link("a/gone", "b/nothing");
    struct shim_files f = read_good(folder);
    ck_assert_uint_eq(f.count, 6);
    contents_are(&f, "a/b/c", "deep");
    contents_are(&f, "empty", "");
    ck_assert(entry(&f, "a/b")->directory);
    ck_assert_uint_eq(entry(&f, "a/b")->mode, 0755);
    ck_assert_str_eq(entry(&f, "a/up")->link, "../empty");
    ck_assert_str_eq(entry(&f, "a/gone")->link, "b/nothing");
    shim_files_done(&f);
}
END_TEST

/* A folder comes before what is in it: so the agent may make one after the other. */
START_TEST(test_order)
{
    put_folder("a");
    put_folder("a/b");
    put_text("a/b/c", "x");
    struct shim_files f = read_good(folder);
    ck_assert_str_eq(f.file[0].path, "a");
    ck_assert_str_eq(f.file[1].path, "a/b");
    ck_assert_str_eq(f.file[2].path, "a/b/c");
    shim_files_done(&f);
}
END_TEST

START_TEST(test_folder_of_kubelet)
{
    swap_to("..2026_11_29_01", "token", "one");
    struct shim_files f = read_good(folder);
    ck_assert_uint_eq(f.count, 1);
    contents_are(&f, "token", "one");
    shim_files_done(&f);
    swap_to("..2026_11_29_02", "token", "two");
    f = read_good(folder);
    ck_assert_uint_eq(f.count, 1);
    contents_are(&f, "token", "two");
    shim_files_done(&f);
}
END_TEST

START_TEST(test_links_out)
{
    static const char *const targets[] = {"/etc/shadow", "../x", "a/../../x", ".", "a/b/../../.."};
    for (size_t i = 0; i < CL_ARRAY_LEN(targets); i++) {
        put_link("out", targets[i]);
        if (strcmp(targets[i], ".") == 0) {
            struct shim_files f = read_good(folder);
            shim_files_done(&f);
        } else {
            refused(folder, CL_ERR_REJECTED, "'out': link: expected one that stays inside");
        }
        ck_assert_int_eq(unlink(in_folder("out")), 0);
    }
    put_link("..data", "/etc");
    refused(folder, CL_ERR_SYS, "folder: ");
    ck_assert_int_eq(unlink(in_folder("..data")), 0);
    put_link("..data", "../..");
    refused(folder, CL_ERR_SYS, "folder: ");
}
END_TEST

START_TEST(test_kinds)
{
    ck_assert_int_eq(mkfifo(in_folder("pipe"), 0644), 0);
    refused(folder, CL_ERR_REJECTED, "'pipe': kind: expected a file, a folder or a link");
    refused(in_folder("pipe"), CL_ERR_REJECTED, "kind: expected a file or a folder");
    ck_assert_int_eq(unlink(in_folder("pipe")), 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_folder("socket"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    refused(folder, CL_ERR_REJECTED, "'socket': kind: expected a file, a folder or a link");
    (void)close(fd);
    refused("/dev/null", CL_ERR_REJECTED, "kind: expected a file or a folder");
    refused(in_folder("absent"), CL_ERR_SYS, "No such file");
    put_link("link", "/etc/passwd");
    refused(in_folder("link"), CL_ERR_SYS, "open");
}
END_TEST

START_TEST(test_depth)
{
    char path[64] = "d";
    for (unsigned i = 1; i < SHIM_FILES_MAX_DEPTH; i++) {
        put_folder(path);
        (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
    }
    put_text(path, "x");
    struct shim_files f = read_good(folder);
    ck_assert_uint_eq(f.count, SHIM_FILES_MAX_DEPTH);
    shim_files_done(&f);
    ck_assert_int_eq(unlink(in_folder(path)), 0);
    put_folder(path);
    (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
    put_text(path, "x");
    refused(folder, CL_ERR_REJECTED, "depth: expected at most 8");
}
END_TEST

START_TEST(test_number)
{
    char name[16];
    for (unsigned i = 0; i < SHIM_FILES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        put_text(name, "x");
    }
    struct shim_files f = read_good(folder);
    ck_assert_uint_eq(f.count, SHIM_FILES_MAX);
    ck_assert_uint_eq(f.size, SHIM_FILES_MAX);
    shim_files_done(&f);
    put_text("one", "more");
    refused(folder, CL_ERR_REJECTED, "files: expected at most 4096");
}
END_TEST

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7);
}

/* A file of `size` bytes comes back whole, piece by piece. */
static void whole(size_t size)
{
    uint8_t *data = malloc(size + 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < size; i++) {
        data[i] = pattern(i);
    }
    put_bytes("big", data, size);
    struct shim_files f = read_good(folder);
    uint64_t at = 0;
    for (size_t i = 0; i < f.count; i++) {
        ck_assert_str_eq(f.file[i].path, "big");
        ck_assert_uint_eq(f.file[i].offset, at);
        ck_assert_uint_le(f.file[i].data.len, SHIM_FILES_PIECE);
        ck_assert_mem_eq(f.file[i].data.data, data + at, f.file[i].data.len);
        at += f.file[i].data.len;
    }
    ck_assert_uint_eq(at, size);
    ck_assert_uint_eq(f.size, size);
    shim_files_done(&f);
    free(data);
}

START_TEST(test_large_file)
{
    whole(SHIM_FILES_PIECE - 1);
    whole(SHIM_FILES_PIECE);
    whole(SHIM_FILES_PIECE + 1);
    whole(3 * SHIM_FILES_PIECE);
    whole(SHIM_FILES_MAX_SIZE);
    put_text("more", "x");
    refused(folder, CL_ERR_REJECTED, "size: expected at most 16777216 bytes together");
}
END_TEST

/* Messages are as large as they may be, and no larger. */
START_TEST(test_pieces)
{
    char name[32];
    uint8_t data[3000] = {0};
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        put_bytes(name, data, sizeof(data));
    }
    put_text("large", "x");
    ck_assert_int_eq(truncate(in_folder("large"), 1000000), 0);
    struct shim_files f = read_good(folder);
    size_t messages = 0;
    for (size_t at = 0; at < f.count;) {
        Cloister__Pod__V1__PutFilesRequest r;
        Cloister__Pod__V1__File *list[SHIM_FILES_MAX];
        char volume[] = "0123456789012345678901234567890123456789012345678901234567890123";
        cloister__pod__v1__put_files_request__init(&r);
        r.volume = volume;
        r.generation = UINT64_MAX;
        r.n_files = shim_files_piece(&f, at);
        r.files = list;
        ck_assert_uint_ge(r.n_files, 1);
        for (size_t i = 0; i < r.n_files; i++) {
            list[i] = &f.file[at + i];
        }
        r.last = true;
        ck_assert_uint_le(cloister__pod__v1__put_files_request__get_packed_size(&r),
                          SHIM_FILES_MESSAGE);
        at += r.n_files;
        messages++;
    }
    ck_assert_uint_le(messages, 14); /* 1.9 MB */
    ck_assert_uint_eq(shim_files_piece(&f, f.count), 0);
    shim_files_done(&f);
}
END_TEST

static atomic_bool stop;

static void *swapper(void *unused)
{
    char time[32];
    char text[32];
    for (unsigned i = 1; !atomic_load(&stop); i++) {
        (void)snprintf(time, sizeof(time), "..t%u", i);
        (void)snprintf(text, sizeof(text), "%u", i % 10);
        swap_to(time, "value", text);
        (void)usleep(200);
    }
    return unused;
}

/* However often it is swapped: what is read is whole, or said to be unavailable. */
START_TEST(test_swapped_meanwhile)
{
    pthread_t t;
    unsigned good = 0;
    swap_to("..t0", "value", "0");
    atomic_store(&stop, false);
    ck_assert_int_eq(pthread_create(&t, NULL, swapper, NULL), 0);
    for (unsigned i = 0; i < 500; i++) {
        struct shim_files f = {0};
        enum cl_status st = shim_files_read(folder, &f, NULL);
        ck_assert(st == CL_OK || st == CL_ERR_UNAVAILABLE);
        if (st == CL_OK) {
            ck_assert_uint_eq(f.count, 1);
            ck_assert_uint_eq(entry(&f, "value")->data.len, 1);
            good++;
        }
        shim_files_done(&f);
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(t, NULL), 0);
    ck_assert_uint_gt(good, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_files");
    TCase *t = tcase_create("folders");
    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, test_one_file);
    tcase_add_test(t, test_a_tree);
    tcase_add_test(t, test_order);
    tcase_add_test(t, test_folder_of_kubelet);
    tcase_add_test(t, test_links_out);
    tcase_add_test(t, test_kinds);
    tcase_add_test(t, test_depth);
    tcase_add_test(t, test_number);
    tcase_add_test(t, test_large_file);
    tcase_add_test(t, test_pieces);
    tcase_add_test(t, test_swapped_meanwhile);
    suite_add_tcase(s, t);
    return run_suite(s);
}
