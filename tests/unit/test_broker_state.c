/* SPDX-License-Identifier: Apache-2.0
 * test_broker_state.c - what is acknowledged stays: restart, kill -9, backup, restore, rotation of
 * the master key; what was changed on disk does not open; and the limits on what a client can take.
 */
#include "broker_fixture.h"
#include "vault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void expect_resource(const struct fx *f, const char *path, const char *value)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    char target[128];
    (void)snprintf(target, sizeof(target), "/kbs/v0/resource/%s", path);
    fx_admin(f, "admin", "GET", target, NULL, 0, &resp);
    ck_assert_msg(resp.status == 200, "%s: %u", path, resp.status);
    ck_assert_str_eq((const char *)resp.body.data, value);
}

START_TEST(test_restart_keeps_everything_but_sessions)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_attest(k, &err), &err);
    fx_stop(&f);
    fx_serve(&f, NULL);
    expect_resource(&f, "default/key/1", "sesame");
    /* the token outlives the restart: its key is part of the identity */
    ck_assert_int_eq(cl_buf_printf(&header, NULL, "Authorization: Bearer %s\r\n", cl_kbs_token(k)),
                     CL_OK);
    fx_send(f.guest, "GET", "/kbs/v0/resource/default/key/1", (const char *)header.data, NULL, 0,
            &resp);
    ck_assert_uint_eq(resp.status, 200);
    cl_kbs_free(k);
    k = fx_client(&f, &g); /* policy, reference and root are still there */
    fx_ok(cl_kbs_get_resource(k, "default/key/1", &secret, &err), &err);
    cl_secret_done(&secret);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_client_attests_again_when_its_session_is_gone)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_attest(k, &err), &err);
    atomic_store(&f.skew, 400); /* the session has ended */
    fx_ok(cl_kbs_get_resource(k, "default/key/1", &secret, &err), &err);
    ck_assert_uint_eq(secret.len, 6);
    cl_secret_done(&secret);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

/* ---- the program ---- */

struct program {
    pid_t pid;
    uint16_t port, admin_port;
};

static void program_start(const char *state, struct program *p)
{
    int fds[2];
    char line[256];
    char fd_text[16];
    ck_assert_int_eq(pipe(fds), 0);
    (void)snprintf(fd_text, sizeof(fd_text), "%d", fds[1]);
    p->pid = fork();
    ck_assert_int_ge(p->pid, 0); /* kill(-1) would reach everybody */
    if (p->pid == 0) {
        (void)close(fds[0]);
        (void)execl(CL_BROKER_BIN, "cloister-broker", "--state", state, "--listen", "127.0.0.1:0",
                    "--admin-listen", "127.0.0.1:0", "--ready-fd", fd_text, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), in));
    (void)fclose(in);
    json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(line, strlen(line), "ready", &j, NULL), CL_OK);
    p->port = (uint16_t)json_integer_value(json_object_get(j, "port"));
    p->admin_port = (uint16_t)json_integer_value(json_object_get(j, "admin-port"));
    json_decref(j);
}

static int program_end(struct program *p, int sig)
{
    int status = 0;
    ck_assert_int_eq(kill(p->pid, sig), 0);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return status;
}

static void *kill_soon(void *arg)
{
    struct program *p = arg;
    struct timespec t = {.tv_nsec = 120000000 + random() % 200000000};
    (void)nanosleep(&t, NULL);
    (void)kill(p->pid, SIGKILL);
    return NULL;
}

