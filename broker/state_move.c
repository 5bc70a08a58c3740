/* SPDX-License-Identifier: Apache-2.0
 * state_move.c - backup, restore and rotation of the master key (see state.h).
 * A backup is one file: magic, then the whole database sealed under the master key. Rotation is
 * crash-safe: the new key is on disk before the database is committed under it, and opening the
 * state finishes a rename that did not happen.
 */
#include "base/io.h"
#include "state_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP_MAGIC "CLBKUP1\n"
#define BACKUP_MAX_SIZE (64u << 20) /* docs/limits.md */

static enum cl_status failed_db(sqlite3 *db, const char *what, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_SYS, "%s: database: %s", what, sqlite3_errmsg(db));
}

/* A consistent copy of the database in memory, also while a broker writes to it. */
static enum cl_status snapshot(struct cl_store *store, struct cl_secret *ret_copy,
                               struct cl_err *err)
{
    sqlite3 *mem = NULL;
    sqlite3_int64 size = 0;
    enum cl_status st = CL_OK;
    if (sqlite3_open_v2(":memory:", &mem, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        (void)sqlite3_close(mem);
        return cl_err_nomem(err, "backup");
    }
    sqlite3_backup *copy = sqlite3_backup_init(mem, "main", cl_store_db(store), "main");
    int rc = copy != NULL ? sqlite3_backup_step(copy, -1) : SQLITE_NOMEM;
    if (sqlite3_backup_finish(copy) != SQLITE_OK || rc != SQLITE_DONE) {
        st = failed_db(mem, "backup", err);
    }
    uint8_t *image = st == CL_OK ? sqlite3_serialize(mem, "main", &size, 0) : NULL;
    if (st == CL_OK && (image == NULL || size <= 0 || (uint64_t)size > BACKUP_MAX_SIZE)) {
        st = cl_err_set(err, CL_ERR_UNSUPPORTED, "backup: database: expected at most %u bytes",
                        BACKUP_MAX_SIZE);
    }
    st = st == CL_OK ? cl_secret_from(ret_copy, image, (size_t)size, err) : st;
    sqlite3_free(image);
    (void)sqlite3_close(mem);
    return st;
}

static enum cl_status vault_of_file(const char *master_file, struct cl_vault *ret_vault,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret master = {0};
    CL_TRY(cl_state_read_master(master_file, &master, err));
    return cl_vault_init(ret_vault, &master, err);
}

enum cl_status cl_state_backup(const char *dir, const char *file, struct cl_err *err)
{
    char path[PATH_MAX];
    CL_CLEANUP(cl_store_freep) struct cl_store *store = NULL;
    CL_CLEANUP(cl_vault_done) struct cl_vault vault = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret copy = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf id = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(cl_state_path(path, dir, "master.key", err));
    CL_TRY(vault_of_file(path, &vault, err));
    CL_TRY(cl_state_path(path, dir, "broker.db", err));
    CL_TRY(cl_store_open(path, CL_STORE_COPY, &store, err));
    CL_TRY(cl_store_meta_get(store, CL_META_MASTER_ID, &id, err));
    if (id.len != sizeof(vault.id) || memcmp(id.data, vault.id, id.len) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "backup '%s': master key: not the one of the database", dir);
    }
    CL_TRY(snapshot(store, &copy, err));
    CL_TRY(cl_buf_append_str(&out, BACKUP_MAGIC, err));
    CL_TRY(cl_vault_seal(&vault, CL_DOMAIN_BACKUP, "database", copy.data, copy.len, &out, err));
    return cl_write_file(file, out.data, out.len, 0600, err);
}

/* The image as a database file: written whole, then renamed into its place. */
static enum cl_status place_database(const char *dir, const struct cl_secret *image,
                                     struct cl_err *err)
{
    char path[PATH_MAX];
    CL_CLEANUP(cl_store_freep) struct cl_store *store = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    CL_TRY(cl_state_path(path, dir, "broker.db", err));
    CL_TRY(cl_write_file(path, image->data, image->len, 0600, err));
    CL_TRY(cl_store_open(path, CL_STORE_SERVE, &store, err));
    CL_TRY(cl_identity_cert_pem(store, &cert, err));
    CL_TRY(cl_state_path(path, dir, "tls.crt", err));
    return cl_write_file(path, cert.data, cert.len, 0644, err);
}

