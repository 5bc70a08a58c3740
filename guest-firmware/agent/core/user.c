/* SPDX-License-Identifier: Apache-2.0
 * user.c - names of users and groups, as the image knows them.
 */
#include "agent/user.h"

#include "rootfile.h"

#include "base/buf.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE (1u << 20)
#define MAX_ID (UINT32_MAX - 1)
#define MAX_TEXT 255u

/* One line of passwd or group, its fields in place. */
struct fields {
    char *f[7];
    size_t count;
};

static enum cl_status read_table(int root_fd, const char *path, struct cl_buf *out,
                                 struct cl_err *err)
{
    struct stat s;
    CL_CLEANUP(cl_close_fdp) int fd = agent_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
        return CL_OK; /* an image without one has no names */
    }
    if (fd < 0 || fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "open '%s' of the image", path);
    }
    if (!S_ISREG(s.st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%s' of the image: expected a file, got none",
                          path);
    }
    return cl_buf_read_fd(out, fd, MAX_FILE, err);
}

/* Cuts the next line off *text; false at the end. */
static bool next_line(char **text, struct fields *ret)
{
    char *line = strsep(text, "\n");
    ret->count = 0;
    while (line != NULL && ret->count < CL_ARRAY_LEN(ret->f)) {
        ret->f[ret->count++] = strsep(&line, ":");
    }
    return ret->count > 0;
}

static bool parse_id(const char *text, uint32_t *ret)
{
    uint64_t v = 0;
    if (cl_uint_parse(text, "id", 0, MAX_ID, &v, NULL) != CL_OK) {
        return false;
    }
    *ret = (uint32_t)v;
    return true;
}

/* name or number in etc/passwd; what is found goes to *u. */
static bool find_user(char *text, const char *name, bool by_number, struct agent_user *u,
                      char ret_name[static MAX_TEXT + 1])
{
    struct fields l;
    while (next_line(&text, &l)) {
        uint32_t uid;
        uint32_t gid;
        if (l.count < 6 || !parse_id(l.f[2], &uid) || !parse_id(l.f[3], &gid)) {
            continue;
        }
        if (by_number ? uid != u->uid : strcmp(l.f[0], name) != 0) {
            continue;
        }
        u->uid = uid;
        u->gid = gid;
        (void)snprintf(ret_name, MAX_TEXT + 1, "%s", l.f[0]);
        if (l.f[5][0] == '/' && strlen(l.f[5]) < sizeof(u->home)) {
            (void)snprintf(u->home, sizeof(u->home), "%s", l.f[5]);
        }
        return true;
    }
    return false;
}

static bool find_group(char *text, const char *name, uint32_t *ret_gid)
{
    struct fields l;
    while (next_line(&text, &l)) {
        if (l.count >= 3 && strcmp(l.f[0], name) == 0 && parse_id(l.f[2], ret_gid)) {
            return true;
        }
    }
    return false;
}

static bool is_member(char *list, const char *name)
{
    for (char *m = strsep(&list, ","); m != NULL; m = strsep(&list, ",")) {
        if (strcmp(m, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_groups(char *text, const char *name, struct agent_user *u)
{
    struct fields l;
    while (next_line(&text, &l) && u->group_count < AGENT_MAX_GROUPS) {
        uint32_t gid;
        if (l.count >= 4 && parse_id(l.f[2], &gid) && gid != u->gid && is_member(l.f[3], name)) {
            u->groups[u->group_count++] = gid;
        }
    }
}

static enum cl_status resolve(int root_fd, const char *user, const char *group,
                              struct agent_user *u, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf passwd = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf groups = {0};
    char name[MAX_TEXT + 1] = "";
    char *none = NULL;
    CL_TRY(read_table(root_fd, "etc/passwd", &passwd, err));
    CL_TRY(read_table(root_fd, "etc/group", &groups, err));
    bool by_number = parse_id(user, &u->uid);
    char *text = passwd.data != NULL ? (char *)passwd.data : none;
    bool found = find_user(text, user, by_number, u, name);
    if (!found && !by_number) {
        return cl_err_set(err, CL_ERR_REJECTED, "user: expected a user of the image, got '%s'",
                          user);
    }
    text = groups.data != NULL ? (char *)groups.data : none;
    if (group == NULL) {
        if (found) {
            add_groups(text, name, u);
        }
    } else if (!parse_id(group, &u->gid) && !find_group(text, group, &u->gid)) {
        return cl_err_set(err, CL_ERR_REJECTED, "group: expected a group of the image, got '%s'",
                          group);
    }
    return CL_OK;
}

enum cl_status agent_user_resolve(int root_fd, const char *text, struct agent_user *ret,
                                  struct cl_err *err)
{
    char copy[MAX_TEXT + 1];
    struct agent_user u = {.home = "/"};
    text = text != NULL && text[0] != '\0' ? text : "0";
    if (strlen(text) > MAX_TEXT) {
        return cl_err_set(err, CL_ERR_REJECTED, "user: expected at most %u bytes, got %zu",
                          MAX_TEXT, strlen(text));
    }
    (void)snprintf(copy, sizeof(copy), "%s", text);
    char *group = strchr(copy, ':');
    if (group != NULL) {
        *group++ = '\0';
        group = *group != '\0' ? group : NULL;
    }
    CL_TRY(resolve(root_fd, copy[0] != '\0' ? copy : "0", group, &u, err));
    *ret = u;
    return CL_OK;
}
