cl_fuzz_target(fuzz_oci_manifest LIBS cl_oci)
cl_fuzz_target(fuzz_oci_config LIBS cl_oci)
cl_fuzz_target(fuzz_ocicrypt_packet LIBS cl_oci)
cl_fuzz_target(fuzz_initdata LIBS cl_attestation)