START_TEST(test_kill_9_loses_no_acknowledged_resource)
{
    struct fx f;
    int acknowledged = 0;
    fx_start(&f, NULL); /* for state, certificate, admin key */
    fx_stop(&f);
    for (int round = 0; round < 4; round++) {
        struct program p = {0};
        pthread_t killer;
        int status = 0;
        program_start(f.dir, &p);
        f.admin = fx_link(&f, p.admin_port);
        ck_assert_int_eq(pthread_create(&killer, NULL, kill_soon, &p), 0);
        for (;;) {
            char path[64];
            char value[32];
            CL_CLEANUP(cl_buf_done) struct cl_buf bearer = {0};
            CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
            struct cl_err err = {0};
            fx_bearer(&f, NULL, "admin", 300, &bearer);
            (void)snprintf(path, sizeof(path), "/kbs/v0/resource/a/b/%d", acknowledged);
            int n = snprintf(value, sizeof(value), "value %d", acknowledged);
            struct cl_kbs_request req = {.method = "POST",
                                         .path = path,
                                         .headers = (const char *)bearer.data,
                                         .body = value,
                                         .body_len = (size_t)n};
            if (cl_kbs_link_request(f.admin, &req, &resp, &err) != CL_OK || resp.status != 200) {
                break;
            }
            acknowledged++;
        }
        (void)pthread_join(killer, NULL);
        ck_assert_int_eq(waitpid(p.pid, &status, 0), p.pid);
        ck_assert(WIFSIGNALED(status));
        cl_kbs_link_free(f.admin);
        f.admin = NULL;
    }
    ck_assert_int_gt(acknowledged, 4);
    fx_serve(&f, NULL);
    for (int i = 0; i < acknowledged; i++) {
        char path[32];
        char value[32];
        (void)snprintf(path, sizeof(path), "a/b/%d", i);
        (void)snprintf(value, sizeof(value), "value %d", i);
        expect_resource(&f, path, value);
    }
    fx_done(&f);
}
END_TEST

START_TEST(test_program_ends_cleanly_and_holds_its_state)
{
    struct fx f;
    struct program p = {0};
    struct cl_state s = {0};
    struct cl_err err = {0};
    fx_start(&f, NULL);
    fx_stop(&f);
    program_start(f.dir, &p);
    ck_assert_int_eq(cl_state_open(f.dir, &s, &err), CL_ERR_SYS); /* one broker for one state */
    ck_assert_ptr_nonnull(strstr(err.msg, "in use by a running broker"));
    int status = program_end(&p, SIGTERM);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_int_eq(cl_state_open(f.dir, &s, &err), CL_OK);
    cl_state_done(&s);
    cl_buf_done(&f.cert_pem);
    EVP_PKEY_free(f.admin_key);
}
END_TEST

