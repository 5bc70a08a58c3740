/* SPDX-License-Identifier: Apache-2.0
 * fuzz_user.c - etc/passwd and etc/group of a hostile image. The input is what is looked up, passwd
 * and group, with zero bytes between them.
 */
#include "agent/user.h"

#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/cl-fuzz-user-XXXXXX";

static void clean_up(void)
{
    static const char *const files[] = {"etc/passwd", "etc/group"};
    char path[64];
    for (size_t i = 0; i < CL_ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", root, files[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/etc", root);
    (void)rmdir(path);
    (void)rmdir(root);
}

static int open_root(void)
{
    static int fd = -1;
    char etc[64];
    if (fd < 0) {
        if (mkdtemp(root) == NULL || atexit(clean_up) != 0) {
            abort();
        }
        (void)snprintf(etc, sizeof(etc), "%s/etc", root);
        fd = mkdir(etc, 0755) == 0 ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    }
    return fd;
}

static void put(const char *name, const uint8_t *data, size_t len)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    if (cl_write_file(path, data, len, 0600, NULL) != CL_OK) {
        abort();
    }
}

/* The next part; moves on. */
static size_t part(const uint8_t **data, size_t *size, const uint8_t **ret)
{
    const uint8_t *zero = *size > 0 ? memchr(*data, '\0', *size) : NULL;
    size_t len = zero != NULL ? (size_t)(zero - *data) : *size;
    *ret = *data;
    *data += len + (zero != NULL);
    *size -= len + (zero != NULL);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent_user u;
    const uint8_t *name = NULL;
    const uint8_t *passwd = NULL;
    int fd = open_root();
    size_t name_len = part(&data, &size, &name);
    size_t passwd_len = part(&data, &size, &passwd);
    char *text = strndup((const char *)name, name_len);
    if (fd < 0 || text == NULL) {
        abort();
    }
    put("etc/passwd", passwd, passwd_len);
    put("etc/group", data, size);
    if (agent_user_resolve(fd, text, &u, NULL) == CL_OK &&
        (u.group_count > AGENT_MAX_GROUPS || u.uid == UINT32_MAX || u.gid == UINT32_MAX ||
         u.home[0] != '/' || memchr(u.home, '\0', sizeof(u.home)) == NULL)) {
        abort();
    }
    free(text);
    return 0;
}
