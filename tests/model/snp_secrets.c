/* SPDX-License-Identifier: Apache-2.0
 * snp_secrets.c - the secrets page, which the firmware fills in (snp.md e.5).
 */
#include "internal.h"

#include <string.h>

void model_secrets_fill(struct model_vm *vm, uint8_t page[static MODEL_PAGE])
{
    memset(page, 0, MODEL_PAGE);
    model_put_le(page, 4, 3);                /* version: at least 2 */
    model_put_le(page + 0x008, 4, 0x800F12); /* FMS */
    memcpy(page + 0x010, vm->gosvw, sizeof(vm->gosvw));
    model_random(vm->m, vm->vmpck[0], sizeof(vm->vmpck));
    memcpy(page + 0x020, vm->vmpck, sizeof(vm->vmpck));
}
