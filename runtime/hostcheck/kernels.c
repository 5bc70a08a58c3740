/* SPDX-License-Identifier: Apache-2.0
 * kernels.c - releases of Linux, and which are known to be vulnerable (threats.md 34).
 * Trust: the release is the host's own word. A distribution that ports fixes back under its own
 *        count is "cannot tell", never yes.
 */
#include "hostcheck_internal.h"

#include <stdio.h>
#include <string.h>

/* Data, not judgement: each row is what the CVE record of the Linux CNA said at its date. A branch
 * that a row does not name has no fix by that record. */
const struct hc_flaw hc_flaws[] = {
    {.cve = "CVE-2026-53360",
     .what = "a guest makes KVM read and write host heap: GHCB scratch area outside the GHCB",
     .record_date = "2026-08-05",
     .since = {6, 10},
     .fixed = {{6, 12, 93}, {6, 18, 35}, {7, 0, 12}},
     .mainline = {7, 1}},
    {.cve = "CVE-2026-63938",
     .what = "a guest makes KVM write past a page-state-change buffer",
     .record_date = "2026-08-05",
     .since = {6, 11},
     .fixed = {{6, 12, 93}, {6, 18, 35}, {7, 0, 12}},
     .mainline = {7, 1}},
    {.cve = "CVE-2026-63940",
     .what = "a guest's port I/O of length 0 underflows a length and can stop the host",
     .record_date = "2026-08-05",
     .since = {5, 11},
     .fixed = {{6, 12, 95}, {6, 18, 35}, {7, 0, 12}},
     .mainline = {7, 1}},
    {.cve = "CVE-2026-72286",
     .what = "a host process moves or mirrors an SNP VM without its state",
     .record_date = "2026-08-17",
     .since = {6, 11},
     .fixed = {{6, 12, 97}, {6, 18, 40}, {7, 1, 5}},
     .mainline = {7, 2}},
    {.cve = "CVE-2026-31591",
     .what = "a host process runs a vCPU while SNP_LAUNCH_FINISH encrypts its state",
     .record_date = "2026-04-24",
     .fixed = {{6, 18, 24}, {6, 19, 14}, {7, 0, 1}},
     .mainline = {7, 1}},
    {0}};

/* Decimal, at most six digits. */
static bool number(const char **p, uint32_t *ret)
{
    uint32_t n = 0;
    size_t digits = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        if (++digits > 6) {
            return false;
        }
        n = n * 10 + (uint32_t)(**p - '0');
    }
    *ret = n;
    return digits > 0;
}

bool hc_kernel_parse(const char *release, struct hc_kernel *ret)
{
    struct hc_kernel k = {0};
    const char *p = release;
    if (!number(&p, &k.major) || *p++ != '.' || !number(&p, &k.minor)) {
        return false;
    }
    if (*p == '.') {
        p++;
        if (!number(&p, &k.patch)) {
            return false;
        }
    }
    k.candidate = strncmp(p, "-rc", 3) == 0;
    k.vendor = !k.candidate && k.patch == 0 && *p != '\0';
    *ret = k;
    return true;
}

static bool before(const struct hc_kernel *k, const uint32_t version[2])
{
    return k->major < version[0] || (k->major == version[0] && k->minor < version[1]);
}

enum hc_status hc_kernel_at_least(const struct hc_kernel *k, uint32_t major, uint32_t minor)
{
    const uint32_t least[2] = {major, minor};
    if (before(k, least)) {
        return k->vendor ? HC_CANNOT_TELL : HC_FAIL;
    }
    return k->candidate && k->major == major && k->minor == minor ? HC_CANNOT_TELL : HC_PASS;
}

enum hc_status hc_kernel_free_of(const struct hc_kernel *k, const struct hc_flaw *flaw)
{
    if (!before(k, flaw->mainline)) { /* a candidate of the very version may lack the fix */
        bool same = k->major == flaw->mainline[0] && k->minor == flaw->mainline[1];
        return k->candidate && same ? HC_CANNOT_TELL : HC_PASS;
    }
    if (k->vendor) {
        return HC_CANNOT_TELL;
    }
    if (before(k, flaw->since)) {
        return HC_PASS;
    }
    for (size_t i = 0; i < sizeof(flaw->fixed) / sizeof(flaw->fixed[0]); i++) {
        if (k->major == flaw->fixed[i][0] && k->minor == flaw->fixed[i][1]) {
            return k->patch >= flaw->fixed[i][2] && !k->candidate ? HC_PASS : HC_FAIL;
        }
    }
    return HC_FAIL;
}
