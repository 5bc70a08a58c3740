/* SPDX-License-Identifier: Apache-2.0
 * report.h - SNP reports over the modelled state, signed by a test VCEK (snp.md a.1, a.6).
 */
#ifndef CL_MODEL_REPORT_H
#define CL_MODEL_REPORT_H

#include "model.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define MODEL_REPORT_SIZE 0x4A0u

/* A test PKI in AMD's form: its roots are nobody's, so nothing of production accepts them. */
struct model_chain {
    X509 *ark, *ask, *vcek;
    EVP_PKEY *vcek_key;
    uint8_t chip_id[64];
    uint8_t tcb[8];
};

/* Takes seconds: two RSA-4096 keys. False: OpenSSL failed. */
bool model_chain_make(struct model_chain *ret_chain);
void model_chain_done(struct model_chain *chain);

/* The chain's key signs this host's reports; borrowed for the model's life. */
void model_set_chain(struct model *m, const struct model_chain *chain);

/* A report of the VM as it was launched. False: no chain, VCEK disabled, not launched. */
bool model_report(const struct model_vm *vm, const uint8_t data[static 64], uint32_t vmpl,
                  uint8_t ret_report[static MODEL_REPORT_SIZE]);

#endif
