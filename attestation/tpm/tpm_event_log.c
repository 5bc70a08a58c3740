/* SPDX-License-Identifier: Apache-2.0
 * tpm_event_log.c - the crypto-agile event log of a TPM: parsing and replay.
 * Trust: every byte is hostile. Threads: a log is immutable once parsed.
 * Memory: one copy of the log, and its events. Spec: TCG PC Client PFP, 10.2, 10.4.5.3.
 */
#include "cloister/tpm_event_log.h"

#include "base/buf.h"
#include "eventlog/tcg_records.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define LOCALITY_PCR 0u

struct cl_tpm_event_log {
    struct cl_buf raw;
    struct cl_tpm_selection banks;
    uint8_t locality;
    bool has_locality;
    struct cl_tpm_event *events; /* owned */
    size_t count, room;
};

void cl_tpm_event_log_free(struct cl_tpm_event_log *log)
{
    if (log != NULL) {
        cl_buf_done(&log->raw);
        free(log->events);
        free(log);
    }
}

void cl_tpm_event_log_freep(struct cl_tpm_event_log **log)
{
    cl_tpm_event_log_free(*log);
    *log = NULL;
}

/* Other hashes (SM3, SHA-3) are stepped over; one of ours must have its own length. */
static enum cl_status take_banks(const struct tcg_records *it, struct cl_tpm_event_log *log,
                                 struct cl_err *err)
{
    for (size_t i = 0; i < it->algorithm_count; i++) {
        size_t size = cl_tpm_hash_size(it->algorithms[i].alg);
        if (size != 0 && it->algorithms[i].size != size) {
            return tcg_records_bad(it, err, CL_ERR_MALFORMED, "digest size", "the hash's own");
        }
        if (size != 0) { /* fits: each hash once */
            log->banks.bank[log->banks.bank_count++].alg = it->algorithms[i].alg;
        }
    }
    return log->banks.bank_count > 0 ? CL_OK
                                     : tcg_records_bad(it, err, CL_ERR_UNSUPPORTED, "algorithms",
                                                       "sha1, sha256, sha384 or sha512 among them");
}

static enum cl_status add_event(struct cl_tpm_event_log *log, const struct cl_tpm_event *e,
                                struct cl_err *err)
{
    struct cl_tpm_event *events =
        tcg_list_room(log->events, &log->room, log->count, sizeof(*events));
    if (events == NULL) {
        return cl_err_nomem(err, "event log");
    }
    log->events = events;
    log->events[log->count++] = *e;
    return CL_OK;
}

bool cl_tpm_event_extends(const struct cl_tpm_event *e, uint32_t pcr)
{
    return e->pcr == pcr && e->type != CL_TPM_EVENT_NO_ACTION;
}

static bool has_begun(const struct cl_tpm_event_log *log, uint32_t pcr)
{
    for (size_t i = 0; i < log->count; i++) {
        if (cl_tpm_event_extends(&log->events[i], pcr)) {
            return true;
        }
    }
    return false;
}

/* PFP 10.4.5.3: PCR 0 begins with the locality that the TPM was started from. Said once, and before
 * that register's first event. */
static enum cl_status take_locality(const struct tcg_records *it, const struct tcg_record *rec,
                                    struct cl_tpm_event_log *log, struct cl_err *err)
{
    static const char signature[16] = "StartupLocality";
    if (rec->mr != LOCALITY_PCR || rec->type != CL_TPM_EVENT_NO_ACTION ||
        rec->data_len < sizeof(signature) || memcmp(rec->data, signature, sizeof(signature)) != 0) {
        return CL_OK;
    }
    uint8_t locality = rec->data_len == sizeof(signature) + 1 ? rec->data[sizeof(signature)] : 0xFF;
    if (locality != 0 && locality != 3 && locality != 4) {
        return tcg_records_bad(it, err, CL_ERR_MALFORMED, "StartupLocality", "0, 3 or 4");
    }
    if (log->has_locality || has_begun(log, LOCALITY_PCR)) {
        return tcg_records_bad(it, err, CL_ERR_MALFORMED, "StartupLocality",
                               "it once, before the first event of PCR 0");
    }
    log->has_locality = true;
    log->locality = locality;
    return CL_OK;
}

