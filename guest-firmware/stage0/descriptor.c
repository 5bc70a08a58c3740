/* SPDX-License-Identifier: Apache-2.0
 * descriptor.c - the payload descriptor (docs/interfaces.md, I-1.2). Trust: every byte is the
 * VMM's; the caller has already copied the page.
 */
#include "stage0.h"

#include <string.h>

/* What one blob may be, and the reasons to refuse it. */
struct blob_rule {
    uint64_t size_min;
    uint64_t size_max;
    enum stage0_reason bad_size;
    enum stage0_reason bad_align;
    enum stage0_reason bad_window;
};

static const struct blob_rule kernel_rule = {1, STAGE0_KERNEL_SIZE_MAX, STAGE0_R_KERNEL_SIZE,
                                             STAGE0_R_KERNEL_ALIGN, STAGE0_R_KERNEL_WINDOW};
static const struct blob_rule initrd_rule = {0, STAGE0_INITRD_SIZE_MAX, STAGE0_R_INITRD_SIZE,
                                             STAGE0_R_INITRD_ALIGN, STAGE0_R_INITRD_WINDOW};
static const struct blob_rule cmdline_rule = {1, STAGE0_CMDLINE_SIZE_MAX, STAGE0_R_CMDLINE_SIZE,
                                              STAGE0_R_CMDLINE_ALIGN, STAGE0_R_CMDLINE_WINDOW};

static enum stage0_reason check_size(const struct s0_blob *blob, const struct blob_rule *rule)
{
    return blob->size < rule->size_min || blob->size > rule->size_max ? rule->bad_size
                                                                      : STAGE0_R_OK;
}

static enum stage0_reason check_blob(const struct s0_blob *blob, const struct blob_rule *rule)
{
    if (blob->size == 0) {
        return STAGE0_R_OK;
    }
    if (blob->gpa % STAGE0_PAGE_SIZE != 0) {
        return rule->bad_align;
    }
    if (blob->gpa < STAGE0_WINDOW_GPA + STAGE0_DESC_SIZE || blob->gpa >= STAGE0_WINDOW_END ||
        blob->size > STAGE0_WINDOW_END - blob->gpa) {
        return rule->bad_window;
    }
    return STAGE0_R_OK;
}

/* Both lie in the window, so the sums cannot wrap. */
static bool overlap(const struct s0_blob *a, const struct s0_blob *b)
{
    return a->size != 0 && b->size != 0 && a->gpa < b->gpa + b->size && b->gpa < a->gpa + a->size;
}

static enum stage0_reason check_machine(const struct s0_payload *p)
{
    if (p->cpu_count < 1 || p->cpu_count > STAGE0_CPU_MAX) {
        return STAGE0_R_DESC_CPU_COUNT;
    }
    if (p->ram_size < STAGE0_RAM_MIN || p->ram_size > STAGE0_RAM_MAX) {
        return STAGE0_R_DESC_RAM_SIZE;
    }
    if (p->ram_size % STAGE0_RAM_UNIT != 0) {
        return STAGE0_R_DESC_RAM_UNIT;
    }
    return STAGE0_R_OK;
}

static enum stage0_reason check_blobs(const struct s0_payload *p)
{
    enum stage0_reason reason = check_blob(&p->kernel, &kernel_rule);
    if (reason == STAGE0_R_OK) {
        reason = check_blob(&p->initrd, &initrd_rule);
    }
    if (reason == STAGE0_R_OK) {
        reason = check_blob(&p->cmdline, &cmdline_rule);
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    if (overlap(&p->kernel, &p->initrd) || overlap(&p->kernel, &p->cmdline) ||
        overlap(&p->initrd, &p->cmdline)) {
        return STAGE0_R_BLOBS_OVERLAP;
    }
    return STAGE0_R_OK;
}

enum stage0_reason s0_payload_check(const struct s0_payload *payload)
{
    enum stage0_reason reason = check_machine(payload);
    if (reason == STAGE0_R_OK) {
        reason = check_size(&payload->kernel, &kernel_rule);
    }
    if (reason == STAGE0_R_OK) {
        reason = check_size(&payload->initrd, &initrd_rule);
    }
    return reason == STAGE0_R_OK ? check_size(&payload->cmdline, &cmdline_rule) : reason;
}

enum stage0_reason s0_payload_parse(const uint8_t desc[static STAGE0_DESC_SIZE],
                                    struct s0_payload *ret_payload)
{
    struct cl_reader r = cl_reader_init(desc, STAGE0_DESC_SIZE);
    struct s0_payload p = {0};
    const uint8_t *magic = cl_reader_bytes(&r, STAGE0_DESC_MAGIC_SIZE, "magic");
    uint32_t version = cl_reader_le32(&r, "version");
    p.cpu_count = cl_reader_le32(&r, "cpu_count");
    p.ram_size = cl_reader_le64(&r, "ram_size");
    p.kernel.gpa = cl_reader_le64(&r, "kernel_gpa");
    p.kernel.size = cl_reader_le64(&r, "kernel_size");
    p.initrd.gpa = cl_reader_le64(&r, "initrd_gpa");
    p.initrd.size = cl_reader_le64(&r, "initrd_size");
    p.cmdline.gpa = cl_reader_le64(&r, "cmdline_gpa");
    p.cmdline.size = cl_reader_le64(&r, "cmdline_size");
    if (r.failed != NULL || r.pos != STAGE0_DESC_OFF_ZERO) {
        return STAGE0_R_INTERNAL;
    }
    if (memcmp(magic, STAGE0_DESC_MAGIC, STAGE0_DESC_MAGIC_SIZE) != 0) {
        return STAGE0_R_DESC_MAGIC;
    }
    if (version != STAGE0_DESC_VERSION) {
        return STAGE0_R_DESC_VERSION;
    }
    if (!s0_all_zero(desc + STAGE0_DESC_OFF_ZERO, STAGE0_DESC_SIZE - STAGE0_DESC_OFF_ZERO)) {
        return STAGE0_R_DESC_NOT_ZERO;
    }
    enum stage0_reason reason = s0_payload_check(&p);
    if (reason == STAGE0_R_OK) {
        reason = check_blobs(&p);
    }
    if (reason == STAGE0_R_OK) {
        *ret_payload = p;
    }
    return reason;
}
