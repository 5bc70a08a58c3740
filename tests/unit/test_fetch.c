/* SPDX-License-Identifier: Apache-2.0
 * test_fetch.c - blobs from registries that lie, stall, break off and redirect, into a cache that
 * is full, rots and is shared.
 */
#include "blob.h"
#include "fetch_server.h"

#include "base/encode.h"
#include "image_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define SIZE 300001u
#define HALF 150000u

static struct server server;
static uint8_t data[SIZE];
static struct cl_oci_desc desc;
static struct fetch_cache cache;
static struct fetch_options options;
static char blob_file[4200];

static void make_blob(uint8_t seed)
{
    char hex[2 * CL_SHA256_SIZE + 1];
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 31 + (i >> 8) + seed);
    }
    ck_assert_int_eq(cl_sha256(desc.digest, data, SIZE, NULL), CL_OK);
    desc.size = SIZE;
    cl_hex(hex, desc.digest, CL_SHA256_SIZE);
    (void)snprintf(blob_file, sizeof(blob_file), "%s/sha256/%s", cache.dir, hex);
}

static void up(void)
{
    char dir[200];
    fixture_up();
    (void)snprintf(dir, sizeof(dir), "%s/cache", fixture_dir);
    ck_assert_int_eq(fetch_cache_open(dir, 4 * SIZE, &cache, NULL), CL_OK);
    options = (struct fetch_options){.stall_s = 1};
    make_blob(0);
    server_up(&server);
}

static void down(void)
{
    server_down(&server);
    fixture_down();
}

static struct fetch_totals totals;

/* -1, or the blob's descriptor. */
static int try_fetch_of(const char *name, struct cl_err *err)
{
    struct fetch_client client;
    int fd = -1;
    totals = (struct fetch_totals){0};
    *err = (struct cl_err){0};
    ck_assert_msg(fetch_client_init(&client, name, &options, err) == CL_OK, "%s", err->msg);
    enum cl_status st = fetch_blob(&cache, &client, &desc, &totals, &fd, err);
    fetch_client_done(&client);
    ck_assert_int_eq(st == CL_OK, fd >= 0);
    ck_assert_int_eq(st == CL_OK ? CL_OK : err->status, st);
    return fd;
}

static int try_fetch(struct cl_err *err)
{
    char name[100];
    (void)snprintf(name, sizeof(name), "127.0.0.1:%u/team/app:v1", server.port);
    return try_fetch_of(name, err);
}

static void fetched(void)
{
    struct cl_err err;
    CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
    int fd = try_fetch(&err);
    ck_assert_msg(fd >= 0, "%s", err.msg);
    ck_assert_int_eq(cl_buf_read_fd(&got, fd, SIZE, NULL), CL_OK);
    ck_assert_uint_eq(got.len, SIZE);
    ck_assert_mem_eq(got.data, data, SIZE);
    (void)close(fd);
    ck_assert_int_eq(access(blob_file, F_OK), 0);
}

static void refused(enum cl_status status, const char *text)
{
    struct cl_err err;
    ck_assert_int_eq(try_fetch(&err), -1);
    ck_assert_msg(err.status == status && strstr(err.msg, text) != NULL,
                  "expected %d '%s', got %d '%s'", (int)status, text, (int)err.status, err.msg);
    ck_assert_int_ne(access(blob_file, F_OK), 0);
}

#define STEPS(...)                                                                                 \
    const struct step steps[] = {__VA_ARGS__};                                                     \
    server_steps(&server, steps, CL_ARRAY_LEN(steps))
#define GOOD                                                                                       \
    {                                                                                              \
        .body = data, .len = SIZE                                                                  \
    }
#define BROKEN                                                                                     \
    {                                                                                              \
        .body = data, .len = SIZE, .cut = HALF                                                     \
    }
#define STATUS(text)                                                                               \
    {                                                                                              \
        .head = "HTTP/1.1 " text "\r\nContent-Length: 0\r\n"                                       \
    }
#define REST "HTTP/1.1 206 Partial Content\r\nContent-Length: 150001\r\n"

/* --- what goes well
 * ---------------------------------------------------------------------------------- */

START_TEST(test_second_time_moves_no_byte)
{
    STEPS(GOOD);
    fetched();
    ck_assert_uint_eq(totals.moved, SIZE);
    ck_assert_uint_eq(atomic_load(&server.requests), 1);
    fetched();
    ck_assert_uint_eq(totals.moved, 0);
    ck_assert_uint_eq(totals.cached, SIZE);
    ck_assert_uint_eq(atomic_load(&server.requests), 1);
}
END_TEST

