/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_log.c - the event log that the CCEL table names: well formed, and replayed it gives the
 * RTMRs (tdx.md b.5).
 */
#include "guest_tdx.h"

#include <stdlib.h>
#include <string.h>

#define LOG_MAX 0x100000u
#define EV_NO_ACTION 3u
#define ALG_SHA384 0x000Cu
#define FIRST_HEADER 32u /* index, type, SHA-1 digest, size */
#define SPEC_ID_SIZE 33u
#define CC_TYPE_TDX 2u

struct log {
    const uint8_t *p;
    uint64_t size, at;
    uint8_t rtmr[TDX_RTMRS][MODEL_DIGEST_SIZE];
    unsigned events;
};

static void extend(uint8_t rtmr[static MODEL_DIGEST_SIZE], const uint8_t *digest)
{
    uint8_t both[2 * MODEL_DIGEST_SIZE];
    memcpy(both, rtmr, MODEL_DIGEST_SIZE);
    memcpy(both + MODEL_DIGEST_SIZE, digest, MODEL_DIGEST_SIZE);
    model_sha384(both, sizeof(both), rtmr);
}

/* NULL: the head that says "Spec ID Event03" and one algorithm, SHA-384. */
static const char *head(struct log *l)
{
    const uint8_t *spec = l->p + FIRST_HEADER;
    if (l->size < FIRST_HEADER + SPEC_ID_SIZE || model_le(l->p + 4, 4) != EV_NO_ACTION) {
        return "no first record";
    }
    uint64_t size = model_le(l->p + 28, 4);
    if (size < SPEC_ID_SIZE || size > l->size - FIRST_HEADER ||
        memcmp(spec, "Spec ID Event03", 16) != 0 || /* public */
        model_le(spec + 24, 4) != 1 || model_le(spec + 28, 2) != ALG_SHA384 ||
        model_le(spec + 30, 2) != MODEL_DIGEST_SIZE) {
        return "no Spec ID event with SHA-384 alone";
    }
    l->at = FIRST_HEADER + size;
    return NULL;
}

/* One record {index, type, count 1, algorithm, digest, size, data}; ret_end: there is none. */
static const char *record(struct log *l, bool *ret_end)
{
    const uint8_t *p = l->p + l->at;
    const uint64_t fixed = 12 + 2 + MODEL_DIGEST_SIZE + 4;
    uint64_t left = l->size - l->at;
    uint32_t index = left >= 4 ? (uint32_t)model_le(p, 4) : UINT32_MAX;
    *ret_end =
        index == UINT32_MAX || (left >= 12 && model_le(p, 8) == 0 && model_le(p + 8, 4) == 0);
    if (*ret_end) {
        return NULL;
    }
    if (left < fixed || model_le(p + 8, 4) != 1 || model_le(p + 12, 2) != ALG_SHA384 ||
        model_le(p + fixed - 4, 4) > left - fixed) {
        return "a record that is cut or has other digests";
    }
    bool extends = model_le(p + 4, 4) != EV_NO_ACTION;
    if (extends && (index == 0 || index > TDX_RTMRS)) {
        return "an event of a register that is none";
    }
    if (extends) {
        extend(l->rtmr[index - 1], p + 14);
        l->events++;
    }
    l->at += fixed + model_le(p + fixed - 4, 4);
    return NULL;
}

static void replay(struct guest_cpu *c, struct log *l)
{
    const struct tdx_td *td = c->vcpu->vm->td;
    const char *fault = head(l);
    for (bool end = false; fault == NULL && !end;) {
        fault = record(l, &end);
    }
    if (fault != NULL) {
        guest_object(c->guest, "entry.log", "%s at %#lx", fault, (unsigned long)l->at);
        return;
    }
    for (unsigned i = 0; i < TDX_RTMRS; i++) {
        if (memcmp(l->rtmr[i], td->rtmr[i], MODEL_DIGEST_SIZE) != 0) { /* public */
            guest_object(c->guest, "entry.log_replay", "RTMR%u after %u events", i, l->events);
        }
    }
}

void guest_td_check_log(struct guest_cpu *c, const struct guest_map *map,
                        const struct guest_acpi *acpi)
{
    if (!acpi->ccel || acpi->cc_type != CC_TYPE_TDX || acpi->log_size == 0 ||
        acpi->log_size > LOG_MAX) {
        guest_object(c->guest, "entry.ccel", "%s", acpi->ccel ? "type or size" : "no table");
        return;
    }
    if (!guest_mapped_private(c, acpi->log, acpi->log_size, "event log")) {
        return;
    }
    for (uint64_t at = acpi->log; at < acpi->log + acpi->log_size; at += MODEL_PAGE) {
        if (guest_is_ram(map, at)) {
            guest_object(c->guest, "entry.log_ram", "page %#lx of the log is RAM",
                         (unsigned long)at);
            break;
        }
    }
    uint8_t *copy = malloc(acpi->log_size);
    if (copy != NULL && guest_copy(c, acpi->log, copy, acpi->log_size, false)) {
        struct log l = {.p = copy, .size = acpi->log_size};
        replay(c, &l);
    }
    free(copy);
}
