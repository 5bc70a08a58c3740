/* SPDX-License-Identifier: Apache-2.0
 * meaning.c - the table of what checks mean (see meaning.h).
 */
#include "results/meaning.h"

#include <string.h>

static const struct check_meaning table[] = {
    {"snp.report.version", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Is the report of a version that is understood?"},
    {"snp.report.signature_algo", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Is the report signed with the one algorithm AMD uses?"},
    {"snp.report.key_info", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Does the report say that a chip key or a loaded key signed it?"},
    {"snp.report.policy", STEP_EVIDENCE, CL_AR4SI_HARDWARE, "Is the guest policy well-formed?"},
    {"snp.report.reserved", STEP_EVIDENCE, CL_AR4SI_HARDWARE, "Are the reserved bytes zero?"},
    {"snp.report.signature_range", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Are the numbers of the signature in range?"},
    {"snp.report.min_version", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Is the report new enough for the policy?"},
    {"snp.ek.key", STEP_KEY, CL_AR4SI_HARDWARE, "Is the chip's key of the right kind?"},
    {"snp.ek.extensions", STEP_KEY, CL_AR4SI_HARDWARE,
     "Does the chip's certificate say what AMD's certificates must say?"},
    {"snp.ek.kind", STEP_KEY, CL_AR4SI_HARDWARE,
     "Is the certificate of the kind that the report names?"},
    {"snp.ek.product", STEP_KEY, CL_AR4SI_HARDWARE,
     "Are certificate and report of the same product line?"},
    {"snp.product", STEP_PLATFORM, CL_AR4SI_HARDWARE,
     "Which product line of processors made the report?"},
    {"snp.chain.root", STEP_ROOT, CL_AR4SI_HARDWARE,
     "Does the chain end at a root key that is pinned in this program?"},
    {"snp.chain.names", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "Do the certificates name each other as issuers?"},
    {"snp.chain.algorithms", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "Are the certificates signed with the demanded algorithms?"},
    {"snp.chain.signatures", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "Did each key sign the certificate below it?"},
    {"snp.chain.constraints", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "May the upper keys sign certificates at all?"},
    {"snp.chain.validity", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "Were all certificates valid at the time of verification?"},
    {"snp.chain.path", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE,
     "Does OpenSSL build the same path to the root?"},
    {"snp.revocation", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE, "Are the certificates not revoked?"},
    {"snp.signature", STEP_EVIDENCE, CL_AR4SI_HARDWARE,
     "Did the chip's key sign exactly this report?"},
    {"snp.tcb.certificate", STEP_KEY, CL_AR4SI_HARDWARE,
     "Is the key the one of the firmware that the report names?"},
    {"snp.chip_id", STEP_KEY, CL_AR4SI_INSTANCE_IDENTITY,
     "Is the key the one of the chip that the report names?"},
    {"snp.tcb.order", STEP_PLATFORM, CL_AR4SI_HARDWARE,
     "Do the firmware versions agree with each other?"},
    {"snp.tcb.provisional", STEP_PLATFORM, CL_AR4SI_HARDWARE,
     "Is the running firmware committed, so that the host cannot roll it back?"},
    {"snp.tcb.minimum", STEP_PLATFORM, CL_AR4SI_HARDWARE, "Is the platform's firmware new enough?"},
    {"snp.platform_info", STEP_PLATFORM, CL_AR4SI_HARDWARE,
     "Did the platform exclude memory aliases?"},
    {"snp.class", STEP_PLATFORM, CL_AR4SI_HARDWARE,
     "Is the evidence of the class that was asked for?"},
    {"snp.policy.debug", STEP_GUEST, CL_AR4SI_CONFIGURATION,
     "Is the guest closed to the host's debugger?"},
    {"snp.policy.migrate_ma", STEP_GUEST, CL_AR4SI_CONFIGURATION,
     "Is the guest closed to migration agents?"},
    {"snp.vmpl", STEP_GUEST, CL_AR4SI_CONFIGURATION,
     "Was the report asked for at the expected privilege level?"},
    {"snp.measurement", STEP_GUEST, CL_AR4SI_EXECUTABLES,
     "Did the guest start from exactly the expected software?"},
    {"snp.report_data", STEP_GUEST, CL_AR4SI_CONFIGURATION,
     "Is the report bound to the expected challenge?"},
    {"snp.host_data", STEP_GUEST, CL_AR4SI_CONFIGURATION,
     "Was the guest started with the expected initial data?"},
    {"snp.", STEP_EVIDENCE, CL_AR4SI_HARDWARE, NULL},
    {"tdx.root", STEP_ROOT, CL_AR4SI_HARDWARE,
     "Does the chain end at a root key that is pinned in this program?"},
    {"tdx.chain.", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE, NULL},
    {"tdx.collateral.", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE, NULL},
    {"tdx.crl.", STEP_INTERMEDIATE, CL_AR4SI_HARDWARE, NULL},
    {"tdx.pck.", STEP_KEY, CL_AR4SI_HARDWARE, NULL},
    {"tdx.qe.", STEP_KEY, CL_AR4SI_HARDWARE, NULL},
    {"tdx.tcb.", STEP_PLATFORM, CL_AR4SI_HARDWARE, NULL},
    {"tdx.module.", STEP_PLATFORM, CL_AR4SI_HARDWARE, NULL},
    {"tdx.td.", STEP_GUEST, CL_AR4SI_CONFIGURATION, NULL},
    {"tdx.mrtd", STEP_GUEST, CL_AR4SI_EXECUTABLES,
     "Did the guest start from exactly the expected firmware?"},
    {"tdx.rtmr", STEP_GUEST, CL_AR4SI_EXECUTABLES,
     "Did the guest start exactly the expected software?"},
    {"tdx.rtmr.", STEP_GUEST, CL_AR4SI_EXECUTABLES, NULL},
    {"tdx.event_log.", STEP_GUEST, CL_AR4SI_EXECUTABLES, NULL},
    {"tdx.", STEP_EVIDENCE, CL_AR4SI_HARDWARE, NULL},
    {"tpm.pcr.", STEP_GUEST, CL_AR4SI_EXECUTABLES, NULL},
    {"reference.signature", STEP_GUEST, CL_AR4SI_EXECUTABLES,
     "Did somebody trusted sign the reference values?"},
};

const struct check_meaning *check_meaning(const char *id)
{
    static const struct check_meaning other = {"", STEP_EVIDENCE, CL_AR4SI_HARDWARE, NULL};
    const struct check_meaning *best = &other;
    for (size_t i = 0; i < CL_ARRAY_LEN(table); i++) {
        size_t n = strlen(table[i].id);
        if (strcmp(table[i].id, id) == 0) {
            return &table[i];
        }
        if (n > strlen(best->id) && table[i].id[n - 1] == '.' && strncmp(table[i].id, id, n) == 0) {
            best = &table[i];
        }
    }
    return best;
}
