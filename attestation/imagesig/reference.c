/* SPDX-License-Identifier: Apache-2.0
 * reference.c - references of images, and the rules by which the one that was signed stands for the
 * one that is meant (containers-policy.json(5), "signedIdentity").
 */
#include "imagesig_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* --- references ------------------------------------------------------------------------------- */

static bool is_word_character(char c)
{
    return c != '\0' && strchr(LOWER DIGITS, c) != NULL;
}

/* Components of lower-case letters, digits and separators, none empty. */
static bool is_path(const char *text)
{
    size_t n = strspn(text, LOWER DIGITS "._-");
    while (n > 0 && is_word_character(text[0]) && is_word_character(text[n - 1]) &&
           text[n] == '/') {
        text += n + 1;
        n = strspn(text, LOWER DIGITS "._-");
    }
    return n > 0 && text[n] == '\0' && is_word_character(text[0]) && is_word_character(text[n - 1]);
}

/* "name", "name:port". */
static bool is_host(const char *text, size_t len)
{
    size_t n = strspn(text, LOWER UPPER DIGITS ".-");
    if (n == 0 || n > len || text[0] == '-' || text[0] == '.') {
        return false;
    }
    if (n < len && text[n] == ':') {
        size_t digits = strspn(text + n + 1, DIGITS);
        return digits > 0 && digits <= 5 && n + 1 + digits == len;
    }
    return n == len;
}

static bool is_tag(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 128 && text[0] != '.' && text[0] != '-' &&
           strspn(text, LOWER UPPER DIGITS "_.-") == n;
}

/* Whether the first component is a host: it has a dot or a port, or is localhost. */
static bool begins_with_host(const char *text, size_t len)
{
    return text[len] == '/' && (memchr(text, '.', len) != NULL || memchr(text, ':', len) != NULL ||
                                (len == 9 && strncmp(text, "localhost", len) == 0));
}

static bool complete_name(const char *text, char *ret, size_t size)
{
    size_t len = strcspn(text, "/");
    bool host = begins_with_host(text, len);
    const char *path = host ? text + len + 1 : text;
    bool hub = !host || (len == 9 && strncmp(text, "docker.io", len) == 0) ||
               (len == 15 && strncmp(text, "index.docker.io", len) == 0);
    if (!is_path(path) || (host && !is_host(text, len))) {
        return false;
    }
    int n = hub ? snprintf(ret, size, "docker.io/%s%s", strchr(path, '/') == NULL ? "library/" : "",
                           path)
                : snprintf(ret, size, "%s", text);
    return n > 0 && (size_t)n < size;
}

/* Cuts off what stands behind a mark, which is looked for from `from` on; "" without one. */
static char *cut(char *from, char mark)
{
    char *at = strrchr(from, mark);
    if (at == NULL) {
        return from + strlen(from);
    }
    *at = '\0';
    return at + 1;
}

static bool take_apart(char *text, struct imagesig_reference *ret)
{
    uint8_t unused[CL_SHA256_SIZE];
    bool has_digest = strchr(text, '@') != NULL;
    const char *digest = cut(text, '@');
    char *last = strrchr(text, '/');
    bool has_tag = strchr(last != NULL ? last : text, ':') != NULL;
    const char *tag = cut(last != NULL ? last : text, ':');
    if ((has_digest && cl_oci_digest_parse(digest, unused, NULL) != CL_OK) ||
        (has_tag && !is_tag(tag))) {
        return false;
    }
    (void)snprintf(ret->digest, sizeof(ret->digest), "%s", digest);
    (void)snprintf(ret->tag, sizeof(ret->tag), "%s", tag);
    return complete_name(text, ret->name, sizeof(ret->name));
}

