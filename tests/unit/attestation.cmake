# The SNP part of attestation/, its commands, and the simulated security processor.
foreach(test test_snp_report test_snp_vectors test_snp_flips test_snp_verify test_snp_revocation test_snp_rules test_snp_class test_snp_evidence test_snp_measure test_attestation_cmd
        test_tdx_quote test_tdx_vectors)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(${test} PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
endforeach()
foreach(test test_snp_verify test_snp_revocation test_snp_rules test_snp_class test_snp_evidence test_attestation_cmd)
    target_sources(${test} PRIVATE snp_world.c) # test-only roots: never in the library
endforeach()
cl_unit_test(test_distrust LIBS cl_attestation)
cl_unit_test(test_verdict LIBS cl_attestation)
target_include_directories(test_verdict PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
cl_unit_test(test_verify_policy LIBS cl_attestation)
target_include_directories(test_verify_policy PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
target_compile_definitions(test_verify_policy PRIVATE CL_TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
if(TARGET cl_sim_psp)
    cl_unit_test(test_sim_psp LIBS cl_sim_psp)
    target_include_directories(test_sim_psp PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(test_sim_psp PRIVATE CL_TEST_PSP="$<TARGET_FILE:cloister-sim-psp>")
    add_dependencies(test_sim_psp cloister-sim-psp)
endif()
# Every bit of real evidence: a minute of one CPU, three under a sanitizer.
set_tests_properties(unit.test_snp_flips PROPERTIES LABELS "unit;long" TIMEOUT 1800)
if(NOT (CL_SANITIZE OR CL_FUZZ OR CL_COVERAGE)) # how much of the SNP verifier the tests reach, in a build of its own
    add_test(NAME coverage.snp COMMAND ${CMAKE_SOURCE_DIR}/scripts/coverage-report snp)
    set_tests_properties(coverage.snp PROPERTIES LABELS "unit;long" TIMEOUT 1800)
endif()
