/* SPDX-License-Identifier: Apache-2.0
 * cache.c - what was fetched, by URL: a file each, named by the SHA-256 of the URL and replaced as
 * a whole, and a lock file beside it, so that processes that want the same URL at once ask once.
 * Trust: the folder is the user's own (0700); an entry is parsed and checked again when it is used.
 * Threads: any; processes too. Memory: one entry.
 */
#include "fetch.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define SCHEMA "cloister.collateral-cache/1"
#define MAX_PATH_SIZE 4096u
#define MAX_ENTRY (2u << 20)
#define LOCK_POLL_MS 50L

void fetch_cache_entry_done(struct fetch_cache_entry *e)
{
    fetch_response_done(&e->response);
}

/* The folder and those above it, for this user only. */
static enum cl_status make_dir(const char *dir, struct cl_err *err)
{
    char path[MAX_PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s", dir);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_sys(err, ENAMETOOLONG, "create directory '%.100s'", dir);
    }
    for (char *p = path + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0') {
            continue;
        }
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return cl_err_sys(err, errno, "create directory '%s'", path);
        }
        *p = c;
        if (c == '\0') {
            return CL_OK;
        }
    }
}

static enum cl_status path_of(const struct fetch_options *o, const char *url, const char *suffix,
                              char ret[static MAX_PATH_SIZE], struct cl_err *err)
{
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    CL_TRY(cl_sha256(digest, url, strlen(url), err));
    cl_hex(hex, digest, sizeof(digest));
    int n = snprintf(ret, MAX_PATH_SIZE, "%s/%s%s", o->cache_dir, hex, suffix);
    return n > 0 && (size_t)n < MAX_PATH_SIZE
               ? CL_OK
               : cl_err_sys(err, ENAMETOOLONG, "open '%.100s'", o->cache_dir);
}

enum cl_status fetch_cache_lock(const struct fetch_options *o, const char *url, int *ret_fd,
                                struct cl_err *err)
{
    char path[MAX_PATH_SIZE];
    CL_TRY(make_dir(o->cache_dir, err));
    CL_TRY(path_of(o, url, ".lock", path, err));
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    uint64_t deadline = cl_monotonic_us() + (uint64_t)o->timeout_s * 1000000u;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return cl_err_sys(err, errno, "lock '%s'", path);
        }
        if (cl_monotonic_us() > deadline) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE,
                              "'%s': expected the process that is fetching it to end within %u s, "
                              "got none",
                              url, (unsigned)o->timeout_s);
        }
        struct timespec ts = {.tv_nsec = LOCK_POLL_MS * 1000000L};
        (void)nanosleep(&ts, NULL);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status read_base64(const json_t *j, const char *key, struct cl_buf *out)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(j, "cache", key, &text, NULL));
    return cl_b64_decode(out, text, strlen(text), key, NULL);
}

static enum cl_status read_entry(const struct fetch_options *o, const char *url,
                                 struct fetch_cache_entry *e)
{
    char path[MAX_PATH_SIZE];
    const char *text = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(path_of(o, url, ".json", path, NULL));
    CL_TRY(cl_json_read_file(path, MAX_ENTRY, &j, NULL));
    CL_TRY(cl_json_get_string(j, "cache", "schema", &text, NULL));
    if (strcmp(text, SCHEMA) != 0) {
        return CL_ERR_UNSUPPORTED;
    }
    CL_TRY(cl_json_get_string(j, "cache", "url", &text, NULL));
    if (strcmp(text, url) != 0) {
        return CL_ERR_MALFORMED;
    }
    CL_TRY(cl_json_get_string(j, "cache", "fetched", &text, NULL));
    CL_TRY(cl_time_parse(text, &e->fetched, NULL));
    CL_TRY(read_base64(j, "data", &e->response.body));
    return read_base64(j, "chain", &e->response.chain);
}

bool fetch_cache_read(const struct fetch_options *o, const char *url,
                      struct fetch_cache_entry *ret_entry)
{
    struct fetch_cache_entry e = {0};
    if (read_entry(o, url, &e) != CL_OK) {
        fetch_cache_entry_done(&e);
        return false;
    }
    *ret_entry = e;
    return true;
}

enum cl_status fetch_cache_write(const struct fetch_options *o, const char *url,
                                 const struct fetch_response *r, int64_t now, struct cl_err *err)
{
    char path[MAX_PATH_SIZE], fetched[21];
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf chain = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    cl_time_format(fetched, now);
    CL_TRY(path_of(o, url, ".json", path, err));
    CL_TRY(cl_b64_encode(&data, r->body.data, r->body.len, err));
    CL_TRY(cl_b64_encode(&chain, r->chain.data, r->chain.len, err));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s}", "schema", SCHEMA, "url", url, "fetched", fetched,
                          "data", (const char *)data.data, "chain", (const char *)chain.data);
    if (j == NULL) {
        return cl_err_nomem(err, "cache");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    return cl_write_file(path, text.data, text.len, 0600, err);
}
