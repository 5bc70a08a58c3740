/* SPDX-License-Identifier: Apache-2.0
 * appraise.c - is this SEV-SNP report genuine, and of the guest whose launch digest we computed?
 *   cc appraise.c $(pkg-config --cflags --libs cloister-attestation) -o appraise
 *   ./appraise report.bin firmware.fd 2 vcek.der ask.der ark.der */
#include <cloister/snp_measure.h>
#include <cloister/snp_verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum cl_status appraise(int argc, char **argv, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *evidence = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    struct cl_snp_measure_config guest = {
        .firmware = argv[2], .vcpu_sig = 0x00A00F11, .guest_features = 1};
    struct cl_snp_measurement expected;
    guest.cpus = (uint32_t)strtoul(argv[3], NULL, 10);
    CL_TRY(cl_snp_measure(&guest, &expected, err));
    CL_TRY(cl_buf_read_file(&report, argv[1], CL_SNP_REPORT_SIZE, err));
    CL_TRY(cl_snp_evidence_from_report(report.data, report.len, &evidence, err));
    for (int i = 4; i < argc;
         i++) { /* certificates in any order; the root is pinned in the library */
        CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
        CL_TRY(cl_buf_read_file(&cert, argv[i], CL_SNP_CERT_MAX_SIZE, err));
        CL_TRY(cl_snp_evidence_add_file_bytes(evidence, cert.data, cert.len, err));
    }
    struct cl_snp_reference reference = {.tee_class = CL_TEE_CLASS_SNP};
    memcpy(reference.measurement, expected.digest, sizeof(reference.measurement));
    struct cl_snp_policy policy = {
        .time = (int64_t)time(NULL), .references = &reference, .reference_count = 1};
    CL_TRY(cl_snp_verify(evidence, &policy, &result, err));
    return cl_verify_result_status(result, err); /* only CL_OK may release anything */
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    enum cl_status st = argc < 4 ? CL_ERR_MALFORMED : appraise(argc, argv, &err);
    puts(st == CL_OK ? "accepted" : err.msg);
    return st == CL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
