/* SPDX-License-Identifier: Apache-2.0
 * guest_snp_entry.c - what an SNP guest hands to Linux beside what every guest does: the CC blob
 * with the secrets and CPUID pages (snp.md e.7; guest-boot.md 1.3).
 */
#include "guest_internal.h"

#include <string.h>

#define CC_MAGIC 0x45444D41u

/* snp.md e.7: magic, secrets and CPUID pages, each a launch page that E820 holds back. */
static void check_cc_blob(struct guest_cpu *c, uint64_t gpa, const struct guest_map *map)
{
    uint8_t blob[40];
    if (!guest_mapped_private(c, gpa, sizeof(blob), "entry.cc_blob") ||
        !guest_copy(c, gpa, blob, sizeof(blob), false)) {
        return;
    }
    uint64_t secrets = model_le(blob + 8, 8), cpuid = model_le(blob + 24, 8);
    if (model_le(blob, 4) != CC_MAGIC || model_le(blob + 16, 4) < MODEL_PAGE ||
        model_le(blob + 32, 4) < MODEL_PAGE) {
        guest_object(c->guest, "entry.cc_blob", "magic or lengths");
    }
    bool found_secrets = false, found_cpuid = false;
    const struct model_measured *pages;
    size_t n = model_trace(c->vcpu->vm, &pages);
    for (size_t i = 0; i < n; i++) {
        found_secrets =
            found_secrets || (pages[i].type == MU_PAGE_SECRETS && pages[i].gpa == secrets);
        found_cpuid = found_cpuid || (pages[i].type == MU_PAGE_CPUID && pages[i].gpa == cpuid);
    }
    if (!found_secrets || guest_is_ram(map, secrets)) {
        guest_object(c->guest, "entry.secrets", "secrets page at %#lx", (unsigned long)secrets);
    }
    const uint8_t *table = model_private(c->vcpu->vm, cpuid);
    if (found_cpuid && (table == NULL ||                                            /* public */
                        memcmp(table, c->vcpu->vm->cpuid_page, MODEL_PAGE) != 0)) { /* public */
        guest_object(c->guest, "entry.cpuid_changed", "the CPUID page is not as launched");
    }
    if (!found_cpuid || guest_is_ram(map, cpuid)) {
        guest_object(c->guest, "entry.cpuid", "CPUID page at %#lx", (unsigned long)cpuid);
    }
}

void guest_snp_check_entry(struct guest_cpu *c, const uint8_t *bp, const struct guest_map *map,
                           const struct guest_acpi *acpi)
{
    uint64_t blob = 0;
    unsigned blobs = guest_setup_blobs(c, bp, &blob);
    (void)acpi;
    if (blobs != 1) {
        guest_object(c->guest, "entry.cc_blob", "%u CC blobs", blobs);
    }
    if (blobs > 0) {
        check_cc_blob(c, blob, map);
    }
}