START_TEST(test_broken_connection_is_resumed)
{
    STEPS(BROKEN, {.head = REST "Content-Range: bytes 150000-300000/300001\r\n",
                   .body = data + HALF,
                   .len = SIZE - HALF});
    fetched();
    ck_assert_ptr_null(strstr(server.seen[0], "Range:"));
    ck_assert_ptr_nonnull(strstr(server.seen[1], "Range: bytes=150000-\r\n"));
    ck_assert_uint_eq(totals.moved, SIZE);
}
END_TEST

START_TEST(test_range_that_is_ignored_begins_anew)
{
    STEPS(BROKEN, GOOD);
    fetched();
    ck_assert_uint_eq(totals.moved, SIZE + HALF);
}
END_TEST

START_TEST(test_range_that_is_not_satisfied_begins_anew)
{
    STEPS(BROKEN, STATUS("416 Range Not Satisfiable"), GOOD);
    fetched();
    ck_assert_ptr_null(strstr(server.seen[2], "Range:"));
}
END_TEST

START_TEST(test_server_errors_and_then_none)
{
    STEPS(STATUS("500 Oops"), STATUS("503 Busy"), STATUS("429 Slowly"), GOOD);
    fetched();
    ck_assert_uint_eq(atomic_load(&server.requests), 4);
}
END_TEST

START_TEST(test_stall_and_then_none)
{
    STEPS({.body = data, .len = SIZE, .cut = HALF, .hang_s = 10},
          {.head = REST "Content-Range: bytes 150000-300000/300001\r\n",
           .body = data + HALF,
           .len = SIZE - HALF});
    fetched();
}
END_TEST

START_TEST(test_wrong_beginning_is_thrown_away)
{
    static uint8_t other[SIZE];
    /* another's first half, by way of a broken connection: resumed, found out, begun anew */
    STEPS({.body = other, .len = SIZE, .cut = HALF},
          {.head = REST "Content-Range: bytes 150000-300000/300001\r\n",
           .body = data + HALF,
           .len = SIZE - HALF},
          GOOD);
    fetched();
    ck_assert_uint_eq(atomic_load(&server.requests), 3);
    ck_assert_ptr_null(strstr(server.seen[2], "Range:"));
}
END_TEST

/* --- lies
 * -------------------------------------------------------------------------------------------- */

