/* SPDX-License-Identifier: Apache-2.0
 * parse.c - facts out of the texts of a host.
 * Trust: hostile text: bounded, and what is not understood changes nothing, so that it stays
 *        unknown. Spec: AMD APM E.4.17 (CPUID 0x8000001F), snp.md d.1, d.5, tdx.md c.
 */
#include "hostcheck_internal.h"

#include "tee/kvm_coco.h"

#include "base/bytes.h"
#include "base/encode.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

#define MAX_LINE 256u
#define MAX_WORDS 8u

/* Words of the next line in `line`; false at the end. A line that is too long has no words. */
static bool next_line(const char **p, const char *end, char line[static MAX_LINE],
                      const char *word[static MAX_WORDS], size_t *ret_words)
{
    if (*p >= end) {
        return false;
    }
    const char *stop = memchr(*p, '\n', (size_t)(end - *p));
    size_t n = (size_t)((stop != NULL ? stop : end) - *p);
    *ret_words = 0;
    if (n < MAX_LINE && memchr(*p, '\0', n) == NULL) {
        char *save = NULL;
        memcpy(line, *p, n);
        line[n] = '\0';
        for (char *w = strtok_r(line, " \t\r", &save); w != NULL && *ret_words < MAX_WORDS;
             w = strtok_r(NULL, " \t\r", &save)) {
            word[(*ret_words)++] = w;
        }
    }
    *p = stop != NULL ? stop + 1 : end;
    return true;
}

static void cpuid_leaf(uint32_t leaf, const uint32_t reg[4], uint64_t *highest, struct hc_facts *f)
{
    if (leaf == 0) {
        for (size_t i = 0; i < 12; i++) { /* EBX, EDX, ECX */
            static const uint8_t order[] = {1, 3, 2};
            char c = (char)(reg[order[i / 4]] >> (8 * (i % 4)) & 0xff);
            f->vendor[i] = c >= ' ' && c <= '~' ? c : '?';
        }
    } else if (leaf == 1) {
        uint32_t family = reg[0] >> 8 & 0xf;
        f->cpu = (struct hc_number){true, reg[0]};
        f->family = family == 15 ? family + (reg[0] >> 20 & 0xff) : family;
        f->model = (reg[0] >> 4 & 0xf) | (family == 15 || family == 6 ? reg[0] >> 12 & 0xf0 : 0);
        f->virtual_machine = (reg[2] >> 31 & 1) != 0;
    } else if (leaf == 0x80000000u) {
        *highest = reg[0];
    } else if (leaf == 0x8000001Fu) {
        f->sev = (struct hc_number){true, reg[0]};
    }
}

void hc_parse_cpuid(const char *text, size_t len, struct hc_facts *f)
{
    char line[MAX_LINE];
    const char *word[MAX_WORDS];
    size_t words = 0;
    uint64_t highest = 0;
    const char *end = text + len;
    for (const char *p = text; next_line(&p, end, line, word, &words);) {
        uint64_t v[6] = {0};
        bool good = words == 6;
        for (size_t i = 0; good && i < 6; i++) {
            good = cl_hex_uint_parse(word[i], "cpuid", 8, &v[i], NULL) == CL_OK;
        }
        if (good && v[1] == 0) {
            const uint32_t reg[4] = {(uint32_t)v[2], (uint32_t)v[3], (uint32_t)v[4],
                                     (uint32_t)v[5]};
            cpuid_leaf((uint32_t)v[0], reg, &highest, f);
        }
    }
    if (!f->sev.known && highest >= 0x80000000u && highest < 0x8000001Fu) {
        f->sev = (struct hc_number){true, 0};
    }
}

static void kvm_cap(uint64_t cap, uint64_t value, struct hc_facts *f)
{
    struct hc_number *const at = cap == KC_CAP_EXIT_HYPERCALL      ? &f->exit_hypercall
                                 : cap == KC_CAP_USER_MEMORY2      ? &f->user_memory2
                                 : cap == KC_CAP_MEMORY_FAULT_INFO ? &f->memory_fault_info
                                 : cap == KC_CAP_MEMORY_ATTRIBUTES ? &f->memory_attributes
                                 : cap == KC_CAP_GUEST_MEMFD       ? &f->guest_memfd
                                 : cap == KC_CAP_VM_TYPES          ? &f->vm_types
                                                                   : NULL;
    if (at != NULL) {
        *at = (struct hc_number){true, value};
    }
}

