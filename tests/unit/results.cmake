# CoRIM, and the forms in which a verdict is handed on.
foreach(test test_corim)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_compile_definitions(${test} PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
endforeach()
