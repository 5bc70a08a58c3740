/* SPDX-License-Identifier: Apache-2.0
 * vtpm_checks.c - the named checks of runtime data, attestation key and quote.
 * Trust: the evidence is hostile, the policy is the caller's. Threads: pure. Memory: the result.
 * Spec: tdx.md e.1 "Steps" and e.2; kbs-protocol.md 13 "Checks" and 6 "Init-data binding".
 */
#include "tpm/vtpm_internal.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>

#define INITDATA_PCR 8u

/* ---- the paravisor's report ---- */

static void check_binding(struct vtpm_ctx *c)
{
    uint8_t want[64];
    bool bound = false;
    if (c->report_data == NULL) {
        cl_verdict_cannot(c->result, "hcl.binding",
                          "there is no hardware report that could bind it");
        return;
    }
    if (cl_hcl_report_binding(&c->ev->hcl, c->report_data, want, &bound, NULL) != CL_OK) {
        cl_verdict_cannot(c->result, "hcl.binding", "the digest could not be computed");
        return;
    }
    struct cl_check *k = cl_verdict_check(c->result, "hcl.binding", bound);
    cl_check_hex(k, want, c->report_data, 64);
    cl_check_why(k, "REPORT_DATA of the hardware report is the %s of the runtime data, then zeros",
                 cl_tpm_alg_name(c->ev->hcl.hash));
}

/* The TDREPORT in the paravisor's report is the one that the quote was made of. Alone it proves
 * nothing: its MAC can be checked on its own platform only. So the MAC, CPUSVN and what else no
 * quote carries decide nothing here. */
static void check_tdreport(struct vtpm_ctx *c)
{
    const struct cl_tdx_td *quoted = cl_tdx_quote_td(c->ev->tdx);
    struct cl_tdx_td td;
    bool tdx15 = false;
    struct cl_err err = {0};
    size_t n =
        cl_tdx_quote_is_tdx15(c->ev->tdx) ? sizeof(td) : offsetof(struct cl_tdx_td, tee_tcb_svn2);
    bool read =
        cl_tdx_report_decode(c->ev->hcl.hardware, CL_HCL_TDREPORT_SIZE, &td, &tdx15, &err) == CL_OK;
    bool same = read && memcmp(&td, quoted, n) == 0; /* public values */
    struct cl_check *k = cl_verdict_check(c->result, "hcl.tdreport", same);
    cl_check_expected(k, "the report that the quote was made of");
    cl_check_actual(k, "%s", same ? "the same" : read ? "another one" : err.msg);
}

void vtpm_check_hcl(struct vtpm_ctx *c)
{
    struct cl_err err = {0};
    if (c->ev->tdx != NULL) {
        check_tdreport(c);
    }
    check_binding(c);
    c->hcl_good =
        cl_hcl_claims_parse(c->ev->hcl.runtime, c->ev->hcl.runtime_len, &c->hcl, &err) == CL_OK;
    struct cl_check *k = cl_verdict_check(c->result, "hcl.runtime_data", c->hcl_good);
    cl_check_expected(k, "JSON with one key HCLAkPub, RSA of 2048 to 4096 bits");
    cl_check_actual(k, "%s", c->hcl_good ? "the same" : err.msg);
    c->ak = c->hcl.ak;
}

/* Version 2: the guest had the paravisor put its data among the runtime data. */
static void check_user_data(struct vtpm_ctx *c)
{
    const struct cl_vtpm_policy *p = c->policy;
    if (c->ev->parts.version < 2 && !p->require_user_data) {
        cl_verdict_skip(c->result, "hcl.user_data", "evidence before version 2 does not bind it");
        return;
    }
    if (p->nonce == NULL) {
        cl_verdict_skip(c->result, "hcl.user_data", "no expected value was given");
        return;
    }
    size_t n = p->nonce_len < CL_HCL_USER_DATA_SIZE ? p->nonce_len : CL_HCL_USER_DATA_SIZE;
    bool good = c->hcl.has_user_data && memcmp(c->hcl.user_data, p->nonce, n) == 0; /* public */
    struct cl_check *k = cl_verdict_check(c->result, "hcl.user_data", good);
    cl_check_hex(k, p->nonce, c->hcl.user_data, n);
    if (!c->hcl.has_user_data) {
        cl_check_actual(k, "no user-data");
    }
}

