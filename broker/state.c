/* SPDX-License-Identifier: Apache-2.0
 * state.c - making and opening the state directory (see state.h).
 */
#include "base/io.h"
#include "state_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char default_policy[] = "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[]}";

enum cl_status cl_state_path(char ret[static PATH_MAX], const char *dir, const char *name,
                             struct cl_err *err)
{
    int n = snprintf(ret, PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATH_MAX
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "state '%.64s': too long", dir);
}

enum cl_status cl_state_lock(const char *dir, int *ret_fd, struct cl_err *err)
{
    char path[PATH_MAX];
    CL_TRY(cl_state_path(path, dir, "lock", err));
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return cl_err_sys(err, errno, "state '%s': lock", dir);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return cl_err_sys(err, errno, "state '%s': in use by a running broker", dir);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status cl_state_read_master(const char *path, struct cl_secret *ret, struct cl_err *err)
{
    struct stat sb;
    if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode) && (sb.st_mode & 077) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "master key '%s': mode: expected 0600, got %04o",
                          path, (unsigned)(sb.st_mode & 07777));
    }
    CL_TRY(cl_secret_read_file(ret, path, 4096, err));
    if (ret->len != CL_MASTER_SIZE) {
        size_t len = ret->len;
        cl_secret_done(ret);
        return cl_err_set(err, CL_ERR_MALFORMED, "master key '%s': expected %u bytes, got %zu",
                          path, CL_MASTER_SIZE, len);
    }
    return CL_OK;
}

static enum cl_status fill_database(const char *dir, const char *db_path,
                                    const struct cl_vault *vault, const char *const *sans,
                                    struct cl_err *err)
{
    char path[PATH_MAX];
    int64_t version = 0;
    CL_CLEANUP(cl_store_freep) struct cl_store *store = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret admin_pem = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf policy = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    CL_TRY(cl_store_open(db_path, CL_STORE_CREATE, &store, err));
    CL_TRY(cl_identity_make(store, vault, sans, &admin_pem, err));
    CL_TRY(cl_buf_append_str(&policy, default_policy, err));
    CL_TRY(cl_store_policy_put(store, &policy, "init", (int64_t)time(NULL), &version, err));
    CL_TRY(cl_state_path(path, dir, "admin.key", err));
    CL_TRY(cl_write_file(path, admin_pem.data, admin_pem.len, 0600, err));
    CL_TRY(cl_identity_cert_pem(store, &cert, err));
    CL_TRY(cl_state_path(path, dir, "tls.crt", err));
    CL_TRY(cl_write_file(path, cert.data, cert.len, 0644, err));
    /* last: a database with a master id is a finished one */
    return cl_store_meta_put(store, CL_META_MASTER_ID, vault->id, sizeof(vault->id), err);
}

void cl_state_clear(const char *dir)
{
    static const char *const names[] = {"broker.db", "broker.db-wal", "broker.db-shm", "master.key",
                                        "admin.key", "tls.crt",       "lock"};
    char path[PATH_MAX];
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (cl_state_path(path, dir, names[i], NULL) == CL_OK) {
            (void)unlink(path);
        }
    }
    (void)rmdir(dir); /* fails when somebody keeps something else there */
}

enum cl_status cl_state_init(const char *dir, const char *const *sans, struct cl_err *err)
{
    char db_path[PATH_MAX];
    char master_path[PATH_MAX];
    CL_CLEANUP(cl_close_fdp) int lock_fd = -1;
    CL_CLEANUP(cl_secret_done) struct cl_secret master = {0};
    CL_CLEANUP(cl_vault_done) struct cl_vault vault = {0};
    CL_TRY(cl_state_path(db_path, dir, "broker.db", err));
    CL_TRY(cl_state_path(master_path, dir, "master.key", err));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "state '%s': create", dir);
    }
    CL_TRY(cl_state_lock(dir, &lock_fd, err));
    if (access(db_path, F_OK) == 0 || access(master_path, F_OK) == 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "state '%s': holds a broker already", dir);
    }
    CL_TRY(cl_secret_random(&master, CL_MASTER_SIZE, err));
    CL_TRY(cl_vault_init(&vault, &master, err));
    enum cl_status st = cl_write_file(master_path, master.data, master.len, 0600, err);
    st = st == CL_OK ? fill_database(dir, db_path, &vault, sans, err) : st;
    if (st != CL_OK) {
        cl_state_clear(dir);
    }
    return st;
}

void cl_state_done(struct cl_state *s)
{
    if (s != NULL) {
        cl_store_free(s->store);
        cl_vault_done(&s->vault);
        EVP_PKEY_free(s->tls_key);
        X509_free(s->tls_cert);
        EVP_PKEY_free(s->token_key);
        EVP_PKEY_free(s->admin_pub);
        if (s->lock_fd > 0) {
            cl_close_fdp(&s->lock_fd);
        }
        *s = (struct cl_state){0};
    }
}

/* The vault of the master key in file `name`, if it is the one the database is sealed under. */
static enum cl_status try_master(const char *dir, const char *name, const struct cl_buf *id,
                                 struct cl_vault *ret_vault, struct cl_err *err)
{
    char path[PATH_MAX];
    CL_CLEANUP(cl_secret_done) struct cl_secret master = {0};
    CL_CLEANUP(cl_vault_done) struct cl_vault vault = {0};
    CL_TRY(cl_state_path(path, dir, name, err));
    CL_TRY(cl_state_read_master(path, &master, err));
    CL_TRY(cl_vault_init(&vault, &master, err));
    if (id->len != sizeof(vault.id) || memcmp(id->data, vault.id, sizeof(vault.id)) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "master key '%s': not the one this database is sealed under", path);
    }
    *ret_vault = vault;
    vault = (struct cl_vault){0};
    return CL_OK;
}

static enum cl_status open_vault(const char *dir, struct cl_state *s, struct cl_err *err)
{
    char old_path[PATH_MAX];
    char new_path[PATH_MAX];
    CL_CLEANUP(cl_buf_done) struct cl_buf id = {0};
    CL_TRY(cl_store_meta_get(s->store, CL_META_MASTER_ID, &id, err));
    enum cl_status st = try_master(dir, "master.key", &id, &s->vault, err);
    if (st == CL_OK) {
        return CL_OK;
    }
    /* A rotation that was interrupted behind its commit left the new key under another name. */
    if (try_master(dir, "master.key.new", &id, &s->vault, NULL) != CL_OK) {
        return st;
    }
    CL_TRY(cl_state_path(old_path, dir, "master.key", err));
    CL_TRY(cl_state_path(new_path, dir, "master.key.new", err));
    return rename(new_path, old_path) == 0 ? CL_OK
                                           : cl_err_sys(err, errno, "rename '%s'", new_path);
}

enum cl_status cl_state_open(const char *dir, struct cl_state *ret_s, struct cl_err *err)
{
    char db_path[PATH_MAX];
    CL_CLEANUP(cl_state_done) struct cl_state s = {.lock_fd = -1};
    CL_TRY(cl_state_path(db_path, dir, "broker.db", err));
    if (access(db_path, F_OK) != 0) { /* or the lock would be left where no state is */
        return cl_err_sys(err, errno, "open '%s'", db_path);
    }
    CL_TRY(cl_state_lock(dir, &s.lock_fd, err));
    CL_TRY(cl_store_open(db_path, CL_STORE_SERVE, &s.store, err));
    CL_TRY(open_vault(dir, &s, err));
    CL_TRY(cl_identity_load(&s, err));
    *ret_s = s;
    s = (struct cl_state){0};
    return CL_OK;
}