enum cl_status cl_state_restore(const char *dir, const char *file, const char *master_file,
                                struct cl_err *err)
{
    char path[PATH_MAX];
    CL_CLEANUP(cl_close_fdp) int lock_fd = -1;
    CL_CLEANUP(cl_secret_done) struct cl_secret master = {0};
    CL_CLEANUP(cl_vault_done) struct cl_vault vault = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret image = {0};
    size_t magic = sizeof(BACKUP_MAGIC) - 1;
    CL_TRY(cl_state_read_master(master_file, &master, err));
    CL_TRY(cl_vault_init(&vault, &master, err));
    CL_TRY(cl_buf_read_file(&sealed, file, BACKUP_MAX_SIZE + 4096, err));
    if (sealed.len < magic || memcmp(sealed.data, BACKUP_MAGIC, magic) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "restore '%s': expected a backup of a broker, got something else", file);
    }
    enum cl_status st = cl_vault_open(&vault, CL_DOMAIN_BACKUP, "database", sealed.data + magic,
                                      sealed.len - magic, &image, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "restore '%s'", file);
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "state '%s': create", dir);
    }
    CL_TRY(cl_state_lock(dir, &lock_fd, err));
    CL_TRY(cl_state_path(path, dir, "broker.db", err));
    if (access(path, F_OK) == 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "state '%s': holds a broker already", dir);
    }
    CL_TRY(cl_state_path(path, dir, "master.key", err));
    if (access(path, F_OK) == 0) { /* the only copy, perhaps: not ours to write over */
        return cl_err_set(err, CL_ERR_REJECTED, "state '%s': expected no master.key, got one", dir);
    }
    st = cl_write_file(path, master.data, master.len, 0600, err);
    st = st == CL_OK ? place_database(dir, &image, err) : st;
    if (st != CL_OK) {
        cl_state_clear(dir);
    }
    return st;
}

static enum cl_status reseal(const struct cl_vault *from, const struct cl_vault *to,
                             const char *domain, const char *name, const void *sealed, size_t len,
                             struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret plain = {0};
    CL_TRY(cl_vault_open(from, domain, name, sealed, len, &plain, err));
    return cl_vault_seal(to, domain, name, plain.data, plain.len, out, err);
}

static enum cl_status reseal_identity(struct cl_store *store, const struct cl_vault *from,
                                      const struct cl_vault *to, struct cl_err *err)
{
    for (size_t i = 0; cl_identity_names[i] != NULL; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf old = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf fresh = {0};
        CL_TRY(cl_store_meta_get(store, cl_identity_names[i], &old, err));
        CL_TRY(reseal(from, to, CL_DOMAIN_IDENTITY, cl_identity_names[i], old.data, old.len, &fresh,
                      err));
        CL_TRY(cl_store_meta_put(store, cl_identity_names[i], fresh.data, fresh.len, err));
    }
    return CL_OK;
}

static enum cl_status reseal_resources(struct cl_store *store, const struct cl_vault *from,
                                       const struct cl_vault *to, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *list = NULL;
    CL_TRY(cl_store_resource_list(store, &list, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf old = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf fresh = {0};
        const char *path = json_string_value(json_object_get(json_array_get(list, i), "path"));
        bool found = false;
        CL_TRY(cl_store_resource_get(store, path, &old, &found, err));
        CL_TRY(reseal(from, to, CL_DOMAIN_RESOURCE, path, old.data, old.len, &fresh, err));
        CL_TRY(cl_sql_run(store, err, "UPDATE resource SET sealed = ? WHERE path = ?", "bs",
                          fresh.data, fresh.len, path));
    }
    return CL_OK;
}

static enum cl_status reseal_all(struct cl_store *store, const struct cl_vault *from,
                                 const struct cl_vault *to, struct cl_err *err)
{
    CL_TRY(cl_store_begin(store, err));
    enum cl_status st = reseal_identity(store, from, to, err);
    st = st == CL_OK ? reseal_resources(store, from, to, err) : st;
    st =
        st == CL_OK ? cl_store_meta_put(store, CL_META_MASTER_ID, to->id, sizeof(to->id), err) : st;
    if (st != CL_OK) {
        cl_store_rollback(store);
        return st;
    }
    return cl_store_commit(store, err);
}

enum cl_status cl_state_rotate(const char *dir, struct cl_err *err)
{
    char old_path[PATH_MAX];
    char new_path[PATH_MAX];
    CL_CLEANUP(cl_state_done) struct cl_state s = {.lock_fd = -1};
    CL_CLEANUP(cl_secret_done) struct cl_secret master = {0};
    CL_CLEANUP(cl_vault_done) struct cl_vault fresh = {0};
    CL_TRY(cl_state_path(old_path, dir, "master.key", err));
    CL_TRY(cl_state_path(new_path, dir, "master.key.new", err));
    CL_TRY(cl_state_open(dir, &s, err));
    CL_TRY(cl_secret_random(&master, CL_MASTER_SIZE, err));
    CL_TRY(cl_vault_init(&fresh, &master, err));
    CL_TRY(cl_write_file(new_path, master.data, master.len, 0600, err));
    CL_TRY(reseal_all(s.store, &s.vault, &fresh, err));
    if (rename(new_path, old_path) != 0) {
        return cl_err_sys(err, errno, "rename '%s'", new_path);
    }
    /* what was sealed under the old key must not stay behind in the log */
    if (sqlite3_wal_checkpoint_v2(cl_store_db(s.store), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                  NULL) != SQLITE_OK) {
        return failed_db(cl_store_db(s.store), "rotate-key", err);
    }
    return CL_OK;
}
