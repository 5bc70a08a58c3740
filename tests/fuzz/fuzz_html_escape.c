/* SPDX-License-Identifier: Apache-2.0
 * fuzz_html_escape.c - hostile bytes as text of a page: what comes out has no character that could
 * end an element or an attribute, and stands for exactly what went in. The same bytes as claims of
 * a whole page add no markup to it.
 */
#include "base/json.h"
#include "cloister/html_report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One character back; the number of characters that it took. */
static size_t unescape(const char *p, uint8_t *ret)
{
    static const struct {
        const char *text;
        char c;
    } references[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    for (size_t i = 0; i < CL_ARRAY_LEN(references); i++) {
        size_t n = strlen(references[i].text);
        if (strncmp(p, references[i].text, n) == 0) {
            *ret = (uint8_t)references[i].c;
            return n;
        }
    }
    *ret = (uint8_t)*p;
    return 1;
}

static void check_text(const uint8_t *data, size_t len)
{
    struct cl_buf out = {0};
    if (cl_html_escape(&out, (const char *)data, len, NULL) != CL_OK) {
        abort();
    }
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char *p = (const char *)out.data + at;
        uint8_t c = 0;
        bool special = strchr("&<>\"'", data[i]) != NULL && data[i] != '\0';
        if (data[i] < 0x20 || data[i] >= 0x7F) { /* \xNN */
            char hex[3] = {p[2], p[3], '\0'};
            if (p[0] != '\\' || p[1] != 'x' || strtoul(hex, NULL, 16) != data[i]) {
                abort();
            }
            at += 4;
            continue;
        }
        size_t n = unescape(p, &c);
        if (c != data[i] || special != (n > 1)) {
            abort();
        }
        at += n;
    }
    if (at != out.len || (out.len > 0 && strpbrk((const char *)out.data, "<>\"'") != NULL)) {
        abort();
    }
    cl_buf_done(&out);
}

static size_t page_markup(json_t *claims, const char *text)
{
    static struct cl_verify_result result;
    struct cl_buf out = {0};
    size_t n = 0;
    struct cl_html_demand demand = {text, text};
    struct cl_html_report p = {.result = &result,
                               .claims = claims,
                               .verified_by = text,
                               .command = text,
                               .demands = &demand,
                               .demand_count = 1};
    if (cl_html_report(&p, &out, NULL) != CL_OK) {
        abort();
    }
    for (size_t i = 0; i < out.len; i++) {
        n += out.data[i] == '<' ? 1 : 0;
    }
    cl_buf_done(&out);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_text(data, len);
    char *text = calloc(1, len + 1);
    memcpy(text, data, len);
    json_t *plain = json_pack("{s:s}", "k", "v");
    json_t *hostile = json_object();
    json_t *value = json_stringn(text, strlen(text));
    if (value != NULL && json_object_set_new(hostile, text, value) == 0 &&
        page_markup(hostile, text) != page_markup(plain, "plain")) {
        abort();
    }
    json_decref(plain);
    json_decref(hostile);
    free(text);
    return 0;
}