/* Exit status and what went to stderr. */
static int run_program(const char *arguments, char *ret_text, size_t size)
{
    char command[512];
    (void)snprintf(command, sizeof(command), "%s %s 2>&1 >/dev/null", CL_BROKER_BIN, arguments);
    FILE *p = popen(command, "r");
    size_t n = fread(ret_text, 1, size - 1, p);
    ret_text[n] = '\0';
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(test_program_errors)
{
    struct fx f;
    char args[300];
    char text[600];
    fx_start(&f, NULL);
    ck_assert_int_eq(run_program("", text, sizeof(text)), 2);
    ck_assert_ptr_nonnull(strstr(text, "cloister broker: --state is required"));
    ck_assert_int_eq(run_program("--nonsense", text, sizeof(text)), 2);
    ck_assert_ptr_nonnull(strstr(text, "unknown or incomplete option '--nonsense'"));
    ck_assert_int_eq(run_program("--help", text, sizeof(text)), 0);
    (void)snprintf(args, sizeof(args), "--state %s/absent", fx_base.dir);
    ck_assert_int_eq(run_program(args, text, sizeof(text)), 5);
    ck_assert_ptr_nonnull(strstr(text, "hint: make the state with: cloister broker init"));
    (void)snprintf(args, sizeof(args), "init --state %s", fx_base.state);
    ck_assert_int_eq(run_program(args, text, sizeof(text)), 1);
    ck_assert_ptr_nonnull(strstr(text, "holds a broker already"));
    (void)snprintf(args, sizeof(args), "--state %s --listen 127.0.0.1:%u", fx_base.state,
                   (unsigned)cl_broker_port(f.broker));
    ck_assert_int_eq(run_program(args, text, sizeof(text)), 5);
    ck_assert_ptr_nonnull(strstr(text, "Address already in use"));
    (void)snprintf(args, sizeof(args), "--state %s --listen nowhere", fx_base.state);
    ck_assert_int_eq(run_program(args, text, sizeof(text)), 4);
    ck_assert_ptr_nonnull(strstr(text, "listen 'nowhere': expected address:port"));
    (void)snprintf(args, sizeof(args), "init --state %s/x --san 'a b'", fx_base.dir);
    ck_assert_int_eq(run_program(args, text, sizeof(text)), 4);
    ck_assert_ptr_nonnull(strstr(text, "san 'a b': expected a DNS name or an address"));
    fx_done(&f);
}
END_TEST

/* ---- backup, restore, rotation, damage ---- */

START_TEST(test_backup_while_running_and_restore)
{
    struct fx f;
    struct cl_err err = {0};
    char file[300];
    char master[300];
    char dir[300];
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/a/b/c", "a-marker-to-look-for");
    (void)snprintf(file, sizeof(file), "%s/backup", f.dir);
    (void)snprintf(master, sizeof(master), "%s/master.key", f.dir);
    (void)snprintf(dir, sizeof(dir), "%s/restored", f.dir);
    fx_ok(cl_state_backup(f.dir, file, &err), &err);
    fx_post(&f, "/kbs/v0/resource/a/b/later", "x");
    fx_ok(cl_buf_read_file(&raw, file, 1u << 26, &err), &err);
    ck_assert_ptr_null(memmem(raw.data, raw.len, "a-marker", 8));
    ck_assert_ptr_null(memmem(raw.data, raw.len, "a/b/c", 5)); /* names too are sealed */
    fx_ok(cl_state_restore(dir, file, master, &err), &err);
    ck_assert_int_eq(cl_state_restore(dir, file, master, &err), CL_ERR_REJECTED);
    fx_stop(&f);
    (void)snprintf(f.dir, sizeof(f.dir), "%.120s", dir);
    fx_serve(&f, NULL); /* the same certificate: the old pin holds */
    expect_resource(&f, "a/b/c", "a-marker-to-look-for");
    fx_done(&f);
}
END_TEST

START_TEST(test_damaged_backups_are_refused)
{
    struct fx f;
    struct cl_err err = {0};
    char file[300];
    char bad[300];
    char master[300];
    char dir[300];
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    fx_start(&f, NULL);
    (void)snprintf(file, sizeof(file), "%s/backup", f.dir);
    (void)snprintf(bad, sizeof(bad), "%s/bad", f.dir);
    (void)snprintf(master, sizeof(master), "%s/master.key", f.dir);
    (void)snprintf(dir, sizeof(dir), "%s/restored", f.dir);
    fx_ok(cl_state_backup(f.dir, file, &err), &err);
    fx_ok(cl_buf_read_file(&raw, file, 1u << 26, &err), &err);
    const size_t at[] = {0, 8, 30, raw.len / 2, raw.len - 1};
    for (size_t i = 0; i < CL_ARRAY_LEN(at); i++) {
        raw.data[at[i]] ^= 1;
        fx_ok(cl_write_file(bad, raw.data, raw.len, 0600, &err), &err);
        ck_assert_int_eq(cl_state_restore(dir, bad, master, &err),
                         i == 0 ? CL_ERR_MALFORMED : CL_ERR_REJECTED);
        raw.data[at[i]] ^= 1;
    }
    fx_ok(cl_write_file(bad, raw.data, 20, 0600, &err), &err);
    ck_assert_int_eq(cl_state_restore(dir, bad, master, &err), CL_ERR_MALFORMED);
    uint8_t other[32] = {7};
    fx_ok(cl_write_file(bad, other, sizeof(other), 0600, &err), &err);
    ck_assert_int_eq(cl_state_restore(dir, file, bad, &err), CL_ERR_REJECTED);
    ck_assert_int_eq(access(dir, F_OK), -1);
    fx_done(&f);
}
END_TEST

START_TEST(test_rotation_of_the_master_key)
{
    struct fx f;
    struct cl_err err = {0};
    struct cl_state s = {0};
    char path[300];
    char new_path[300];
    CL_CLEANUP(cl_buf_done) struct cl_buf old = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf fresh = {0};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/a/b/c", "sesame");
    ck_assert_int_eq(cl_state_rotate(f.dir, &err), CL_ERR_SYS); /* not beside a running broker */
    fx_stop(&f);
    (void)snprintf(path, sizeof(path), "%s/master.key", f.dir);
    (void)snprintf(new_path, sizeof(new_path), "%s/master.key.new", f.dir);
    fx_ok(cl_buf_read_file(&old, path, 64, &err), &err);
    fx_ok(cl_state_rotate(f.dir, &err), &err);
    fx_ok(cl_buf_read_file(&fresh, path, 64, &err), &err);
    ck_assert_int_ne(memcmp(old.data, fresh.data, 32), 0);
    /* the old key opens nothing any more */
    fx_ok(cl_write_file(path, old.data, old.len, 0600, &err), &err);
    ck_assert_int_eq(cl_state_open(f.dir, &s, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "not the one this database is sealed under"));
    /* interrupted between commit and rename: opening finishes it */
    fx_ok(cl_write_file(new_path, fresh.data, fresh.len, 0600, &err), &err);
    fx_serve(&f, NULL);
    expect_resource(&f, "a/b/c", "sesame");
    ck_assert_int_eq(access(new_path, F_OK), -1);
    fx_done(&f);
}
END_TEST

static void sql(const struct fx *f, const char *text)
{
    char path[300];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/broker.db", f->dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

/* Takes the tables back to what version 1 of the database was, with one reference in it. */
static void make_version_1(const struct fx *f, const char *measurement)
{
    char text[1024];
    (void)snprintf(
        text, sizeof(text),
        "DROP TABLE trust_document; DROP TABLE reference;"
        "CREATE TABLE reference(class TEXT NOT NULL, measurement TEXT NOT NULL, expires INTEGER NOT"
        " NULL, note TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY(class, measurement))"
        " WITHOUT ROWID;"
        "INSERT INTO reference VALUES('sim-snp', '%s', 4102444800, 'old', 1);"
        "PRAGMA user_version = 1;",
        measurement);
    sql(f, text);
}

static int64_t version_of(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    int64_t version = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return version;
}

START_TEST(test_database_of_version_1_is_copied_as_it_is_and_served)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    char path[256];
    char file[256];
    char hex[97];
    struct cl_secret secret = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    fx_stop(&f);
    cl_hex(hex, g.launch.digest, 48);
    make_version_1(&f, hex);
    (void)snprintf(path, sizeof(path), "%s/broker.db", f.dir);
    (void)snprintf(file, sizeof(file), "%s/backup", f.dir);
    fx_ok(cl_state_backup(f.dir, file, &err), &err); /* an older broker may be running on it */
    ck_assert_int_eq(version_of(path), 1);
    fx_serve(&f, NULL);
    ck_assert_int_eq(version_of(path), 2);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_get_resource(k, "default/key/1", &secret, &err), &err);
    ck_assert_uint_eq(secret.len, 6);
    fx_admin(&f, "admin", "GET", "/kbs/v0/reference-value", NULL, 0, &resp);
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"note\":\"old\""));
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"measurement\":\""));
    cl_secret_done(&secret);
    cl_kbs_free(k);
    fx_stop(&f);
    /* and the backup of then is restored into a database of today */
    char dir[256];
    char master[256];
    (void)snprintf(dir, sizeof(dir), "%s/again", f.dir);
    (void)snprintf(master, sizeof(master), "%s/master.key", f.dir);
    fx_ok(cl_state_restore(dir, file, master, &err), &err);
    (void)snprintf(path, sizeof(path), "%s/again/broker.db", f.dir);
    ck_assert_int_eq(version_of(path), 2);
    guest_done(&g);
    cl_buf_done(&f.cert_pem);
    EVP_PKEY_free(f.admin_key);
}
END_TEST

