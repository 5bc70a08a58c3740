/* SPDX-License-Identifier: Apache-2.0
 * pki.h - the keys and certificates of the simulated processor of this machine: ARK, ASK, VCEK.
 * Trust: the state directory is ours (mode 0700). The keys protect nothing but the tests' meaning.
 * Threads: none; several processes may start at once, a lock file orders them.
 * Memory: one key, three certificates.
 */
#ifndef CL_SIM_PSP_PKI_H
#define CL_SIM_PSP_PKI_H

#include "base/buf.h"
#include "cloister/snp_report.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define PSP_CHIP_ID_SIZE 64u

struct psp_pki {
    struct cl_buf ark_der, ask_der, vcek_der;
    uint8_t chip_id[PSP_CHIP_ID_SIZE];
    EVP_PKEY *vcek_key; /* P-384 */
};

/* The TCB that this processor claims to run; the certificate carries the same. */
extern const struct cl_snp_tcb psp_tcb;

/* Loads the PKI in dir, making directory and PKI first when they are not there. Nothing
 * half-made is ever loaded: vcek.der is written last. */
CL_NODISCARD enum cl_status psp_pki_open(struct psp_pki *ret_pki, const char *dir,
                                         struct cl_err *err);
void psp_pki_done(struct psp_pki *pki); /* zeroed is fine */

/* SHA-384 of the root's public key: what a broker is told to accept as class sim-snp. */
CL_NODISCARD enum cl_status psp_pki_root(const struct psp_pki *pki, uint8_t ret[static 48],
                                         struct cl_err *err);

/* pki_make.c: makes all files in dir, which is locked and holds no vcek.der. */
CL_NODISCARD enum cl_status psp_pki_make(const char *dir, struct cl_err *err);

/* One AMD extension of the VCEK: the tail of its OID, and its value as it stands in the
 * certificate. */
struct psp_extension {
    const char *tail;
    uint8_t value[PSP_CHIP_ID_SIZE];
    size_t len;
};
#define PSP_EXTENSION_COUNT 11u
void psp_pki_extensions(const uint8_t chip_id[static PSP_CHIP_ID_SIZE],
                        struct psp_extension ret[static PSP_EXTENSION_COUNT]);
#define PSP_AMD_ARC "1.3.6.1.4.1.3704.1."

#define PSP_PATH_SIZE 1024u
CL_NODISCARD enum cl_status psp_path(char ret[static PSP_PATH_SIZE], const char *dir,
                                     const char *name, struct cl_err *err);

#endif