static enum cl_status read_event(struct tcg_records *it, struct cl_tpm_event_log *log,
                                 struct cl_err *err)
{
    struct tcg_record rec;
    CL_TRY(tcg_records_next(it, &rec, err));
    if (log->count == CL_TPM_EVENT_LOG_MAX_EVENTS) {
        return tcg_records_bad(it, err, CL_ERR_MALFORMED, "events", "at most 4096");
    }
    CL_TRY(take_locality(it, &rec, log, err));
    struct cl_tpm_event e = {.pcr = rec.mr,
                             .type = rec.type,
                             .data = rec.data,
                             .data_len = rec.data_len,
                             .offset = rec.offset};
    for (size_t i = 0; i < log->banks.bank_count; i++) {
        const struct tcg_digest *d = tcg_record_digest(&rec, log->banks.bank[i].alg);
        e.digest[i] = d != NULL ? d->value : NULL;
    }
    return add_event(log, &e, err);
}

enum cl_status cl_tpm_event_log_parse(const uint8_t *data, size_t len,
                                      struct cl_tpm_event_log **ret_log, struct cl_err *err)
{
    if (len > CL_TPM_EVENT_LOG_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "event log: size: expected at most %u bytes, got %zu",
                          CL_TPM_EVENT_LOG_MAX_SIZE, len);
    }
    CL_CLEANUP(cl_tpm_event_log_freep)
    struct cl_tpm_event_log *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return cl_err_nomem(err, "event log");
    }
    CL_TRY(cl_buf_append(&log->raw, data, len, err));
    struct tcg_records it;
    CL_TRY(tcg_records_start(&it, log->raw.data, len, CL_TPM_PCR_COUNT - 1,
                             /* unregistered= */ true, err));
    CL_TRY(take_banks(&it, log, err));
    while (!tcg_records_at_end(&it)) {
        CL_TRY(read_event(&it, log, err));
    }
    *ret_log = CL_TAKE(log);
    return CL_OK;
}

size_t cl_tpm_event_log_count(const struct cl_tpm_event_log *log)
{
    return log->count;
}

const struct cl_tpm_event *cl_tpm_event_log_event(const struct cl_tpm_event_log *log, size_t i)
{
    return i < log->count ? &log->events[i] : NULL;
}

const struct cl_tpm_selection *cl_tpm_event_log_banks(const struct cl_tpm_event_log *log)
{
    return &log->banks;
}

uint8_t cl_tpm_event_log_locality(const struct cl_tpm_event_log *log)
{
    return log->locality;
}

static bool has_bank(const struct cl_tpm_event_log *log, uint16_t alg, size_t *ret_bank)
{
    for (size_t i = 0; i < log->banks.bank_count; i++) {
        if (log->banks.bank[i].alg == alg) {
            *ret_bank = i;
            return true;
        }
    }
    return false;
}

const uint8_t *cl_tpm_event_digest(const struct cl_tpm_event_log *log, const struct cl_tpm_event *e,
                                   uint16_t alg)
{
    size_t bank = 0;
    return has_bank(log, alg, &bank) ? e->digest[bank] : NULL;
}

/* ---- replay ---- */

/* TPM 2.0 PC Client Platform TPM Profile 4.6.2: how registers begin. */
static void begin(const struct cl_tpm_event_log *log, uint32_t pcr, size_t size, uint8_t *value)
{
    memset(value, pcr >= 17 && pcr <= 22 ? 0xFF : 0, size);
    if (pcr == LOCALITY_PCR) {
        value[size - 1] = log->locality;
    }
}

static enum cl_status extend(EVP_MD_CTX *md, const EVP_MD *hash, uint8_t *value, size_t size,
                             const uint8_t *digest, struct cl_err *err)
{
    if (EVP_DigestInit_ex(md, hash, NULL) != 1 || EVP_DigestUpdate(md, value, size) != 1 ||
        EVP_DigestUpdate(md, digest, size) != 1 || EVP_DigestFinal_ex(md, value, NULL) != 1) {
        return cl_err_set(err, CL_ERR_SYS, "event log: OpenSSL failed");
    }
    return CL_OK;
}