START_TEST(test_what_was_changed_on_disk_does_not_open)
{
    struct fx f;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/a/b/c", "one");
    fx_post(&f, "/kbs/v0/resource/a/b/d", "two");
    fx_stop(&f);
    /* a sealed blob moved to another name */
    sql(&f, "UPDATE resource SET sealed = (SELECT sealed FROM resource WHERE path = 'a/b/d')"
            " WHERE path = 'a/b/c'");
    fx_serve(&f, NULL);
    fx_admin(&f, "admin", "GET", "/kbs/v0/resource/a/b/c", NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 409);
    ck_assert_ptr_nonnull(
        strstr((const char *)resp.body.data,
               "unseal 'a/b/c': expected what this master key sealed, got something else"));
    expect_resource(&f, "a/b/d", "two");
    fx_done(&f);
}
END_TEST

START_TEST(test_database_holds_no_plaintext)
{
    struct fx f;
    struct cl_err err = {0};
    static const char *const names[] = {"broker.db", "broker.db-wal"};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/a/b/c", "a-marker-to-look-for");
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char path[300];
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        (void)snprintf(path, sizeof(path), "%s/%s", f.dir, names[i]);
        fx_ok(cl_buf_read_file(&raw, path, 1u << 26, &err), &err);
        ck_assert_ptr_null(memmem(raw.data, raw.len, "a-marker", 8));
        ck_assert_ptr_null(memmem(raw.data, raw.len, "PRIVATE KEY", 11));
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0}; /* the scanner sees what is there */
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/broker.db-wal", f.dir);
    fx_ok(cl_buf_read_file(&raw, path, 1u << 26, &err), &err);
    ck_assert_ptr_nonnull(memmem(raw.data, raw.len, "a/b/c", 5));
    fx_done(&f);
}
END_TEST

