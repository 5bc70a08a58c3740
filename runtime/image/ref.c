/* SPDX-License-Identifier: Apache-2.0
 * ref.c - image references: oci:DIR[:TAG] and docker://host[:port]/name[:tag][@digest].
 * Trust: the text is the person's who runs us, and is checked all the same: its parts become paths
 *        of a URL. Threads, memory: none.
 */
#include "image/image.h"

#include "base/io.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALNUM LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static enum cl_status bad(struct cl_err *err, const char *ref)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "image '%.200s': reference: expected oci:DIR[:TAG] or "
                      "docker://host[:port]/name[:tag][@sha256:...], got something else",
                      ref);
}

static bool tag_good(const char *tag)
{
    size_t len = strlen(tag);
    return len >= 1 && len <= 128 && strspn(tag, ALNUM "_.-") == len && tag[0] != '.' &&
           tag[0] != '-';
}

/* OCI distribution-spec: path components of lower-case letters and digits with ._- between them. */
static bool name_good(const char *name)
{
    size_t len = strlen(name);
    if (len < 1 || strspn(name, LOWER "._-/") != len) {
        return false;
    }
    for (const char *p = name; p != NULL; p = strchr(p, '/') != NULL ? strchr(p, '/') + 1 : NULL) {
        size_t n = strcspn(p, "/");
        if (n == 0 || strchr(LOWER, p[0]) == NULL || strchr(LOWER, p[n - 1]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool copy(char *dst, size_t size, const char *src, size_t len)
{
    if (len >= size) {
        return false;
    }
    memcpy(dst, src, len);
    dst[len] = '\0';
    return true;
}

static enum cl_status parse_layout(const char *ref, struct cl_image_ref *r, struct cl_err *err)
{
    const char *dir = ref + strlen("oci:");
    const char *slash = strrchr(dir, '/');
    const char *colon = strrchr(dir, ':');
    if (colon != NULL && (slash == NULL || colon > slash)) {
        if (!tag_good(colon + 1)) {
            return bad(err, ref);
        }
        (void)copy(r->tag, sizeof(r->tag), colon + 1, strlen(colon + 1));
    } else {
        colon = dir + strlen(dir);
    }
    while (colon > dir + 1 && colon[-1] == '/') {
        colon--;
    }
    if (colon == dir || !copy(r->dir, sizeof(r->dir), dir, (size_t)(colon - dir))) {
        return bad(err, ref);
    }
    return CL_OK;
}

static bool parse_host(const char *text, size_t len, struct cl_image_ref *r)
{
    char host[300];
    if (!copy(host, sizeof(host), text, len)) {
        return false;
    }
    char *start = host;
    char *port = NULL;
    if (host[0] == '[') {
        char *end = strchr(host, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        port = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
        start = host + 1;
        if (strspn(start, "0123456789abcdefABCDEF:.") != strlen(start)) {
            return false;
        }
    } else {
        port = strchr(host, ':');
        if (port != NULL) {
            *port++ = '\0';
        }
        if (strspn(start, ALNUM ".-") != strlen(start)) {
            return false;
        }
        /* "docker://name" without a registry is some registry's short name: we know none. */
        if (port == NULL && strchr(start, '.') == NULL && strcmp(start, "localhost") != 0) {
            return false;
        }
    }
    uint64_t number = 0;
    if (port != NULL && cl_uint_parse(port, "port", 1, 65535, &number, NULL) != CL_OK) {
        return false;
    }
    r->port = (uint16_t)number;
    return start[0] != '\0' && copy(r->host, sizeof(r->host), start, strlen(start));
}

static enum cl_status parse_registry(const char *ref, struct cl_image_ref *r, struct cl_err *err)
{
    char rest[800];
    const char *text = ref + strlen("docker://");
    if (!copy(rest, sizeof(rest), text, strlen(text))) {
        return bad(err, ref);
    }
    char *at = strchr(rest, '@');
    if (at != NULL) {
        *at = '\0';
        enum cl_status st = cl_oci_digest_parse(at + 1, r->digest, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "image '%.200s'", ref);
        }
        r->has_digest = true;
    }
    char *slash = strchr(rest, '/');
    if (slash == NULL || !parse_host(rest, (size_t)(slash - rest), r)) {
        return bad(err, ref);
    }
    char *tag = strchr(slash, ':');
    if (tag != NULL) {
        *tag++ = '\0';
    }
    if (!name_good(slash + 1) || (tag != NULL && !tag_good(tag)) ||
        !copy(r->name, sizeof(r->name), slash + 1, strlen(slash + 1))) {
        return bad(err, ref);
    }
    if (tag != NULL || !r->has_digest) {
        const char *name = tag != NULL ? tag : "latest";
        (void)copy(r->tag, sizeof(r->tag), name, strlen(name));
    }
    r->registry = true;
    return CL_OK;
}

enum cl_status cl_image_ref_parse(const char *ref, struct cl_image_ref *ret, struct cl_err *err)
{
    struct cl_image_ref r = {0};
    if (strncmp(ref, "oci:", 4) == 0) {
        CL_TRY(parse_layout(ref, &r, err));
    } else if (strncmp(ref, "docker://", 9) == 0) {
        CL_TRY(parse_registry(ref, &r, err));
    } else {
        return bad(err, ref);
    }
    *ret = r;
    return CL_OK;
}