void hc_parse_kvm(const char *text, size_t len, struct hc_facts *f)
{
    char line[MAX_LINE];
    const char *word[MAX_WORDS];
    size_t words = 0;
    const char *end = text + len;
    for (const char *p = text; next_line(&p, end, line, word, &words);) {
        uint64_t cap = 0;
        uint64_t value = 0;
        if (words == 2 && strcmp(word[0], "api") == 0 &&
            cl_uint_parse(word[1], "api", 0, UINT32_MAX, &value, NULL) == CL_OK) {
            f->kvm_api = (struct hc_number){true, value};
        } else if (words == 3 && strcmp(word[0], "cap") == 0 &&
                   cl_uint_parse(word[1], "cap", 0, UINT32_MAX, &cap, NULL) == CL_OK &&
                   cl_hex_uint_parse(word[2], "cap", 8, &value, NULL) == CL_OK) {
            kvm_cap(cap, value, f);
        }
    }
}

static void platform_status(const uint8_t raw[static 32], struct hc_firmware *ret)
{
    struct cl_reader r = cl_reader_init(raw, 32);
    struct hc_firmware fw = {.known = true};
    fw.api_major = cl_reader_u8(&r, "api_major");
    fw.api_minor = cl_reader_u8(&r, "api_minor");
    fw.state = cl_reader_u8(&r, "state");
    uint8_t flags = cl_reader_u8(&r, "flags");
    fw.rmp_initialized = (flags & 1u) != 0;
    fw.alias_check_complete = (flags & 2u) != 0;
    fw.build = cl_reader_le32(&r, "build");
    (void)cl_reader_le32(&r, "bits");
    (void)cl_reader_le32(&r, "guest_count");
    fw.current_tcb = cl_reader_le64(&r, "current_tcb");
    fw.reported_tcb = cl_reader_le64(&r, "reported_tcb");
    if (cl_reader_finish(&r, "SNP_PLATFORM_STATUS", NULL) == CL_OK) {
        *ret = fw;
    }
}

void hc_parse_sev(const char *text, size_t len, struct hc_facts *f)
{
    char line[MAX_LINE];
    const char *word[MAX_WORDS];
    size_t words = 0;
    const char *end = text + len;
    for (const char *p = text; next_line(&p, end, line, word, &words);) {
        uint8_t raw[32];
        if (words == 2 && strcmp(word[0], "snp_platform_status") == 0 &&
            strlen(word[1]) == 2 * sizeof(raw) &&
            cl_unhex(raw, sizeof(raw), word[1], "snp_platform_status", NULL) == CL_OK) {
            platform_status(raw, &f->firmware);
        }
    }
}

static bool has_word(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < len; i++) {
        bool starts = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
        if (starts && len - i >= n && memcmp(text + i, word, n) == 0 &&
            (i + n == len || text[i + n] == ' ' || text[i + n] == '\n')) {
            return true;
        }
    }
    return false;
}

/* The first processor's line of flags; without a whole one nothing is known. */
void hc_parse_cpuinfo(const char *text, size_t len, struct hc_facts *f)
{
    const char *end = text + len;
    for (const char *p = text; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (stop == NULL) {
            return;
        }
        size_t n = (size_t)(stop - p);
        if (n > 6 && memcmp(p, "flags\t", 6) == 0) {
            f->flag_sev_snp = has_word(p, n, "sev_snp") ? HC_PRESENT : HC_ABSENT;
            f->flag_tdx_host_platform =
                has_word(p, n, "tdx_host_platform") ? HC_PRESENT : HC_ABSENT;
            return;
        }
        p = stop + 1;
    }
}

void hc_parse_cmdline(const char *text, size_t len, struct hc_facts *f)
{
    static const char *const words[] = {"iommu=off", "iommu=pt", "amd_iommu=off",
                                        "iommu.passthrough=1"};
    f->cmdline_iommu.seen = HC_PRESENT;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(f->cmdline_iommu.text);
        if (has_word(text, len, words[i])) {
            (void)snprintf(f->cmdline_iommu.text + n, sizeof(f->cmdline_iommu.text) - n, "%s%s",
                           n > 0 ? " " : "", words[i]);
        }
    }
}

bool hc_parse_has_module(const char *text, size_t len, const char *name)
{
    char file[64];
    int n = snprintf(file, sizeof(file), "/%s.ko", name);
    return n > 0 && n < (int)sizeof(file) && len > 0 && memmem(text, len, file, (size_t)n) != NULL;
}
