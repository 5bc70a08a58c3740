/* SPDX-License-Identifier: Apache-2.0
 * judge.c - facts in, checks and verdicts out. Nothing is read here.
 * What is not known is never a yes. Spec: snp.md d, tdx.md c, threats.md 34.
 */
#include "hostcheck_internal.h"

#include "base/compiler.h"
#include "tee/kvm_coco.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SIM (1u << HC_SIM)
#define SNP (1u << HC_SNP)
#define TDX (1u << HC_TDX)
#define PODS (1u << HC_PODS)
#define TOLD 0u /* decides nothing */
#define VM_TDX 5u
#define SEV_FEATURES 0x1Au /* CPUID 0x8000001F, EAX: SEV 1, SEV-ES 3, SEV-SNP 4 */

static const char *const amd_bios =
    "in the firmware's setup: SVM, SMEE, SEV-ES ASID limit above 1, SNP memory (RMP table) "
    "coverage, "
    "IOMMU; the machine must be an EPYC of the 7003 series or later, not a virtual machine";
static const char *const intel_bios = "in the firmware's setup: TME-MT, TDX, SEAM loader, TDX key "
                                      "split above 0; the machine must be a "
                                      "Xeon with TDX, not a virtual machine";

/* actual: a format, as printf has. */
CL_PRINTF(7, 8)
static void add(struct hc_report *r, const char *id, unsigned classes, enum hc_status status,
                const char *mend, const char *expected, const char *fmt, ...)
{
    if (r->count == HC_MAX_CHECKS) {
        return;
    }
    struct hc_check *c = &r->check[r->count++];
    va_list ap;
    *c = (struct hc_check){
        .classes = classes, .status = status, .mend = status == HC_PASS ? NULL : mend};
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    (void)snprintf(c->expected, sizeof(c->expected), "%s", expected);
    va_start(ap, fmt);
    (void)vsnprintf(c->actual, sizeof(c->actual), fmt, ap);
    va_end(ap);
}

static enum hc_status seen(enum hc_seen s)
{
    return s == HC_PRESENT ? HC_PASS : s == HC_ABSENT ? HC_FAIL : HC_CANNOT_TELL;
}

static const char *seen_name(enum hc_seen s)
{
    return s == HC_PRESENT ? "present" : s == HC_ABSENT ? "absent" : "unknown";
}

/* A module that is not there has no parameters: that is absent, too. */
static void parameter(struct hc_report *r, const char *id, unsigned classes,
                      const struct hc_text *t, const char *mend)
{
    bool yes = t->seen == HC_PRESENT && (t->text[0] == 'Y' || strcmp(t->text, "1") == 0);
    bool no = t->seen == HC_ABSENT || strcmp(t->text, "N") == 0 || strcmp(t->text, "0") == 0;
    add(r, id, classes,
        yes  ? HC_PASS
        : no ? HC_FAIL
             : HC_CANNOT_TELL,
        mend, "Y", "%s", t->seen == HC_PRESENT ? t->text : seen_name(t->seen));
}

static void device(struct hc_report *r, const char *id, unsigned classes, const struct hc_text *t,
                   const char *mend)
{
    bool unknown = t->seen == HC_UNKNOWN || (t->seen == HC_PRESENT && t->text[0] == '\0');
    bool ok = t->seen == HC_PRESENT && strcmp(t->text, "ok") == 0;
    add(r, id, classes,
        ok        ? HC_PASS
        : unknown ? HC_CANNOT_TELL
                  : HC_FAIL,
        mend, "can be opened by this user", "%s",
        ok                                                       ? "opened"
        : unknown                                                ? "unknown"
        : t->seen == HC_ABSENT || strcmp(t->text, "ENOENT") == 0 ? "absent"
                                                                 : t->text);
}

/* All bits of mask. */
static void capability(struct hc_report *r, const char *id, unsigned classes,
                       const struct hc_number *n, uint64_t mask, const char *what)
{
    enum hc_status st = !n->known ? HC_CANNOT_TELL : (n->value & mask) == mask ? HC_PASS : HC_FAIL;
    const char *mend = "a kernel with this class in KVM (SNP: 6.11, TDX: 6.16), with the module's "
                       "parameter on";
    if (n->known) {
        add(r, id, classes, st, mend, what, "0x%" PRIx64, n->value);
    } else {
        add(r, id, classes, st, mend, what, "unknown");
    }
}

