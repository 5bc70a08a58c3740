/* SPDX-License-Identifier: Apache-2.0
 * yaml_scalar.c - see yaml_scalar.h.
 */
#include "yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 64u /* characters; a longer one is no number that anybody means */

static bool one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0) {
        words++;
    }
    return *words != NULL;
}

static enum cl_status hand_out(json_t *j, json_t **ret, struct cl_err *err)
{
    *ret = j;
    return j != NULL ? CL_OK : cl_err_nomem(err, "YAML scalar");
}

static enum cl_status bad_number(const char *text, const char *expected, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "number: expected %s, got '%.64s'", expected, text);
}

/* Digits of one base and nothing else, at least one. */
static bool only(const char *digits, const char *set)
{
    return digits[0] != '\0' && strspn(digits, set) == strlen(digits);
}

struct number {
    char text[MAX_NUMBER + 1]; /* without '_' */
    const char *digits;        /* behind sign and prefix */
    int base;                  /* 0: no integer */
};

static void split(struct number *n)
{
    static const struct {
        const char *prefix, *set;
        int base;
    } forms[] = {
        {"0x", "0123456789abcdefABCDEF", 16},
        {"0X", "0123456789abcdefABCDEF", 16},
        {"0o", "01234567", 8},
        {"0O", "01234567", 8},
        {"0b", "01", 2},
        {"0B", "01", 2},
        {"0", "01234567", 8},
        {"", "0123456789", 10},
    };
    const char *unsigned_part = n->text + (n->text[0] == '-' || n->text[0] == '+');
    n->base = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(forms); i++) {
        size_t skip = strlen(forms[i].prefix);
        if (strncmp(unsigned_part, forms[i].prefix, skip) == 0 &&
            only(unsigned_part + skip, forms[i].set)) {
            bool unclear = forms[i].base == 10 && skip == 0 && unsigned_part[0] == '0' &&
                           unsigned_part[1] != '\0'; /* 08: real to Kubernetes, text to others */
            n->digits = unsigned_part + skip;
            n->base = unclear ? -1 : forms[i].base;
            return;
        }
    }
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789");
    s += whole;
    size_t part = 0;
    if (*s == '.') {
        part = strspn(s + 1, "0123456789");
        s += 1 + part;
    }
    if (whole == 0 && part == 0) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '-' || s[1] == '+');
        return only(s, "0123456789");
    }
    return *s == '\0';
}

static enum cl_status integer(const struct number *n, const char *text, json_t **ret,
                              struct cl_err *err)
{
    char digits[MAX_NUMBER + 2] = {n->text[0] == '-' ? '-' : '+'};
    memcpy(digits + 1, n->digits, strlen(n->digits) + 1);
    errno = 0;
    long long value = strtoll(digits, NULL, n->base);
    if (errno != 0) {
        return bad_number(text, "one of 64 bits", err);
    }
    return hand_out(json_integer(value), ret, err);
}

static enum cl_status real(const struct number *n, const char *text, json_t **ret,
                           struct cl_err *err)
{
    double value = strtod(n->text, NULL);
    if (!isfinite(value)) {
        return bad_number(text, "a finite one", err);
    }
    return hand_out(json_real(value), ret, err);
}

/* ret stays NULL when it is no number. */
static enum cl_status number(const char *text, size_t len, json_t **ret, struct cl_err *err)
{
    static const char *const endless[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                          "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                          ".NaN",  ".NAN",  NULL};
    struct number n = {.base = 0};
    size_t used = 0;
    if (one_of(text, endless)) {
        return bad_number(text, "a finite one", err);
    }
    if (strchr("+-.0123456789", text[0]) == NULL) {
        return CL_OK;
    }
    if (len > MAX_NUMBER) {
        return strspn(text, "+-.0123456789_abcdefxABCDEFX") == len
                   ? bad_number(text, "one of 64 bits", err)
                   : CL_OK;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '_') {
            n.text[used++] = *p;
        }
    }
    split(&n);
    if (n.base < 0) {
        return bad_number(text, "octal digits behind a zero, or quotes around it", err);
    }
    if (n.base > 0) {
        return integer(&n, text, ret, err);
    }
    return is_real(n.text) ? real(&n, text, ret, err) : CL_OK;
}

enum cl_status cl_yaml_plain(const char *text, size_t len, json_t **ret, struct cl_err *err)
{
    static const char *const nothing[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                      "True", "TRUE", "on",  "On",  "ON",  NULL};
    static const char *const no[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
    json_t *j = NULL;
    if (one_of(text, nothing)) {
        return hand_out(json_null(), ret, err);
    }
    if (one_of(text, yes) || one_of(text, no)) {
        return hand_out(json_boolean(one_of(text, yes)), ret, err);
    }
    CL_TRY(number(text, len, &j, err));
    return hand_out(j != NULL ? j : json_stringn(text, len), ret, err);
}