START_TEST(test_lies_are_refused)
{
    static uint8_t more[SIZE + 1];
    static uint8_t other[SIZE];
    memcpy(more, data, SIZE);
    const struct {
        struct step step[2];
        enum cl_status status;
        const char *text;
        size_t requests;
    } cases[] = {
        {{{.body = other, .len = SIZE}}, CL_ERR_REJECTED, "digest: expected sha256:", 1},
        {{{.body = more, .len = SIZE + 1}},
         CL_ERR_REJECTED,
         "length: expected 300001 bytes, got more",
         1},
        {{{.head = "HTTP/1.1 200 OK\r\n", .body = more, .len = SIZE + 1}},
         CL_ERR_REJECTED,
         "length: expected 300001 bytes, got more",
         1},
        {{{.body = data, .len = HALF}},
         CL_ERR_UNAVAILABLE,
         "length: expected 300001 bytes, got 150000",
         0},
        {{BROKEN, {.head = REST, .body = data + HALF, .len = SIZE - HALF}},
         CL_ERR_REJECTED,
         "Content-Range: expected one with HTTP status 206, got none",
         2},
        {{BROKEN,
          {.head = REST "Content-Range: bytes 7-150007/300001\r\n",
           .body = data + 7,
           .len = SIZE - HALF}},
         CL_ERR_REJECTED,
         "Content-Range: expected from 150000, got from 7",
         2},
        {{STATUS("404 Not Found")}, CL_ERR_REJECTED, "HTTP status: expected 200, got 404", 1},
        {{STATUS("403 Forbidden")},
         CL_ERR_REJECTED,
         "access: expected credentials that it takes, got HTTP status 403",
         1},
        {{STATUS("204 No Content")}, CL_ERR_REJECTED, "HTTP status: expected 200, got 204", 1},
        {{{.head = "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n"}},
         CL_ERR_REJECTED,
         "redirects: expected at most 5",
         6},
        {{{.head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: "
                   "0\r\n"}},
         CL_ERR_REJECTED,
         "redirect: expected https, got 'http://127.0.0.1:1/x'",
         1},
        {{{.head = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n"}},
         CL_ERR_REJECTED,
         "redirect: expected https, got 'file:///etc/passwd'",
         1},
        {{{.head = "HTTP/1.1 307 There\r\nLocation: https://169.254.169.254/x\r\nContent-Length: "
                   "0\r\n"}},
         CL_ERR_REJECTED,
         "redirected to 169.254.169.254, an address of this node",
         1},
    };
    server_steps(&server, cases[_i].step, cases[_i].step[1].head != NULL ? 2 : 1);
    refused(cases[_i].status, cases[_i].text);
    if (cases[_i].requests > 0) {
        ck_assert_uint_eq(atomic_load(&server.requests), cases[_i].requests);
    }
}
END_TEST

START_TEST(test_server_errors_without_end)
{
    STEPS(STATUS("503 Busy"));
    refused(CL_ERR_UNAVAILABLE, "HTTP status: expected 200, got 503");
    ck_assert_uint_eq(atomic_load(&server.requests), FETCH_TRIES);
}
END_TEST

START_TEST(test_stall_without_end)
{
    STEPS({.body = data, .len = SIZE, .cut = 1, .hang_s = 3});
    refused(CL_ERR_UNAVAILABLE, "stalled: no byte for 1 seconds");
}
END_TEST

/* --- credentials
 * ------------------------------------------------------------------------------------- */

static void have_auth(const char *entry)
{
    char text[300];
    (void)snprintf(text, sizeof(text), "{\"auths\":{\"127.0.0.1:%u\":%s}}", server.port, entry);
    fixture_write("auth.json", text, strlen(text));
    options.auth = "auth.json";
}
#define USER_PASSWORD "dXNlcjpwYXNzd29yZA==" /* user:password */

START_TEST(test_basic_credentials)
{
    STEPS({.head = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: "
                   "0\r\n"},
          GOOD);
    refused(CL_ERR_REJECTED, "access: expected credentials (image.auth-file), got none");
    have_auth("{\"auth\":\"" USER_PASSWORD "\"}");
    server_steps(&server, steps, 2);
    fetched();
    ck_assert_ptr_null(strstr(server.seen[0], "Authorization"));
    ck_assert_ptr_nonnull(strstr(server.seen[1], "Authorization: Basic " USER_PASSWORD "\r\n"));
}
END_TEST

static char challenge[300];
static void ask_for(const char *scheme, const char *host, const char *more)
{
    (void)snprintf(challenge, sizeof(challenge),
                   "HTTP/1.1 401 Who\r\nContent-Length: 0\r\nWWW-Authenticate: %s "
                   "realm=\"http://%s/token\"%s\r\n",
                   scheme, host, more);
}

START_TEST(test_token)
{
    static const char token[] = "{\"token\":\"abc.def\",\"expires_in\":60}";
    char host[40];
    (void)snprintf(host, sizeof(host), "127.0.0.1:%u", server.port);
    ask_for("Bearer", host, ",service=\"the registry\",scope=\"repository:team/app:pull\"");
    STEPS({.head = challenge}, {.body = token, .len = sizeof(token) - 1}, GOOD);
    have_auth(_i == 0 ? "{\"auth\":\"" USER_PASSWORD "\"}" : "{\"identitytoken\":\"id/+token\"}");
    fetched();
    if (_i == 0) {
        ck_assert_ptr_nonnull(strstr(server.seen[1], "GET /token?scope=repository%3Ateam%2Fapp"
                                                     "%3Apull&service=the%20registry HTTP"));
        ck_assert_ptr_nonnull(strstr(server.seen[1], "Authorization: Basic " USER_PASSWORD));
    } else {
        ck_assert_ptr_nonnull(strstr(server.seen[1], "POST /token HTTP"));
        ck_assert_ptr_null(strstr(server.seen[1], "Authorization"));
    }
    ck_assert_ptr_nonnull(strstr(server.seen[2], "Authorization: Bearer abc.def\r\n"));
}
END_TEST

START_TEST(test_token_servers_that_get_nothing)
{
    static const char *const texts[] = {"token server: expected https, got 'http://192.0.2.1/",
                                        "token server: expected https, got 'http://127.0.0.1:",
                                        "WWW-Authenticate: expected Bearer or Basic"};
    char host[40];
    (void)snprintf(host, sizeof(host), "127.0.0.1:%u0", server.port);
    ask_for(_i == 2 ? "Digest" : "Bearer", _i == 0 ? "192.0.2.1" : host, "");
    STEPS({.head = challenge});
    have_auth("{\"auth\":\"" USER_PASSWORD "\"}");
    struct cl_err err;
    ck_assert_int_eq(try_fetch(&err), -1);
    ck_assert_msg(strstr(err.msg, texts[_i]) != NULL, "%s", err.msg);
    ck_assert_uint_eq(atomic_load(&server.requests), 1);
}
END_TEST

/* The other host is one that would take them: it is not even connected to. */
START_TEST(test_credentials_do_not_follow_a_redirect)
{
    static struct server other;
    static const struct step take[] = {GOOD};
    static char there[200];
    server_up(&other);
    server_steps(&other, take, 1);
    (void)snprintf(there, sizeof(there),
                   "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http%s://%s:%u/x\r\n",
                   _i == 0 ? "" : "s", _i == 2 ? "localhost" : "127.0.0.1", other.port);
    STEPS({.head = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: "
                   "0\r\n"},
          {.head = there});
    have_auth("{\"auth\":\"" USER_PASSWORD "\"}");
    refused(CL_ERR_REJECTED, _i == 0 ? "redirect: expected https" : "an address of this node");
    ck_assert_uint_eq(atomic_load(&server.requests), 2);
    ck_assert_uint_eq(atomic_load(&other.requests), 0);
    server_down(&other);
}
END_TEST

/* --- mirrors
 * ----------------------------------------------------------------------------------------- */

START_TEST(test_mirrors_in_their_order)
{
    static struct server mirror;
    static const struct step no[] = {STATUS("404 Not Found")};
    static const struct step broken[] = {BROKEN, STATUS("404 Not Found")};
    char text[400];
    char dir[100];
    char file[120];
    server_up(&mirror);
    server_steps(&mirror, _i == 0 ? no : broken, _i == 0 ? 1 : 2);
    STEPS(GOOD);
    (void)snprintf(text, sizeof(text),
                   "server = \"http://127.0.0.1:%u\"\n[host.\"http://127.0.0.1:1\"]\n"
                   "capabilities = [\"resolve\"]\n[host.\"http://127.0.0.1:%u/base\"]\n"
                   "capabilities = [\"pull\"]\n[host.\"http://127.0.0.1:%u/base\".header]\n"
                   "X-Mine = \"yes\"\n",
                   server.port, mirror.port, mirror.port);
    (void)snprintf(dir, sizeof(dir), "certs/127.0.0.1_%u_", server.port);
    ck_assert_int_eq(mkdir("certs", 0700), 0);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    (void)snprintf(file, sizeof(file), "%s/hosts.toml", dir);
    fixture_write(file, text, strlen(text));
    options.certs = "certs";
    fetched();
    ck_assert_ptr_nonnull(strstr(mirror.seen[0], "GET /base/v2/team/app/blobs/sha256:"));
    ck_assert_ptr_nonnull(strstr(mirror.seen[0], "?ns=127.0.0.1%3A"));
    ck_assert_ptr_nonnull(strstr(mirror.seen[0], "X-Mine: yes\r\n"));
    ck_assert_ptr_nonnull(strstr(server.seen[0], "GET /v2/team/app/blobs/sha256:"));
    ck_assert_ptr_null(strstr(server.seen[0], "X-Mine"));
    server_down(&mirror);
}
END_TEST

START_TEST(test_no_host_may_be_asked)
{
    static const char text[] = "capabilities = [\"push\"]\n";
    STEPS(GOOD);
    ck_assert_int_eq(mkdir("certs", 0700), 0);
    ck_assert_int_eq(mkdir("certs/_default", 0700), 0);
    fixture_write("certs/_default/hosts.toml", text, strlen(text));
    options.certs = "certs";
    refused(CL_ERR_REJECTED, "hosts.toml: expected a host with the capability pull, got none");
    ck_assert_uint_eq(atomic_load(&server.requests), 0);
}
END_TEST

/* A proxy is asked for the registry, credentials do not come into it; one that NO_PROXY names is
 * dialled itself. */
START_TEST(test_proxy_of_the_environment)
{
    struct cl_err err;
    char proxy[60];
    STEPS(STATUS("403 Forbidden"));
    (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", server.port);
    (void)unsetenv("https_proxy");
    (void)unsetenv("no_proxy");
    ck_assert_int_eq(setenv("HTTPS_PROXY", proxy, 1), 0);
    ck_assert_int_eq(setenv("NO_PROXY", _i == 0 ? "example" : ".invalid", 1), 0);
    ck_assert_int_eq(try_fetch_of("registry.invalid/team/app:v1", &err), -1);
    ck_assert_int_eq(err.status, CL_ERR_UNAVAILABLE);
    if (_i == 0) {
        ck_assert_int_eq(strncmp(server.seen[0], "CONNECT registry.invalid:443 ", 29), 0);
        ck_assert_ptr_null(strstr(server.seen[0], "Authorization"));
    } else {
        ck_assert_uint_eq(atomic_load(&server.requests), 0);
    }
}
END_TEST

/* --- the cache
 * --------------------------------------------------------------------------------------- */

START_TEST(test_rotten_blob_is_brought_again)
{
    STEPS(GOOD);
    fetched();
    int fd = open(blob_file, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(_i == 0 ? (int)pwrite(fd, "x", 1, 77) : ftruncate(fd, 10), _i == 0 ? 1 : 0);
    (void)close(fd);
    fetched();
    ck_assert_uint_eq(atomic_load(&server.requests), 2);
}
END_TEST

START_TEST(test_full_cache_evicts_what_is_not_in_use)
{
    struct cl_err err;
    char first[sizeof(blob_file)];
    STEPS(GOOD);
    cache.limit = 2 * SIZE + 10;
    fetched();
    memcpy(first, blob_file, sizeof(first));
    make_blob(1);
    int used = try_fetch(&err); /* and keeps it */
    ck_assert_int_ge(used, 0);
    make_blob(2);
    fetched();
    ck_assert_int_ne(access(first, F_OK), 0);
    make_blob(1);
    ck_assert_int_eq(access(blob_file, F_OK), 0);
    make_blob(3);
    int used_too = try_fetch(&err);
    ck_assert_int_ge(used_too, 0);
    make_blob(4);
    refused(CL_ERR_UNAVAILABLE, "full: 600002 of 600012 bytes are in use");
    (void)close(used);
    fetched();
    (void)close(used_too);
    cache.limit = SIZE - 1;
    make_blob(5);
    refused(CL_ERR_REJECTED, "expected a blob of at most 300000 bytes (image.cache-mib)");
}
END_TEST

static void serve_forever(void)
{
    static const struct step half[] = {{.body = data, .len = SIZE, .cut = HALF, .hang_s = 60}};
    server_steps(&server, half, 1);
}

START_TEST(test_killed_process_is_resumed)
{
    char partial[4300];
    struct stat st = {0};
    char hex[2 * CL_SHA256_SIZE + 1];
    serve_forever();
    options.stall_s = 30;
    pid_t pid = fork();
    if (pid == 0) {
        struct cl_err err;
        (void)try_fetch(&err);
        _exit(0);
    }
    cl_hex(hex, desc.digest, CL_SHA256_SIZE);
    (void)snprintf(partial, sizeof(partial), "%s/partial/%s-%u", cache.dir, hex, SIZE);
    for (int n = 0; n < 1000 && st.st_size < (off_t)HALF; n++) {
        (void)usleep(10000);
        (void)stat(partial, &st);
    }
    ck_assert_int_eq(st.st_size, HALF);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    STEPS({.head = REST "Content-Range: bytes 150000-300000/300001\r\n",
           .body = data + HALF,
           .len = SIZE - HALF});
    fetched();
    ck_assert_ptr_nonnull(strstr(server.seen[0], "Range: bytes=150000-\r\n"));
    ck_assert_int_ne(access(partial, F_OK), 0);
}
END_TEST

START_TEST(test_one_download_for_all_who_want_it)
{
    pid_t pid[8];
    STEPS(GOOD);
    for (size_t i = 0; i < CL_ARRAY_LEN(pid); i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            struct cl_err err;
            _exit(try_fetch(&err) >= 0 ? 0 : 1);
        }
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(pid); i++) {
        int status = 1;
        ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(atomic_load(&server.requests), 1);
    ck_assert_uint_eq(atomic_load(&server.bytes), SIZE);
}
END_TEST

START_TEST(test_full_disk)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/small", fixture_dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("small", path, "tmpfs", 0, "size=400k") != 0) {
        (void)fprintf(stderr, "SKIP: a disk of 400 KiB is not to be had\n");
        return;
    }
    ck_assert_int_eq(fetch_cache_open(path, 10 * SIZE, &cache, NULL), CL_OK);
    make_blob(0);
    STEPS(GOOD);
    struct cl_err err;
    int used = try_fetch(&err);
    ck_assert_int_ge(used, 0);
    make_blob(1);
    refused(CL_ERR_SYS, "No space left on device");
    char command[400];
    (void)snprintf(command, sizeof(command), "%s/partial", path);
    ck_assert_int_eq(rmdir(command), 0); /* nothing half is left in the way */
    ck_assert_int_eq(mkdir(command, 0700), 0);
    (void)close(used);
    fetched(); /* by evicting the other */
    ck_assert_int_eq(umount(path), 0);
}
END_TEST

/* --- whole images
 * ------------------------------------------------------------------------------------ */

START_TEST(test_image_without_a_store)
{
    static const char config[] = "{}";
    char manifest[1200];
    char digest[CL_OCI_DIGEST_SIZE];
    char layer[CL_OCI_DIGEST_SIZE];
    uint8_t config_digest[CL_SHA256_SIZE];
    char name[100];
    struct fetch_held held = {.count = 0};
    struct fetch_image_request image = {.name = name};
    struct fetch_totals got = {0};
    struct cl_err err = {0};
    (void)snprintf(name, sizeof(name), "127.0.0.1:%u/team/app:v1", server.port);
    ck_assert_int_eq(cl_sha256(config_digest, config, 2, NULL), CL_OK);
    cl_oci_digest_format(digest, config_digest);
    cl_oci_digest_format(layer, desc.digest);
    int n = snprintf(manifest, sizeof(manifest),
                     "{\"schemaVersion\":2,\"mediaType\":\"application/"
                     "vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/"
                     "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":2},\"layers\":[{"
                     "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
                     "\"size\":%u}]}",
                     digest, layer, SIZE);
    ck_assert_int_eq(cl_sha256(image.target, manifest, (size_t)n, NULL), CL_OK);
    STEPS({.body = manifest, .len = (size_t)n}, {.body = config, .len = 2}, GOOD);
    ck_assert_msg(fetch_image(&cache, &options, &image, &held, &got, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(held.count, 3);
    ck_assert_uint_eq(got.moved, (size_t)n + 2 + SIZE);
    ck_assert_ptr_nonnull(strstr(server.seen[0], "GET /v2/team/app/manifests/sha256:"));
    ck_assert_ptr_nonnull(strstr(server.seen[0], "vnd.oci.image.manifest.v1+json"));
    fetch_held_done(&held);
    ck_assert_int_eq(fetch_image(&cache, &options, &image, &held, &got, &err), CL_OK);
    ck_assert_uint_eq(got.moved, 0);
    ck_assert_uint_eq(atomic_load(&server.requests), 3);
    fetch_held_done(&held);
    image.target[0] ^= 1;
    ck_assert_int_eq(fetch_image(&cache, &options, &image, &held, &got, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "manifest: "));
    fetch_held_done(&held);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fetch");
    TCase *tc = tcase_create("fetch");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, up, down);
    tcase_add_test(tc, test_second_time_moves_no_byte);
    tcase_add_test(tc, test_broken_connection_is_resumed);
    tcase_add_test(tc, test_range_that_is_ignored_begins_anew);
    tcase_add_test(tc, test_range_that_is_not_satisfied_begins_anew);
    tcase_add_test(tc, test_server_errors_and_then_none);
    tcase_add_test(tc, test_stall_and_then_none);
    tcase_add_test(tc, test_wrong_beginning_is_thrown_away);
    tcase_add_loop_test(tc, test_lies_are_refused, 0, 13);
    tcase_add_test(tc, test_server_errors_without_end);
    tcase_add_test(tc, test_stall_without_end);
    tcase_add_test(tc, test_basic_credentials);
    tcase_add_loop_test(tc, test_token, 0, 2);
    tcase_add_loop_test(tc, test_token_servers_that_get_nothing, 0, 3);
    tcase_add_loop_test(tc, test_credentials_do_not_follow_a_redirect, 0, 3);
    tcase_add_loop_test(tc, test_mirrors_in_their_order, 0, 2);
    tcase_add_test(tc, test_no_host_may_be_asked);
    tcase_add_loop_test(tc, test_proxy_of_the_environment, 0, 2);
    tcase_add_loop_test(tc, test_rotten_blob_is_brought_again, 0, 2);
    tcase_add_test(tc, test_full_cache_evicts_what_is_not_in_use);
    tcase_add_test(tc, test_killed_process_is_resumed);
    tcase_add_test(tc, test_one_download_for_all_who_want_it);
    tcase_add_test(tc, test_full_disk);
    tcase_add_test(tc, test_image_without_a_store);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