static void judge_kvm(const struct hc_facts *f, struct hc_report *r)
{
    enum hc_seen backed = f->kvm_amd == HC_PRESENT || f->kvm_intel == HC_PRESENT   ? HC_PRESENT
                          : f->kvm_amd == HC_UNKNOWN || f->kvm_intel == HC_UNKNOWN ? HC_UNKNOWN
                                                                                   : HC_ABSENT;
    device(
        r, "host.dev.kvm", SIM | SNP | TDX, &f->dev_kvm,
        "load kvm_amd or kvm_intel, turn on virtualization in the firmware's setup, or give this "
        "user access (group kvm)");
    add(r, "host.kvm.hardware", SIM | SNP | TDX, seen(backed),
        "/dev/kvm must be backed by kvm_amd or kvm_intel; without, use the lab (tests/lab/run)",
        "kvm_amd or kvm_intel", "kvm_amd %s, kvm_intel %s", seen_name(f->kvm_amd),
        seen_name(f->kvm_intel));
    char api[24] = "unknown";
    if (f->kvm_api.known) {
        (void)snprintf(api, sizeof(api), "%" PRIu64, f->kvm_api.value);
    }
    add(r, "host.kvm.api", SIM | SNP | TDX,
        !f->kvm_api.known                     ? HC_CANNOT_TELL
        : f->kvm_api.value == KVM_API_VERSION ? HC_PASS
                                              : HC_FAIL,
        "give this user access to /dev/kvm", "12", "%s", api);
    capability(r, "host.kvm.guest-memfd", SNP | TDX, &f->guest_memfd, 1, "KVM_CAP_GUEST_MEMFD");
    capability(r, "host.kvm.user-memory2", SNP | TDX, &f->user_memory2, 1, "KVM_CAP_USER_MEMORY2");
    capability(r, "host.kvm.memory-fault", SNP | TDX, &f->memory_fault_info, 1,
               "KVM_CAP_MEMORY_FAULT_INFO");
    capability(r, "host.kvm.memory-attributes", SNP | TDX, &f->memory_attributes,
               KC_ATTRIBUTE_PRIVATE, "KVM_CAP_MEMORY_ATTRIBUTES with bit 3 (private)");
    capability(r, "host.kvm.exit-hypercall", SNP | TDX, &f->exit_hypercall,
               1ull << KC_HC_MAP_GPA_RANGE, "KVM_CAP_EXIT_HYPERCALL with bit 12 (map GPA range)");
}

static void judge_vendor(const struct hc_facts *f, struct hc_report *r, const char *id,
                         unsigned class, const char *vendor, const char *mend)
{
    enum hc_status st = f->vendor[0] == '\0'             ? HC_CANNOT_TELL
                        : strcmp(f->vendor, vendor) == 0 ? HC_PASS
                                                         : HC_FAIL;
    add(r, id, class, st, mend, vendor, "%s family %" PRIu32 " model %" PRIu32 "%s",
        f->vendor[0] != '\0' ? f->vendor : "unknown", f->family, f->model,
        f->virtual_machine ? " (this is itself a virtual machine)" : "");
}

static void judge_version(const struct hc_facts *f, struct hc_report *r, const char *id,
                          unsigned class, uint32_t minor)
{
    struct hc_kernel k;
    char expected[32];
    bool parsed = f->kernel.seen == HC_PRESENT && hc_kernel_parse(f->kernel.text, &k);
    (void)snprintf(expected, sizeof(expected), "6.%" PRIu32 " or later", minor);
    add(r, id, class, parsed ? hc_kernel_at_least(&k, 6, minor) : HC_CANNOT_TELL,
        "install a later kernel; of a distribution that ports features back only KVM's answer "
        "tells",
        expected, "%s", f->kernel.seen == HC_PRESENT ? f->kernel.text : "unknown");
}

