# The TDX part of attestation/.
foreach(test test_tdx_quote test_tdx_vectors test_tdx_verify test_tdx_flips test_tdx_event_log test_tdx_policy test_tdx_evidence test_tdx_appraisal test_tdx_select)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(${test} PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared" CL_TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endforeach()
foreach(test test_tdx_quote test_tdx_verify test_tdx_appraisal test_tdx_evidence test_tdx_select test_verify_kinds_cmd)
    target_sources(${test} PRIVATE tdx_world.c) # test-only roots: never in the library
endforeach()
# Every bit of two real quotes: a minute of one CPU, three under a sanitizer.
set_tests_properties(unit.test_tdx_flips PROPERTIES LABELS "unit;long" TIMEOUT 1800)
