cl_unit_test(test_oci_image LIBS cl_oci)
cl_unit_test(test_ocicrypt LIBS cl_oci)
cl_unit_test(test_initdata LIBS cl_attestation)
