# The SNP part of attestation/, its commands, and the simulated security processor.
foreach(test test_snp_report test_snp_vectors test_snp_verify test_snp_evidence test_snp_measure test_snp_idblock test_tdx_measure test_attestation_cmd)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(${test} PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
endforeach()
foreach(test test_snp_verify test_snp_evidence test_attestation_cmd)
    target_sources(${test} PRIVATE snp_world.c) # test-only roots: never in the library
endforeach()
if(TARGET cl_sim_psp)
    cl_unit_test(test_sim_psp LIBS cl_sim_psp)
    target_include_directories(test_sim_psp PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(test_sim_psp PRIVATE CL_TEST_PSP="$<TARGET_FILE:cloister-sim-psp>")
    add_dependencies(test_sim_psp cloister-sim-psp)
endif()
# 1,000 random configurations beside a second implementation.
add_test(NAME unit.measure_property COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/measure_property $<TARGET_FILE:cloister>)
set_tests_properties(unit.measure_property PROPERTIES LABELS unit TIMEOUT 600)
