/* SPDX-License-Identifier: Apache-2.0
 * broker_worlds.h - a guest of each kind of TEE for tests of the broker: evidence in Trustee's
 * JSON, bound to a challenge, out of the worlds of the library's tests; its reference value; and
 * the collateral that goes with it.
 */
#ifndef CL_TEST_BROKER_WORLDS_H
#define CL_TEST_BROKER_WORLDS_H

#include "snp_world.h"
#include "tdx_world.h"
#include "tpm_world.h"

#include <jansson.h>

enum bw_kind { BW_SNP, BW_TDX, BW_AZ_SNP, BW_AZ_TDX, BW_TPM, BW_KIND_COUNT };

struct bw_guest { /* change what a test asks for before evidence is made */
    enum bw_kind kind;
    const char *tee;
    const char *tee_class; /* of the reference, and of the evidence when all is well */
    uint8_t initdata[32];  /* SHA-256 of what the guest sends */
    struct cl_snp_report report;
    struct world_chain chain;
    struct tw td;
    uint8_t kernel_events[2]; /* fill bytes of the digests in RTMR1 */
    bool no_event_log, log_differs;
    uint8_t rtmr3[48];  /* what the running guest measured */
    bool rtmr0_unnamed; /* in the reference */
    bool rtmr3_named;
    enum tpm_world_key ak;
    uint8_t pcr4; /* fill byte of register 4 */
    bool wrong_nonce, wrong_initdata, wrong_user_data;
    void (*tamper)(json_t *evidence); /* NULL: none */
};

struct bw_collateral { /* what AMD and Intel would serve */
    struct world_chain chain;
    struct world_crl amd_crl;
    bool no_amd_crl;
    struct tw td;
    bool no_tcb_info;
    int64_t expires;
};

void bw_init(void); /* makes the keys, once */
void bw_guest_init(struct bw_guest *g, enum bw_kind kind, const char *initdata);
/* A cl_kbs evidence function; ctx is the guest. */
enum cl_status bw_evidence(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                           struct cl_err *err);
/* What its evidence is made of: a signed report with its certificates; the TD as it stands, and the
 * firmware's log of it. */
struct cl_snp_evidence *bw_snp(const struct bw_guest *g, const uint8_t report_data[64],
                               uint8_t ret_raw[static CL_SNP_REPORT_SIZE]);
const struct cl_tdx_td *bw_td(struct bw_guest *g, const uint8_t report_data[64]);
size_t bw_event_log(const struct bw_guest *g, uint8_t *raw, size_t size);
/* cloister.reference/1 of this guest, expiring at `expires`. */
void bw_reference(const struct bw_guest *g, const char *expires, struct cl_buf *out);

void bw_collateral_init(struct bw_collateral *c);
/* An unsigned bundle. */
void bw_bundle(const struct bw_collateral *c, struct cl_buf *out);

#endif