enum cl_status imagesig_reference_parse(const char *text, const char *what,
                                        struct imagesig_reference *ret, struct cl_err *err)
{
    char copy[CL_IMAGE_SIG_MAX_REFERENCE + 1];
    struct imagesig_reference r = {0};
    size_t len = strlen(text);
    if (len < sizeof(copy)) {
        memcpy(copy, text, len + 1);
    }
    if (len >= sizeof(copy) || !take_apart(copy, &r)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected a reference of an image, got '%.128s'", what, text);
    }
    *ret = r;
    return CL_OK;
}

static bool is_name_only(const struct imagesig_reference *r)
{
    return r->tag[0] == '\0' && r->digest[0] == '\0';
}

static bool same_name(const struct imagesig_reference *a, const struct imagesig_reference *b)
{
    return strcmp(a->name, b->name) == 0;
}

static bool same(const struct imagesig_reference *a, const struct imagesig_reference *b)
{
    return same_name(a, b) && strcmp(a->tag, b->tag) == 0 && strcmp(a->digest, b->digest) == 0;
}

/* --- identities ------------------------------------------------------------------------------- */

static const char *const names[] = {
    "matchExact",     "matchRepoDigestOrExact", "matchRepository",
    "exactReference", "exactRepository",        "remapIdentity",
};

const char *imagesig_match_name(enum imagesig_match match)
{
    return names[match];
}

static enum cl_status find_match(const json_t *j, const char *what, enum imagesig_match *ret,
                                 struct cl_err *err)
{
    const char *type = NULL;
    CL_TRY(cl_json_get_string(j, what, "type", &type, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], type) == 0) {
            *ret = (enum imagesig_match)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "%s: type: expected a signedIdentity of containers-policy.json, got '%.64s'",
                      what, type);
}

static enum cl_status other_parse(const json_t *j, const char *what, const char *key,
                                  bool repository, struct imagesig_reference *ret,
                                  struct cl_err *err)
{
    char inner[192];
    const char *text = NULL;
    (void)snprintf(inner, sizeof(inner), "%.150s: %s", what, key);
    CL_TRY(cl_json_get_string(j, what, key, &text, err));
    CL_TRY(imagesig_reference_parse(text, inner, ret, err));
    return is_name_only(ret) == repository
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %s, got '%.128s'", inner,
                            repository ? "a repository" : "a tag or digest", text);
}

/* "host", "host/name", "host/name/name". */
static enum cl_status prefix_parse(const json_t *j, const char *what, const char *key, char **ret,
                                   struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(j, what, key, &text, err));
    size_t n = strcspn(text, "/");
    if (!is_host(text, n) || strlen(text) > CL_IMAGE_SIG_MAX_REFERENCE ||
        (text[n] == '/' && !is_path(text + n + 1))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: %s: expected a host and a beginning of names, got '%.128s'", what,
                          key, text);
    }
    *ret = strdup(text);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "identity");
}

static enum cl_status members_parse(const json_t *j, const char *what, struct imagesig_identity *i,
                                    struct cl_err *err)
{
    static const char *const plain[] = {"type", NULL};
    static const char *const reference[] = {"type", "dockerReference", NULL};
    static const char *const repository[] = {"type", "dockerRepository", NULL};
    static const char *const remap[] = {"type", "prefix", "signedPrefix", NULL};
    switch (i->match) {
    case IMAGESIG_EXACT_REFERENCE:
        CL_TRY(cl_json_only_keys(j, what, reference, err));
        return other_parse(j, what, "dockerReference", false, &i->other, err);
    case IMAGESIG_EXACT_REPOSITORY:
        CL_TRY(cl_json_only_keys(j, what, repository, err));
        return other_parse(j, what, "dockerRepository", true, &i->other, err);
    case IMAGESIG_REMAP:
        CL_TRY(cl_json_only_keys(j, what, remap, err));
        CL_TRY(prefix_parse(j, what, "prefix", &i->prefix, err));
        return prefix_parse(j, what, "signedPrefix", &i->signed_prefix, err);
    default:
        return cl_json_only_keys(j, what, plain, err);
    }
}