static void judge_flaws(const struct hc_facts *f, struct hc_report *r)
{
    struct hc_kernel k;
    bool parsed = f->kernel.seen == HC_PRESENT && hc_kernel_parse(f->kernel.text, &k);
    for (const struct hc_flaw *flaw = hc_flaws; flaw->cve != NULL; flaw++) {
        char id[48];
        char expected[HC_MAX_TEXT];
        size_t n = 0;
        (void)snprintf(id, sizeof(id), "snp.kernel.%s", flaw->cve);
        n = (size_t)snprintf(expected, sizeof(expected), "fixed in");
        for (size_t i = 0; i < 4 && flaw->fixed[i][0] != 0 && n < sizeof(expected); i++) {
            n += (size_t)snprintf(expected + n, sizeof(expected) - n,
                                  " %" PRIu32 ".%" PRIu32 ".%" PRIu32, flaw->fixed[i][0],
                                  flaw->fixed[i][1], flaw->fixed[i][2]);
        }
        if (n < sizeof(expected)) {
            (void)snprintf(expected + n, sizeof(expected) - n,
                           " %" PRIu32 ".%" PRIu32 " (record of %s)", flaw->mainline[0],
                           flaw->mainline[1], flaw->record_date);
        }
        add(r, id, SNP, parsed ? hc_kernel_free_of(&k, flaw) : HC_CANNOT_TELL, flaw->what, expected,
            "%s", f->kernel.seen == HC_PRESENT ? f->kernel.text : "unknown");
    }
}

/* The kernel drops the flag when the firmware reserved no RMP table, or left a CPU out of it. */
static void judge_rmp(const struct hc_facts *f, struct hc_report *r)
{
    const char *mend = "in the firmware's setup: SNP memory (RMP table) coverage; the kernel's log "
                       "says `SEV-SNP: RMP table physical range` when it found one";
    if (f->firmware.known) {
        add(r, "snp.rmp", SNP, f->firmware.rmp_initialized ? HC_PASS : HC_FAIL, mend, "initialised",
            "firmware says %s", f->firmware.rmp_initialized ? "initialised" : "not initialised");
    } else if (f->flag_sev_snp == HC_ABSENT) {
        add(r, "snp.rmp", SNP, HC_FAIL, mend, "initialised",
            "the kernel has no sev_snp in /proc/cpuinfo");
    } else {
        add(r, "snp.rmp", SNP, HC_CANNOT_TELL, mend, "initialised", "unknown");
    }
}

static void judge_firmware(const struct hc_facts *f, struct hc_report *r)
{
    const struct hc_firmware *fw = &f->firmware;
    if (!fw->known) {
        add(r, "snp.firmware.api", SNP, HC_CANNOT_TELL,
            "load ccp and give this user access to /dev/sev", "1.51 or later", "unknown");
        return;
    }
    bool new_enough = fw->api_major > 1 || (fw->api_major == 1 && fw->api_minor >= 51);
    add(r, "snp.firmware.api", SNP, new_enough ? HC_PASS : HC_FAIL,
        "update the SEV firmware (amd_sev_fam*.sbin of linux-firmware, or the BIOS)",
        "1.51 or later", "%u.%u build %" PRIu32, fw->api_major, fw->api_minor, fw->build);
    add(r, "snp.firmware.alias-check", TOLD, fw->alias_check_complete ? HC_PASS : HC_FAIL,
        "update BIOS and SEV firmware: without the check a memory module can alias addresses "
        "(BadRAM); verifiers may ask for it",
        "complete", "%s", fw->alias_check_complete ? "complete" : "not complete");
    add(r, "snp.firmware.tcb", TOLD, fw->reported_tcb == fw->current_tcb ? HC_PASS : HC_FAIL,
        "the host reports another TCB than the firmware that runs: commit it, or reset the "
        "configuration",
        "reported TCB equal to the current one", "reported 0x%016" PRIx64 ", current 0x%016" PRIx64,
        fw->reported_tcb, fw->current_tcb);
}

