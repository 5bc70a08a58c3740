/* SPDX-License-Identifier: Apache-2.0
 * tdx_evidence.c - the forms in which TDX evidence travels.
 * Trust: every byte is hostile. Threads: pure. Memory: quote and event log.
 * Spec: kbs-protocol.md 13 (tdx).
 */
#include "cloister/tdx_evidence.h"

#include "base/encode.h"
#include "base/json.h"

#include <ctype.h>
#include <string.h>

#define WHAT "TDX evidence"

void cl_tdx_evidence_done(struct cl_tdx_evidence *ev)
{
    cl_tdx_quote_free(ev->quote);
    cl_tdx_event_log_free(ev->event_log);
    *ev = (struct cl_tdx_evidence){0};
}

static bool is_hex(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (isxdigit((unsigned char)s[i]) == 0) {
            return false;
        }
    }
    return len != 0 && len % 2 == 0;
}

static enum cl_status decode_hex(const char *s, size_t len, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf lower = {0};
    CL_TRY(cl_buf_append(&lower, s, len, err));
    for (size_t i = 0; i < len; i++) {
        lower.data[i] = (uint8_t)tolower(lower.data[i]);
    }
    CL_TRY(cl_buf_reserve(out, len / 2 + 1, err));
    CL_TRY(cl_unhex(out->data, len / 2, (const char *)lower.data, "quote", err));
    out->len = len / 2;
    return CL_OK;
}

/* The text of a quote in hex, without what may stand around it; NULL when it is something else. */
static const char *hex_text(const uint8_t *data, size_t len, size_t *ret_len)
{
    const char *s = (const char *)data;
    while (len > 0 && isspace(data[len - 1]) != 0) {
        len--;
    }
    if (len > 2 && s[0] == '0' && s[1] == 'x') {
        s += 2;
        len -= 2;
    }
    *ret_len = len;
    return is_hex(s, len) ? s : NULL;
}

static enum cl_status parse_log(const json_t *j, struct cl_tdx_evidence *ev, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const char *text = NULL;
    const json_t *v = json_object_get(j, "cc_eventlog");
    if (v == NULL || json_is_null(v)) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, WHAT, "cc_eventlog", &text, err));
    if (strlen(text) / 4 * 3 > CL_TDX_EVENT_LOG_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": cc_eventlog: expected at most %u bytes",
                          CL_TDX_EVENT_LOG_MAX_SIZE);
    }
    CL_TRY(cl_b64_decode(&raw, text, strlen(text), "cc_eventlog", err));
    return raw.len == 0 ? CL_OK : cl_tdx_event_log_parse(raw.data, raw.len, &ev->event_log, err);
}

static enum cl_status parse_members(const json_t *j, bool hex_too, struct cl_tdx_evidence *ret_ev,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    const char *text = NULL;
    if (json_object_get(j, "quote") == NULL && json_object_get(j, "td_report") != NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          WHAT ": expected a quote, got a TDREPORT, which only the platform that "
                               "made it can verify");
    }
    CL_TRY(cl_json_get_string(j, WHAT, "quote", &text, err));
    size_t len = strlen(text);
    if (len > 2 * CL_TDX_QUOTE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": quote: expected at most %u bytes",
                          CL_TDX_QUOTE_MAX_SIZE);
    }
    CL_TRY(hex_too && is_hex(text, len) ? decode_hex(text, len, &raw, err)
                                        : cl_b64_decode(&raw, text, len, "quote", err));
    CL_TRY(cl_tdx_quote_parse(raw.data, raw.len, &ev.quote, err));
    CL_TRY(parse_log(j, &ev, err));
    *ret_ev = ev;
    ev = (struct cl_tdx_evidence){0}; /* moved */
    return CL_OK;
}

enum cl_status cl_tdx_evidence_from_json(const json_t *j, struct cl_tdx_evidence *ret_ev,
                                         struct cl_err *err)
{
    static const char *const keys[] = {"quote", "cc_eventlog", NULL};
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    return parse_members(j, /* hex_too= */ false, ret_ev, err);
}

static bool looks_like_json(const uint8_t *data, size_t len)
{
    size_t first = 0;
    while (first < len && isspace(data[first]) != 0) {
        first++;
    }
    return first < len && data[first] == '{';
}

enum cl_status cl_tdx_evidence_from_bytes(const uint8_t *data, size_t len,
                                          struct cl_tdx_evidence *ret_ev, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
    size_t hex_len = 0;
    const char *hex = hex_text(data, len, &hex_len);
    if (looks_like_json(data, len)) {
        CL_TRY(cl_json_parse(data, len, WHAT, &j, err));
        return parse_members(j, /* hex_too= */ true, ret_ev, err);
    }
    if (hex != NULL && hex_len <= 2 * CL_TDX_QUOTE_MAX_SIZE) {
        CL_TRY(decode_hex(hex, hex_len, &raw, err));
        data = raw.data;
        len = raw.len;
    }
    CL_TRY(cl_tdx_quote_parse(data, len, &quote, err));
    *ret_ev = (struct cl_tdx_evidence){.quote = CL_TAKE(quote)};
    return CL_OK;
}

bool cl_tdx_evidence_detect(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    uint8_t head[64] = {0};
    char text[2 * sizeof(head) + 1] = "";
    size_t hex_len = 0;
    const char *hex = hex_text(data, len, &hex_len);
    if (looks_like_json(data, len)) {
        return cl_json_parse(data, len, WHAT, &j, /* err= */ NULL) == CL_OK &&
               (json_is_string(json_object_get(j, "quote")) ||
                json_is_string(json_object_get(j, "td_report"))) &&
               json_object_get(j, "hcl_report") == NULL;
    }
    if (hex == NULL || hex_len < sizeof(text) - 1) {
        return cl_tdx_quote_detect(data, len);
    }
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        text[i] = (char)tolower((unsigned char)hex[i]);
    }
    return cl_unhex(head, sizeof(head), text, "quote", /* err= */ NULL) == CL_OK &&
           cl_tdx_quote_detect(head, sizeof(head));
}
