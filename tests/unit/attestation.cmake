# The SNP part of attestation/, guest files, and the simulated security processor.
foreach(test test_snp_report test_snp_vectors test_snp_verify test_snp_evidence test_snp_measure)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${test}.c)
        cl_unit_test(${test} LIBS cl_attestation)
        target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
        target_compile_definitions(${test} PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
    endif()
endforeach()
