# The launch digest that other people's tool computes, where it is installed (it is no Debian package).
add_test(NAME interop.sev_snp_measure COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_sev_snp_measure $<TARGET_FILE:cloister>)
set_tests_properties(interop.sev_snp_measure PROPERTIES LABELS interop TIMEOUT 300 SKIP_RETURN_CODE 77)
