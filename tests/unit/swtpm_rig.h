/* SPDX-License-Identifier: Apache-2.0
 * swtpm_rig.h - one TPM in software, in a folder and a process of its own, and what Azure's
 * paravisor keeps in one.
 */
#ifndef CL_TEST_SWTPM_RIG_H
#define CL_TEST_SWTPM_RIG_H

#include "base/buf.h"

#include <stdbool.h>
#include <tss2/tss2_esys.h>

bool swtpm_have(void); /* false, and says so, where there is no swtpm */
void swtpm_start(void);
void swtpm_stop(void);
TSS2_TCTI_CONTEXT *swtpm_tcti(void);

/* A key at Azure's handle; its modulus goes into the runtime data. */
void swtpm_azure_key(ESYS_CONTEXT *esys, uint8_t ret_n[static 256]);
/* Makes an NV index of that size, readable by the owner, with that in it. */
void swtpm_write_nv(ESYS_CONTEXT *esys, TPM2_HANDLE index, const struct cl_buf *data);

#endif