void vtpm_check_hcl_policy(struct vtpm_ctx *c)
{
    check_user_data(c);
    if (!c->policy->require_secure_boot) {
        cl_verdict_skip(c->result, "hcl.secure_boot", "not asked for");
        return;
    }
    struct cl_check *k =
        cl_verdict_check(c->result, "hcl.secure_boot", c->hcl.secure_boot == CL_YES);
    cl_check_expected(k, "on");
    cl_check_actual(k, "%s",
                    c->hcl.secure_boot == CL_YES  ? "on"
                    : c->hcl.secure_boot == CL_NO ? "off"
                                                  : "not said");
}

/* ---- the attestation key of a generic TPM ---- */

/* A restricted signing key that was made in this TPM signs nothing that looks like a quote and is
 * none (Part 1, 31.5): without that, magic and type prove nothing. */
static void check_attributes(struct vtpm_ctx *c)
{
    const struct cl_tpm_public *a = &c->ev->area;
    const uint32_t must = CL_TPM_ATTR_FIXED_TPM | CL_TPM_ATTR_FIXED_PARENT |
                          CL_TPM_ATTR_SENSITIVE_DATA_ORIGIN | CL_TPM_ATTR_RESTRICTED |
                          CL_TPM_ATTR_SIGN;
    if (a->key == NULL) {
        cl_verdict_skip(
            c->result, "tpm.ak.attributes",
            "the evidence has no public area: who trusts the key vouches that it is restricted");
        return;
    }
    bool same = EVP_PKEY_eq(a->key, c->ak) == 1;
    bool scheme = a->scheme == c->ev->signature.scheme && a->scheme_hash == c->ev->signature.hash;
    bool good = (a->attributes & must) == must && (a->attributes & CL_TPM_ATTR_DECRYPT) == 0;
    struct cl_check *k = cl_verdict_check(c->result, "tpm.ak.attributes", same && good && scheme);
    cl_check_expected(k,
                      "the same key; fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign, "
                      "no decrypt; the signature's scheme");
    cl_check_actual(k, "%s key, attributes 0x%08x, scheme %s with %s",
                    same ? "the same" : "another", (unsigned)a->attributes,
                    cl_tpm_alg_name(a->scheme), cl_tpm_alg_name(a->scheme_hash));
}

static bool ak_is(const struct vtpm_ctx *c, const struct cl_tpm_ak_id *id,
                  const uint8_t digest[static CL_SHA256_SIZE])
{
    if (id->len == CL_SHA256_SIZE) {
        return memcmp(id->id, digest, CL_SHA256_SIZE) == 0; /* public values */
    }
    const struct cl_tpm_public *a = &c->ev->area;
    return a->key != NULL && id->len == a->name_len && memcmp(id->id, a->name, id->len) == 0 &&
           EVP_PKEY_eq(a->key, c->ak) == 1;
}

void vtpm_check_ak(struct vtpm_ctx *c)
{
    const struct cl_vtpm_policy *p = c->policy;
    uint8_t digest[CL_SHA256_SIZE];
    bool found = false;
    c->ak = c->ev->ak;
    check_attributes(c);
    if (p->ak_count == 0) {
        cl_verdict_cannot(c->result, "tpm.ak.trusted",
                          "no attestation key was given to trust: anybody's key can sign a quote");
        return;
    }
    if (cl_tpm_key_digest(c->ak, digest, NULL) != CL_OK) {
        cl_verdict_cannot(c->result, "tpm.ak.trusted", "the key's digest could not be computed");
        return;
    }
    for (size_t i = 0; i < p->ak_count; i++) {
        found = found || ak_is(c, &p->aks[i], digest);
    }
    struct cl_check *k = cl_verdict_check(c->result, "tpm.ak.trusted", found);
    cl_check_hex(k, found ? digest : p->aks[0].id, digest, CL_SHA256_SIZE);
    cl_check_why(k, "%zu keys are trusted; this one by the SHA-256 of its SubjectPublicKeyInfo",
                 p->ak_count);
}

/* ---- the quote ---- */

static void check_signature(struct vtpm_ctx *c)
{
    const struct cl_tpm_signature *s = &c->ev->signature;
    const struct cl_buf *message = &c->ev->parts.message;
    const char *why = NULL;
    if (c->ak == NULL) {
        cl_verdict_cannot(c->result, "tpm.signature", "there is no attestation key");
        return;
    }
    bool good = cl_tpm_signature_verify(s, c->ak, message->data, message->len, &why);
    struct cl_check *k = cl_verdict_check(c->result, "tpm.signature", good);
    cl_check_expected(k, "%s with %s by the attestation key over the quote",
                      cl_tpm_alg_name(s->scheme), cl_tpm_alg_name(s->hash));
    cl_check_actual(k, "%s", good ? "the same" : why);
}