START_TEST(test_master_key_must_be_private)
{
    struct fx f;
    struct cl_err err = {0};
    struct cl_state s = {0};
    char path[300];
    fx_start(&f, NULL);
    fx_stop(&f);
    (void)snprintf(path, sizeof(path), "%s/master.key", f.dir);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(cl_state_open(f.dir, &s, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "mode: expected 0600, got 0640"));
    cl_buf_done(&f.cert_pem);
    EVP_PKEY_free(f.admin_key);
}
END_TEST

/* ---- limits ---- */

static int tcp(const struct fx *f)
{
    int fd = -1;
    struct cl_err err = {0};
    fx_ok(cl_kbs_dial_tcp(NULL, "127.0.0.1", cl_broker_port(f->broker), &fd, &err), &err);
    return fd;
}

/* Milliseconds until the other side ends the connection; -1 when it does not in time. */
static int until_closed(int fd, int timeout_ms)
{
    uint64_t start = cl_monotonic_us();
    char sink[512];
    for (;;) {
        int passed = (int)((cl_monotonic_us() - start) / 1000);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (passed >= timeout_ms || poll(&p, 1, timeout_ms - passed) <= 0) {
            return -1;
        }
        ssize_t n = recv(fd, sink, sizeof(sink), 0);
        if (n <= 0 && errno != EAGAIN) {
            return (int)((cl_monotonic_us() - start) / 1000);
        }
    }
}

START_TEST(test_bodies_and_heads_are_bounded)
{
    struct fx f;
    struct cl_err err = {0};
    size_t size = (2u << 20) + 1;
    char *big = calloc(1, size + 1);
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    memset(big, 'a', size);
    fx_start(&f, NULL);
    struct cl_kbs_request req = {
        .method = "POST", .path = "/kbs/v0/auth", .body = big, .body_len = size};
    enum cl_status st = cl_kbs_link_request(f.guest, &req, &resp, &err);
    ck_assert_msg(st == CL_ERR_UNAVAILABLE || resp.status == 413, "%d %u", (int)st, resp.status);
    cl_http_response_done(&resp);
    memcpy(big, "X-Big: ", 7);
    memcpy(big + 100000, "\r\n", 3);
    req = (struct cl_kbs_request){.method = "GET", .path = "/healthz", .headers = big};
    st = cl_kbs_link_request(f.guest, &req, &resp, &err);
    ck_assert_msg(st == CL_ERR_UNAVAILABLE || resp.status == 400 || resp.status == 413, "%d %u",
                  (int)st, resp.status);
    cl_http_response_done(&resp);
    fx_send(f.guest, "GET", "/healthz", NULL, NULL, 0, &resp); /* and it still serves */
    ck_assert_uint_eq(resp.status, 200);
    free(big);
    fx_done(&f);
}
END_TEST

