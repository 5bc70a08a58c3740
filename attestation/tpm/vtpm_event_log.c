/* SPDX-License-Identifier: Apache-2.0
 * vtpm_event_log.c - the named checks of an event log: does it lead to the quoted registers, and
 * where it does, which of its events are not the expected ones?
 * Trust: log and evidence are hostile, the policy is the caller's. Threads: pure. Memory: the
 * result. Spec: tdx.md e.3 "Event log"; TCG PC Client PFP 10.2, 3.3.4 (who extends which register).
 */
#include "tpm/vtpm_internal.h"

#include <stdio.h>
#include <string.h>

/* Firmware and boot loader have had the last word of these; those above are extended by the running
 * system too, which firmware's log does not know. */
#define FIRST_OF_SYSTEM 8u

static const char *const ids[CL_TPM_PCR_COUNT] = {
    "tpm.event_log.pcr00", "tpm.event_log.pcr01", "tpm.event_log.pcr02", "tpm.event_log.pcr03",
    "tpm.event_log.pcr04", "tpm.event_log.pcr05", "tpm.event_log.pcr06", "tpm.event_log.pcr07",
    "tpm.event_log.pcr08", "tpm.event_log.pcr09", "tpm.event_log.pcr10", "tpm.event_log.pcr11",
    "tpm.event_log.pcr12", "tpm.event_log.pcr13", "tpm.event_log.pcr14", "tpm.event_log.pcr15",
    "tpm.event_log.pcr16", "tpm.event_log.pcr17", "tpm.event_log.pcr18", "tpm.event_log.pcr19",
    "tpm.event_log.pcr20", "tpm.event_log.pcr21", "tpm.event_log.pcr22", "tpm.event_log.pcr23",
};

/* One register of one bank. */
struct replayed {
    uint16_t alg;
    uint32_t pcr;
    const uint8_t *value; /* quoted; NULL: it came without one */
    struct cl_tpm_replay r;
};

static bool is_silent(const struct replayed *p)
{
    return p->value != NULL && !p->r.equal && p->r.extended == 0 && p->pcr >= FIRST_OF_SYSTEM;
}

static void name_event(const struct cl_tpm_event_log *log, size_t i, char *dst, size_t size)
{
    const struct cl_tpm_event *e = cl_tpm_event_log_event(log, i);
    (void)snprintf(dst, size, "event %zu of the log (%s, type 0x%x, byte %zu)", i,
                   cl_tpm_event_type_name(e->type), (unsigned)e->type, e->offset);
}

static void explain_mismatch(const struct vtpm_ctx *c, const struct replayed *p, struct cl_check *k)
{
    const struct cl_tpm_event_log *log = c->policy->event_log;
    char event[120];
    if (p->value == NULL) {
        cl_check_why(k, "%s: the evidence has no value of it", cl_tpm_alg_name(p->alg));
    } else if (p->r.undigested != SIZE_MAX) {
        name_event(log, p->r.undigested, event, sizeof(event));
        cl_check_why(k, "%s: %s has no digest of this bank", cl_tpm_alg_name(p->alg), event);
    } else if (p->r.event != SIZE_MAX) {
        name_event(log, p->r.event, event, sizeof(event));
        cl_check_why(k, "%s: the quote has the value after %zu of its %zu events; %s is not in it",
                     cl_tpm_alg_name(p->alg), p->r.matched, p->r.extended, event);
    } else {
        cl_check_why(k,
                     "%s: none of its %zu events leads to the quote's value: an event was changed, "
                     "or some are missing",
                     cl_tpm_alg_name(p->alg), p->r.extended);
    }
}

/* The log is right, and a value that the policy lists is not the quoted one: is it one that the
 * register went through? Then the next event is what differs from what was expected. */
static enum cl_status explain_value(const struct vtpm_ctx *c, const struct replayed *p,
                                    struct cl_check *k, struct cl_err *err)
{
    for (size_t i = 0; i < c->policy->pcr_count; i++) {
        const struct cl_tpm_pcr_value *v = &c->policy->pcrs[i];
        struct cl_tpm_replay r;
        char event[120];
        if (v->alg != p->alg || v->index != p->pcr) {
            continue;
        }
        CL_TRY(cl_tpm_event_log_replay(c->policy->event_log, p->alg, p->pcr, v->value, &r, err));
        if (!r.equal && r.event != SIZE_MAX) {
            name_event(c->policy->event_log, r.event, event, sizeof(event));
            cl_check_why(k,
                         "%s: a trusted value is the one after %zu of its %zu events; %s is the "
                         "first that differs",
                         cl_tpm_alg_name(p->alg), r.matched, r.extended, event);
        }
    }
    return CL_OK;
}