static enum cl_status replay(const struct cl_tpm_event_log *log, uint16_t alg, size_t bank,
                             uint32_t pcr, const uint8_t *expected, EVP_MD_CTX *md,
                             struct cl_tpm_replay *r, struct cl_err *err)
{
    const EVP_MD *hash = EVP_get_digestbyname(cl_tpm_alg_name(alg));
    size_t size = cl_tpm_hash_size(alg);
    begin(log, pcr, size, r->value);
    r->equal = memcmp(r->value, expected, size) == 0; /* public values */
    bool was_equal = r->equal;
    for (size_t i = 0; i < log->count; i++) {
        const struct cl_tpm_event *e = &log->events[i];
        if (!cl_tpm_event_extends(e, pcr)) {
            continue;
        }
        if (r->equal) { /* and this event leads away from it */
            r->event = i;
            r->matched = r->extended;
        }
        r->extended++;
        if (e->digest[bank] == NULL) {
            r->undigested = r->undigested == SIZE_MAX ? i : r->undigested;
            r->equal = false;
            continue;
        }
        CL_TRY(extend(md, hash, r->value, size, e->digest[bank], err));
        r->equal = r->undigested == SIZE_MAX && memcmp(r->value, expected, size) == 0;
        was_equal = was_equal || r->equal;
    }
    if (r->equal || !was_equal) {
        r->event = SIZE_MAX;
        r->matched = r->equal ? r->extended : 0;
    }
    return CL_OK;
}

enum cl_status cl_tpm_event_log_replay(const struct cl_tpm_event_log *log, uint16_t alg,
                                       uint32_t pcr, const uint8_t *expected,
                                       struct cl_tpm_replay *ret_r, struct cl_err *err)
{
    struct cl_tpm_replay r = {.undigested = SIZE_MAX, .event = SIZE_MAX};
    size_t bank = 0;
    if (pcr >= CL_TPM_PCR_COUNT) {
        return cl_err_set(err, CL_ERR_MALFORMED, "event log: register: expected 0 to %u, got %u",
                          CL_TPM_PCR_COUNT - 1, (unsigned)pcr);
    }
    if (!has_bank(log, alg, &bank)) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "event log: expected bank %s, got none",
                          cl_tpm_alg_name(alg));
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    enum cl_status st = md != NULL ? replay(log, alg, bank, pcr, expected, md, &r, err)
                                   : cl_err_nomem(err, "event log");
    EVP_MD_CTX_free(md);
    CL_TRY(st);
    *ret_r = r;
    return CL_OK;
}

/* ---- names ---- */

static const struct {
    uint32_t type;
    const char *name;
} types[] = {
    /* PFP 10.4.1 */
    {0x00000000, "EV_PREBOOT_CERT"},
    {0x00000001, "EV_POST_CODE"},
    {0x00000003, "EV_NO_ACTION"},
    {0x00000004, "EV_SEPARATOR"},
    {0x00000005, "EV_ACTION"},
    {0x00000006, "EV_EVENT_TAG"},
    {0x00000007, "EV_S_CRTM_CONTENTS"},
    {0x00000008, "EV_S_CRTM_VERSION"},
    {0x00000009, "EV_CPU_MICROCODE"},
    {0x0000000A, "EV_PLATFORM_CONFIG_FLAGS"},
    {0x0000000B, "EV_TABLE_OF_DEVICES"},
    {0x0000000C, "EV_COMPACT_HASH"},
    {0x0000000D, "EV_IPL"},
    {0x0000000E, "EV_IPL_PARTITION_DATA"},
    {0x0000000F, "EV_NONHOST_CODE"},
    {0x00000010, "EV_NONHOST_CONFIG"},
    {0x00000011, "EV_NONHOST_INFO"},
    {0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS"},
    {0x00000013, "EV_POST_CODE2"},
    {0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
    {0x80000002, "EV_EFI_VARIABLE_BOOT"},
    {0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
    {0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
    {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
    {0x80000006, "EV_EFI_GPT_EVENT"},
    {0x80000007, "EV_EFI_ACTION"},
    {0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
    {0x80000009, "EV_EFI_HANDOFF_TABLES"},
    {0x8000000A, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
    {0x8000000B, "EV_EFI_HANDOFF_TABLES2"},
    {0x8000000C, "EV_EFI_VARIABLE_BOOT2"},
    {0x8000000D, "EV_EFI_GPT_EVENT2"},
    {0x80000010, "EV_EFI_HCRTM_EVENT"},
    {0x800000E0, "EV_EFI_VARIABLE_AUTHORITY"},
    {0x800000E1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
    {0x800000E2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
};

const char *cl_tpm_event_type_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].type == type) {
            return types[i].name;
        }
    }
    return "an event";
}
