/* SPDX-License-Identifier: Apache-2.0
 * fuzz_hostcheck.c - the texts of a recorded host, one after the other behind NUL bytes: cpuid,
 * kvm, sev, /proc/cpuinfo, /proc/cmdline, modules.dep, release. Whatever they say, each check has
 * its words, and a class with an obstacle is not yes.
 */
#undef NDEBUG
#include "hostcheck_internal.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void modules(const char *text, size_t len, struct hc_facts *f)
{
    for (size_t i = 0; i < HC_POD_MODULES; i++) {
        f->pod_module[i] =
            hc_parse_has_module(text, len, hc_pod_modules[i]) ? HC_PRESENT : HC_ABSENT;
    }
}

static void release(const char *text, size_t len, struct hc_facts *f)
{
    size_t n = len < sizeof(f->kernel.text) - 1 ? len : sizeof(f->kernel.text) - 1;
    f->kernel.seen = HC_PRESENT;
    memcpy(f->kernel.text, text, n);
    f->kernel.text[n] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static void (*const parts[])(const char *, size_t, struct hc_facts *) = {
        hc_parse_cpuid,   hc_parse_kvm, hc_parse_sev, hc_parse_cpuinfo,
        hc_parse_cmdline, modules,      release};
    struct hc_facts f = {0};
    struct hc_report r;
    size_t at = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && at <= len; i++) {
        const uint8_t *stop = at < len ? memchr(data + at, '\0', len - at) : NULL;
        size_t n = stop != NULL ? (size_t)(stop - data) - at : len - at;
        char *own = malloc(n > 0 ? n : 1); /* its own end, for the sanitizer */
        if (own == NULL) {
            return 0;
        }
        if (n > 0) {
            memcpy(own, data + at, n);
        }
        parts[i](own, n, &f);
        free(own);
        at += n + 1;
    }
    assert(memchr(f.vendor, '\0', sizeof(f.vendor)) != NULL);
    hc_judge(&f, &r);
    assert(r.count > 0 && r.count < HC_MAX_CHECKS);
    for (size_t i = 0; i < r.count; i++) {
        assert((r.check[i].status == HC_PASS) == (r.check[i].mend == NULL));
        assert(r.check[i].expected[0] != '\0');
    }
    for (unsigned c = 0; c < HC_CLASS_COUNT; c++) {
        assert((r.verdict[c] == HC_YES) == (hc_obstacle(&r, (enum hc_class)c) == NULL));
    }
    return 0;
}