/* "sha256:ffffff sha1:000017": banks with their masks. */
static void describe(const struct cl_tpm_selection *s, char *dst, size_t size)
{
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < s->bank_count && at < size; i++) {
        int n = snprintf(dst + at, size - at, "%s%s:%06x", i > 0 ? " " : "",
                         cl_tpm_alg_name(s->bank[i].alg), (unsigned)s->bank[i].mask);
        at += n > 0 ? (size_t)n : 0;
    }
}

static void check_pcr_digest(struct vtpm_ctx *c)
{
    const struct cl_tpm_quote *q = &c->ev->quote;
    uint8_t want[CL_TPM_DIGEST_MAX];
    struct cl_err err = {0};
    uint32_t any = 0;
    char banks[100];
    for (size_t i = 0; i < q->selection.bank_count; i++) {
        any |= q->selection.bank[i].mask;
    }
    describe(&q->selection, banks, sizeof(banks));
    struct cl_check *k = cl_verdict_check(c->result, "tpm.pcr.selection", any != 0);
    cl_check_expected(k, "at least one register");
    cl_check_actual(k, "%s", any != 0 ? banks : "none");

    /* Part 3, 18.4: by the hash of the signature's scheme. */
    uint16_t hash = c->ev->signature.hash;
    bool made = cl_tpm_pcrs_digest(&c->ev->parts.pcrs, &q->selection, hash, want, &err) == CL_OK;
    bool good = made && q->pcr_digest_len == cl_tpm_hash_size(hash) &&
                memcmp(want, q->pcr_digest, q->pcr_digest_len) == 0; /* public values */
    k = cl_verdict_check(c->result, "tpm.pcr.digest", good);
    if (made) {
        cl_check_hex(k, want, q->pcr_digest, q->pcr_digest_len);
        cl_check_why(k, "the given values of the registers, beside what was quoted");
    } else {
        cl_check_expected(k, "a value for each quoted register");
        cl_check_actual(k, "%s", err.msg);
    }
}

void vtpm_check_quote(struct vtpm_ctx *c)
{
    const struct cl_tpm_quote *q = &c->ev->quote;
    struct cl_check *k = cl_verdict_check(c->result, "tpm.quote.magic", q->magic == CL_TPM_MAGIC);
    cl_check_expected(k, "0x%08x (made by the TPM)", CL_TPM_MAGIC);
    cl_check_actual(k, "0x%08x", (unsigned)q->magic);
    k = cl_verdict_check(c->result, "tpm.quote.type", q->type == CL_TPM_ST_QUOTE);
    cl_check_expected(k, "0x%04x (a quote)", CL_TPM_ST_QUOTE);
    cl_check_actual(k, "0x%04x", (unsigned)q->type);
    check_signature(c);
    if (q->type != CL_TPM_ST_QUOTE) {
        cl_verdict_cannot(c->result, "tpm.pcr.selection", "this is no quote");
        cl_verdict_cannot(c->result, "tpm.pcr.digest", "this is no quote");
        return;
    }
    check_pcr_digest(c);
}

/* ---- what the policy says of the quote ---- */

static void check_nonce(struct vtpm_ctx *c)
{
    const struct cl_tpm_quote *q = &c->ev->quote;
    const struct cl_vtpm_policy *p = c->policy;
    if (p->nonce == NULL) {
        cl_verdict_skip(c->result, "tpm.quote.nonce", "no expected value was given");
        return;
    }
    bool good = q->extra_data_len == p->nonce_len &&
                memcmp(q->extra_data, p->nonce, p->nonce_len) == 0; /* public values */
    struct cl_check *k = cl_verdict_check(c->result, "tpm.quote.nonce", good);
    cl_check_hex(k, p->nonce, NULL, p->nonce_len);
    cl_check_hex(k, NULL, q->extra_data, q->extra_data_len);
    if (q->extra_data_len != p->nonce_len) {
        cl_check_why(k, "expected %zu bytes, got %zu", p->nonce_len, q->extra_data_len);
    }
}