static enum cl_status replay(const struct vtpm_ctx *c, uint16_t alg, uint32_t pcr,
                             struct replayed *ret, struct cl_err *err)
{
    static const uint8_t none[CL_TPM_DIGEST_MAX];
    struct replayed p = {.alg = alg, .pcr = pcr, .value = vtpm_quoted(c, alg, pcr)};
    CL_TRY(cl_tpm_event_log_replay(c->policy->event_log, alg, pcr, p.value != NULL ? p.value : none,
                                   &p.r, err));
    *ret = p;
    return CL_OK;
}

/* ---- the events that are expected of a register ---- */

/* Where the register's events and the listed ones part. */
struct difference {
    size_t event;                          /* index in the log; SIZE_MAX: none is left */
    const uint8_t *got;                    /* its digest */
    const struct cl_tpm_pcr_value *wanted; /* NULL: none is left */
    size_t matched;
};

static size_t next_event(const struct cl_tpm_event_log *log, uint32_t pcr, size_t from)
{
    for (; from < cl_tpm_event_log_count(log); from++) {
        if (cl_tpm_event_extends(cl_tpm_event_log_event(log, from), pcr)) {
            return from;
        }
    }
    return SIZE_MAX;
}

/* Next of the listed events of that register; NULL: no more. */
static const struct cl_tpm_pcr_value *next_listed(const struct cl_vtpm_policy *p, uint16_t alg,
                                                  uint32_t pcr, size_t *at)
{
    while (*at < p->event_count) {
        const struct cl_tpm_pcr_value *v = &p->events[(*at)++];
        if (v->alg == alg && v->index == pcr) {
            return v;
        }
    }
    return NULL;
}

/* Does the register have exactly the listed events, in a bank that lists any? */
static bool has_listed(const struct cl_vtpm_policy *p, uint16_t alg, uint32_t pcr,
                       struct difference *d)
{
    size_t at = 0;
    *d = (struct difference){.wanted = next_listed(p, alg, pcr, &at)};
    if (d->wanted == NULL) {
        return true;
    }
    d->event = next_event(p->event_log, pcr, 0);
    while (d->event != SIZE_MAX) {
        const struct cl_tpm_event *e = cl_tpm_event_log_event(p->event_log, d->event);
        d->got = cl_tpm_event_digest(p->event_log, e, alg);
        if (d->wanted == NULL || d->got == NULL ||
            memcmp(d->got, d->wanted->value, cl_tpm_hash_size(alg)) != 0) { /* public values */
            return false;
        }
        d->matched++;
        d->got = NULL;
        d->wanted = next_listed(p, alg, pcr, &at);
        d->event = next_event(p->event_log, pcr, d->event + 1);
    }
    return d->wanted == NULL;
}

static void explain_difference(const struct vtpm_ctx *c, uint16_t alg, const struct difference *d,
                               struct cl_check *k)
{
    char event[120];
    cl_check_hex(k, d->wanted != NULL ? d->wanted->value : NULL, d->got, cl_tpm_hash_size(alg));
    if (d->wanted == NULL) {
        cl_check_expected(k, "no more events");
    }
    if (d->event == SIZE_MAX) {
        cl_check_actual(k, "no more events");
        cl_check_why(k, "%s: the first %zu events are the expected ones, and then the log ends",
                     cl_tpm_alg_name(alg), d->matched);
        return;
    }
    name_event(c->policy->event_log, d->event, event, sizeof(event));
    cl_check_why(k, "%s: %s is the first of the register that differs from the expected events",
                 cl_tpm_alg_name(alg), event);
}

/* ---- one register ---- */

/* Of the banks that quote this register, the first that the log does not lead to; else the last. */
static enum cl_status replay_register(struct vtpm_ctx *c, uint32_t pcr, struct replayed *p,
                                      bool *ret_good, struct cl_err *err)
{
    const struct cl_tpm_selection *s = &c->ev->quote.selection;
    bool good = true;
    for (size_t b = 0; b < s->bank_count && good; b++) {
        if ((s->bank[b].mask >> pcr & 1u) != 0) {
            CL_TRY(replay(c, s->bank[b].alg, pcr, p, err));
            good = is_silent(p) || (p->value != NULL && p->r.equal);
        }
    }
    *ret_good = good;
    return CL_OK;
}