enum cl_status imagesig_identity_parse(const json_t *j, const char *what,
                                       const struct imagesig_reference *ours,
                                       struct imagesig_identity *ret, struct cl_err *err)
{
    struct imagesig_identity i = {0};
    CL_TRY(find_match(j, what, &i.match, err));
    enum cl_status st = members_parse(j, what, &i, err);
    bool whole = i.match == IMAGESIG_EXACT || i.match == IMAGESIG_REPO_DIGEST_OR_EXACT ||
                 i.match == IMAGESIG_REMAP;
    if (st == CL_OK && whole && is_name_only(ours)) {
        st = cl_err_set(err, CL_ERR_MALFORMED,
                        "%s: type: expected matchRepository for a reference without tag or digest, "
                        "got %s",
                        what, names[i.match]);
    }
    if (st != CL_OK) {
        imagesig_identity_done(&i);
        return st;
    }
    *ret = i;
    return CL_OK;
}

void imagesig_identity_done(struct imagesig_identity *i)
{
    free(i->prefix);
    free(i->signed_prefix);
    *i = (struct imagesig_identity){0};
}

/* --- the comparison --------------------------------------------------------------------------- */

/* What is meant by a tag must be signed under that tag; by a digest, under any. */
static bool digest_or_exact(const struct imagesig_reference *ours,
                            const struct imagesig_reference *theirs)
{
    if (is_name_only(theirs) || is_name_only(ours)) {
        return false;
    }
    return ours->tag[0] != '\0' ? same(ours, theirs) : same_name(ours, theirs);
}

/* Where our name begins with `prefix`, it is signed as one that begins with `signed_prefix`. */
static bool remap(const struct imagesig_identity *i, struct imagesig_reference *r)
{
    char name[sizeof(r->name)];
    size_t n = strlen(i->prefix);
    if (strncmp(r->name, i->prefix, n) != 0 || (r->name[n] != '/' && r->name[n] != '\0')) {
        return true;
    }
    int len = snprintf(name, sizeof(name), "%s%s", i->signed_prefix, r->name + n);
    if (len <= 0 || (size_t)len >= sizeof(name) || strchr(name, '/') == NULL) {
        return false;
    }
    memcpy(r->name, name, (size_t)len + 1);
    return true;
}

static bool fits(const struct imagesig_identity *i, const struct imagesig_reference *ours,
                 const struct imagesig_reference *theirs)
{
    struct imagesig_reference moved = *ours;
    switch (i->match) {
    case IMAGESIG_EXACT:
        return !is_name_only(ours) && same(ours, theirs);
    case IMAGESIG_REPO_DIGEST_OR_EXACT:
        return digest_or_exact(ours, theirs);
    case IMAGESIG_REPOSITORY:
        return same_name(ours, theirs);
    case IMAGESIG_EXACT_REFERENCE:
        return same(&i->other, theirs);
    case IMAGESIG_EXACT_REPOSITORY:
        return same_name(&i->other, theirs);
    case IMAGESIG_REMAP:
        return remap(i, &moved) && digest_or_exact(&moved, theirs);
    }
    return false;
}

enum cl_status imagesig_identity_check(const struct imagesig_identity *i,
                                       const struct imagesig_reference *ours, const char *theirs,
                                       struct cl_err *err)
{
    struct imagesig_reference r = {0};
    CL_TRY(imagesig_reference_parse(theirs, "signature.identity", &r, err));
    if (fits(i, ours, &r)) {
        return CL_OK;
    }
    bool other = i->match == IMAGESIG_EXACT_REFERENCE || i->match == IMAGESIG_EXACT_REPOSITORY;
    const struct imagesig_reference *want = other ? &i->other : ours;
    return cl_err_set(err, CL_ERR_REJECTED,
                      "signature.identity: expected %s of %.160s%s%.80s%s%s, got '%.160s'",
                      names[i->match], want->name, want->tag[0] != '\0' ? ":" : "", want->tag,
                      want->digest[0] != '\0' ? "@" : "", want->digest, theirs);
}