START_TEST(test_slow_and_silent_clients_are_cut)
{
    struct fx f;
    struct cl_broker_config limits = {.connection_seconds = 2, .idle_seconds = 1};
    fx_start(&f, &limits);
    int silent = tcp(&f);
    int ms = until_closed(silent, 8000);
    ck_assert_msg(ms > 0, "silent client was not cut");
    (void)close(silent);
    int slow = tcp(&f); /* a byte now and then: never idle for long */
    static const uint8_t hello[] = {0x16, 0x03, 0x01, 0x02, 0x00};
    uint64_t start = cl_monotonic_us();
    ms = -1;
    for (size_t i = 0; i < 40 && ms < 0; i++) {
        uint8_t byte = i < sizeof(hello) ? hello[i] : 0;
        (void)send(slow, &byte, 1, MSG_NOSIGNAL);
        ms = until_closed(slow, 300);
    }
    ck_assert_msg(ms >= 0, "slow client was not cut");
    ck_assert_uint_lt((cl_monotonic_us() - start) / 1000000, 8);
    (void)close(slow);
    fx_done(&f);
}
END_TEST

START_TEST(test_plain_http_gets_no_answer)
{
    struct fx f;
    char answer[64] = "";
    fx_start(&f, NULL);
    int fd = tcp(&f);
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    ck_assert_int_eq(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL),
                     (ssize_t)sizeof(request) - 1);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 5000), 1);
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    ck_assert_msg(n <= 0 || strncmp(answer, "HTTP", 4) != 0, "%s", answer);
    (void)close(fd);
    fx_done(&f);
}
END_TEST

START_TEST(test_connections_are_bounded_and_come_back)
{
    struct fx f;
    int fds[8];
    struct cl_broker_config limits = {
        .max_connections = 4, .connection_seconds = 2, .idle_seconds = 1};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, &limits);
    for (size_t i = 0; i < CL_ARRAY_LEN(fds); i++) {
        fds[i] = tcp(&f); /* the kernel takes them; the broker holds four */
    }
    fx_send(f.guest, "GET", "/healthz", NULL, NULL, 0, &resp); /* waits for its turn */
    ck_assert_uint_eq(resp.status, 200);
    for (size_t i = 0; i < CL_ARRAY_LEN(fds); i++) {
        (void)close(fds[i]);
    }
    fx_done(&f);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    fx_base_make();
    Suite *s = suite_create("broker_state");
    TCase *t = tcase_create("broker_state");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_restart_keeps_everything_but_sessions);
    tcase_add_test(t, test_client_attests_again_when_its_session_is_gone);
    tcase_add_test(t, test_kill_9_loses_no_acknowledged_resource);
    tcase_add_test(t, test_program_ends_cleanly_and_holds_its_state);
    tcase_add_test(t, test_program_errors);
    tcase_add_test(t, test_backup_while_running_and_restore);
    tcase_add_test(t, test_damaged_backups_are_refused);
    tcase_add_test(t, test_rotation_of_the_master_key);
    tcase_add_test(t, test_database_of_version_1_is_copied_as_it_is_and_served);
    tcase_add_test(t, test_what_was_changed_on_disk_does_not_open);
    tcase_add_test(t, test_database_holds_no_plaintext);
    tcase_add_test(t, test_master_key_must_be_private);
    tcase_add_test(t, test_bodies_and_heads_are_bounded);
    tcase_add_test(t, test_slow_and_silent_clients_are_cut);
    tcase_add_test(t, test_plain_http_gets_no_answer);
    tcase_add_test(t, test_connections_are_bounded_and_come_back);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
