/* SPDX-License-Identifier: Apache-2.0
 * ocicrypt_kid.c - key ids: from the forms people and CoCo write to the broker's "repo/type/tag".
 * Trust: a key id is hostile text. Threads, memory: none.
 */
#include "oci/ocicrypt.h"

#include <string.h>

/* The host is dropped, but the key id is shown and written as it is: nothing that needs an escape.
 */
#define HOST_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]"

static bool is_name_char(char c, bool first)
{
    bool alnum = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return alnum || c == '_' || c == '-' || (c == '.' && !first);
}

/* kbs-protocol.md 8: three segments, each [A-Za-z0-9_-][A-Za-z0-9_.-]* */
static bool path_good(const char *path)
{
    unsigned segments = 1;
    bool first = true;
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '/') {
            if (first) {
                return false;
            }
            segments++;
            first = true;
        } else if (is_name_char(*p, first)) {
            first = false;
        } else {
            return false;
        }
    }
    return segments == 3 && !first;
}

static unsigned count_slashes(const char *s)
{
    unsigned n = 0;
    for (; *s != '\0'; s++) {
        n += *s == '/' ? 1u : 0u;
    }
    return n;
}

enum cl_status cl_ocicrypt_kid_path(const char *kid, char ret_path[static CL_OCICRYPT_MAX_PATH],
                                    struct cl_err *err)
{
    const char *rest = kid;
    bool scheme = strncmp(rest, "kbs://", 6) == 0;
    rest += scheme ? 6 : 0;
    if (rest[0] == '/') {
        rest++; /* kbs:///r/t/g and /r/t/g */
    } else if (scheme || count_slashes(rest) == 3) {
        rest += strspn(rest, HOST_CHARS); /* kbs://host/r/t/g and host/r/t/g */
        rest = rest[0] == '/' ? rest + 1 : "";
    }
    if (!path_good(rest) || strlen(rest) >= CL_OCICRYPT_MAX_PATH) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "key id: expected kbs:///repository/type/tag, got '%.200s'", kid);
    }
    memcpy(ret_path, rest, strlen(rest) + 1);
    return CL_OK;
}