static void check_required(struct vtpm_ctx *c)
{
    const struct cl_tpm_selection *want = &c->policy->required;
    bool good = true;
    char text[100];
    if (want->bank_count == 0) {
        cl_verdict_skip(c->result, "tpm.pcr.required", "no registers were demanded");
        return;
    }
    for (size_t b = 0; b < want->bank_count; b++) {
        for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
            good = good && ((want->bank[b].mask >> i & 1u) == 0 ||
                            cl_tpm_selection_has(&c->ev->quote.selection, want->bank[b].alg, i));
        }
    }
    struct cl_check *k = cl_verdict_check(c->result, "tpm.pcr.required", good);
    describe(want, text, sizeof(text));
    cl_check_expected(k, "at least %s", text);
    describe(&c->ev->quote.selection, text, sizeof(text));
    cl_check_actual(k, "%s", text);
}

const uint8_t *vtpm_quoted(const struct vtpm_ctx *c, uint16_t alg, uint32_t index)
{
    return cl_tpm_selection_has(&c->ev->quote.selection, alg, index)
               ? cl_tpm_pcrs_get(&c->ev->parts.pcrs, alg, index)
               : NULL;
}

/* Does the register hold one of the values that are listed for it? */
static bool holds_listed(const struct vtpm_ctx *c, const struct cl_tpm_pcr_value *v)
{
    const uint8_t *got = vtpm_quoted(c, v->alg, v->index);
    bool found = false;
    for (size_t i = 0; got != NULL && i < c->policy->pcr_count; i++) {
        const struct cl_tpm_pcr_value *w = &c->policy->pcrs[i];
        found = found || (w->alg == v->alg && w->index == v->index &&
                          memcmp(got, w->value, cl_tpm_hash_size(w->alg)) == 0);
    }
    return found;
}

static bool check_values(struct vtpm_ctx *c)
{
    const struct cl_vtpm_policy *p = c->policy;
    size_t wrong = 0, wrong_count = 0;
    if (p->pcr_count == 0) {
        const char *why = "no trusted values of registers were given: what booted is not known";
        if (p->authenticity_only) {
            cl_verdict_skip(c->result, "tpm.pcr.values", why);
        } else {
            cl_verdict_cannot(c->result, "tpm.pcr.values", why);
        }
        return false;
    }
    for (size_t i = 0; i < p->pcr_count; i++) {
        if (!holds_listed(c, &p->pcrs[i])) {
            wrong = wrong_count++ == 0 ? i : wrong;
        }
    }
    struct cl_check *k = cl_verdict_check(c->result, "tpm.pcr.values", wrong_count == 0);
    const struct cl_tpm_pcr_value *shown = &p->pcrs[wrong];
    const uint8_t *got = vtpm_quoted(c, shown->alg, shown->index);
    cl_check_hex(k, wrong_count != 0 ? shown->value : got, got, cl_tpm_hash_size(shown->alg));
    if (got == NULL) {
        cl_check_actual(k, "no value that is quoted");
    }
    cl_check_why(k, "%s:%u; %zu of %zu values are of registers that hold none of theirs",
                 cl_tpm_alg_name(shown->alg), (unsigned)shown->index, wrong_count, p->pcr_count);
    return true;
}

/* kbs-protocol.md 6: PCR 8 extended once, from zero, with the digest. */
static void check_initdata(struct vtpm_ctx *c)
{
    uint8_t text[2 * CL_SHA256_SIZE] = {0}, want[CL_SHA256_SIZE];
    if (c->policy->initdata_digest == NULL) {
        cl_verdict_skip(c->result, "tpm.pcr.initdata", "no initdata was given");
        return;
    }
    const uint8_t *got = vtpm_quoted(c, CL_TPM_ALG_SHA256, INITDATA_PCR);
    memcpy(text + CL_SHA256_SIZE, c->policy->initdata_digest, CL_SHA256_SIZE);
    if (cl_sha256(want, text, sizeof(text), NULL) != CL_OK) {
        cl_verdict_cannot(c->result, "tpm.pcr.initdata", "the digest could not be computed");
        return;
    }
    struct cl_check *k = cl_verdict_check(c->result, "tpm.pcr.initdata",
                                          got != NULL && memcmp(got, want, sizeof(want)) == 0);
    cl_check_hex(k, want, got, sizeof(want));
    if (got == NULL) {
        cl_check_actual(k, "no value that is quoted");
    }
    cl_check_why(k, "sha256:%u, extended once with the digest of initdata", INITDATA_PCR);
}

bool vtpm_check_quote_policy(struct vtpm_ctx *c)
{
    check_nonce(c);
    check_required(c);
    bool compared = check_values(c);
    check_initdata(c);
    return compared;
}