/* A register that the quote does not cover has no check of its own, unless events are expected. */
static void check_unquoted(struct vtpm_ctx *c, uint32_t pcr)
{
    for (size_t i = 0; i < c->policy->event_count; i++) {
        if (c->policy->events[i].index == pcr) {
            struct cl_check *k = cl_verdict_check(c->result, ids[pcr], /* good= */ false);
            cl_check_expected(k, "a quoted value, for its events are listed");
            cl_check_actual(k, "none");
            return;
        }
    }
}

/* The first bank whose events are listed and are others, or are not quoted. */
static bool find_difference(const struct vtpm_ctx *c, uint32_t pcr, uint16_t *ret_alg,
                            struct difference *d)
{
    for (size_t i = 0; i < c->policy->event_count; i++) {
        const struct cl_tpm_pcr_value *v = &c->policy->events[i];
        *ret_alg = v->alg;
        if (v->index == pcr &&
            (vtpm_quoted(c, v->alg, pcr) == NULL || !has_listed(c->policy, v->alg, pcr, d))) {
            return true;
        }
    }
    return false;
}

static enum cl_status check_register(struct vtpm_ctx *c, uint32_t pcr, struct cl_err *err)
{
    struct replayed p = {0};
    struct difference d = {0};
    uint16_t alg = 0;
    bool good = false;
    CL_TRY(replay_register(c, pcr, &p, &good, err));
    if (p.alg == 0) {
        check_unquoted(c, pcr);
        return CL_OK;
    }
    bool differs = good && find_difference(c, pcr, &alg, &d);
    struct cl_check *k = cl_verdict_check(c->result, ids[pcr], good && !differs);
    cl_check_hex(k, p.value, p.r.value, cl_tpm_hash_size(p.alg));
    if (differs && vtpm_quoted(c, alg, pcr) == NULL) {
        cl_check_why(k, "%s: events are listed, and this bank is not quoted", cl_tpm_alg_name(alg));
    } else if (differs) {
        explain_difference(c, alg, &d, k);
    } else if (!good) {
        explain_mismatch(c, &p, k);
    } else if (is_silent(&p)) {
        k->warning = true;
        cl_check_why(k,
                     "the log does not speak of this register, which the running system extends");
    } else {
        cl_check_why(k, "%zu events", p.r.extended);
        return explain_value(c, &p, k, err);
    }
    return CL_OK;
}

/* Every quoted bank: with the others alone a log could be made that leads to some of them only. */
static bool check_banks(struct vtpm_ctx *c)
{
    const struct cl_tpm_selection *quoted = &c->ev->quote.selection;
    const struct cl_tpm_selection *have = cl_tpm_event_log_banks(c->policy->event_log);
    const char *missing = NULL;
    char text[64] = "";
    size_t at = 0;
    for (size_t i = 0; i < have->bank_count; i++) {
        int n = snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? ", " : "",
                         cl_tpm_alg_name(have->bank[i].alg));
        at += n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < quoted->bank_count && missing == NULL; i++) {
        bool found = quoted->bank[i].mask == 0;
        for (size_t j = 0; j < have->bank_count; j++) {
            found = found || have->bank[j].alg == quoted->bank[i].alg;
        }
        missing = found ? NULL : cl_tpm_alg_name(quoted->bank[i].alg);
    }
    struct cl_check *k = cl_verdict_check(c->result, "tpm.event_log", missing == NULL);
    cl_check_expected(k, "a log of each quoted bank%s%s", missing != NULL ? ", " : "",
                      missing != NULL ? missing : "");
    cl_check_actual(k, "%s", text);
    cl_check_why(k, "%zu events, started from locality %u",
                 cl_tpm_event_log_count(c->policy->event_log),
                 (unsigned)cl_tpm_event_log_locality(c->policy->event_log));
    return missing == NULL;
}

enum cl_status vtpm_check_event_log(struct vtpm_ctx *c, struct cl_err *err)
{
    if (c->policy->event_log == NULL && c->policy->event_count > 0) {
        struct cl_check *k = cl_verdict_check(c->result, "tpm.event_log", /* good= */ false);
        cl_check_expected(k, "an event log, for events are listed");
        cl_check_actual(k, "none");
        return CL_OK;
    }
    if (c->policy->event_log == NULL) {
        cl_verdict_skip(c->result, "tpm.event_log", "no event log was given");
        return CL_OK;
    }
    if (c->ev->quote.type != CL_TPM_ST_QUOTE) {
        cl_verdict_cannot(c->result, "tpm.event_log", "this is no quote");
        return CL_OK;
    }
    if (!check_banks(c)) {
        return CL_OK;
    }
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        CL_TRY(check_register(c, i, err));
    }
    return CL_OK;
}