static void judge_snp(const struct hc_facts *f, struct hc_report *r)
{
    const char *module =
        "load kvm_amd with sev=1 sev_es=1 sev_snp=1; if it stays N, the kernel's log "
        "says why (RMP, IOMMU, firmware)";
    judge_vendor(f, r, "snp.cpu.vendor", SNP, "AuthenticAMD", amd_bios);
    enum hc_status features = !f->sev.known                                   ? HC_CANNOT_TELL
                              : (f->sev.value & SEV_FEATURES) == SEV_FEATURES ? HC_PASS
                                                                              : HC_FAIL;
    if (f->sev.known) {
        add(r, "snp.cpu.features", SNP, features, amd_bios, "SEV, SEV-ES, SEV-SNP (0x8000001F)",
            "SEV %s, SEV-ES %s, SEV-SNP %s", (f->sev.value & 2) != 0 ? "yes" : "no",
            (f->sev.value & 8) != 0 ? "yes" : "no", (f->sev.value & 16) != 0 ? "yes" : "no");
    } else { /* another vendor's CPU has no such leaf */
        bool other = f->vendor[0] != '\0' && strcmp(f->vendor, "AuthenticAMD") != 0;
        add(r, "snp.cpu.features", SNP, other ? HC_FAIL : HC_CANNOT_TELL, amd_bios,
            "SEV, SEV-ES, SEV-SNP (0x8000001F)", "%s", other ? "no such leaf" : "unknown");
    }
    judge_version(f, r, "snp.kernel.version", SNP, 11);
    judge_flaws(f, r);
    add(r, "snp.module.kvm_amd", SNP, seen(f->kvm_amd), module, "present", "%s",
        seen_name(f->kvm_amd));
    parameter(r, "snp.module.sev", SNP, &f->param_sev, module);
    parameter(r, "snp.module.sev_es", SNP, &f->param_sev_es, module);
    parameter(r, "snp.module.sev_snp", SNP, &f->param_sev_snp, module);
    capability(r, "snp.kvm.vm-type", SNP, &f->vm_types, 1u << KC_VM_SNP, "VM type 4 (SNP)");
    judge_rmp(f, r);
    bool bad = f->cmdline_iommu.text[0] != '\0';
    add(r, "snp.iommu", SNP,
        bad                                   ? HC_FAIL
        : f->cmdline_iommu.seen != HC_PRESENT ? HC_CANNOT_TELL
                                              : seen(f->iommu),
        "turn on the IOMMU in the firmware's setup, and take iommu=pt, iommu=off off the kernel's "
        "command line: SNP needs translation",
        "on, not passed through", "%s%s%s", seen_name(f->iommu), bad ? ", command line: " : "",
        f->cmdline_iommu.text);
    device(r, "snp.dev.sev", SNP, &f->dev_sev, "load ccp; give this user access to /dev/sev");
    judge_firmware(f, r);
}

static void judge_tdx(const struct hc_facts *f, struct hc_report *r)
{
    const char *module = "load kvm_intel with tdx=1; if it stays N, the kernel's log says why "
                         "(`virt/tdx:` lines: module, memory, CPUs)";
    judge_vendor(f, r, "tdx.cpu.vendor", TDX, "GenuineIntel", intel_bios);
    add(r, "tdx.cpu.platform", TDX, seen(f->flag_tdx_host_platform), intel_bios,
        "tdx_host_platform in /proc/cpuinfo", "%s", seen_name(f->flag_tdx_host_platform));
    judge_version(f, r, "tdx.kernel.version", TDX, 16);
    add(r, "tdx.module.kvm_intel", TDX, seen(f->kvm_intel), module, "present", "%s",
        seen_name(f->kvm_intel));
    parameter(r, "tdx.module.tdx", TDX, &f->param_tdx, module);
    capability(r, "tdx.kvm.vm-type", TDX, &f->vm_types, 1u << VM_TDX, "VM type 5 (TDX)");
    /* The quote generation service may listen on vsock, which cannot be seen from here. */
    add(r, "tdx.qgs", TDX, f->qgs_socket == HC_PRESENT ? HC_PASS : HC_CANNOT_TELL,
        "install and start Intel's quote generation service (qgsd), listening on its Unix socket",
        "/run/tdx-qgs/qgs.socket", "%s",
        f->qgs_socket == HC_PRESENT ? "present" : "no such socket; vsock port 4050 not asked");
    add(r, "tdx.firmware.module", TOLD,
        f->tdx_module_version.seen == HC_PRESENT ? HC_PASS : HC_CANNOT_TELL,
        "older kernels tell the TDX module's version only in their log (`virt/tdx: module "
        "initialized`)",
        "a version", "%s",
        f->tdx_module_version.seen == HC_PRESENT ? f->tdx_module_version.text : "unknown");
}

static bool has_controllers(const char *text)
{
    static const char *const names[] = {"cpu", "memory", "pids"};
    size_t found = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(names[i]);
        for (const char *p = text; (p = strstr(p, names[i])) != NULL; p += n) {
            if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) {
                found++;
                break;
            }
        }
    }
    return found == 3;
}

static void judge_rest(const struct hc_facts *f, struct hc_report *r)
{
    enum hc_seen v = f->vulnerabilities.seen;
    bool bad = f->vulnerabilities.text[0] != '\0';
    add(r, "host.cpu.vulnerabilities", TOLD,
        bad               ? HC_FAIL
        : v == HC_PRESENT ? HC_PASS
                          : HC_CANNOT_TELL,
        "update kernel and microcode; take mitigations=off off the kernel's command line",
        "none Vulnerable", "%s",
        bad               ? f->vulnerabilities.text
        : v == HC_PRESENT ? "none"
                          : "unknown");
    device(r, "pods.dev.tun", PODS, &f->dev_tun, "load tun; give this user access to /dev/net/tun");
    for (size_t i = 0; i < HC_POD_MODULES; i++) {
        char id[48];
        (void)snprintf(id, sizeof(id), "pods.module.%s", hc_pod_modules[i]);
        add(r, id, PODS, seen(f->pod_module[i]),
            "install the kernel's modules (Debian: not the -cloud- flavour) or load this one",
            "loaded, built in, or can be loaded", "%s", seen_name(f->pod_module[i]));
    }
    add(r, "pods.cgroups", PODS,
        f->controllers.seen != HC_PRESENT      ? seen(f->controllers.seen)
        : has_controllers(f->controllers.text) ? HC_PASS
                                               : HC_FAIL,
        "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
        "cgroup v2 with cpu, memory, pids", "%s",
        f->controllers.seen == HC_PRESENT ? f->controllers.text : seen_name(f->controllers.seen));
}

void hc_judge(const struct hc_facts *facts, struct hc_report *ret)
{
    *ret = (struct hc_report){0};
    judge_kvm(facts, ret);
    judge_snp(facts, ret);
    judge_tdx(facts, ret);
    judge_rest(facts, ret);
    for (size_t c = 0; c < HC_CLASS_COUNT; c++) {
        const struct hc_check *first = hc_obstacle(ret, (enum hc_class)c);
        ret->verdict[c] = first == NULL ? HC_YES : first->status == HC_FAIL ? HC_NO : HC_MAYBE;
    }
}

/* The CPU comes before what depends on it: whoever has the wrong machine should hear that. */
static bool of_cpu(const struct hc_check *c)
{
    return strstr(c->id, ".cpu.") != NULL;
}

const struct hc_check *hc_obstacle(const struct hc_report *report, enum hc_class class)
{
    const struct hc_check *best = NULL;
    for (size_t i = 0; i < report->count; i++) {
        const struct hc_check *c = &report->check[i];
        if ((c->classes & 1u << class) == 0 || c->status == HC_PASS) {
            continue;
        }
        bool worse = best == NULL || (c->status == HC_FAIL && best->status != HC_FAIL) ||
                     (c->status == best->status && of_cpu(c) && !of_cpu(best));
        best = worse ? c : best;
    }
    return best;
}

const char *hc_status_name(enum hc_status status)
{
    return status == HC_PASS ? "pass" : status == HC_FAIL ? "fail" : "unknown";
}

static const char *const class_names[HC_CLASS_COUNT] = {
    [HC_SIM] = "sim", [HC_SNP] = "snp", [HC_TDX] = "tdx", [HC_PODS] = "pods"};

const char *hc_class_name(enum hc_class class)
{
    return class_names[class];
}

const char *hc_verdict_name(enum hc_verdict verdict)
{
    return verdict == HC_YES ? "yes" : verdict == HC_NO ? "no" : "cannot tell";
}

bool hc_class_parse(const char *text, enum hc_class *ret_class)
{
    for (size_t i = 0; i < HC_CLASS_COUNT; i++) {
        if (strcmp(text, class_names[i]) == 0) {
            *ret_class = (enum hc_class)i;
            return true;
        }
    }
    return false;
}
